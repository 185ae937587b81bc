import { SETTINGS } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads one variable after the other and remembers what is wrong with each. */
export interface EnvironmentReader {
  readonly faults: readonly string[];
  fault(sentence: string): void;
  /** The variable as set, without blanks around it; undefined when absent or empty. */
  given(name: string): string | undefined;
  /** As set, else its default of the table. */
  text(name: string): string;
  integer(name: string, range: Range, fallback?: number): number;
  decimal(name: string, range: Range): number;
  choice<T extends string>(name: string, choices: readonly T[]): T;
  flag(name: string): boolean;
  list(name: string): string[];
}

interface Range {
  readonly min: number;
  readonly max: number;
}

const FLAGS: Readonly<Record<string, boolean>> = {
  "1": true,
  true: true,
  on: true,
  yes: true,
  "0": false,
  false: false,
  off: false,
  no: false,
};

export function createEnvironmentReader(
  environment: Environment,
  inProduction: boolean,
): EnvironmentReader {
  const faults: string[] = [];
  const fault = (sentence: string) => void faults.push(sentence);

  function given(name: string): string | undefined {
    const value = environment[name]?.trim();
    return value === "" ? undefined : value;
  }

  function defaultOf(name: string): string {
    const setting = SETTINGS.find((known) => known.name === name);
    if (setting === undefined) throw new TypeError(`${name} is not in the table of settings`);
    return (inProduction ? setting.production : undefined) ?? setting.default;
  }

  const text = (name: string) => given(name) ?? defaultOf(name);

  function number(name: string, shape: RegExp, range: Range, fallback?: number): number {
    const value = given(name);
    if (value === undefined && fallback !== undefined) return fallback;
    const parsed = shape.test(value ?? defaultOf(name)) ? Number(value ?? defaultOf(name)) : NaN;
    if (parsed >= range.min && parsed <= range.max) return parsed;
    fault(`${name} must be a number from ${range.min} to ${range.max}`);
    return range.min;
  }

  return {
    faults,
    fault,
    given,
    text,
    integer: (name, range, fallback) => number(name, /^\d{1,15}$/, range, fallback),
    decimal: (name, range) => number(name, /^\d{1,9}(\.\d{1,6})?$/, range),
    choice(name, choices) {
      const found = choices.find((choice) => choice === text(name));
      if (found === undefined) fault(`${name} must be one of ${choices.join(", ")}`);
      return found ?? choices[0]!;
    },
    flag(name) {
      const found = FLAGS[text(name).toLowerCase()];
      if (found === undefined) fault(`${name} must be on or off`);
      return found ?? false;
    },
    list(name) {
      const value = text(name);
      if (value === "none") return [];
      return value
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== "");
    },
  };
}
