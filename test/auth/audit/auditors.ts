import { randomUUID } from "node:crypto";
import { sql } from "../../../src/platform/sql.ts";
import { openCallers, PUBLIC_URL } from "../../support/callers.ts";
import type { TestDatabase } from "../../support/database.ts";
import { SEALING_KEY } from "../../support/server.ts";
import { startApp } from "../accounts-rig.ts";

/** Two tenants with an auditor and somebody else in each, and applications they call. */
export async function openTenants(db: TestDatabase) {
  const callers = await openCallers(db);
  const otherTenant = randomUUID();
  await db.database.query(sql`
    INSERT INTO auth.tenants (id, name) VALUES (${otherTenant}, ${`t-${otherTenant}`})`);
  const member = async (tenantId?: string, permission?: string) => {
    const caller = await callers.makeCaller(tenantId);
    if (permission !== undefined) await callers.give(caller, [permission]);
    const { accessToken, sessionId } = await callers.openTokens(caller);
    return { ...caller, token: accessToken, sessionId };
  };
  return {
    otherTenant,
    member,
    auditor: await member(undefined, "iam:view_audit_log"),
    otherAuditor: await member(otherTenant, "iam:view_audit_log"),
    /** One process: its own pipeline, caches and collected decisions. */
    start: (env: Readonly<Record<string, string>> = {}, budget?: { allowed: boolean }) =>
      startApp({
        ...(budget === undefined ? {} : { rateLimit: rateLimitOf(budget.allowed) }),
        database: db.database,
        keyRing: callers.keyRing,
        env: {
          PUBLIC_URL,
          JWT_ALG: "RS256",
          KEY_ENCRYPTION_KEYS: `test:${SEALING_KEY}`,
          ...env,
        },
      }),
  };
}

/** A budget that is whole or empty, whoever asks. */
const rateLimitOf = (allowed: boolean) => ({
  take: () => ({ allowed, limit: 1, remaining: 0, resetSeconds: 1, retryAfterSeconds: 1 }),
  give: () => {},
});
