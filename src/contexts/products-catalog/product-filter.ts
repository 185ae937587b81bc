import { sql, type Sql } from "../../platform/sql.ts";

/** What a product list may be narrowed by. Lists are alternatives; names are exact. */
export interface ProductFilter {
  readonly id?: readonly string[];
  /** Names of sources. */
  readonly source?: readonly string[];
  readonly name?: readonly string[];
  readonly isFood?: boolean;
  readonly barcode?: readonly string[];
  readonly brand?: string;
  readonly category?: readonly string[];
  readonly parentCategory?: readonly string[];
  readonly foodGroup?: readonly string[];
  readonly processType?: readonly string[];
  readonly createdAtGte?: Date;
  readonly createdAtLte?: Date;
}

export const PRODUCT_SORTS = [
  "-created_at",
  "created_at",
  "-updated_at",
  "updated_at",
  "name",
  "-name",
  "-date",
  "date",
] as const;
export type ProductSort = (typeof PRODUCT_SORTS)[number];

// The id runs in the same direction, so that one index serves both.
const ORDERS: Readonly<Record<ProductSort, Sql>> = {
  created_at: sql`p.created_at, p.id`,
  "-created_at": sql`p.created_at desc, p.id desc`,
  updated_at: sql`p.updated_at, p.id`,
  "-updated_at": sql`p.updated_at desc, p.id desc`,
  name: sql`p.name, p.id`,
  "-name": sql`p.name desc, p.id desc`,
  date: sql`p.created_at, p.id`,
  "-date": sql`p.created_at desc, p.id desc`,
};

export function orderOf(sort: ProductSort): Sql {
  return ORDERS[sort];
}

/** The source of products made from a scanned barcode. */
export const AUTO_SOURCE = "auto";

/**
 * The WHERE of a product list over `products p`. Discarded products are never in it; `auto`
 * products that the houses have not decided about only when their source is asked for.
 */
export function conditionOf(filter: ProductFilter): Sql {
  const parts: Sql[] = [sql`not p.discarded`];
  // Said also when the sources asked for cannot be hidden: it lets their lists use the same index.
  if (!filter.source?.includes(AUTO_SOURCE)) parts.push(sql`p.is_listed`);
  if (filter.id !== undefined) parts.push(sql`p.id = any(${filter.id}::uuid[])`);
  if (filter.source !== undefined) parts.push(sql`p.source_id ${idsNamed(SOURCES, filter.source)}`);
  if (filter.name !== undefined) parts.push(equals(sql`p.name`, filter.name));
  if (filter.isFood !== undefined) parts.push(filter.isFood ? sql`p.is_food` : sql`not p.is_food`);
  if (filter.barcode !== undefined) parts.push(equals(sql`p.barcode`, filter.barcode));
  if (filter.brand !== undefined) parts.push(sql`p.brand_id ${idsNamed(BRANDS, [filter.brand])}`);
  for (const [column, table, names] of [
    [sql`p.category_id`, CATEGORIES, filter.category],
    [sql`p.parent_category_id`, PARENT_CATEGORIES, filter.parentCategory],
    [sql`p.food_group_id`, FOOD_GROUPS, filter.foodGroup],
    [sql`p.process_type_id`, PROCESS_TYPES, filter.processType],
  ] as const) {
    if (names !== undefined) parts.push(sql`${column} ${idsNamed(table, names)}`);
  }
  const { createdAtGte, createdAtLte } = filter;
  if (createdAtGte !== undefined) parts.push(sql`p.created_at >= ${createdAtGte}::timestamptz`);
  if (createdAtLte !== undefined) parts.push(sql`p.created_at <= ${createdAtLte}::timestamptz`);
  return sql.join(parts, AND);
}

const AND = sql` and `;
const SOURCES = sql`products_catalog.sources where not discarded`;
const BRANDS = sql`products_catalog.brands where not discarded`;
const CATEGORIES = classified(sql`'category'`);
const PARENT_CATEGORIES = classified(sql`'parent_category'`);
const FOOD_GROUPS = classified(sql`'food_group'`);
const PROCESS_TYPES = classified(sql`'process_type'`);

function classified(type: Sql): Sql {
  return sql`products_catalog.classifications where not discarded and type = ${type}`;
}

// One value is compared by `=`: only then an index gives the rows in the order asked for.
function equals(column: Sql, values: readonly string[]): Sql {
  if (values.length === 1) return sql`${column} = ${values[0]}`;
  return sql`${column} = any(${values}::text[])`;
}

function idsNamed(table: Sql, names: readonly string[]): Sql {
  if (names.length === 1) return sql`= (select id from ${table} and name = ${names[0]})`;
  return sql`= any(array(select id from ${table} and name = any(${names}::text[])))`;
}
