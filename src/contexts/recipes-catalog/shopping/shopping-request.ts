import type { Static } from "typebox";
import { closed, Type, uuid } from "../../../http/schema.ts";
import { validationFailure } from "../../../http/rules.ts";
import { shoppingLimits as limits } from "../../../platform/limits.ts";
import { MEASURE_UNITS, type MeasureUnit } from "../../../platform/nutrition/nutrients.ts";
import { ITEM_ORDERS, USUAL_ORDER, type ItemOrder } from "./shopping-item.ts";

const week = Type.Integer({ minimum: 1, maximum: limits.weeksMax });
export const orderBy = Type.Optional(
  Type.Enum([...ITEM_ORDERS], {
    default: USUAL_ORDER,
    description: "What the lines are ordered by first. `store_departament_name` is taken too",
  }),
);

const wishes = {
  menu_ids: Type.Array(uuid, { minItems: 1, maxItems: limits.menusMax }),
  weeks: Type.Optional(
    Type.Array(week, { minItems: 1, maxItems: limits.weeksMax, description: "All when left out" }),
  ),
  exclude_product_ids: Type.Optional(Type.Array(uuid, { maxItems: limits.excludedMax })),
  pantry: Type.Optional(
    Type.Array(
      closed({
        product_id: uuid,
        quantity: Type.Number({ minimum: 0, maximum: limits.pantryQuantityMax }),
        unit: Type.Enum([...MEASURE_UNITS]),
      }),
      { maxItems: limits.pantryMax, description: "What is at home, as it is bought" },
    ),
  ),
  order_by: orderBy,
};
export const previewBody = closed(wishes);
export const newListBody = closed({ client_id: uuid, ...wishes });

export const menuListQuery = closed({
  weeks: Type.Optional(
    Type.String({
      pattern: "^[0-9]{1,2}(,[0-9]{1,2}){0,9}$",
      description: "Weeks of the menu, as `1,2`; all when left out",
    }),
  ),
  order_by: orderBy,
});

/** What a list was asked for with, in one form however it was written. */
export interface ShoppingRequest {
  readonly menu_ids: readonly string[];
  readonly weeks: readonly number[] | null;
  readonly exclude_product_ids: readonly string[];
  readonly pantry: readonly {
    readonly product_id: string;
    readonly quantity: number;
    readonly unit: MeasureUnit;
  }[];
  readonly order_by: ItemOrder;
}

export function toShoppingRequest(body: Static<typeof previewBody>): ShoppingRequest {
  const { menu_ids, weeks, exclude_product_ids = [], pantry = [], order_by = USUAL_ORDER } = body;
  return {
    menu_ids: [...new Set(menu_ids)],
    weeks: weeks === undefined ? null : [...new Set(weeks)].toSorted((a, b) => a - b),
    exclude_product_ids: [...new Set(exclude_product_ids)],
    pantry,
    // One word for one thing in what is answered.
    order_by: order_by === "store_departament_name" ? "store_department_name" : order_by,
  };
}

/**
 * The weeks of a query, `1,2`.
 * @throws AppError `validation_failed`
 */
export function readWeeks(text: string | undefined): number[] | undefined {
  const weeks = text?.split(",").map(Number);
  if (weeks?.some((one) => one < 1 || one > limits.weeksMax)) {
    const message = `must be weeks from 1 to ${limits.weeksMax}`;
    throw validationFailure([{ path: "/query/weeks", code: "maximum", message }]);
  }
  return weeks;
}
