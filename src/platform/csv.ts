import { textFileLimits } from "./limits.ts";

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
  const reader = new CsvReader(separator);
  for await (const chunk of chunks) {
    yield* reader.push(chunk);
    if (reader.isStuck) break;
  }
  yield* reader.end();
}

/** One character at a time, so a chunk may end anywhere. */
class CsvReader {
  readonly #separator: string;
  #state: "cell start" | "plain" | "quoted" | "after quote" = "cell start";
  #cell = "";
  #cells: string[] = [];
  #fault: string | undefined;
  #line = 1;
  #beganAt = 1;
  #characters = 0;
  #isAfterReturn = false;

  constructor(separator: string) {
    this.#separator = separator;
  }

  /** The record is longer than any should be: most likely a quote was never closed. */
  get isStuck(): boolean {
    return this.#characters > textFileLimits.lineCharactersMax;
  }

  *push(chunk: string): Generator<CsvRecord> {
    for (const character of chunk) {
      const isSecondHalf = this.#isAfterReturn && character === "\n";
      this.#isAfterReturn = character === "\r";
      if (character === "\r" || (character === "\n" && !isSecondHalf)) this.#line += 1;
      // The LF of a CR LF that has ended a record already.
      if (isSecondHalf && this.#state !== "quoted") continue;
      this.#characters += 1;
      if (this.isStuck) return;
      if (this.#endsRecord(character)) yield* this.#record();
    }
  }

  *end(): Generator<CsvRecord> {
    if (this.isStuck || this.#state === "quoted") this.#fault = "a quote that is never closed";
    yield* this.#record();
  }

  #endsRecord(character: string): boolean {
    if (this.#state === "quoted") {
      if (character === QUOTE) this.#state = "after quote";
      else this.#cell += character;
      return false;
    }
    if (character === "\n" || character === "\r") return true;
    if (character === this.#separator) {
      this.#endCell();
    } else if (character === QUOTE && this.#state === "after quote") {
      this.#cell += QUOTE;
      this.#state = "quoted";
    } else if (character === QUOTE && this.#state === "cell start") {
      this.#state = "quoted";
    } else {
      if (this.#state === "after quote") this.#fault = "text after a closing quote";
      else if (character === QUOTE) this.#fault = "a quote inside a cell without quotes";
      this.#cell += character;
      this.#state = "plain";
    }
    return false;
  }

  #endCell(): void {
    this.#cells.push(this.#cell);
    this.#cell = "";
    this.#state = "cell start";
  }

  *#record(): Generator<CsvRecord> {
    this.#endCell();
    const line = this.#beganAt;
    if (this.#fault !== undefined) yield { line, fault: this.#fault };
    else if (this.#cells.length > 1 || this.#cells[0] !== "") yield { line, cells: this.#cells };
    this.#cells = [];
    this.#fault = undefined;
    this.#characters = 0;
    this.#beganAt = this.#line;
  }
}
