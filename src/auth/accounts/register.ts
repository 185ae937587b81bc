import type { Config } from "../../platform/config.ts";
import { AppError } from "../../platform/errors.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { placeOf } from "../audit/place.ts";
import type { Throttle } from "../throttle/throttle.ts";
import type { Grant } from "../session/enter.ts";
import {
  locate,
  openSession,
  type Caller,
  type OpenedSession,
  type OpenOptions,
} from "../session/open.ts";
import { issueTokens, type TokenOptions } from "../session/tokens.ts";
import type { AccountRequest, Accounts } from "./accounts.ts";

export interface RegisterOptions extends TokenOptions, Pick<OpenOptions, "policyOf" | "countryOf"> {
  readonly accounts: Pick<Accounts, "create">;
  readonly throttle: Throttle;
  readonly keyRing: OpenOptions["keyRing"] & TokenOptions["keyRing"];
  readonly config: TokenOptions["config"] & Pick<Config, "emailVerification">;
  readonly metrics: Metrics;
}

export interface RegisterRequest extends AccountRequest {
  readonly caller: Caller;
  readonly signal: AbortSignal | undefined;
}

/** Undefined: the answer says neither that an account was made nor that there was one. */
export type Register = (request: RegisterRequest) => Promise<Grant | undefined>;

/**
 * Makes an account. Where addresses need not be verified its first session is opened in the same
 * transaction; where they must be, a taken address and a new one get the same answer. Throws
 * `account_exists`, `validation_failed`, `rate_limited`, `overloaded`.
 */
export function createRegister(options: RegisterOptions): Register {
  const { accounts, throttle, config, metrics } = options;
  const made = metrics.counter("brigade_auth_registrations_total", "Accounts made by registration");
  const isOpenAtOnce = config.emailVerification !== "required";
  return async ({ caller: asked, signal, ...request }) => {
    await throttle.take("registerNetwork", asked.address);
    const caller = await locate(options, asked);
    let opened: OpenedSession | undefined;
    try {
      const account = await accounts.create(request, {
        ...placeOf(caller),
        signal,
        async within(tx, fresh) {
          if (!isOpenAtOnce) return;
          const session = { caller, device: undefined, rememberMe: false, amr: ["pwd"] };
          opened = await openSession(tx, options, fresh, session);
        },
      });
      made.add();
      if (opened === undefined) return undefined;
      const { session, refreshSecret: secret, refreshKey: key } = opened;
      return {
        account,
        session,
        tokens: await issueTokens(options, account, session, { secret, key }),
      };
    } catch (error) {
      if (!isOpenAtOnce && isTakenEmail(error)) return undefined;
      throw error;
    }
  };
}

/** A taken user name is always told; it is reported first when both are taken. */
function isTakenEmail(error: unknown): boolean {
  return error instanceof AppError && error.code === "account_exists" && error.note === "email";
}
