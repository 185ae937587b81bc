import { nullable } from "../../../http/schema-parts.ts";
import { closed, instant, Type, uuid } from "../../../http/schema.ts";
import { MEASURE_UNITS } from "../../../platform/nutrition/nutrients.ts";
import { ITEM_ORDERS, type ShoppingItem } from "./shopping-item.ts";
import type { ShoppingRequest } from "./shopping-request.ts";
import type { ListSummary, SavedList, ShoppingListRow } from "./store-lists.ts";

const item = {
  product_id: nullable<string>("string", { format: "uuid" }),
  shopping_name: Type.String(),
  unit: Type.String(),
  quantity: Type.Number({ minimum: 0 }),
  meals_names: Type.Array(Type.String()),
  store_department_name: nullable<string>("string"),
  recommended_brands_and_products: nullable<string>("string"),
  substitutes: nullable<string>("string"),
};

const request = {
  menu_ids: Type.Array(uuid),
  weeks: Type.Unsafe<number[] | null>({ type: ["array", "null"], items: { type: "integer" } }),
  exclude_product_ids: Type.Array(uuid),
  pantry: Type.Array(
    closed({ product_id: uuid, quantity: Type.Number(), unit: Type.Enum([...MEASURE_UNITS]) }),
  ),
  order_by: Type.Enum([...ITEM_ORDERS]),
};

/** A list that is computed and not kept. */
export const computedView = closed({ ...request, shopping_items: Type.Array(closed(item)) });

const row = {
  id: uuid,
  client_id: uuid,
  author_id: uuid,
  version: Type.Integer({ minimum: 1 }),
  created_at: instant,
  updated_at: instant,
  ...request,
};
export const savedView = closed({
  ...row,
  shopping_items: Type.Array(closed({ id: uuid, checked: Type.Boolean(), ...item })),
});
export const summaryView = closed({
  ...row,
  item_count: Type.Integer({ minimum: 0 }),
  checked_count: Type.Integer({ minimum: 0 }),
});

export function viewComputed(asked: ShoppingRequest, items: readonly ShoppingItem[]) {
  return { ...viewRequest(asked), shopping_items: items.map(viewItem) };
}

export function viewSaved(list: SavedList) {
  const shoppingItems = list.items.map(({ id, checked, item: saved }) => ({
    id,
    checked,
    ...viewItem(saved),
  }));
  return { ...viewRow(list), shopping_items: shoppingItems };
}

export function viewSummary(list: ListSummary) {
  const { item_count, checked_count } = list;
  return { ...viewRow(list), item_count, checked_count };
}

function viewRow(list: ShoppingListRow) {
  const { id, client_id, author_id, version, created_at, updated_at } = list;
  const head = { id, client_id, author_id, version, created_at, updated_at };
  return { ...head, ...viewRequest(list.request) };
}

// What comes out of the database has its members in another order: each is named.
function viewRequest({ menu_ids, weeks, exclude_product_ids, pantry, order_by }: ShoppingRequest) {
  const atHome = pantry.map(({ product_id, quantity, unit }) => ({ product_id, quantity, unit }));
  return { menu_ids, weeks, exclude_product_ids, pantry: atHome, order_by };
}

function viewItem(one: ShoppingItem): ShoppingItem {
  return {
    product_id: one.product_id,
    shopping_name: one.shopping_name,
    unit: one.unit,
    quantity: one.quantity,
    meals_names: one.meals_names,
    store_department_name: one.store_department_name,
    recommended_brands_and_products: one.recommended_brands_and_products,
    substitutes: one.substitutes,
  };
}
