import { createHash } from "node:crypto";
import { httpErrors } from "../../http/errors.ts";
import type { AppError } from "../../platform/errors.ts";
import { budgetSizes } from "../../platform/limits.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import type { Identifier } from "../accounts/identifiers.ts";
import { networkOf } from "./network.ts";
import {
  refillAndReturn,
  refillBudget,
  returnUnits,
  takeBudgets,
  type Budget,
  type BudgetSize,
} from "./store.ts";

/** What attempts are counted for; its last word says how its key is read. */
export type BudgetKind = keyof typeof budgetSizes;
export type ThrottleSizes = Readonly<Record<BudgetKind, BudgetSize>>;

/** A budget that has no unit left. */
export interface Refused {
  readonly kind: BudgetKind;
  readonly retryAfterSeconds: number;
}

/** A login attempt that was let through and has to be accounted for. */
export interface LoginAttempt {
  /** The password was right: the identifier's budget is whole again, the network's unit given back. */
  succeeded(): Promise<void>;
  /** The password was never looked at: nothing was learnt, nothing is charged. */
  notTried(): Promise<void>;
}

export type BudgetKey = readonly [kind: BudgetKind, key: string];

export interface Throttle {
  /**
   * Takes a unit of one budget, or of several in this order until one refuses. To be called before
   * the work: hashing, comparing, sending. The key is an address for a `…Network`, else an id or
   * what somebody typed, which the table never holds. Throws `rate_limited` (429, `Retry-After`).
   */
  take(kind: BudgetKind, key: string): Promise<void>;
  take(budgets: readonly BudgetKey[]): Promise<void>;
  /** The same for a caller whose answer may not tell: the refusal is a value. */
  tryTake(kind: BudgetKind, key: string): Promise<Refused | undefined>;
  tryTake(budgets: readonly BudgetKey[]): Promise<Refused | undefined>;
  /** Nothing was tried: the unit is not charged. */
  giveBack(kind: BudgetKind, key: string): Promise<void>;
  /** The right one was given: the budget is whole again. */
  refill(kind: BudgetKind, key: string): Promise<void>;
  /**
   * Takes a unit for one guess, before any hashing. Undefined: this identifier has had its wrong
   * passwords for now. Throws `rate_limited` (429, `Retry-After`) for a network that has.
   */
  login(identifier: Identifier, address: string): Promise<LoginAttempt | undefined>;
}

/**
 * Budgets of attempts in the database, shared by all processes. Wrong passwords are counted for
 * the identifier as typed, known or not (an account has two at most: address and user name), so
 * that neither the answer nor the work tells whether it exists; and for the network: one IPv4
 * address or one IPv6 /64.
 */
export function createThrottle(
  database: Pick<Database, "query">,
  metrics: Metrics,
  sizes: ThrottleSizes = budgetSizes,
): Throttle {
  const refusals = createRefusalCounters(metrics, sizes);
  const budgetOf = (kind: BudgetKind, key: string): Budget => ({
    key: `${kind}:${kind.endsWith("Network") ? networkOf(key) : digestOf(key)}`,
    ...sizes[kind],
  });
  const tryTake = async (asked: BudgetKind | readonly BudgetKey[], key?: string) => {
    const wanted = typeof asked === "string" ? [[asked, key!] as const] : asked;
    const budgets = wanted.map(([kind, its]) => budgetOf(kind, its));
    const refusal = await takeBudgets(database, budgets);
    if (refusal === undefined) return undefined;
    const [kind] = wanted[budgets.findIndex((budget) => budget.key === refusal.key)]!;
    refusals[kind].add();
    return { kind, retryAfterSeconds: refusal.retryAfterSeconds };
  };
  return {
    tryTake,
    async take(asked: BudgetKind | readonly BudgetKey[], key?: string) {
      const refused = await tryTake(asked, key);
      if (refused !== undefined) throw rateLimited(refused.retryAfterSeconds);
    },
    giveBack: (kind, key) => returnUnits(database, [budgetOf(kind, key)]),
    refill: (kind, key) => refillBudget(database, budgetOf(kind, key).key),
    async login(identifier, address) {
      const typed = textOf(identifier);
      const refused = await tryTake([
        ["loginNetwork", address],
        ["loginIdentifier", typed],
      ]);
      if (refused?.kind === "loginIdentifier") return undefined;
      if (refused !== undefined) throw rateLimited(refused.retryAfterSeconds);
      const network = budgetOf("loginNetwork", address);
      const person = budgetOf("loginIdentifier", typed);
      return {
        succeeded: () => refillAndReturn(database, person.key, network),
        notTried: () => returnUnits(database, [network, person]),
      };
    },
  };
}

const textOf = (identifier: Identifier) =>
  "email" in identifier ? identifier.email : identifier.username;

/** People type passwords into the wrong field: the table must not hold what they typed. */
function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/** The refusal of whoever has to wait; the same for every budget. */
export function rateLimited(seconds: number): AppError {
  return httpErrors.failure("rate_limited", { headers: { "retry-after": String(seconds) } });
}

function createRefusalCounters(metrics: Metrics, sizes: ThrottleSizes) {
  const counters = Object.keys(sizes).map((budget) => [
    budget,
    metrics.counter("brigade_auth_throttled_total", "Attempts refused by a budget", { budget }),
  ]);
  return Object.fromEntries(counters) as Record<BudgetKind, ReturnType<Metrics["counter"]>>;
}
