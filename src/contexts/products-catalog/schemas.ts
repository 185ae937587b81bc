import { Type } from "../../http/schema.ts";
import {
  enveloped,
  nullable,
  nullableAmount,
  nullableBoolean,
  nullableText,
  nullableUuid,
  nutriFactsInput,
  nutriFactsView,
  nutrientInputs,
  optional,
} from "../../http/schema-parts.ts";
import type { NutriFactsInput } from "../../platform/nutrition/facts.ts";
import { productLimits } from "../../platform/limits.ts";
import { PACKAGE_UNITS, type PackageUnit } from "../../platform/nutrition/nutrients.ts";

export const uuidText = Type.String({ format: "uuid" });

const scoreInput = Type.Unsafe<ScoreInput | null>({
  type: ["object", "null"],
  additionalProperties: false,
  properties: Object.fromEntries(
    ["final", "ingredients", "nutrients"].map((part) => [part, nullableAmount({ maximum: 100 })]),
  ),
});
export interface ScoreInput {
  readonly final?: number | null;
  readonly ingredients?: number | null;
  readonly nutrients?: number | null;
}

/** What a writer may say of a product beside its name, source and nutrition facts. */
const details = {
  shopping_name: nullableText(productLimits.nameCharactersMax),
  store_department_name: nullableText(productLimits.shortTextCharactersMax),
  recommended_brands_and_products: nullableText(productLimits.mediumTextCharactersMax),
  edible_yield: nullable<number>("number", { exclusiveMinimum: 0, maximum: 1 }),
  kg_per_unit: nullableAmount(),
  liters_per_kg: nullableAmount(),
  nutrition_group: nullableText(productLimits.shortTextCharactersMax),
  cooking_factor: nullableAmount(),
  conservation_days: nullable<number>("integer", { minimum: 0, maximum: 2_147_483_647 }),
  substitutes: nullableText(productLimits.mediumTextCharactersMax),
  barcode: nullableText(productLimits.barcodeCharactersMax),
  brand_id: nullableUuid(),
  category_id: nullableUuid(),
  parent_category_id: nullableUuid(),
  score: scoreInput,
  food_group_id: nullableUuid(),
  process_type_id: nullableUuid(),
  ingredients: nullableText(productLimits.labelTextCharactersMax),
  package_size: nullableAmount(),
  package_size_unit: Type.Unsafe<PackageUnit | null>({ enum: [...PACKAGE_UNITS, null] }),
  image_url: nullableText(productLimits.urlCharactersMax),
  json_data: nullableText(productLimits.jsonDataCharactersMax),
};

/** The body of a new product. Keys that it does not know are ignored. */
export const newProductBody = Type.Object({
  source_id: uuidText,
  name: Type.String({ minLength: 1, maxLength: productLimits.nameCharactersMax }),
  nutri_facts: nutriFactsInput,
  ...optional(details),
});

/** A partial body, or a whole product as it is read: what cannot be written is not looked at. */
export const productChangesBody = Type.Object(
  {
    ...optional({
      source_id: uuidText,
      name: Type.String({ minLength: 1, maxLength: productLimits.nameCharactersMax }),
      is_food: nullableBoolean(),
      nutri_facts: nullable<NutriFactsInput>("object", nutrientInputs),
      ...details,
      version: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }),
    }),
    ...optional({
      id: Type.Unknown(),
      created_at: Type.Unknown(),
      updated_at: Type.Unknown(),
      discarded: Type.Unknown(),
      is_food_votes: Type.Unknown(),
      is_food_houses_choice: Type.Unknown(),
    }),
  },
  { additionalProperties: false },
);

/** What a row of an imported file says; classifications stand there by name. */
export const importedProduct = {
  name: Type.String({ minLength: 1, maxLength: productLimits.nameCharactersMax }),
  ...optional({
    is_food: nullableBoolean(),
    nutri_facts: nutriFactsInput,
    ...withoutIds(details),
  }),
};

function withoutIds({
  brand_id: _brand,
  category_id: _category,
  parent_category_id: _parentCategory,
  food_group_id: _foodGroup,
  process_type_id: _processType,
  ...rest
}: typeof details) {
  return rest;
}

const houses = Type.Array(Type.String());
export const foodVotes = Type.Object({
  acceptance_line: Type.Record(Type.String(), nullable<number>("number")),
  is_food_houses: houses,
  is_not_food_houses: houses,
});

/** A product as it is read. */
export const product = Type.Object(
  {
    id: uuidText,
    created_at: Type.String({ format: "date-time" }),
    updated_at: Type.String({ format: "date-time" }),
    version: Type.Integer({ minimum: 1 }),
    discarded: Type.Boolean(),
    source_id: uuidText,
    name: Type.String(),
    is_food: nullableBoolean(),
    ...details,
    edible_yield: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
    nutri_facts: nutriFactsView,
    is_food_votes: foodVotes,
    is_food_houses_choice: nullableBoolean(),
  },
  { additionalProperties: false },
);

/** A source, brand, category … as it is read. */
export const classification = Type.Object({
  id: uuidText,
  name: Type.String(),
  author_id: uuidText,
  description: nullable<string>("string"),
  created_at: Type.String({ format: "date-time" }),
  updated_at: Type.String({ format: "date-time" }),
  discarded: Type.Boolean(),
  version: Type.Integer({ minimum: 1 }),
});

/** What a write answers: the new version is the next `If-Match`. */
export const written = enveloped(
  Type.Object({
    message: Type.String(),
    id: uuidText,
    version: Type.Integer({ minimum: 1 }),
  }),
);

/** `skip` and `limit` of a list. A larger limit is capped. */
export const paging = {
  skip: Type.Optional(Type.Integer({ minimum: 0 })),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      default: productLimits.pageItemsMax,
      description: `At most ${productLimits.pageItemsMax}; more is capped`,
    }),
  ),
};
