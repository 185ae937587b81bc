import { randomToken } from "../platform/ids.ts";
import { createAccounts } from "../auth/accounts/accounts.ts";
import { recordIamEvents } from "../auth/audit/of-iam.ts";
import type { Invalidate } from "../auth/index.ts";
import { hashPassword } from "../auth/password/hash.ts";
import { createIam } from "../contexts/iam/index.ts";
import { loadDemoCatalogue } from "../contexts/products-catalog/index.ts";
import type { ContextName } from "../http/principal.ts";
import { systemClock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import type { Logger } from "../platform/log.ts";
import { createMetrics } from "../platform/metrics.ts";
import type { Database } from "../platform/postgres.ts";
import { showLogin } from "./banner.ts";

const ADMINISTRATOR_EMAIL = "admin@brigade.example";
const PASSWORD_BYTES = 15;
const ADMINISTRATOR_ROLES: readonly { context: ContextName; name: string }[] = [
  { context: "iam", name: "administrator" },
  { context: "products_catalog", name: "administrator" },
  { context: "recipes_catalog", name: "administrator" },
  { context: "client_onboarding", name: "form_administrator" },
];

/** A login that nobody has yet. */
export interface PreparedLogin {
  readonly password: string;
  readonly hash: string;
}

/** Hashes in this thread: one hash at the start needs no pool. */
export function prepareLogin(config: Pick<Config, "passwordHash">): PreparedLogin {
  const password = randomToken(PASSWORD_BYTES);
  return { password, hash: hashPassword(password, config.passwordHash) };
}

/**
 * Gives an empty development database what a newcomer needs: foods and a login, which is shown
 * once on the terminal. For development only.
 */
export async function fillEmptyDatabase(
  config: Config,
  database: Database,
  log: Logger,
  { password, hash }: PreparedLogin,
): Promise<void> {
  // Nobody holds a token yet, so there is nothing to take back.
  const invalidate: Invalidate = () => ({ number: undefined });
  const iam = createIam({
    database,
    invalidate,
    record: recordIamEvents,
    clock: systemClock,
    ownIssuer: config.publicUrl,
  });
  const accounts = createAccounts({
    database,
    passwords: { hash: async () => hash },
    // 120 random bits need none.
    judge: { assertAcceptable: async () => {} },
    provisionUser: iam.provisionUser,
    invalidate,
    config,
    clock: systemClock,
    // Nothing is ended that could be counted.
    metrics: createMetrics(),
  });
  const foods = await loadDemoCatalogue(database, log);
  const account = await accounts.create(
    { email: ADMINISTRATOR_EMAIL, username: "admin", name: "Administrator", password },
    { actor: "first start", emailVerified: true },
  );
  for (const role of ADMINISTRATOR_ROLES) {
    await iam.users.assignRole({ userId: account.id, tenantId: account.tenantId, ...role });
  }
  log.info({ foods }, "the empty database was given foods and an administrator");
  showLogin(ADMINISTRATOR_EMAIL, password);
}
