import { sql, type Sql } from "../../platform/sql.ts";

/** The last part of the path of each kind, as `/v1/products/{kind}`. */
export const KINDS = [
  "sources",
  "brands",
  "categories",
  "parent-categories",
  "food-groups",
  "process-types",
] as const;
export type Kind = (typeof KINDS)[number];

export interface KindPlace {
  /** For sentences: "food group". */
  readonly label: string;
  readonly table: Sql;
  /** Null: the kind has a table of its own. */
  readonly type: "category" | "parent_category" | "food_group" | "process_type" | null;
  /** The column of products that refers to it. */
  readonly productColumn: Sql;
}

const classifications = sql`products_catalog.classifications`;

/** Where each kind is stored. */
export const PLACES: Readonly<Record<Kind, KindPlace>> = Object.freeze({
  sources: {
    label: "source",
    table: sql`products_catalog.sources`,
    type: null,
    productColumn: sql`source_id`,
  },
  brands: {
    label: "brand",
    table: sql`products_catalog.brands`,
    type: null,
    productColumn: sql`brand_id`,
  },
  categories: {
    label: "category",
    table: classifications,
    type: "category",
    productColumn: sql`category_id`,
  },
  "parent-categories": {
    label: "parent category",
    table: classifications,
    type: "parent_category",
    productColumn: sql`parent_category_id`,
  },
  "food-groups": {
    label: "food group",
    table: classifications,
    type: "food_group",
    productColumn: sql`food_group_id`,
  },
  "process-types": {
    label: "process type",
    table: classifications,
    type: "process_type",
    productColumn: sql`process_type_id`,
  },
});

/**
 * Sources that the program itself names, by id. They are made by the migration and can be neither
 * renamed nor discarded.
 */
export const SOURCE_IDS = Object.freeze({
  manual: "00000000-0000-7000-8000-000000000001",
  tbca: "00000000-0000-7000-8000-000000000002",
  taco: "00000000-0000-7000-8000-000000000003",
  private: "00000000-0000-7000-8000-000000000004",
  gs1: "00000000-0000-7000-8000-000000000005",
  auto: "00000000-0000-7000-8000-000000000006",
});

const reserved: ReadonlySet<string> = new Set(Object.values(SOURCE_IDS));

export function isReserved(kind: Kind, id: string): boolean {
  return kind === "sources" && reserved.has(id);
}

/** The author of what no person made. */
export const NOBODY = "00000000-0000-0000-0000-000000000000";
