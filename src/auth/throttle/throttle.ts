import { createHash } from "node:crypto";
import { httpErrors } from "../../http/errors.ts";
import type { AppError } from "../../platform/errors.ts";
import { throttleLimits } from "../../platform/limits.ts";
import type { Counter, Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import type { Identifier } from "../accounts/identifiers.ts";
import { networkOf } from "./network.ts";
import {
  refillAndReturn,
  returnUnits,
  takeBudgets,
  type Budget,
  type BudgetSize,
} from "./store.ts";

export interface ThrottleSizes {
  readonly loginIdentifier: BudgetSize;
  readonly loginNetwork: BudgetSize;
  readonly registerNetwork: BudgetSize;
  readonly revokeAccount: BudgetSize;
}

/** A login attempt that was let through and has to be accounted for. */
export interface LoginAttempt {
  /** The password was right: the identifier's budget is whole again, the network's unit given back. */
  succeeded(): Promise<void>;
  /** The password was never looked at: nothing was learnt, nothing is charged. */
  notTried(): Promise<void>;
}

export interface Throttle {
  /**
   * Takes a unit for one guess, before any hashing. Undefined: this identifier has had its wrong
   * passwords for now. Throws `rate_limited` (429, `Retry-After`) for a network that has.
   */
  login(identifier: Identifier, address: string): Promise<LoginAttempt | undefined>;
  /** Throws `rate_limited`. */
  register(address: string): Promise<void>;
  /** Revocations by their own account, each of which wakes every process. Throws `rate_limited`. */
  revoke(accountId: string): Promise<void>;
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
  sizes: ThrottleSizes = throttleLimits,
): Throttle {
  const refusals = createRefusalCounters(metrics);
  const takeOne = async (kind: keyof typeof refusals, key: string, size: BudgetSize) => {
    const refusal = await takeBudgets(database, [{ key: `${kind}:${key}`, ...size }]);
    if (refusal === undefined) return;
    refusals[kind].add();
    throw rateLimited(refusal.retryAfterSeconds);
  };
  return {
    async login(identifier, address) {
      const network = { key: `login:network:${networkOf(address)}`, ...sizes.loginNetwork };
      const person = { key: `login:${digestOf(identifier)}`, ...sizes.loginIdentifier };
      const refusal = await takeBudgets(database, [network, person]);
      if (refusal === undefined) return attempt(database, network, person);
      if (refusal.key === person.key) {
        refusals.identifier.add();
        return undefined;
      }
      refusals.network.add();
      throw rateLimited(refusal.retryAfterSeconds);
    },
    register: (address) => takeOne("register", networkOf(address), sizes.registerNetwork),
    revoke: (accountId) => takeOne("revoke", accountId, sizes.revokeAccount),
  };
}

function attempt(database: Pick<Database, "query">, network: Budget, person: Budget): LoginAttempt {
  return {
    succeeded: () => refillAndReturn(database, person.key, network),
    notTried: () => returnUnits(database, [network, person]),
  };
}

/** People type passwords into the wrong field: the table must not hold what they typed. */
function digestOf(identifier: Identifier): string {
  const text = "email" in identifier ? identifier.email : identifier.username;
  return createHash("sha256").update(text).digest("base64url");
}

function rateLimited(seconds: number): AppError {
  return httpErrors.failure("rate_limited", { headers: { "retry-after": String(seconds) } });
}

function createRefusalCounters(metrics: Metrics) {
  const counter = (budget: string): Counter =>
    metrics.counter("brigade_auth_throttled_total", "Attempts refused by a budget", { budget });
  return {
    identifier: counter("identifier"),
    network: counter("network"),
    register: counter("register"),
    revoke: counter("revoke"),
  };
}
