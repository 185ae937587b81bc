import { platformErrors } from "../../platform/errors.ts";
import { productLimits } from "../../platform/limits.ts";
import { isUniqueViolation, type Database, type Transaction } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import {
  COLUMN_NAMES,
  constantSql,
  productSelection,
  writtenColumns,
  writtenRows,
  writtenValues,
  type NewProduct,
  type ProductColumns,
} from "./columns.ts";
import { productErrors } from "./errors.ts";
import { amountsOf } from "./nutri-facts.ts";
import type { MeasureUnit } from "../../platform/nutrition/nutrients.ts";
import { validationFailure } from "../../http/rules.ts";

export interface Versioned {
  readonly id: string;
  readonly version: number;
}

/** Writes products. */
export interface ProductWriter {
  /** @throws AppError `barcode_taken`; `validation_failed` when a classification is not there */
  insert(id: string, product: NewProduct, now: Date): Promise<Versioned>;
  /**
   * Locks the product, lets `change` make its new state, and stores that under the next version.
   * @throws AppError `not_found`, `version_conflict`, `barcode_taken`, `validation_failed`
   */
  change(
    id: string,
    expectedVersion: number | undefined,
    change: (stored: NewProduct) => NewProduct,
    now: Date,
  ): Promise<Versioned>;
  /** Marks it as discarded. @throws AppError `not_found`, `version_conflict` */
  discard(id: string, expectedVersion: number | undefined, now: Date): Promise<Versioned>;
}

export function createProductWriter(database: Database): ProductWriter {
  return {
    async insert(id, product, now) {
      await refusingTakenBarcode(() =>
        database.withTransaction(async (tx) => {
          await assertReferences(tx, product.columns);
          await tx.query(insertStatement([{ ...product, id, createdAt: now.toISOString() }]));
        }),
      );
      return { id, version: 1 };
    },

    change: (id, expectedVersion, change, now) =>
      refusingTakenBarcode(() =>
        database.withTransaction(async (tx) => {
          const selection = sql`${productSelection}, p.import_key`;
          const row = await lockProduct(tx, id, expectedVersion, selection);
          const stored = toNewProduct(row as unknown as StoredRow);
          const next = change(stored);
          // The key of an import belongs to the source that it came from.
          if (next.columns.source_id !== stored.columns.source_id) next.columns.import_key = null;
          await assertReferences(tx, next.columns, stored.columns);
          await tx.query(sql`
            update products_catalog.products p
               set (version, updated_at, ${writtenColumns})
                 = row(p.version + 1, v.created_at, ${writtenValues})
              from ${writtenRows([{ ...next, id, createdAt: now.toISOString() }])}
             where p.id = v.id`);
          return { id, version: row.version + 1 };
        }),
      ),

    discard: (id, expectedVersion, now) =>
      database.withTransaction(async (tx) => {
        const { version } = await lockProduct(tx, id, expectedVersion, sql`p.version`);
        await tx.query(sql`
          update products_catalog.products
             set discarded = true, version = version + 1, updated_at = ${now} where id = ${id}`);
        return { id, version: version + 1 };
      }),
  };
}

type WrittenRows = Parameters<typeof writtenRows>[0];

function insertStatement(rows: WrittenRows, condition: Sql = sql.empty): Sql {
  return sql`
    insert into products_catalog.products (id, created_at, updated_at, ${writtenColumns})
    select v.id, v.created_at, v.created_at, ${writtenValues} from ${writtenRows(rows)}
    ${condition}`;
}

/**
 * Adds those products that the catalogue does not know: by source and import key, by source and
 * barcode, or (without a barcode) by source and name. What is there stays as it is, also when
 * somebody changed or discarded it since.
 * @returns how many were added
 */
export async function insertMissing(database: Database, rows: WrittenRows): Promise<number> {
  const condition = sql`
    where v.barcode is not null or not exists (
      select 1 from products_catalog.products p
       where p.source_id = v.source_id and p.name = v.name and not p.discarded)
    on conflict do nothing`;
  return (await database.query(insertStatement(rows, condition))).rowCount;
}

/**
 * After an import: sorts the new names into their index, which every search would otherwise read
 * one by one; after a large one also brings the statistics up to date. A server too busy to do it
 * in time does it later by itself.
 */
export async function tidyProducts(database: Database, added: number): Promise<void> {
  if (added === 0) return;
  const statement =
    added < productLimits.importBatchRows
      ? sql`select gin_clean_pending_list('products_catalog.products_similar_names'::regclass)`
      : sql`vacuum (analyze) products_catalog.products`;
  await database.query(sql.unnamed(statement)).catch(() => {});
}

async function lockProduct(
  tx: Transaction,
  id: string,
  expectedVersion: number | undefined,
  selection: Sql,
): Promise<{ version: number }> {
  const { rows } = await tx.query<{ version: number }>(sql`
    select ${selection} from products_catalog.products p
     where p.id = ${id} and not p.discarded for no key update`);
  const [row] = rows;
  if (row === undefined) throw platformErrors.failure("not_found");
  if (expectedVersion !== undefined && expectedVersion !== row.version) {
    throw platformErrors.failure("version_conflict");
  }
  return row;
}

interface StoredRow extends ProductColumns {
  readonly amounts: string;
  readonly nutrient_units: Record<string, MeasureUnit> | null;
}

function toNewProduct(row: StoredRow): NewProduct {
  const columns = Object.fromEntries(COLUMN_NAMES.map((name) => [name, row[name] ?? null]));
  return {
    columns: columns as unknown as ProductColumns,
    nutriFacts: row.nutrient_units && {
      amounts: amountsOf(row.amounts),
      units: row.nutrient_units,
    },
  };
}

async function refusingTakenBarcode<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isUniqueViolation(error, "products_source_barcode_key")) throw error;
    throw productErrors.failure("barcode_taken", { cause: error });
  }
}

const REFERENCES = [
  ["source_id", constantSql("products_catalog.sources r where true")],
  ["brand_id", constantSql("products_catalog.brands r where true")],
  ...(["category", "parent_category", "food_group", "process_type"] as const).map(
    (type) =>
      [
        `${type}_id` as const,
        constantSql(`products_catalog.classifications r where r.type = '${type}'`),
      ] as const,
  ),
] as const;

/**
 * Everything a product refers to is there and stays until the commit: the share lock makes a
 * concurrent discard of it wait, and then see this product.
 */
async function assertReferences(
  tx: Transaction,
  columns: ProductColumns,
  before?: ProductColumns,
): Promise<void> {
  const faults = [];
  for (const [column, table] of REFERENCES) {
    const id = columns[column];
    if (id === null || id === before?.[column]) continue;
    const { rowCount } = await tx.query(sql`
      select 1 from ${table} and r.id = ${id} and not r.discarded for key share`);
    if (rowCount === 0) {
      faults.push({
        path: `/body/${column}`,
        code: "unknown",
        message: "must name one that exists",
      });
    }
  }
  if (faults.length > 0) throw validationFailure(faults);
}
