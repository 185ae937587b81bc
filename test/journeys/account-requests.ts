import { makeKeyText } from "../../src/auth/api-keys/key-text.ts";
import { insertKey } from "../../src/auth/api-keys/store.ts";
import { createInlinePasswords } from "../../src/auth/password/run-tasks.ts";
import { issueOneTimeToken, type OneTimePurpose } from "../../src/auth/one-time/store.ts";
import { newId } from "../../src/platform/ids.ts";
import type { Database } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { DEFAULT_TENANT, type Callers } from "../support/callers.ts";
import type { TestCaller } from "./route-table.ts";

export interface AccountRequestsOptions {
  readonly database: Database;
  readonly callers: Callers;
  /** Makes something as the administrator and answers its id. */
  readonly made: (path: string, body: object) => Promise<string>;
}

const PASSWORD = "four plates of brown rice";

/** Good bodies for the routes of accounts, which need a token of a mail or a known password. */
export async function createAccountRequests({ database, callers, made }: AccountRequestsOptions) {
  const hash = await createInlinePasswords().hash(PASSWORD);
  const newEmail = () => `${newId()}@example.com`;
  const tokenOf = (purpose: OneTimePurpose, accountId: string, data = {}) =>
    issueOneTimeToken(database, { purpose, accountId, seconds: 600, data });
  const invited = (email = newEmail()) => made("/v1/admin/accounts", { email });
  const newTenant = () => ({
    name: `tenant-${newId().slice(-12)}`,
    administrator: { email: newEmail() },
  });

  const bodies: Record<string, (caller: TestCaller) => Promise<object>> = {
    "POST /auth/unlock": async ({ id }) => ({ token: await tokenOf("account.unlock", id) }),
    "POST /auth/email/verify": async ({ id, email }) => ({
      token: await tokenOf("email.verify", id, { email }),
    }),
    "POST /auth/email/change": async ({ id, email: from }) => ({
      token: await tokenOf("email.change", id, { from, to: newEmail() }),
    }),
    "POST /auth/invitation": async () => {
      const email = newEmail();
      const token = await tokenOf("account.invite", await invited(email), { email });
      return { token, password: PASSWORD };
    },
    "PUT /auth/password": async ({ id }) => {
      await database.query(sql`
        UPDATE auth.credentials SET password_hash = ${hash} WHERE account_id = ${id}`);
      return { current_password: PASSWORD, new_password: `nine bowls of beans ${newId()}` };
    },
    "PUT /auth/password/reset": async () => ({
      token: await tokenOf("password.reset", (await callers.makeCaller()).id),
      new_password: PASSWORD,
    }),
    // Mails to one address have a budget.
    "POST /users/me/email": async () => ({ email: newEmail() }),
    "POST /v1/admin/accounts": async () => ({ email: newEmail() }),
    "POST /v1/admin/tenants": async () => newTenant(),
  };
  return {
    invited,
    async apiKeyIdOf(accountId: string) {
      const { id, digest } = makeKeyText(newId());
      const wishes = {
        name: "a key",
        scopes: ["read"],
        permissions: {},
        lifeSeconds: 600,
      } as const;
      const limits = { rate: undefined, quota: undefined };
      const whose = { id, digest, accountId, tenantId: DEFAULT_TENANT };
      await database.withTransaction((tx) => insertKey(tx, { ...wishes, ...limits, ...whose }));
      return id;
    },
    tenantId: () => made("/v1/admin/tenants", newTenant()),
    /** Undefined for a route of another kind. */
    body: async (label: string, caller: TestCaller) => bodies[label]?.(caller),
  };
}
