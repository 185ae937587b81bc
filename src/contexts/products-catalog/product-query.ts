import type { Static, TStringOptions } from "typebox";
import { Type } from "../../http/schema.ts";
import type { FieldFault } from "../../platform/errors.ts";
import { productLimits } from "../../platform/limits.ts";
import { PRODUCT_SORTS, type ProductFilter } from "./product-filter.ts";
import { readInstant, validationFailure } from "../../http/rules.ts";
import { paging } from "./schemas.ts";
import type { Page } from "./store.ts";

const several = (description: string, rules: TStringOptions) =>
  Type.Optional(
    Type.Array(Type.String(rules), { description, maxItems: productLimits.filterValuesMax }),
  );
const names = (description: string) =>
  several(description, { maxLength: productLimits.nameCharactersMax });

/** A day or an instant of a filter. */
export const instant = Type.Optional(
  Type.String({
    description: "ISO 8601 date (midnight UTC) or date and time",
    maxLength: 40,
  }),
);

export const productQuery = Type.Object(
  {
    id: several("Product ids", { format: "uuid" }),
    source: names("Names of sources"),
    name: names("Exact names"),
    is_food: Type.Optional(Type.Boolean()),
    barcode: several("Exact barcodes", { maxLength: productLimits.barcodeCharactersMax }),
    brand: Type.Optional(Type.String({ maxLength: productLimits.shortTextCharactersMax })),
    category: names("Names of categories"),
    parent_category: names("Names of parent categories"),
    food_group: names("Names of food groups"),
    process_type: names("Names of process types"),
    created_at_gte: instant,
    created_at_lte: instant,
    ...paging,
    sort: Type.Optional(
      Type.Enum([...PRODUCT_SORTS], {
        default: "-created_at",
        description: "`-` is descending; `date` is `created_at`",
      }),
    ),
  },
  { additionalProperties: false },
);
export type ProductQuery = Static<typeof productQuery>;

/** @throws AppError `validation_failed` */
export function toProductFilter(query: ProductQuery): ProductFilter {
  const faults: FieldFault[] = [];
  const createdAtGte = instantOf(query, "created_at_gte", faults);
  const createdAtLte = instantOf(query, "created_at_lte", faults);
  if (faults.length > 0) throw validationFailure(faults);
  return given({
    id: query.id,
    source: query.source,
    name: query.name,
    isFood: query.is_food,
    barcode: query.barcode,
    brand: query.brand,
    category: query.category,
    parentCategory: query.parent_category,
    foodGroup: query.food_group,
    processType: query.process_type,
    createdAtGte,
    createdAtLte,
  });
}

/** The instant of a query parameter; a text that is none becomes a fault. */
export function instantOf<K extends string>(
  query: { readonly [key in K]?: string },
  key: K,
  faults: FieldFault[],
): Date | undefined {
  const text = query[key];
  if (text === undefined) return undefined;
  const found = readInstant(text);
  if (found === undefined) {
    faults.push({ path: `/query/${key}`, code: "format", message: "must be an ISO 8601 date" });
  }
  return found;
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the keys that are undefined: a filter's key says that it is there. */
export function given<T extends object>(values: T): Given<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Given<T>;
}

/** The rows asked for; more than a page may have is capped. */
export function toPage(query: { readonly skip?: number; readonly limit?: number }): Page {
  const { skip = 0, limit = productLimits.pageItemsMax } = query;
  return { skip, limit: Math.min(limit, productLimits.pageItemsMax) };
}
