import { createHash } from "node:crypto";
import { insertAccount } from "../../src/auth/accounts/store.ts";
import { createKeyRing, type KeyRing } from "../../src/auth/keys/key-ring.ts";
import { ensureKeys } from "../../src/auth/keys/store.ts";
import { openSession } from "../../src/auth/session/open.ts";
import { issueTokens, type TokenPair } from "../../src/auth/session/tokens.ts";
import { createFreshPolicyOf } from "../../src/auth/tenants/policies.ts";
import { createProvisionUser, createIssuerNames } from "../../src/contexts/iam/store.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { readConfig } from "../../src/platform/config.ts";
import { newId } from "../../src/platform/ids.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { sql } from "../../src/platform/sql.ts";
import type { TestDatabase } from "./database.ts";
import { silentLog } from "./log.ts";
import { SEALING_KEY } from "./server.ts";

export const PUBLIC_URL = "http://brigade.test";
export const DEFAULT_TENANT = "00000000-0000-7000-8000-000000000001";

/** What the server reads when it is started with `PUBLIC_URL` and nothing else. */
export const CONFIG = readConfig({
  NODE_ENV: "test",
  PUBLIC_URL,
  KEY_ENCRYPTION_KEYS: `test:${SEALING_KEY}`,
});

export interface Caller {
  readonly id: string;
  readonly tenantId: string;
  readonly email: string;
}

/** `context:permission` of the one permission a caller is to have. */
export type PermissionName = string;

/**
 * Accounts and sessions made behind the server's back, in its own database and with its own keys:
 * a login for each of hundreds of callers would be nothing but password work. The server must run
 * with `PUBLIC_URL` of this file.
 */
export async function openCallers({ database }: TestDatabase) {
  const config = CONFIG;
  const keyRing: KeyRing = createKeyRing(await ensureKeys(database, config, silentLog));
  const provision = createProvisionUser(createIssuerNames(config.publicUrl));

  async function makeCaller(tenantId = DEFAULT_TENANT): Promise<Caller> {
    const id = newId();
    const email = `${id}@example.com`;
    await database.withTransaction(async (tx) => {
      await insertAccount(tx, { id, tenantId, email, name: "Somebody", passwordHash: "none" });
      await provision(tx, { userId: id, issuer: config.publicUrl, subject: id, tenantId });
    });
    return { id, tenantId, email };
  }

  /** A role of the caller's tenant with exactly these permissions, given to the caller. */
  async function give(caller: Caller, names: readonly PermissionName[]): Promise<void> {
    for (const context of new Set(names.map((name) => name.split(":")[0]!))) {
      const permissions = names
        .filter((name) => name.startsWith(`${context}:`))
        .map((name) => name.slice(context.length + 1));
      const digest = createHash("sha256").update(permissions.join()).digest("hex").slice(0, 12);
      const role = `only_${digest}`;
      await database.query(sql`
        INSERT INTO iam.roles (tenant_id, context, name, permissions)
        VALUES (${caller.tenantId}, ${context}, ${role}, ${permissions})
        ON CONFLICT DO NOTHING`);
      await database.query(sql`
        INSERT INTO iam.user_role_association (user_id, role_context, role_name, role_tenant_id)
        VALUES (${caller.id}, ${context}, ${role}, ${caller.tenantId})`);
    }
  }

  async function openTokens(caller: Caller): Promise<TokenPair & { sessionId: string }> {
    const policyOf = createFreshPolicyOf({ database, config });
    const countryOf = async () => undefined;
    const metrics = createMetrics();
    const options = { keyRing, config, policyOf, countryOf, clock: systemClock, metrics };
    const opened = await database.withTransaction((tx) =>
      openSession(tx, options, caller, {
        caller: { address: "127.0.0.1", userAgent: "test", requestId: "test" },
        device: undefined,
        rememberMe: false,
        amr: ["pwd"],
      }),
    );
    const { session, refreshSecret: secret, refreshKey: key } = opened;
    const tokens = await issueTokens(options, caller, session, { secret, key });
    return { ...tokens, sessionId: session.id };
  }

  return { config, keyRing, makeCaller, give, openTokens };
}

export type Callers = Awaited<ReturnType<typeof openCallers>>;
