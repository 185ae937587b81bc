import { parseArgs } from "node:util";
import type { Terminal } from "./terminal.ts";

/** Exit codes: sysexits.h for the configuration, the shell's custom for the rest. */
export const EXIT = Object.freeze({ ok: 0, failure: 1, usage: 2, configuration: 78 });

/** The command line is wrong; one sentence, exit code 2. */
export class UsageError extends Error {
  constructor(sentence: string) {
    super(sentence);
    this.name = "UsageError";
  }
}

/** The command cannot do what was asked; one sentence, exit code 1. */
export class CommandFailure extends Error {
  constructor(sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = "CommandFailure";
  }
}

export interface OptionDefinition {
  readonly type: "string" | "boolean";
  readonly multiple?: boolean;
  /** What the value is, in capitals, for the help. */
  readonly value?: string;
  readonly description: string;
}

type Options = Readonly<Record<string, OptionDefinition>>;

export type ValuesOf<O extends Options> = {
  readonly [K in keyof O]: O[K]["type"] extends "boolean"
    ? boolean | undefined
    : O[K] extends { multiple: true }
      ? readonly string[] | undefined
      : string | undefined;
};

export interface CommandInput<O extends Options = Options> {
  readonly values: ValuesOf<O>;
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
}

/** A command as the table holds it. */
export interface Command {
  /** All words: `users create`. */
  readonly name: string;
  readonly summary: string;
  /** Names of the positional arguments; `[NAME]` may be left out. */
  readonly positionals: readonly string[];
  readonly options: Options;
  readonly notes?: readonly string[];
  /** Resolves to an exit code. */
  run(input: CommandInput<any>): Promise<number>;
}

interface CommandDefinition<O extends Options> extends Omit<Command, "options" | "run"> {
  readonly options: O;
  run(input: CommandInput<O>): Promise<number>;
}

/** Declares a command. The options type its input. */
export function defineCommand<const O extends Options>(definition: CommandDefinition<O>): Command {
  return Object.freeze(definition);
}

/** Throws `UsageError` when the words are not what the command takes. */
export function readArguments(
  command: Command,
  words: readonly string[],
): Pick<CommandInput, "values" | "positionals"> & { wantsHelp: boolean } {
  const options: Record<string, { type: "string" | "boolean"; multiple: boolean; short?: string }> =
    { help: { type: "boolean", multiple: false, short: "h" } };
  for (const [name, { type, multiple = false }] of Object.entries(command.options)) {
    options[name] = { type, multiple };
  }
  try {
    const parsed = parseArgs({ args: [...words], options, allowPositionals: true, strict: true });
    const wantsHelp = parsed.values["help"] === true;
    if (!wantsHelp) assertPositionals(command, parsed.positionals);
    return {
      values: parsed.values as CommandInput["values"],
      positionals: parsed.positionals,
      wantsHelp,
    };
  } catch (error) {
    if (error instanceof UsageError || !isParseError(error)) throw error;
    // Node adds advice after the first sentence.
    throw new UsageError(error.message.split(/\. |\n/)[0]!.replace(/\.$/, ""));
  }
}

function isParseError(error: unknown): error is Error {
  const code = (error as { code?: unknown }).code;
  return error instanceof Error && typeof code === "string" && code.startsWith("ERR_PARSE_ARGS");
}

function assertPositionals(command: Command, given: readonly string[]): void {
  const needed = command.positionals.filter((name) => !name.startsWith("["));
  if (given.length < needed.length) throw new UsageError(`${needed[given.length]} is missing`);
  if (given.length > command.positionals.length) {
    throw new UsageError(`'${given[command.positionals.length]}' is one argument too many`);
  }
}

/** The help of one command, as lines. */
export function helpOf(command: Command): string[] {
  const options = Object.entries({
    ...command.options,
    help: { type: "boolean", description: "Show this and exit" } satisfies OptionDefinition,
  } as Options).map(([name, option]) => {
    const value = option.type === "string" ? ` ${option.value ?? "TEXT"}` : "";
    return [`  --${name}${value}`, option.description + (option.multiple ? " (repeatable)" : "")];
  });
  const width = Math.max(...options.map(([left]) => left!.length)) + 2;
  const usage = ["Usage: brigade", command.name, ...command.positionals, "[options]"].join(" ");
  return [
    usage,
    "",
    command.summary,
    "",
    "Options:",
    ...options.map(([left, right]) => left!.padEnd(width) + right!),
    ...(command.notes === undefined ? [] : ["", ...command.notes]),
  ];
}
