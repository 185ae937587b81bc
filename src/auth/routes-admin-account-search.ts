import { readPage, toPagination } from "../http/paging.ts";
import { JSON_TEXT } from "../http/reply.ts";
import { defineRoute, type Route } from "../http/route.ts";
import type { Database } from "../platform/postgres.ts";
import { createSharedWork } from "../platform/shared-work.ts";
import * as schemas from "./accounts/admin-schemas.ts";
import { searchAccounts } from "./accounts/store-admin.ts";
import { ADMINS } from "./routes-admin.ts";
import { NO_STORE } from "./routes-replies.ts";

/** Looking for accounts of the caller's tenant. */
export function createAccountSearchRoute({
  database,
}: {
  readonly database: Pick<Database, "query">;
}): Route {
  // Every answer counts what matches: those who ask for the same at once share one.
  const shared = createSharedWork<Uint8Array>();
  return defineRoute({
    method: "GET",
    path: "/v1/admin/accounts",
    summary: "Lists the accounts of the caller's tenant, the oldest first",
    description: "`email`, `username` and `name` are beginnings, without regard to case.",
    tag: "admin",
    access: ADMINS,
    query: schemas.searchQuery,
    responses: { 200: { description: "One page", schema: schemas.accountListAnswer } },
    async handler({ query, principal }) {
      const page = readPage(query);
      const { email, username, name, status } = query;
      const { tenantId } = principal;
      const filter = { tenantId, email, username, name, status, ...page };
      const body = await shared(JSON.stringify(filter), async () => {
        const found = await searchAccounts(database, filter);
        const data = found.accounts.map(schemas.toManagedView);
        return Buffer.from(JSON.stringify({ data, pagination: toPagination(page, found.total) }));
      });
      return { status: 200, headers: JSON_NO_STORE, raw: body };
    },
  });
}

const JSON_NO_STORE = Object.freeze({ ...JSON_TEXT, ...NO_STORE });
