import type { Static } from "typebox";
import type { FieldFault } from "../../platform/errors.ts";
import { productLimits } from "../../platform/limits.ts";
import { emptyColumns, type NewProduct, type ProductColumns } from "./columns.ts";
import { prepareName } from "../../platform/name-preparation.ts";
import { mergeNutriFacts, toStoredNutriFacts } from "./nutri-facts.ts";
import { cleanText, cleanUrl, validationFailure, type TextRule } from "../../http/rules.ts";
import type { newProductBody, productChangesBody } from "./schemas.ts";

export type NewProductBody = Static<typeof newProductBody>;
export type ProductChangesBody = Static<typeof productChangesBody>;

const TEXTS = {
  name: { charactersMax: productLimits.nameCharactersMax },
  shopping_name: { charactersMax: productLimits.nameCharactersMax },
  store_department_name: { charactersMax: productLimits.shortTextCharactersMax },
  recommended_brands_and_products: { charactersMax: productLimits.mediumTextCharactersMax },
  nutrition_group: { charactersMax: productLimits.shortTextCharactersMax },
  substitutes: { charactersMax: productLimits.mediumTextCharactersMax, hasLines: true },
  barcode: { charactersMax: productLimits.barcodeCharactersMax },
  ingredients: { charactersMax: productLimits.labelTextCharactersMax, hasLines: true },
  json_data: { charactersMax: productLimits.jsonDataCharactersMax, hasLines: true },
} as const satisfies Partial<Record<keyof ProductColumns, TextRule>>;

const PLAIN = [
  "source_id",
  "brand_id",
  "category_id",
  "parent_category_id",
  "food_group_id",
  "process_type_id",
  "is_food",
  "edible_yield",
  "kg_per_unit",
  "liters_per_kg",
  "cooking_factor",
  "conservation_days",
  "package_size",
  "package_size_unit",
] as const;

const SCORES = [
  ["final", "final_score"],
  ["ingredients", "ingredients_score"],
  ["nutrients", "nutrients_score"],
] as const;

/**
 * A new product from its body: every product made this way is a food.
 * @throws AppError `validation_failed`, one fault for each field that breaks a rule
 */
export function toNewProduct(body: NewProductBody, pathPrefix = "/body"): NewProduct {
  const columns = emptyColumns();
  setColumns(columns, { ...body, is_food: true } as ProductChangesBody, pathPrefix);
  return { columns, nutriFacts: toStoredNutriFacts(body.nutri_facts) };
}

/**
 * A product with some fields changed. Absent fields stay; nutrients and score parts are merged one
 * by one; null empties.
 * @throws AppError `validation_failed`
 */
export function withChanges(stored: NewProduct, body: ProductChangesBody): NewProduct {
  const columns = { ...stored.columns };
  setColumns(columns, body, "/body");
  const { nutri_facts: facts } = body;
  if (facts === undefined) return { columns, nutriFacts: stored.nutriFacts };
  return { columns, nutriFacts: facts && mergeNutriFacts(stored.nutriFacts, facts) };
}

function setColumns(columns: ProductColumns, body: ProductChangesBody, pathPrefix: string): void {
  const faults: FieldFault[] = [];
  const refuse = (field: string, code: string, message: string) =>
    faults.push({ path: `${pathPrefix}/${field}`, code, message });

  for (const [field, rule] of Object.entries(TEXTS) as [keyof typeof TEXTS, TextRule][]) {
    const given = body[field];
    if (given === undefined) continue;
    const cleaned = given === null ? { text: null } : cleanText(given, rule);
    if ("code" in cleaned) refuse(field, cleaned.code, cleaned.message);
    else if (field !== "name") columns[field] = cleaned.text;
    else if (cleaned.text === null) refuse(field, "min_length", "must not be empty");
    else columns.name = cleaned.text;
  }

  if (body.image_url !== undefined) {
    const isEmpty = body.image_url === null || body.image_url.trim() === "";
    const url = isEmpty ? null : cleanUrl(body.image_url!);
    if (url === undefined) refuse("image_url", "format", "must be an http or https address");
    else columns.image_url = url;
  }

  for (const field of PLAIN) {
    const given = body[field];
    if (given !== undefined) Object.assign(columns, { [field]: given });
  }
  for (const [part, column] of SCORES) {
    if (body.score === null) columns[column] = null;
    else if (body.score?.[part] !== undefined) columns[column] = body.score[part];
  }
  if (faults.length > 0) throw validationFailure(faults);
  columns.prepared_name = prepareName(columns.name);
}
