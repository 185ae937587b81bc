import { platformErrors } from "../../platform/errors.ts";
import { isUniqueViolation, type Database, type Transaction } from "../../platform/postgres.ts";
import { pageSql } from "../../platform/sql-page.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { isReserved, PLACES, type Kind } from "./classification.ts";
import { productErrors } from "./errors.ts";
import type { Page } from "./store.ts";
import type { Versioned } from "./store-write.ts";

/** A source, brand, category … as it is read. */
export interface ClassificationRow {
  readonly id: string;
  readonly name: string;
  readonly author_id: string;
  readonly description: string | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly discarded: boolean;
  readonly version: number;
}

export interface ClassificationFilter {
  readonly name?: string;
  readonly authorId?: string;
  readonly createdAtGte?: Date;
  readonly createdAtLte?: Date;
}

export const CLASSIFICATION_SORTS = [
  "-created_at",
  "created_at",
  "-updated_at",
  "updated_at",
  "name",
  "-name",
] as const;
export type ClassificationSort = (typeof CLASSIFICATION_SORTS)[number];

const ORDERS: Readonly<Record<ClassificationSort, Sql>> = {
  created_at: sql`c.created_at, c.id`,
  "-created_at": sql`c.created_at desc, c.id desc`,
  updated_at: sql`c.updated_at, c.id`,
  "-updated_at": sql`c.updated_at desc, c.id desc`,
  name: sql`c.name, c.id`,
  "-name": sql`c.name desc, c.id desc`,
};

export interface NewClassification {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly authorId: string;
}

export interface ClassificationChanges {
  readonly name?: string;
  readonly description?: string | null;
}

const SELECTION = sql`c.id, c.name, c.author_id, c.description, c.created_at, c.updated_at,
  c.discarded, c.version`;

/** The kinds of classification; all of them live the same life. */
export class ClassificationStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async find(kind: Kind, id: string): Promise<ClassificationRow | undefined> {
    const [row] = await this.#database.read<ClassificationRow>(sql`
      select ${SELECTION} from ${living(kind)} and c.id = ${id}`);
    return row;
  }

  async list(
    kind: Kind,
    filter: ClassificationFilter,
    sort: ClassificationSort,
    { skip, limit }: Page,
  ): Promise<{ rows: readonly ClassificationRow[]; total: number }> {
    const matching = sql`${living(kind)} and ${conditionOf(filter)}`;
    // The total stands in every row, also in the only one of an empty page.
    const statement = sql`
      select counted.total, page.*
        from (select count(*) as total from ${matching}) counted
        left join lateral (
          select ${SELECTION} from ${matching}
           order by ${ORDERS[sort]} ${pageSql(skip, limit)}
        ) page on true`;
    // Kept prepared without a filter only: each kind, order and filter together is another text.
    const isUsual = Object.keys(filter).length === 0;
    const { rows } = await this.#database.query<ClassificationRow & { total: number }>(
      isUsual ? statement : sql.unnamed(statement),
    );
    return { rows: rows.filter((row) => row.id !== null), total: rows[0]!.total };
  }

  /** @throws AppError `name_taken` */
  async insert(kind: Kind, made: NewClassification, now: Date): Promise<Versioned> {
    const { table, type } = PLACES[kind];
    const typeColumn = type === null ? sql.empty : sql`, type`;
    const typeValue = type === null ? sql.empty : sql`, ${type}`;
    const statement = sql`
      insert into ${table}
        (id, name, description, author_id, created_at, updated_at${typeColumn})
      values (${made.id}, ${made.name}, ${made.description}, ${made.authorId}, ${now}, ${now}
        ${typeValue})`;
    // A transaction though it is one statement: a repeatable request is marked as carried out in it.
    await refusingTakenName(() => this.#database.withTransaction((tx) => tx.query(statement)));
    return { id: made.id, version: 1 };
  }

  /** @throws AppError `not_found`, `version_conflict`, `name_taken`, `source_reserved` */
  change(
    kind: Kind,
    id: string,
    expectedVersion: number | undefined,
    changes: ClassificationChanges,
    now: Date,
  ): Promise<Versioned> {
    return refusingTakenName(() =>
      this.#database.withTransaction(async (tx) => {
        const stored = await lock(tx, kind, id, expectedVersion);
        const { name = stored.name, description = stored.description } = changes;
        if (name !== stored.name) assertNotReserved(kind, id);
        await tx.query(sql`
          update ${PLACES[kind].table} set name = ${name}, description = ${description},
            version = version + 1, updated_at = ${now} where id = ${id}`);
        return { id, version: stored.version + 1 };
      }),
    );
  }

  /**
   * @throws AppError `not_found`, `version_conflict`, `classification_in_use`,
   *   `source_reserved`
   */
  discard(
    kind: Kind,
    id: string,
    expectedVersion: number | undefined,
    now: Date,
  ): Promise<Versioned> {
    return this.#database.withTransaction(async (tx) => {
      const { version } = await lock(tx, kind, id, expectedVersion);
      assertNotReserved(kind, id);
      const { table, productColumn } = PLACES[kind];
      const { rowCount } = await tx.query(sql`
        select 1 from products_catalog.products
         where ${productColumn} = ${id} and not discarded limit 1`);
      if (rowCount > 0) throw productErrors.failure("classification_in_use");
      await tx.query(sql`
        update ${table} set discarded = true, version = version + 1, updated_at = ${now}
         where id = ${id}`);
      return { id, version: version + 1 };
    });
  }

  /** The id of the one with this name; made when there is none. */
  async ensure(kind: Kind, made: NewClassification, now: Date): Promise<string> {
    const byName = sql`select c.id from ${living(kind)} and c.name = ${made.name}`;
    const [found] = (await this.#database.query<{ id: string }>(byName)).rows;
    if (found !== undefined) return found.id;
    try {
      return (await this.insert(kind, made, now)).id;
    } catch (error) {
      // Somebody else made it in between.
      const [row] = (await this.#database.query<{ id: string }>(byName)).rows;
      if (row === undefined) throw error;
      return row.id;
    }
  }
}

export function createClassificationStore(database: Database): ClassificationStore {
  return new ClassificationStore(database);
}

function living(kind: Kind): Sql {
  const { table, type } = PLACES[kind];
  const ofType = type === null ? sql.empty : sql` and c.type = ${type}`;
  return sql`${table} c where not c.discarded${ofType}`;
}

function conditionOf(filter: ClassificationFilter): Sql {
  const { name, authorId, createdAtGte, createdAtLte } = filter;
  const parts = [sql`true`];
  if (name !== undefined) parts.push(sql`c.name = ${name}`);
  if (authorId !== undefined) parts.push(sql`c.author_id = ${authorId}`);
  if (createdAtGte !== undefined) parts.push(sql`c.created_at >= ${createdAtGte}`);
  if (createdAtLte !== undefined) parts.push(sql`c.created_at <= ${createdAtLte}`);
  return sql.join(parts, sql` and `);
}

/** The full lock conflicts with the share lock of products that begin to refer to the row. */
async function lock(
  tx: Transaction,
  kind: Kind,
  id: string,
  expectedVersion: number | undefined,
): Promise<ClassificationRow> {
  const { rows } = await tx.query<ClassificationRow>(sql`
    select ${SELECTION} from ${living(kind)} and c.id = ${id} for update`);
  const [row] = rows;
  if (row === undefined) throw platformErrors.failure("not_found");
  if (expectedVersion !== undefined && expectedVersion !== row.version) {
    throw platformErrors.failure("version_conflict");
  }
  return row;
}

function assertNotReserved(kind: Kind, id: string): void {
  if (isReserved(kind, id)) throw productErrors.failure("source_reserved");
}

async function refusingTakenName<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw productErrors.failure("name_taken", { cause: error });
  }
}
