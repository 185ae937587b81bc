import { systemClock, type Clock } from "../../../platform/clock.ts";
import { AppError } from "../../../platform/errors.ts";
import { newId } from "../../../platform/ids.ts";
import { productLimits } from "../../../platform/limits.ts";
import type { Logger } from "../../../platform/log.ts";
import type { Database } from "../../../platform/postgres.ts";
import { NOBODY, type Kind } from "../classification.ts";
import type { NewProduct } from "../columns.ts";
import { createClassificationStore } from "../store-classifications.ts";
import { insertMissing, tidyProducts } from "../store-write.ts";
import { importFailure } from "./import-failure.ts";
import { toImportedProduct, type IdOfName, type ImportRow } from "./import-row.ts";
import { readJsonLines } from "./jsonl.ts";
import { readColumnMap, readMappedCsv } from "./mapped-csv.ts";
import { readTaco } from "./taco.ts";

export interface ImportOptions {
  readonly database: Database;
  /** `taco`: a folder of five tables; `csv` (with a map) and `jsonl`: a file. */
  readonly format: "taco" | "csv" | "jsonl";
  readonly path: string;
  /** csv: a JSON file that names the field of each column. */
  readonly mapPath?: string;
  /** Source of the rows that name none. */
  readonly source?: string;
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Called after each batch with the rows dealt with so far. */
  readonly onProgress?: (done: number) => void;
  /** Called for each row that is skipped, as it is met. */
  readonly onRejected?: (row: RejectedRow) => void;
}

export interface RejectedRow {
  readonly line: number;
  readonly reason: string;
}

export interface ImportOutcome {
  readonly inserted: number;
  /** Rows that the catalogue has already. */
  readonly unchanged: number;
  readonly rejected: number;
}

interface Parsed extends NewProduct {
  readonly id: string;
  readonly createdAt: string;
  readonly line: number;
}

/**
 * Reads products from a file into the catalogue. A row is known by its source and its barcode,
 * else its name; what the catalogue knows already is left as it is, so a second run changes
 * nothing. Rows are stored in batches, each whole or not at all: a run that was killed is
 * completed by the next one. Bad rows are told and skipped.
 * @throws AppError `import_failed` when the file, the map or a column is not there
 */
export async function importProducts(options: ImportOptions): Promise<ImportOutcome> {
  const { database, clock = systemClock, source = "manual" } = options;
  const idOfName = namedIds(database, clock);
  let inserted = 0;
  let unchanged = 0;
  let rejected = 0;
  let done = 0;
  let batch: Parsed[] = [];
  const reject = (line: number, reason: string) => {
    rejected += 1;
    options.onRejected?.({ line, reason });
  };

  async function store(): Promise<void> {
    const added = await storeBatch(database, batch, reject);
    inserted += added.inserted;
    unchanged += added.unchanged;
    batch = [];
    options.onProgress?.(done);
  }

  for await (const row of await openRows(options)) {
    done += 1;
    const parsed =
      "fault" in row ? row.fault : await toImportedProduct(row.described, source, idOfName);
    if (typeof parsed === "string") reject(row.line, parsed);
    else {
      const createdAt = new Date(clock.nowMs()).toISOString();
      batch.push({ ...parsed, id: newId(clock), createdAt, line: row.line });
    }
    if (batch.length >= productLimits.importBatchRows) await store();
  }
  await store();
  await tidyProducts(database, inserted);
  options.log?.info({ inserted, unchanged, rejected }, "products were imported");
  return { inserted, unchanged, rejected };
}

async function openRows(options: ImportOptions): Promise<AsyncIterable<ImportRow>> {
  const { format, path, mapPath } = options;
  if (format === "taco") return readTaco(path);
  if (format === "jsonl") return readingFile(path, readJsonLines(path));
  if (mapPath === undefined) throw importFailure("a csv file needs a map of its columns");
  return readingFile(path, readMappedCsv(path, await readColumnMap(mapPath)));
}

async function* readingFile(path: string, rows: AsyncIterable<ImportRow>) {
  try {
    yield* rows;
  } catch (error) {
    if (error instanceof AppError || (error as NodeJS.ErrnoException).syscall === undefined) {
      throw error;
    }
    throw importFailure(`${path} cannot be read`, error);
  }
}

async function storeBatch(
  database: Database,
  batch: readonly Parsed[],
  reject: (line: number, reason: string) => void,
): Promise<{ inserted: number; unchanged: number }> {
  if (batch.length === 0) return { inserted: 0, unchanged: 0 };
  try {
    const inserted = await insertMissing(database, batch);
    return { inserted, unchanged: batch.length - inserted };
  } catch (error) {
    // An AppError is the database being away; anything else is about a row that our own rules let
    // through: it must not keep the others out.
    if (error instanceof AppError) throw error;
    if (batch.length === 1) {
      reject(batch[0]!.line, "the database refuses it");
      return { inserted: 0, unchanged: 0 };
    }
  }
  const total = { inserted: 0, unchanged: 0 };
  for (const row of batch) {
    const one = await storeBatch(database, [row], reject);
    total.inserted += one.inserted;
    total.unchanged += one.unchanged;
  }
  return total;
}

/** Looks names up once; the least recently made are forgotten when there are very many. */
function namedIds(database: Database, clock: Clock): IdOfName {
  const store = createClassificationStore(database);
  const known = new Map<string, string>();
  return async (kind: Kind, name: string) => {
    const key = `${kind}:${name}`;
    const cached = known.get(key);
    if (cached !== undefined) return cached;
    const made = { id: newId(clock), name, description: null, authorId: NOBODY };
    const id = await store.ensure(kind, made, new Date(clock.nowMs()));
    known.set(key, id);
    if (known.size > productLimits.importNamesMax) known.delete(known.keys().next().value!);
    return id;
  };
}
