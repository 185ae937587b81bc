import type { Principal } from "../../../http/principal.ts";
import type { Reply } from "../../../http/reply.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../../http/route.ts";
import { enveloped } from "../../../http/schema-parts.ts";
import { closed, uuid } from "../../../http/schema.ts";
import type { JsonBody } from "../json-body.ts";
import { bodyReply } from "../meal-reply.ts";
import { callerOf } from "../owner.ts";
import type { ProductAnswers } from "../product-answers.ts";
import { CONTEXT } from "../routes-tags.ts";
import { computeList, readList } from "./compute.ts";
import {
  menuListQuery,
  previewBody,
  readWeeks,
  toShoppingRequest,
  type ShoppingRequest,
} from "./shopping-request.ts";
import { computedView, viewComputed } from "./shopping-view.ts";
import type { ReadBasis, ShoppingBasis } from "./store.ts";

export const EXAMPLE_WISHES = {
  menu_ids: ["00000000-0000-7000-8000-00000000002a"],
  weeks: [1, 2],
  exclude_product_ids: [],
  pantry: [{ product_id: "00000000-0000-7000-8000-00000000002b", quantity: 500, unit: "g" }],
  order_by: "store_department_name",
};
const ANSWERS = {
  200: { description: "The list", schema: enveloped(computedView) },
  404: { description: "A menu is not there, or not yours" },
} as const;

/** Lists that are computed and not kept. */
export function createComputeRoutes(keptAnswers: ProductAnswers, readBasis: ReadBasis): Route[] {
  async function answer(principal: Principal, asked: ShoppingRequest): Promise<Reply> {
    const caller = callerOf(principal, "manage_menus", "manage_clients");
    const body = await keptAnswers(caller, asked, async (tx) => {
      const basis = await readList(readBasis, tx, caller, asked);
      return { productIds: basis.productIds, write: () => bodyOf(basis, asked) };
    });
    return bodyReply(body);
  }
  return [
    defineRoute({
      method: "GET",
      path: "/v1/menus/{menu_id}/shopping-list",
      summary: "What has to be bought for a menu",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: closed({ menu_id: uuid }),
      query: menuListQuery,
      responses: ANSWERS,
      async handler({ params, query, principal }) {
        const weeks = readWeeks(query.weeks);
        const asked = toShoppingRequest({
          menu_ids: [params.menu_id],
          ...(weeks === undefined ? {} : { weeks }),
          ...(query.order_by === undefined ? {} : { order_by: query.order_by }),
        });
        return answer(principal, asked);
      },
    }),
    defineRoute({
      method: "POST",
      path: "/v1/shopping-lists/preview",
      summary: "What has to be bought for menus, without what is at home or excluded",
      tag: CONTEXT,
      access: AUTHENTICATED,
      keyScope: "read",
      body: previewBody,
      bodyExample: EXAMPLE_WISHES,
      responses: ANSWERS,
      async handler({ body, principal }) {
        return answer(principal, toShoppingRequest(body));
      },
    }),
  ];
}

async function bodyOf(basis: ShoppingBasis, asked: ShoppingRequest): Promise<JsonBody> {
  const items = await computeList(basis, asked);
  return Buffer.from(JSON.stringify({ data: viewComputed(asked, items) }));
}
