import { devIssuerLimits as limits } from "../../platform/limits.ts";
import { isInput, optionalNumber, optionalText, textOf, type Input } from "./input.ts";
import { invalidParameter } from "./service-error.ts";

/**
 * What goes wrong: the connection is closed (`refuse`), nothing is ever answered (`hang`), an answer
 * comes late (`slow`), is no JSON (`garbage`) or is an error (`status`).
 */
export const FAULT_KINDS = ["refuse", "hang", "slow", "garbage", "status"] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  /** Name of an action, or a path, of which the end is enough; `*`: everything but the controls. */
  readonly target: string;
  readonly kind: FaultKind;
  /** How many requests meet it; left out: one. */
  readonly count?: number;
  /** Of `status`: 500 unless told. */
  readonly status?: number;
  /** Of `status`: name of the error. */
  readonly error?: string;
  /** Of `slow`. */
  readonly delayMs?: number;
}

export interface Faults {
  add(fault: Fault): void;
  /** The fault this request meets; it is used up by that. */
  take(targets: readonly string[]): Fault | undefined;
  clear(): void;
}

export function createFaults(): Faults {
  let waiting: { fault: Fault; left: number }[] = [];
  return {
    add(fault) {
      if (waiting.length >= limits.faultsMaxCount) throw invalidParameter("too many faults");
      waiting.push({ fault, left: fault.count ?? 1 });
    },
    take(targets) {
      const met = waiting.find(({ fault }) => isMet(fault, targets));
      if (met === undefined) return undefined;
      met.left--;
      if (met.left <= 0) waiting = waiting.filter((one) => one !== met);
      return met.fault;
    },
    clear: () => void (waiting = []),
  };
}

function isMet({ target }: Fault, targets: readonly string[]): boolean {
  return targets.some(
    (name) =>
      target === "*" || name === target || (target.startsWith("/") && name.endsWith(target)),
  );
}

/** A fault as JSON says it. */
export function readFault(input: unknown): Fault {
  if (!isInput(input)) throw invalidParameter("a fault is a JSON object");
  const kind = FAULT_KINDS.find((known) => known === input["kind"]);
  if (kind === undefined) throw invalidParameter(`kind must be one of ${FAULT_KINDS.join(", ")}`);
  return {
    target: textOf(input, "target"),
    kind,
    count: optionalNumber(input, "count", Number.MAX_SAFE_INTEGER, 1) ?? 1,
    ...numberIn(input, "status", 599, 400),
    ...numberIn(input, "delayMs", limits.slowMsMax),
    ...(input["error"] === undefined ? {} : { error: optionalText(input, "error")! }),
  };
}

function numberIn(input: Input, name: string, max: number, min = 0): Record<string, number> {
  const value = optionalNumber(input, name, max, min);
  return value === undefined ? {} : { [name]: value };
}
