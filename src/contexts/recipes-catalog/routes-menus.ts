import { pageQuery, readPage, toPagination } from "../../http/paging.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { enveloped, listed } from "../../http/schema-parts.ts";
import { closed, Type, uuid } from "../../http/schema.ts";
import { bodyReply, pageReply } from "./meal-reply.ts";
import { MENU_SORTS, menusDetail, menuSummaryView, menuView } from "./menu.ts";
import { callerOf, owned } from "./owner.ts";
import { CONTEXT } from "./routes-tags.ts";
import type { MenuStore } from "./store-menus.ts";

export const menuParams = closed({ client_id: uuid, menu_id: uuid });
const READ_ONE = {
  403: { description: "It belongs to somebody else" },
  404: { description: "The client, or this menu of the client, is not there" },
} as const;

/** Reading the menus of a client. */
export function createMenuRoutes(store: MenuStore): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/v1/clients/{client_id}/menus",
      summary: "List the menus of a client",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: closed({ client_id: uuid }),
      query: closed({
        menus: menusDetail("summary"),
        ...pageQuery,
        sort: Type.Optional(Type.Enum([...MENU_SORTS], { default: "-created_at" })),
      }),
      responses: {
        200: {
          description: "A page of menus",
          schema: listed(Type.Union([menuView, menuSummaryView])),
        },
        ...READ_ONE,
      },
      async handler({ params, query, principal }) {
        const { client_id: clientId } = params;
        const page = readPage(query);
        const { menus: detail = "summary", sort = "-created_at" } = query;
        const { texts, total } = owned(
          await store.list(clientId, detail, sort, page),
          callerOf(principal, "manage_menus", "manage_clients"),
        );
        return pageReply(texts, toPagination(page, total));
      },
    }),
    defineRoute({
      method: "GET",
      path: "/v1/clients/{client_id}/menus/{menu_id}",
      summary: "Read one menu of a client",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: menuParams,
      responses: { 200: { description: "The menu", schema: enveloped(menuView) }, ...READ_ONE },
      async handler({ params, principal }) {
        const found = await store.find(params.client_id, params.menu_id);
        const caller = callerOf(principal, "manage_menus", "manage_clients");
        const menu = owned(found, caller);
        return bodyReply(menu.body, menu.version);
      },
    }),
  ];
}
