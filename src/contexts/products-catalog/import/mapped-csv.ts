import { readFile } from "node:fs/promises";
import { MEASURE_UNITS, NUTRIENTS } from "../../../platform/nutrition/nutrients.ts";
import { importedProduct } from "../schemas.ts";
import { readCsv } from "../../../platform/csv.ts";
import { importFailure } from "./import-failure.ts";
import type { ImportRow } from "./import-row.ts";
import { readText } from "../../../platform/text-file.ts";

/** Column of the file → field of the product. */
export type ColumnMap = Readonly<Record<string, string>>;

const SEPARATORS = [",", ";", "\t"];
const NAMES = ["source", "brand", "category", "parent_category", "food_group", "process_type"];
const SCORES = ["final", "ingredients", "nutrients"];
const NUMBERS = new Set([
  "edible_yield",
  "kg_per_unit",
  "liters_per_kg",
  "cooking_factor",
  "conservation_days",
  "package_size",
]);

type Put = (described: Record<string, unknown>, cell: string, separator: string) => void;

/** @throws AppError `import_failed` when the file is no map of columns to fields */
export async function readColumnMap(path: string): Promise<ColumnMap> {
  let map: unknown;
  try {
    map = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw importFailure(`${path} cannot be read as JSON`, error);
  }
  const isMap =
    typeof map === "object" &&
    map !== null &&
    !Array.isArray(map) &&
    Object.values(map).every((field) => typeof field === "string");
  if (!isMap) throw importFailure(`${path} must be an object of column names to field names`);
  for (const field of Object.values(map as ColumnMap)) putterOf(field);
  return map as ColumnMap;
}

/**
 * The rows of a CSV file as its map describes them. The separator is a comma, semicolon or tab:
 * the one by which the first line has all mapped columns. Columns that are not mapped are left
 * out, empty cells are "not given"; where the separator is not a comma, numbers may have one.
 * @throws AppError `import_failed` when a mapped column is not there
 */
export async function* readMappedCsv(path: string, map: ColumnMap): AsyncGenerator<ImportRow> {
  const separator = await separatorOf(path, map);
  let putters: { readonly index: number; readonly put: Put }[] | undefined;
  let width = 0;
  for await (const record of readCsv(readText(path), separator)) {
    if ("fault" in record) {
      yield record;
    } else if (putters === undefined) {
      width = record.cells.length;
      putters = record.cells.flatMap((column, index) => {
        const field = map[column.trim()];
        return field === undefined ? [] : [{ index, put: putterOf(field) }];
      });
    } else if (record.cells.length !== width) {
      yield { line: record.line, fault: `${record.cells.length} cells in place of ${width}` };
    } else {
      yield toRow(record.line, record.cells, putters, separator);
    }
  }
}

function toRow(
  line: number,
  cells: readonly string[],
  putters: readonly { readonly index: number; readonly put: Put }[],
  separator: string,
): ImportRow {
  if (cells.some((cell) => cell.includes("\uFFFD"))) return { line, fault: "is not UTF-8" };
  const described: Record<string, unknown> = {};
  for (const { index, put } of putters) {
    const cell = cells[index]!.trim();
    if (cell !== "") put(described, cell, separator);
  }
  return { line, described };
}

async function separatorOf(path: string, map: ColumnMap): Promise<string> {
  let missing: string[] = [];
  for (const separator of SEPARATORS) {
    for await (const record of readCsv(readText(path), separator)) {
      const columns = "cells" in record ? record.cells.map((cell) => cell.trim()) : [];
      const absent = Object.keys(map).filter((column) => !columns.includes(column));
      if (absent.length === 0) return separator;
      if (missing.length === 0 || absent.length < missing.length) missing = absent;
      break;
    }
  }
  throw importFailure(`${path} has no column ${missing.join(", ") || "at all"}`);
}

/**
 * How a cell goes into the description. Fields: those of a product, the name of a classification,
 * `score.final` …, and a nutrient, with another unit after a colon (`sodium:g`).
 */
function putterOf(field: string): Put {
  const [name = "", unit] = field.split(":");
  const nutrient = NUTRIENTS.find(([known]) => known === name);
  if (nutrient !== undefined && (unit === undefined || MEASURE_UNITS.some((u) => u === unit))) {
    return (described, cell, separator) => {
      const facts = (described["nutri_facts"] ??= {}) as Record<string, unknown>;
      facts[name] = { value: toNumber(cell, separator), unit: unit ?? nutrient[1] };
    };
  }
  const part = /^score\.(\w+)$/.exec(field)?.[1];
  if (part !== undefined && SCORES.includes(part)) {
    return (described, cell, separator) => {
      const score = (described["score"] ??= {}) as Record<string, unknown>;
      score[part] = toNumber(cell, separator);
    };
  }
  if (field === "is_food") {
    return (described, cell) =>
      void (described[field] = cell === "true" ? true : cell === "false" ? false : cell);
  }
  if (NUMBERS.has(field)) {
    return (described, cell, separator) => void (described[field] = toNumber(cell, separator));
  }
  const isText = field in importedProduct && field !== "nutri_facts" && field !== "score";
  if (isText || NAMES.includes(field)) {
    return (described, cell) => void (described[field] = cell);
  }
  throw importFailure(`"${field.slice(0, 100)}" is no field of a product`);
}

/** A decimal number; what is none stays text, which the schema then refuses. */
export function toNumber(cell: string, separator = ","): number | string {
  const text = separator === "," ? cell : cell.replace(",", ".");
  return /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : cell;
}
