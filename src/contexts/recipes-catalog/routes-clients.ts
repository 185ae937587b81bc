import type { Static } from "typebox";
import { readPage } from "../../http/paging.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { readInstant, validationFailure } from "../../http/rules.ts";
import { enveloped, listed } from "../../http/schema-parts.ts";
import { closed, uuid } from "../../http/schema.ts";
import type { FieldFault } from "../../platform/errors.ts";
import { clientQuery, clientView } from "./client.ts";
import { bodyReply } from "./meal-reply.ts";
import { menusDetail } from "./menu.ts";
import { callerOf, owned } from "./owner.ts";
import { CONTEXT } from "./routes-tags.ts";
import type { ClientFilter, ClientStore } from "./store-clients.ts";
import { readTagQuery } from "./tag-filter.ts";

export const clientParams = closed({ client_id: uuid });
const READ_ONE = {
  403: { description: "It belongs to somebody else" },
  404: { description: "There is no such client" },
} as const;

/** Searching and reading clients. */
export function createClientRoutes(store: ClientStore): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/v1/clients/search",
      summary: "List your own clients that match all filters",
      description: "With `manage_clients` those of everybody in your tenant.",
      tag: CONTEXT,
      access: AUTHENTICATED,
      query: clientQuery,
      responses: { 200: { description: "A page of clients", schema: listed(clientView) } },
      async handler({ query, principal }) {
        const page = readPage(query);
        const list = await store.list(callerOf(principal, "manage_clients"), {
          filter: toFilter(query),
          sort: query.sort ?? "-created_at",
          page,
          menus: query.menus ?? "summary",
        });
        return bodyReply(list);
      },
    }),
    defineRoute({
      method: "GET",
      path: "/v1/clients/{client_id}",
      summary: "Read one client with its menus",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: clientParams,
      query: closed({ menus: menusDetail("full") }),
      responses: {
        200: { description: "The client", schema: enveloped(clientView) },
        ...READ_ONE,
      },
      async handler({ params, query, principal }) {
        const found = await store.find(params.client_id, query.menus ?? "full");
        const client = owned(found, callerOf(principal, "manage_clients"));
        return bodyReply(client.body, client.version);
      },
    }),
  ];
}

/** @throws AppError `validation_failed` */
function toFilter(query: Static<typeof clientQuery>): ClientFilter {
  const faults: FieldFault[] = [];
  const instant = (key: "created_at_gte" | "created_at_lte") => {
    const text = query[key];
    const found = text === undefined ? undefined : readInstant(text);
    if (text !== undefined && found === undefined) {
      faults.push({ path: `/query/${key}`, code: "format", message: "must be an ISO 8601 date" });
    }
    return found;
  };
  const values = {
    id: query.id,
    menuId: query.menu_id,
    authorId: query.author_id,
    nameContains: query.name_contains,
    createdAtGte: instant("created_at_gte"),
    createdAtLte: instant("created_at_lte"),
    ...readTagQuery(query),
  };
  if (faults.length > 0) throw validationFailure(faults);
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as ClientFilter;
}
