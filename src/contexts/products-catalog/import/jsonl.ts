import { textFileLimits } from "../../../platform/limits.ts";
import type { ImportRow } from "./import-row.ts";
import { readLines, readText } from "../../../platform/text-file.ts";

/** A file with one JSON object a line; empty lines are left out. */
export async function* readJsonLines(path: string): AsyncGenerator<ImportRow> {
  for await (const { line, text } of readLines(readText(path))) {
    if (text.trim() === "") continue;
    if (text.length > textFileLimits.lineCharactersMax) {
      yield { line, fault: "the line is too long" };
      continue;
    }
    if (text.includes("\uFFFD")) {
      yield { line, fault: "the line is not UTF-8" };
      continue;
    }
    let described: unknown;
    try {
      described = JSON.parse(text);
    } catch {
      yield { line, fault: "the line is not JSON" };
      continue;
    }
    yield { line, described };
  }
}
