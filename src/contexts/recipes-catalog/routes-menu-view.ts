import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { enveloped } from "../../http/schema-parts.ts";
import { closed, Type, uuid } from "../../http/schema.ts";
import { menuLimits as limits } from "../../platform/limits.ts";
import { clientView } from "./client.ts";
import { mealView } from "./meal-schemas.ts";
import { bodyReply } from "./meal-reply.ts";
import { menuView } from "./menu.ts";
import { callerOf } from "./owner.ts";
import type { FindProductTexts } from "./ports.ts";
import type { ProductAnswers } from "./product-answers.ts";
import { CONTEXT } from "./routes-tags.ts";
import { readMenuView } from "./store-menu-view.ts";

/** Menus with all that stands in them, for whoever shows or prints them. */
export function createMenuViewRoutes(
  keptAnswers: ProductAnswers,
  findProductTexts: FindProductTexts,
): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/v1/menu-view/data",
      summary: "Read menus with their clients, meals, recipes and products",
      description:
        "Your own menus; with `manage_menus` or `manage_clients` those of everybody in your tenant.",
      tag: CONTEXT,
      access: AUTHENTICATED,
      query: closed({
        menu_ids: Type.Array(uuid, { minItems: 1, maxItems: limits.viewedMax }),
      }),
      responses: {
        200: {
          description: "Everything as it was at one moment",
          schema: enveloped(
            closed({
              clients: Type.Array(clientView),
              menus: Type.Array(menuView),
              meals: Type.Array(mealView),
              products: Type.Array(Type.Object({ id: uuid, name: Type.String() })),
            }),
          ),
        },
        404: { description: "One of the menus is not there" },
      },
      async handler({ query, principal }) {
        const caller = callerOf(principal, "manage_menus", "manage_clients");
        const menuIds = [...new Set(query.menu_ids)];
        const body = await keptAnswers(caller, menuIds, (tx) =>
          readMenuView(tx, caller, menuIds, findProductTexts),
        );
        return bodyReply(body);
      },
    }),
  ];
}
