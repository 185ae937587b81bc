import { foreignIssuerLimits as limits } from "./limits.ts";

interface Range {
  readonly min: number;
  readonly max: number;
}

type IsGood = (text: string) => boolean;

/**
 * Reads an object of a setting member by member, and tells what is wrong with each by its name,
 * never by its value. A member that is missing is undefined and no fault.
 */
export class Members {
  readonly #given: ReadonlyMap<string, unknown>;
  readonly #asked = new Set<string>();
  readonly #path: string;
  readonly #complain: (sentence: string) => void;

  constructor(value: unknown, path: string, complain: (sentence: string) => void) {
    const isObject = isRecord(value);
    if (!isObject) complain(`${path} must be an object`);
    this.#given = new Map(isObject ? Object.entries(value) : []);
    this.#path = path;
    this.#complain = complain;
  }

  fault(member: string, sentence: string): undefined {
    this.#complain(`${this.#path}.${member} ${sentence}`);
    return undefined;
  }

  text(member: string, isGood: IsGood = () => true, rule = "must be a text"): string | undefined {
    const text = this.#take(member);
    if (text === undefined || (isText(text) && isGood(text))) return text;
    return this.fault(member, rule);
  }

  texts(member: string, mayBeEmpty = false): readonly string[] | undefined {
    const list = this.#take(member);
    if (list === undefined || isListOfTexts(list, mayBeEmpty)) return list;
    return this.fault(member, `must be a list of 1 to ${limits.listMaxCount} texts`);
  }

  number(member: string, { min, max }: Range): number | undefined {
    const number = this.#take(member);
    if (number === undefined) return undefined;
    if (typeof number === "number" && number >= min && number <= max) return number;
    return this.fault(member, `must be a number from ${min} to ${max}`);
  }

  choice<T extends string>(
    member: string,
    choices: readonly T[],
    need?: "optional",
  ): T | undefined {
    const found = this.#take(member);
    const choice = choices.find((one) => one === found);
    if (choice !== undefined || (found === undefined && need === "optional")) return choice;
    return this.fault(member, `must be one of ${choices.join(", ")}`);
  }

  choices<T extends string>(member: string, choices: readonly T[]): readonly T[] | undefined {
    const list = this.texts(member) as readonly T[] | undefined;
    if (list === undefined || list.every((one) => choices.includes(one))) return list;
    return this.fault(member, `must be a list of ${choices.join(", ")}`);
  }

  /** An object of lists of texts. */
  lists(
    member: string,
    isGood: IsGood,
    rule: string,
  ): Readonly<Record<string, readonly string[]>> | undefined {
    const object = this.#take(member);
    if (object === undefined) return undefined;
    const entries = isRecord(object) ? Object.entries(object) : [];
    const areGood = entries.every(
      ([name, list]) => isText(name) && isListOfTexts(list) && list.every(isGood),
    );
    if (areGood && entries.length > 0 && entries.length <= limits.mappedGroupsMaxCount) {
      return Object.fromEntries(entries) as Record<string, readonly string[]>;
    }
    return this.fault(member, `${rule}, in lists by group`);
  }

  /** A member that nobody asked for is a mistyped one. */
  refuseOthers(): void {
    for (const member of this.#given.keys()) {
      if (!this.#asked.has(member)) this.fault(member, "is not known");
    }
  }

  #take(member: string): unknown {
    this.#asked.add(member);
    return this.#given.get(member);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown, mayBeEmpty = false): value is string {
  return (
    typeof value === "string" &&
    (mayBeEmpty || value !== "") &&
    value.length <= limits.urlMaxCharacters
  );
}

function isListOfTexts(value: unknown, mayBeEmpty = false): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= limits.listMaxCount &&
    value.every((one) => isText(one, mayBeEmpty))
  );
}
