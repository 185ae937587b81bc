import { productLimits } from "../../../platform/limits.ts";

/** One record of a CSV text, or why it is none. `line` is where it begins, from 1. */
export type CsvRecord =
  | { readonly line: number; readonly cells: readonly string[] }
  | { readonly line: number; readonly fault: string };

const QUOTE = '"';

/**
 * Reads CSV (RFC 4180) as it comes in: cells in quotes may hold separators, line ends and doubled
 * quotes; lines end in CR LF, LF or CR; empty lines are left out. Strict about quotes: text beside
 * them is a fault of that record. A quote that is never closed ends the reading.
 */
export async function* readCsv(
  chunks: AsyncIterable<string> | Iterable<string>,
  separator = ",",
): AsyncGenerator<CsvRecord> {
  const reader = createCsvReader(separator);
  for await (const chunk of chunks) {
    yield* reader.push(chunk);
    if (reader.isStuck()) break;
  }
  yield* reader.end();
}

type State = "cell start" | "plain" | "quoted" | "after quote";

/** The state machine: one character at a time, so a chunk may end anywhere. */
function createCsvReader(separator: string) {
  let state: State = "cell start";
  let cell = "";
  let cells: string[] = [];
  let fault: string | undefined;
  let line = 1;
  let beganAt = 1;
  let characters = 0;
  let afterCarriageReturn = false;

  function endCell(): void {
    cells.push(cell);
    cell = "";
    state = "cell start";
  }

  function endRecord(): CsvRecord | undefined {
    endCell();
    const isEmpty = cells.length === 1 && cells[0] === "";
    const record: CsvRecord | undefined =
      fault !== undefined
        ? { line: beganAt, fault }
        : isEmpty
          ? undefined
          : { line: beganAt, cells };
    cells = [];
    fault = undefined;
    characters = 0;
    return record;
  }

  /** True when the character ends the record. */
  function take(character: string): boolean {
    if (state === "quoted") {
      if (character === QUOTE) state = "after quote";
      else cell += character;
      return false;
    }
    if (character === "\n" || character === "\r") return true;
    if (character === separator) {
      endCell();
    } else if (state === "after quote" && character === QUOTE) {
      cell += QUOTE;
      state = "quoted";
    } else if (state === "cell start" && character === QUOTE) {
      state = "quoted";
    } else {
      if (state === "after quote") fault = "text after a closing quote";
      else if (character === QUOTE) fault = "a quote inside a cell without quotes";
      cell += character;
      state = "plain";
    }
    return false;
  }

  return {
    *push(chunk: string): Generator<CsvRecord> {
      for (const character of chunk) {
        const isSecondHalf = afterCarriageReturn && character === "\n";
        afterCarriageReturn = character === "\r";
        if (isSecondHalf && state !== "quoted") {
          beganAt = line;
          continue;
        }
        if (character === "\r" || (character === "\n" && !isSecondHalf)) line += 1;
        characters += 1;
        if (characters > productLimits.importLineCharactersMax) return;
        if (!take(character)) continue;
        const record = endRecord();
        beganAt = line;
        if (record !== undefined) yield record;
      }
    },
    /** The record is longer than any should be: most likely a quote was never closed. */
    isStuck: () => characters > productLimits.importLineCharactersMax,
    *end(): Generator<CsvRecord> {
      if (this.isStuck() || state === "quoted") fault = "a quote that is never closed";
      const record = endRecord();
      if (record !== undefined) yield record;
    },
  };
}
