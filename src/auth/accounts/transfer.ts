import type { Clock } from "../../platform/clock.ts";
import { readCsv } from "../../platform/csv.ts";
import { AppError } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { textFileLimits, transferLimits as limits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { readLines, readText } from "../../platform/text-file.ts";
import { recordEvent } from "../audit/store.ts";
import { describeCells, readRecord, RECORD_FIELDS, type AccountRecord } from "./account-record.ts";
import {
  insertMissingAccounts,
  knownEmails,
  pageOfAccounts,
  tenantIds,
  type BulkAccount,
} from "./store-bulk.ts";

/** Users of accounts, in another context; implemented by `contexts/iam/bulk.ts`. */
export interface UserBulk {
  provision(
    tx: Transaction,
    users: readonly { userId: string; tenantId: string; roles: readonly string[] }[],
  ): Promise<void>;
  roleNames(tenantId: string): Promise<ReadonlySet<string>>;
  rolesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
}

export interface TransferOptions {
  readonly database: Database;
  readonly users: UserBulk;
  readonly clock: Clock;
}

export interface ImportRequest {
  readonly path: string;
  readonly format: "jsonl" | "csv";
  /** Called after each batch with the rows dealt with so far. */
  readonly onProgress?: (done: number) => void;
  /** Called for each row that is skipped, as it is met. */
  readonly onRejected?: (row: { readonly line: number; readonly reason: string }) => void;
}

export interface ImportOutcome {
  readonly inserted: number;
  /** Rows whose address has an account already. */
  readonly unchanged: number;
  readonly rejected: number;
}

type Row =
  | { readonly line: number; readonly described: unknown }
  | { readonly line: number; readonly fault: string };
type Parsed = BulkAccount & { readonly line: number };

/**
 * Reads accounts from a file. What has an account already is left as it is, so a second run changes
 * nothing. Rows are stored in batches, each whole or not at all: a run that was killed is completed
 * by the next one. Bad rows are told and skipped.
 */
export async function importAccounts(
  options: TransferOptions,
  request: ImportRequest,
): Promise<ImportOutcome> {
  const counts = { inserted: 0, unchanged: 0, rejected: 0 };
  const reject = (line: number, reason: string) => {
    counts.rejected++;
    request.onRejected?.({ line, reason });
  };
  const faultOf = await createReferenceCheck(options);
  let batch: Parsed[] = [];
  let done = 0;
  const store = async () => {
    const stored = await storeBatch(options, batch, reject);
    counts.inserted += stored.inserted;
    counts.unchanged += stored.unchanged;
    batch = [];
    request.onProgress?.(done);
  };
  const rows = request.format === "csv" ? readCsvRows(request.path) : readJsonRows(request.path);
  for await (const row of rows) {
    done++;
    const record = "fault" in row ? row.fault : readRecord(row.described);
    const fault = typeof record === "string" ? record : await faultOf(record);
    if (fault !== undefined) reject(row.line, fault);
    else {
      const known = record as AccountRecord;
      batch.push({ ...known, id: known.id ?? newId(options.clock), line: row.line });
    }
    if (batch.length >= limits.batchRows) await store();
  }
  await store();
  return counts;
}

async function storeBatch(
  options: TransferOptions,
  batch: readonly Parsed[],
  reject: (line: number, reason: string) => void,
): Promise<{ inserted: number; unchanged: number }> {
  const total = { inserted: 0, unchanged: 0 };
  if (batch.length === 0) return total;
  try {
    const { inserted, known } = await options.database.withTransaction((tx) =>
      insertBatch(tx, options, batch),
    );
    for (const { id, email, line } of batch) {
      if (inserted.has(id)) total.inserted++;
      else if (known.has(email)) total.unchanged++;
      else reject(line, "the user name or the id belongs to another account");
    }
    return total;
  } catch (error) {
    // An AppError is the database being away; anything else is about one row.
    if (error instanceof AppError) throw error;
    if (batch.length === 1) {
      reject(batch[0]!.line, "the database refuses it");
      return total;
    }
  }
  for (const row of batch) {
    const one = await storeBatch(options, [row], reject);
    total.inserted += one.inserted;
    total.unchanged += one.unchanged;
  }
  return total;
}

async function insertBatch(
  tx: Transaction,
  { users }: TransferOptions,
  batch: readonly BulkAccount[],
) {
  const inserted = await insertMissingAccounts(tx, batch);
  const fresh = batch.filter(({ id }) => inserted.has(id));
  if (fresh.length > 0) {
    await users.provision(
      tx,
      fresh.map(({ id: userId, tenantId, roles }) => ({ userId, tenantId, roles })),
    );
    const reason = `${fresh.length} accounts`;
    await recordEvent(tx, { action: "account.import", actor: "cli", reason });
  }
  return {
    inserted,
    known: await knownEmails(
      tx,
      batch.map(({ email }) => email),
    ),
  };
}

/** What a row refers to has to be there: its tenant and its roles. */
async function createReferenceCheck({ database, users }: TransferOptions) {
  const tenants = await tenantIds(database);
  const roles = new Map<string, ReadonlySet<string>>();
  return async (record: AccountRecord): Promise<string | undefined> => {
    const { tenantId } = record;
    if (!tenants.has(tenantId)) return "there is no such tenant";
    if (record.roles.length === 0) return undefined;
    const known = roles.get(tenantId) ?? (await users.roleNames(tenantId));
    roles.set(tenantId, known);
    const missing = record.roles.find((role) => !known.has(role));
    return missing === undefined ? undefined : `there is no role ${missing.slice(0, 80)}`;
  };
}

async function* readJsonRows(path: string): AsyncGenerator<Row> {
  for await (const { line, text } of readLines(readText(path))) {
    if (text.trim() === "") continue;
    if (text.length > textFileLimits.lineCharactersMax)
      yield { line, fault: "the line is too long" };
    else if (text.includes("\uFFFD")) yield { line, fault: "the line is not UTF-8" };
    else yield parseLine(line, text);
  }
}

function parseLine(line: number, text: string): Row {
  try {
    return { line, described: JSON.parse(text) as unknown };
  } catch {
    return { line, fault: "the line is not JSON" };
  }
}

async function* readCsvRows(path: string): AsyncGenerator<Row> {
  let columns: string[] | undefined;
  for await (const record of readCsv(readText(path))) {
    if ("fault" in record) yield record;
    else if (columns === undefined) columns = readHeader(record.cells);
    else if (record.cells.length !== columns.length) {
      yield { line: record.line, fault: `${record.cells.length} cells, not ${columns.length}` };
    } else yield { line: record.line, described: describeCells(columns, record.cells) };
  }
}

/** A column that is not known is a fault of its own rows, not of the file: they name it. */
function readHeader(cells: readonly string[]): string[] {
  const columns = cells.map((cell) => cell.trim());
  if (columns.some((column) => RECORD_FIELDS.some((field) => field === column))) return columns;
  throw new TypeError(`the first line has no column of ${RECORD_FIELDS.join(", ")}`);
}

/** All accounts with their roles, in the order of their ids. */
export async function* exportAccounts({
  database,
  users,
}: Pick<TransferOptions, "database" | "users">): AsyncGenerator<BulkAccount> {
  for (let after: string | undefined; ;) {
    const page = await pageOfAccounts(database, { after, limit: limits.batchRows });
    if (page.length === 0) return;
    const roles = await users.rolesOf(page.map(({ id }) => id));
    for (const account of page) yield { ...account, roles: roles.get(account.id) ?? [] };
    after = page.at(-1)!.id;
  }
}
