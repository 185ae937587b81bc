import { httpErrors } from "../../http/errors.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { enveloped } from "../../http/schema-parts.ts";
import type { Owner } from "./form.ts";
import { joined, jsonReply } from "./json-reply.ts";
import type { ToldJson } from "./owner-memory.ts";
import type { AskQueries } from "./queries.ts";
import { bulkQueryBody, bulkQueryResult, queryBody, queryResult, TAG } from "./schemas.ts";

const EXAMPLE_USER = "01890f3e-6f62-7cc0-98c4-dc0c0c07398f";

/** Questions about one's own forms and answers. */
export function createQueryRoutes({ ask }: { readonly ask: AskQueries }): Route[] {
  return [queryRoute(ask), bulkQueryRoute(ask)];
}

const queryRoute = (ask: AskQueries) =>
  defineRoute({
    method: "POST",
    path: "/v1/client-onboarding/query-responses",
    summary: "Ask for one's forms or their answers",
    description:
      "`user_id` is the caller. `response_data` comes with `response_by_id`, and with `responses_by_form` up to a `limit` of 10.",
    tag: TAG,
    access: AUTHENTICATED,
    keyScope: "read",
    body: queryBody,
    bodyExample: { query_type: "forms_by_user", user_id: EXAMPLE_USER, limit: 50, offset: 0 },
    responses: {
      200: {
        description: "What was found; `success` is false when it is not there",
        schema: enveloped(queryResult),
      },
    },
    async handler({ body, principal }) {
      assertCaller(principal, body.user_id);
      const { json } = await ask(principal)(body);
      return jsonReply(['{"data":', json, "}"]);
    },
  });

const bulkQueryRoute = (ask: AskQueries) =>
  defineRoute({
    method: "POST",
    path: "/v1/client-onboarding/bulk-query-responses",
    summary: "Ask up to five such questions, one after the other",
    tag: TAG,
    access: AUTHENTICATED,
    keyScope: "read",
    body: bulkQueryBody,
    bodyExample: {
      user_id: EXAMPLE_USER,
      queries: [{ query_type: "responses_by_user", user_id: EXAMPLE_USER }],
    },
    responses: {
      200: { description: "The answers in their order", schema: enveloped(bulkQueryResult) },
    },
    async handler({ body, principal }) {
      for (const { user_id: userId } of [body, ...body.queries]) assertCaller(principal, userId);
      const answer = ask(principal);
      const results: ToldJson[] = [];
      for (const [index, query] of body.queries.entries()) {
        results.push(await answer(query, `/body/queries/${index}`));
      }
      const errors = results.flatMap(({ isFound }, index) =>
        isFound ? [] : [`Query ${index + 1} failed: not found`],
      );
      const head = JSON.stringify({
        success: errors.length === 0,
        total_queries: results.length,
        successful_queries: results.length - errors.length,
      });
      const texts = results.map(({ json }) => json);
      const named = JSON.stringify(errors.length === 0 ? null : errors);
      return jsonReply([
        `{"data":${head.slice(0, -1)},"results":[`,
        ...joined(texts),
        `],"errors":${named}}}`,
      ]);
    },
  });

/** Whom a body names must be who calls, in any spelling of a UUID. */
function assertCaller(caller: Owner, named: string): void {
  const plain = (text: string) => text.replaceAll("-", "").toLowerCase();
  if (plain(named) !== plain(caller.userId)) {
    throw httpErrors.failure("permission_denied", { detail: "user_id is not the caller's" });
  }
}
