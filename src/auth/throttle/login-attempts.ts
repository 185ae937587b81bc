import { budgetSizes, loginLimits } from "../../platform/limits.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import type { Account } from "../accounts/store.ts";
import { type Identifier } from "../accounts/identifiers.ts";
import { DEFAULT_TENANT_ID } from "../../platform/ids.ts";
import { authErrors } from "../errors.ts";
import type { BlockOf } from "../network/blocks.ts";
import type { PolicyOf } from "../tenants/policies.ts";
import { networkOf } from "./network.ts";
import {
  beginLogin,
  failLogin,
  passLogin,
  withdrawTry,
  type Guess,
  type LoginLimits,
  type Try,
} from "./store-attempts.ts";
import { returnUnits, type BudgetSize } from "./store.ts";
import { digestOf, rateLimited } from "./throttle.ts";

/** A login attempt that was let through and has to be accounted for, once. */
export interface LoginAttempt {
  /** The identifier is locked: the right password is told so and opens nothing. */
  readonly isLocked: boolean;
  /** The password was right: nothing stands against it any more, the network's unit is given back. */
  succeeded(): Promise<void>;
  /** The password was wrong, or nobody knows. True if a lock began. */
  failed(): Promise<boolean>;
  /** The password was right, and was refused all the same: what was counted before stays. */
  refused(): Promise<void>;
  /** The password was never looked at: nothing was learnt, nothing is charged. */
  notTried(): Promise<void>;
}

export interface LoginCaller {
  readonly identifier: Identifier;
  /** Whom the identifier names, if anybody. */
  readonly account: Pick<Account, "id" | "tenantId"> | undefined;
  readonly address: string;
  /** Digest of the device's secret. */
  readonly device: Buffer | undefined;
}

export interface LoginAttempts {
  /**
   * Takes one try, before any hashing. Undefined: this identifier has had its wrong passwords for
   * now. Throws `rate_limited` (429, `Retry-After`) for a network that has, or that has to wait
   * after its failures with this identifier; `network_blocked` (403) for one that is shut out.
   */
  begin(caller: LoginCaller): Promise<LoginAttempt | undefined>;
}

export interface LoginAttemptsOptions {
  readonly database: Pick<Database, "query">;
  readonly metrics: Metrics;
  readonly policyOf: PolicyOf;
  readonly blockOf: BlockOf;
  readonly limits?: LoginLimits | undefined;
  readonly networkBudget?: BudgetSize | undefined;
}

/**
 * Wrong passwords, counted in the database for all processes: for the identifier as typed, known
 * or not, so that neither the answer nor the work tells whether it exists (an account has two at
 * most: address and user name); for the network; and for both together, which have to wait longer
 * with each failure. A device that the account logged in with before has tries of its own.
 */
export function createLoginAttempts(options: LoginAttemptsOptions): LoginAttempts {
  const {
    database,
    metrics,
    policyOf,
    blockOf,
    limits = loginLimits,
    networkBudget = budgetSizes.loginNetwork,
  } = options;
  const refusals = createRefusalCounters(metrics);
  const locks = metrics.counter("brigade_auth_lockouts_total", "Locks that wrong passwords began");
  return {
    async begin({ identifier, account, address, device }) {
      const block = await blockOf(address);
      if (block === "manual") throw authErrors.failure("network_blocked");
      const policy = await policyOf(account?.tenantId ?? DEFAULT_TENANT_ID);
      const guess: Guess = {
        identifier: digestOf("email" in identifier ? identifier.email : identifier.username),
        network: networkOf(address),
        accountId: account?.id,
        device,
        isBlocked: block !== undefined,
        lockout: policy.lockout,
      };
      const { verdict, key, waitSeconds } = await beginLogin(
        database,
        guess,
        limits,
        networkBudget,
      );
      if (verdict !== "try" && verdict !== "check") {
        refusals[verdict].add();
        if (verdict === "blocked") throw authErrors.failure("network_blocked");
        if (verdict === "delay" || verdict === "network") throw rateLimited(waitSeconds);
        return undefined;
      }
      const network = { key: `loginNetwork:${guess.network}`, ...networkBudget };
      // A known device has taken nothing from its network.
      const uncharged = key === guess.identifier ? [network] : [];
      return {
        isLocked: verdict === "check",
        succeeded: () => passLogin(database, key, guess, limits, networkBudget),
        async failed() {
          const began = await failLogin(database, key, guess, limits);
          if (began) locks.add();
          return began;
        },
        refused: () => withdrawTry(database, key),
        async notTried() {
          await withdrawTry(database, key);
          await returnUnits(database, uncharged);
        },
      };
    },
  };
}

type Refusal = Exclude<Try["verdict"], "try" | "check">;

function createRefusalCounters(metrics: Metrics) {
  const counter = (budget: string) =>
    metrics.counter("brigade_auth_throttled_total", "Attempts refused by a budget", { budget });
  return {
    locked: counter("identifier"),
    full: counter("identifier_full"),
    blocked: counter("blocked"),
    delay: counter("delay"),
    network: counter("network"),
  } satisfies Record<Refusal, unknown>;
}
