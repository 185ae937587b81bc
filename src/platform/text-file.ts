import { createReadStream } from "node:fs";
import { textFileLimits } from "./limits.ts";

const BYTE_ORDER_MARK = "\uFEFF";

/** The text of a UTF-8 file, piece by piece. What is not UTF-8 arrives as U+FFFD. */
export async function* readText(path: string): AsyncGenerator<string> {
  let isFirst = true;
  for await (const chunk of createReadStream(path, { encoding: "utf8" })) {
    const text = chunk as string;
    yield isFirst && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
    isFirst = false;
  }
}

/** The lines of a text with their numbers, from 1; line ends are CR LF or LF. */
export async function* readLines(
  chunks: AsyncIterable<string>,
): AsyncGenerator<{ readonly line: number; readonly text: string }> {
  let line = 0;
  let rest = "";
  for await (const chunk of chunks) {
    const parts = (rest + chunk).split("\n");
    // A line that is too long is refused, so its end need not be kept.
    rest = parts.pop()!.slice(0, textFileLimits.lineCharactersMax + 1);
    for (const part of parts) yield { line: (line += 1), text: part.replace(/\r$/, "") };
  }
  if (rest !== "") yield { line: line + 1, text: rest };
}
