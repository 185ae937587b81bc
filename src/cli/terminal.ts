import { createInterface } from "node:readline";
import { systemClock } from "../platform/clock.ts";
import { cliLimits } from "../platform/limits.ts";
import { CommandFailure } from "./command.ts";

/** Where a command reads and writes. Answers go to standard output, everything else to the other. */
export interface Terminal {
  /** One line of the answer. */
  out(line: string): void;
  /** One line about what happens or went wrong. */
  err(line: string): void;
  /** All of standard input, without its last line end. */
  readInput(): Promise<string>;
  /** Asks on the terminal and does not show what is typed. Undefined: there is no terminal. */
  readSecret(question: string): Promise<string | undefined>;
  /** The same for what may be seen. */
  ask(question: string): Promise<string | undefined>;
  progress(label: string): Progress;
}

export interface Progress {
  /** `total` is undefined while nobody knows it. */
  update(done: number, total?: number): void;
  /** A line of its own in between. */
  note(line: string): void;
  end(): void;
}

export function createTerminal(): Terminal {
  endQuietly(process.stdout);
  endQuietly(process.stderr);
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    readInput,
    readSecret,
    ask,
    progress: (label) =>
      process.stderr.isTTY ? createBar(label, writeOver) : createPlainProgress(label, writeLine),
  };
}

const quiet = new WeakSet<NodeJS.WriteStream>();

/** `brigade roles list | head`: whoever reads us has seen enough, and that is no fault. */
function endQuietly(stream: NodeJS.WriteStream): void {
  if (quiet.has(stream)) return;
  quiet.add(stream);
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

/** Ctrl-C, which a raw terminal hands to us. */
const INTERRUPT = "\u0003";

const writeLine = (line: string) => void process.stderr.write(`${line}\n`);
const writeOver = (line: string, isLast: boolean) =>
  void process.stderr.write(`\r\u001b[2K${line}${isLast ? "\n" : ""}`);

async function readInput(): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of process.stdin) {
    pieces.push(piece as Buffer);
    bytes += (piece as Buffer).length;
    if (bytes > cliLimits.inputMaxBytes) throw new CommandFailure("standard input is too long");
  }
  return Buffer.concat(pieces)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

function readSecret(question: string): Promise<string | undefined> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return Promise.resolve(undefined);
  stderr.write(question);
  stdin.setRawMode(true);
  return new Promise((resolve, reject) => {
    let text = "";
    const end = (finish: () => void) => {
      stdin.off("data", take);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write("\n");
      finish();
    };
    const take = (typed: Buffer) => {
      for (const character of typed.toString("utf8")) {
        if (character === "\r" || character === "\n") return end(() => resolve(text));
        if (character === INTERRUPT) return end(() => reject(new CommandFailure("interrupted")));
        if (character === "\u007f" || character === "\b")
          text = Array.from(text).slice(0, -1).join("");
        else text += character;
      }
    };
    stdin.on("data", take);
    // A second question finds it paused.
    stdin.resume();
  });
}

function ask(question: string): Promise<string | undefined> {
  const { stdin: input, stderr: output } = process;
  if (!input.isTTY) return Promise.resolve(undefined);
  const lines = createInterface({ input, output });
  return new Promise((resolve, reject) => {
    // Ctrl-C and Ctrl-D; after an answer nobody listens any more.
    lines.once("close", () => reject(new CommandFailure("interrupted")));
    lines.question(question, (answer) => {
      resolve(answer);
      lines.close();
    });
  });
}

/** A bar that is drawn over itself, a few times a second. */
export function createBar(label: string, write: (line: string, isLast: boolean) => void): Progress {
  let drawnMs = Number.NEGATIVE_INFINITY;
  let last = `${label} 0`;
  return {
    update(done, total) {
      last =
        total === undefined || total === 0 ? `${label} ${done}` : `${label} ${bar(done, total)}`;
      const nowMs = systemClock.monotonicMs();
      if (nowMs - drawnMs < cliLimits.redrawMs) return;
      drawnMs = nowMs;
      write(last, false);
    },
    note: (line) => write(line, true),
    end: () => write(last, true),
  };
}

function bar(done: number, total: number): string {
  const width = cliLimits.barWidthCharacters;
  const share = Math.min(1, done / total);
  const full = Math.round(share * width);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return `[${"#".repeat(full)}${".".repeat(width - full)}] ${percent} ${done}/${total}`;
}

/** Whole lines, one for each tenth; for logs and pipes. */
export function createPlainProgress(label: string, write: (line: string) => void): Progress {
  let tenth = 0;
  let last: string | undefined;
  return {
    update(done, total) {
      last = total === undefined ? `${label}: ${done}` : `${label}: ${done} of ${total}`;
      const reached =
        total === undefined
          ? Math.floor(done / cliLimits.plainStepCount)
          : Math.floor((done * 10) / Math.max(1, total));
      if (reached <= tenth) return;
      tenth = reached;
      write(last);
      last = undefined;
    },
    note: write,
    end() {
      if (last !== undefined) write(last);
    },
  };
}

/** Columns of equal width, the last one ragged. Control characters cannot reach the terminal. */
export function toTable(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const clean = [header, ...rows].map((row) => row.map(printable));
  const widths = header.map((_, column) =>
    Math.max(...clean.map((row) => (row[column] ?? "").length)),
  );
  return clean.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]!)))
      .join("  "),
  );
}

/** Text of others, safe to print: a name could hold the terminal's own commands. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "?");
}
