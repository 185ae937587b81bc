import { sql, type Sql } from "../../platform/sql.ts";
import type { StoredNutriFacts } from "./nutri-facts.ts";
import { NUTRIENTS } from "../../platform/nutrition/nutrients.ts";

/** The columns of a product that a writer sets, as the table names them. */
export interface ProductColumns {
  source_id: string;
  name: string;
  prepared_name: string;
  is_food: boolean | null;
  shopping_name: string | null;
  store_department_name: string | null;
  recommended_brands_and_products: string | null;
  edible_yield: number | null;
  kg_per_unit: number | null;
  liters_per_kg: number | null;
  nutrition_group: string | null;
  cooking_factor: number | null;
  conservation_days: number | null;
  substitutes: string | null;
  barcode: string | null;
  brand_id: string | null;
  category_id: string | null;
  parent_category_id: string | null;
  food_group_id: string | null;
  process_type_id: string | null;
  final_score: number | null;
  ingredients_score: number | null;
  nutrients_score: number | null;
  ingredients: string | null;
  package_size: number | null;
  package_size_unit: string | null;
  image_url: string | null;
  json_data: string | null;
  import_key: string | null;
}

const TYPES: Readonly<Record<keyof ProductColumns, string>> = {
  source_id: "uuid",
  name: "text",
  prepared_name: "text",
  is_food: "boolean",
  shopping_name: "text",
  store_department_name: "text",
  recommended_brands_and_products: "text",
  edible_yield: "float8",
  kg_per_unit: "float8",
  liters_per_kg: "float8",
  nutrition_group: "text",
  cooking_factor: "float8",
  conservation_days: "integer",
  substitutes: "text",
  barcode: "text",
  brand_id: "uuid",
  category_id: "uuid",
  parent_category_id: "uuid",
  food_group_id: "uuid",
  process_type_id: "uuid",
  final_score: "float8",
  ingredients_score: "float8",
  nutrients_score: "float8",
  ingredients: "text",
  package_size: "float8",
  package_size_unit: "text",
  image_url: "text",
  json_data: "text",
  import_key: "text",
};

export const COLUMN_NAMES = Object.keys(TYPES) as (keyof ProductColumns)[];

/** A product to write: its columns and its nutrition facts (null: none). */
export interface NewProduct {
  readonly columns: ProductColumns;
  readonly nutriFacts: StoredNutriFacts | null;
}

/** SQL made once from the lists of this file, never from what somebody sent. */
export function constantSql(text: string): Sql {
  return sql([text] as unknown as TemplateStringsArray);
}

const nutrientNames = NUTRIENTS.map(([name]) => name);

/** What `ProductRow` wants of `products p` beside its id. */
export const productSelection = constantSql(
  [
    "p.version, p.discarded, p.is_food_houses_choice, p.nutrient_units",
    isoText("created_at"),
    isoText("updated_at"),
    ...COLUMN_NAMES.filter((name) => name !== "prepared_name" && name !== "import_key").map(
      (name) => `p.${name}`,
    ),
    `array_to_string(array[${nutrientNames.map((name) => `p.${name}`).join(", ")}], ',', '')
       as amounts`,
    `(select format('"is_food_houses":%s,"is_not_food_houses":%s',
         coalesce(json_agg(v.house_id order by v.house_id) filter (where v.is_food), '[]'),
         coalesce(json_agg(v.house_id order by v.house_id) filter (where not v.is_food), '[]'))
        from products_catalog.houses_is_food_registry v
       where v.product_id = p.id group by v.product_id) as votes`,
  ].join(",\n"),
);

function isoText(column: string): string {
  return `to_char(p.${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${column}`;
}

/** Names of all written columns but id and instants, in the order of `writtenValues`. */
export const writtenColumns = constantSql(
  [...COLUMN_NAMES, "nutrient_units", ...nutrientNames].join(", "),
);
/** Their values, from one row of `writtenRows`. */
export const writtenValues = constantSql(
  [
    ...COLUMN_NAMES.map((name) => `v.${name}`),
    "v.nutrient_units",
    ...nutrientNames.map((_, index) => `(n.amounts)[${index + 1}]`),
  ].join(", "),
);

const rowNames = constantSql(
  ["id", ...COLUMN_NAMES, "nutrient_units", "amounts_text", "created_at"].join(", "),
);

/**
 * Products as a table `v`, one parameter for each column, with their amounts as the array
 * `n.amounts`; any number of rows is the same statement.
 */
export function writtenRows(
  rows: readonly (NewProduct & { readonly id: string; readonly createdAt: string })[],
): Sql {
  const columns = COLUMN_NAMES.map((name) => {
    const values = rows.map((row) => row.columns[name]);
    return sql`${values}::${arrayTypes[name]}`;
  });
  const units = rows.map((row) => row.nutriFacts && JSON.stringify(row.nutriFacts.units));
  const amounts = rows.map((row) => amountsText(row.nutriFacts));
  // `offset 0` keeps the cast of the array from being repeated for each of its 83 uses.
  return sql`unnest(
      ${rows.map((row) => row.id)}::uuid[], ${sql.join(columns)}, ${units}::jsonb[],
      ${amounts}::text[], ${rows.map((row) => row.createdAt)}::timestamptz[]
    ) as v (${rowNames})
    cross join lateral (select v.amounts_text::float8[] as amounts offset 0) n`;
}

const arrayTypes = Object.fromEntries(
  COLUMN_NAMES.map((name) => [name, constantSql(`${TYPES[name]}[]`)]),
) as unknown as Readonly<Record<keyof ProductColumns, Sql>>;

function amountsText(facts: StoredNutriFacts | null): string {
  if (facts === null) return "{}";
  return `{${facts.amounts.map((amount) => amount ?? "NULL").join(",")}}`;
}

/** A product with a name and nothing else that is known. */
export function emptyColumns(): ProductColumns {
  const nothing = Object.fromEntries(COLUMN_NAMES.map((name) => [name, null]));
  return nothing as unknown as ProductColumns;
}
