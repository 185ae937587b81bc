import { systemClock } from "../../platform/clock.ts";
import { newId } from "../../platform/ids.ts";
import type { Logger } from "../../platform/log.ts";
import type { Database } from "../../platform/postgres.ts";
import { NOBODY, SOURCE_IDS } from "./classification.ts";
import { emptyColumns, type NewProduct } from "./columns.ts";
import { DEMO_FOODS } from "./demo-foods.ts";
import { prepareName } from "../../platform/name-preparation.ts";
import { toStoredNutriFacts } from "./nutri-facts.ts";
import type { NutrientName } from "../../platform/nutrition/nutrients.ts";
import { createClassificationStore } from "./store-classifications.ts";
import { insertMissing } from "./store-write.ts";

const COLUMNS: readonly NutrientName[] = [
  "calories",
  "protein",
  "carbohydrate",
  "total_fat",
  "saturated_fat",
  "dietary_fiber",
  "sodium",
  "calcium",
  "iron",
  "potassium",
  "vitamin_c",
];

/**
 * Adds the foods of the demonstration that are not there yet, as products of the source `manual`.
 * @returns how many were added
 */
export async function loadDemoCatalogue(database: Database, log: Logger): Promise<number> {
  const now = new Date(systemClock.nowMs());
  const store = createClassificationStore(database);
  const rows = await Promise.all(
    Object.entries(DEMO_FOODS).map(async ([category, lines]) => {
      const made = { id: newId(), name: category, description: null, authorId: NOBODY };
      const categoryId = await store.ensure("categories", made, now);
      return lines
        .trim()
        .split("\n")
        .map((line) => toProduct(line, categoryId));
    }),
  );
  const products = rows.flat().map((product) => ({
    ...product,
    id: newId(),
    createdAt: now.toISOString(),
  }));
  const added = await insertMissing(database, products);
  log.debug({ added }, "the demonstration foods are there");
  return added;
}

function toProduct(line: string, categoryId: string): NewProduct {
  const [name = "", ...amounts] = line.split("|");
  const facts = COLUMNS.map((nutrient, index) => [nutrient, Number(amounts[index])] as const);
  const columns = {
    ...emptyColumns(),
    source_id: SOURCE_IDS.manual,
    name,
    prepared_name: prepareName(name),
    is_food: true,
    category_id: categoryId,
    import_key: `name:${name}`,
  };
  return { columns, nutriFacts: toStoredNutriFacts(Object.fromEntries(facts)) };
}
