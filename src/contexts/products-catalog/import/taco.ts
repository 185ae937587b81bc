import { join } from "node:path";
import type { NutrientName } from "../../../platform/nutrition/nutrients.ts";
import { readCsv, type CsvRecord } from "../../../platform/csv.ts";
import { importFailure } from "./import-failure.ts";
import type { ImportRow } from "./import-row.ts";
import { toNumber } from "./mapped-csv.ts";
import { readText } from "../../../platform/text-file.ts";

/** Column of a table → nutrient. The factor turns the table's unit into our default unit. */
type Columns = Readonly<Record<string, { readonly name: NutrientName; readonly factor?: number }>>;

const NUTRIENT_COLUMNS: Columns = {
  kcal: { name: "calories" },
  protein: { name: "protein" },
  lipids: { name: "total_fat" },
  cholesterol: { name: "cholesterol" },
  carbohydrates: { name: "carbohydrate" },
  dietaryFiber: { name: "dietary_fiber" },
  ash: { name: "ashes" },
  calcium: { name: "calcium" },
  magnesium: { name: "magnesium" },
  manganese: { name: "manganese" },
  phosphorus: { name: "phosphorus" },
  iron: { name: "iron" },
  sodium: { name: "sodium" },
  potassium: { name: "potassium" },
  copper: { name: "copper" },
  zinc: { name: "zinc" },
  retinol: { name: "retinol" },
  thiamin: { name: "thiamine" },
  riboflavin: { name: "riboflavin" },
  pyridoxine: { name: "pyridoxine" },
  niacin: { name: "niacin" },
  vitaminC: { name: "vitamin_c" },
};

const GRAMS_TO_MILLIGRAMS = 1_000;
// Both trans acids are one nutrient: columns of the same name are added.
const FATTY_ACID_COLUMNS: Columns = {
  saturated: { name: "saturated_fat" },
  monounsaturated: { name: "monounsaturated_fat" },
  polyunsaturated: { name: "polyunsaturated_fat" },
  "18:1": { name: "oleic_acid" },
  "18:2n6": { name: "linoleic_acid" },
  "18:3n3": { name: "linolenic_acid" },
  "20:4": { name: "arachidonic_acid" },
  "20:5": { name: "epa", factor: GRAMS_TO_MILLIGRAMS },
  "22:6": { name: "dha", factor: GRAMS_TO_MILLIGRAMS },
  "18:1t": { name: "trans_fat" },
  "18:2t": { name: "trans_fat" },
};

const AMINO_ACID_COLUMNS: Columns = { phenylalanine: { name: "phenylalanine" } };

const TABLES = [
  ["nutrients.csv", NUTRIENT_COLUMNS],
  ["fatty-acids.csv", FATTY_ACID_COLUMNS],
  ["amino-acids.csv", AMINO_ACID_COLUMNS],
] as const;

type Facts = Record<string, number>;

/**
 * The foods of a folder with the five tables of the Brazilian food composition table (TACO):
 * `food.csv`, `categories.csv`, and three with values per 100 g by `foodId`. An empty cell was not
 * measured. A food that one of the tables has wrong is named with its line in `food.csv`.
 * @throws AppError `import_failed` when a table or a column of it is not there
 */
export async function* readTaco(folder: string): AsyncGenerator<ImportRow> {
  const categories = new Map<string, string>();
  for await (const row of readTable(folder, "categories.csv", ["id", "name"])) {
    if ("values" in row) categories.set(row.values["id"]!, row.values["name"]!);
  }
  const factsByFood = new Map<string, Facts>();
  const faults = new Map<string, string>();
  for (const [table, columns] of TABLES) {
    for await (const row of readTable(folder, table, ["foodId", ...Object.keys(columns)])) {
      if ("fault" in row) {
        yield { line: row.line, fault: `${table}: ${row.fault}` };
        continue;
      }
      const id = row.values["foodId"]!;
      const facts = factsByFood.get(id) ?? {};
      factsByFood.set(id, facts);
      const fault = addFacts(facts, row.values, columns);
      if (fault !== undefined) faults.set(id, `${table} line ${row.line}: ${fault}`);
    }
  }
  for await (const row of readTable(folder, "food.csv", ["id", "categoryId", "name"])) {
    if ("fault" in row) {
      yield row;
      continue;
    }
    const { id, categoryId, name } = row.values as Record<"id" | "categoryId" | "name", string>;
    const category = categories.get(categoryId);
    const fault =
      faults.get(id) ?? (category === undefined ? "its category is unknown" : undefined);
    if (fault !== undefined) yield { line: row.line, fault };
    else {
      const facts = factsByFood.get(id) ?? {};
      yield { line: row.line, described: { source: "taco", name, category, nutri_facts: facts } };
    }
  }
}

type TableRow =
  | { readonly line: number; readonly values: Readonly<Record<string, string>> }
  | { readonly line: number; readonly fault: string };

async function* readTable(
  folder: string,
  table: string,
  wanted: readonly string[],
): AsyncGenerator<TableRow> {
  let columns: readonly string[] | undefined;
  for await (const record of openTable(folder, table)) {
    if ("fault" in record) yield record;
    else if (columns === undefined) {
      columns = record.cells.map((cell) => cell.trim());
      const missing = wanted.filter((column) => !columns!.includes(column));
      if (missing.length > 0) throw importFailure(`${table} has no column ${missing.join(", ")}`);
    } else if (record.cells.length !== columns.length) {
      const fault = `${record.cells.length} cells in place of ${columns.length}`;
      yield { line: record.line, fault };
    } else {
      const entries = columns.map(
        (column, index) => [column, record.cells[index]!.trim()] as const,
      );
      yield { line: record.line, values: Object.fromEntries(entries) };
    }
  }
  if (columns === undefined) throw importFailure(`${table} is empty`);
}

async function* openTable(folder: string, table: string): AsyncGenerator<CsvRecord> {
  try {
    yield* readCsv(readText(join(folder, table)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw importFailure(`${table} cannot be read in ${folder}`, error);
  }
}

/** Adds a row's values to a food; answers what is wrong with them. */
function addFacts(
  facts: Facts,
  values: Readonly<Record<string, string>>,
  columns: Columns,
): string | undefined {
  for (const [column, { name, factor = 1 }] of Object.entries(columns)) {
    const cell = values[column]!;
    if (cell === "") continue;
    const value = toNumber(cell);
    if (typeof value === "string" || value < 0) return `${column} is not an amount`;
    facts[name] = decimal((facts[name] ?? 0) + value * factor);
  }
  return undefined;
}

/** Without the dust of binary fractions: 0.07 g are 70 mg and not 70.00000000000001. */
function decimal(value: number): number {
  return Number(value.toPrecision(12));
}
