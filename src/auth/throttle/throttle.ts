import { createHash } from "node:crypto";
import { httpErrors } from "../../http/errors.ts";
import type { AppError } from "../../platform/errors.ts";
import { budgetSizes } from "../../platform/limits.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import { authErrors } from "../errors.ts";
import type { BlockOf } from "../network/blocks.ts";
import { networkOf } from "./network.ts";
import { refillBudget, returnUnits, takeBudgets, type Budget, type BudgetSize } from "./store.ts";

/** What attempts are counted for; its last word says how its key is read. */
export type BudgetKind = keyof typeof budgetSizes;
export type ThrottleSizes = Readonly<Record<BudgetKind, BudgetSize>>;

/** A budget that has no unit left. */
export interface Refused {
  readonly kind: BudgetKind;
  readonly retryAfterSeconds: number;
}

export interface ThrottleOptions {
  readonly sizes?: ThrottleSizes | undefined;
  readonly blockOf?: BlockOf | undefined;
}

const isOfNetwork = (kind: BudgetKind) => kind.endsWith("Network");

/**
 * Taken by people who bring a first factor, a token of a mail, or what a passkey signs. A block that
 * we made ourselves is of networks that guess passwords: it must not hold these up as well.
 */
const BEHIND_PROOF: ReadonlySet<BudgetKind> = new Set([
  "otpNetwork",
  "passkeyOptionsNetwork",
  "resetTokenNetwork",
  "verifyTokenNetwork",
  "unlockTokenNetwork",
]);

export type BudgetKey = readonly [kind: BudgetKind, key: string];

export interface Throttle {
  /**
   * Takes a unit of one budget, or of several in this order until one refuses. To be called before
   * the work: hashing, comparing, sending. The key is an address for a `…Network`, else an id or
   * what somebody typed, which the table never holds. Throws `rate_limited` (429, `Retry-After`),
   * and `network_blocked` (403) where a network is asked that is shut out; of the blocks that we
   * made ourselves only for what is asked without any proof.
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
}

/**
 * Budgets of attempts in the database, shared by all processes. What names somebody is counted as
 * it was typed, known or not, so that neither the answer nor the work tells whether it exists.
 */
export function createThrottle(
  database: Pick<Database, "query">,
  metrics: Metrics,
  { sizes = budgetSizes, blockOf }: ThrottleOptions = {},
): Throttle {
  const refusals = createRefusalCounters(metrics, sizes);
  const budgetOf = (kind: BudgetKind, key: string): Budget => ({
    key: `${kind}:${isOfNetwork(kind) ? networkOf(key) : digestOf(key)}`,
    ...sizes[kind],
  });
  const tryTake = async (asked: BudgetKind | readonly BudgetKey[], key?: string) => {
    const wanted = typeof asked === "string" ? [[asked, key!] as const] : asked;
    for (const [kind, its] of wanted) {
      if (!isOfNetwork(kind) || blockOf === undefined) continue;
      const block = await blockOf(its);
      if (block === "manual" || (block !== undefined && !BEHIND_PROOF.has(kind))) {
        throw authErrors.failure("network_blocked");
      }
    }
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
  };
}

/** People type passwords into the wrong field: the table must not hold what they typed. */
export function digestOf(text: string): string {
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
