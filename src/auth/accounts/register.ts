import type { Config } from "../../platform/config.ts";
import type { AppError } from "../../platform/errors.ts";
import type { Counter, Metrics } from "../../platform/metrics.ts";
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
import { authErrors } from "../errors.ts";
import { networkFault } from "../network/rules.ts";
import { issueTokens, type TokenOptions } from "../session/tokens.ts";
import type { Language } from "../mail/language.ts";
import type { AccountRequest, Accounts } from "./accounts.ts";
import { issueChallenge } from "../mfa/challenge.ts";
import { normaliseEmail } from "./identifiers.ts";
import { DEFAULT_TENANT_ID } from "../../platform/ids.ts";
import { findPasswordHash } from "./store.ts";
import { registerQuietly, type QuietOptions } from "./register-quietly.ts";
import { queueVerification } from "./verification.ts";

export interface RegisterOptions
  extends TokenOptions, QuietOptions, Pick<OpenOptions, "policyOf" | "countryOf"> {
  readonly accounts: Pick<Accounts, "create">;
  readonly throttle: Throttle;
  readonly keyRing: OpenOptions["keyRing"] & TokenOptions["keyRing"];
  readonly config: TokenOptions["config"] &
    QuietOptions["config"] &
    Pick<Config, "emailVerification">;
  readonly metrics: Metrics;
}

export interface RegisterRequest extends AccountRequest {
  readonly caller: Caller;
  readonly language: Language;
  readonly signal: AbortSignal | undefined;
}

/** Undefined: the answer says neither that an account was made nor that there was one. */
export type Register = (request: RegisterRequest) => Promise<Grant | undefined>;

/**
 * Makes an account. Where addresses need not be verified its first session is opened in the same
 * transaction; where they must be, a taken address and a new one get the same answer. Throws
 * `account_exists`, `validation_failed`, `network_blocked`, `rate_limited`, `overloaded`, and
 * `mfa_required` where the tenant wants a second factor of everybody.
 */
export function createRegister(options: RegisterOptions): Register {
  const { accounts, throttle, config, metrics } = options;
  const made = metrics.counter("brigade_auth_registrations_total", "Accounts made by registration");
  if (config.emailVerification === "required") return createQuietRegister(options, made);
  const isMailed = config.emailVerification === "optional";
  return async ({ caller: asked, signal, language, ...request }) => {
    await throttle.take("registerNetwork", asked.address);
    const caller = await locate(options, asked);
    await assertFromAllowedNetwork(options, caller);
    let opened: OpenedSession | undefined;
    let challenge: AppError | undefined;
    const account = await accounts.create(request, {
      place: placeOf(caller),
      language,
      signal,
      async within(tx, fresh) {
        const session = { caller, device: undefined, rememberMe: false, amr: ["pwd"] };
        if ((await options.policyOf(fresh.tenantId)).mfa.mode === "required") {
          // The first session needs a second factor like every other.
          const attempt = { ...session, account: fresh, trustedDeviceToken: undefined };
          const passwordHash = await findPasswordHash(tx, fresh.id);
          challenge = await issueChallenge(tx, { attempt, isEnrol: true, passwordHash });
        } else opened = await openSession(tx, options, fresh, session);
        if (isMailed) await queueVerification(tx, options, fresh);
      },
    });
    made.add();
    if (challenge !== undefined) throw challenge;
    const { session, refreshSecret: secret, refreshKey: key } = opened!;
    return {
      account,
      session,
      tokens: await issueTokens(options, account, session, { secret, key }),
    };
  };
}

/**
 * Registration is into the default tenant: its rules of networks and countries, which a login meets
 * behind the password, tell nothing here about who has an account.
 */
async function assertFromAllowedNetwork(
  { policyOf }: RegisterOptions,
  { address, country }: Caller,
): Promise<void> {
  const { network } = await policyOf(DEFAULT_TENANT_ID);
  const fault = networkFault(network, address, country);
  if (fault === undefined) return;
  throw authErrors.failure("network_blocked", { note: `tenant rule: ${fault}` });
}

/** What was asked for with an address decides nothing that its asker could see. */
function createQuietRegister(options: RegisterOptions, made: Counter): Register {
  return async ({ caller: asked, signal, language, ...request }) => {
    await options.throttle.take("registerNetwork", asked.address);
    const caller = await locate(options, asked);
    await assertFromAllowedNetwork(options, caller);
    // Mails to one address are few, whoever makes us send them, and however they write it.
    const mailbox = normaliseEmail(request.email) ?? request.email;
    const refused = await options.throttle.tryTake("resendIdentifier", mailbox);
    const place = placeOf(caller);
    const maySend = refused === undefined;
    const isNew = await registerQuietly(options, { ...request, language, place, signal, maySend });
    if (isNew) made.add();
    return undefined;
  };
}
