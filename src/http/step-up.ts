import type { Clock } from "../platform/clock.ts";
import type { Rejection } from "../platform/errors.ts";
import { httpErrors } from "./errors.ts";
import type { Principal } from "./principal.ts";
import type { StepUp } from "./route.ts";

export type StepUpRule = (principal: Principal) => Rejection | undefined;

/** Methods (RFC 8176) that are no password: something one has. */
const FACTORS: ReadonlySet<string> = new Set(["otp", "hwk", "swk"]);

const STRANGER = httpErrors.rejection("permission_denied", {
  note: "an account of ours is needed",
});

/** By what the token says of its authentication; the account's present factors decide which. */
export function createStepUpRule(stepUp: StepUp, clock: Clock): StepUpRule {
  const { maxAgeSeconds } = stepUp;
  const refusal = httpErrors.rejection("step_up_required", { headers: challengeOf(stepUp) });
  return ({ amr, authTime, hasFactor, accountId }) => {
    // Of what another issuer's word of an authentication is worth we know nothing, nor can its
    // users prove themselves here.
    if (accountId === undefined) return STRANGER;
    const isFresh = clock.nowSeconds() - authTime <= maxAgeSeconds;
    const isEnough = !hasFactor || amr.some((method) => FACTORS.has(method));
    return isFresh && isEnough ? undefined : refusal;
  };
}

/**
 * For a route that asks for it in some cases only. Throws `step_up_required`; `permission_denied`
 * for a caller who is no person and cannot step up.
 */
export function assertSteppedUp(principal: Principal, stepUp: StepUp, clock: Clock): void {
  if (principal.kind !== "user") {
    throw httpErrors.failure("permission_denied", { detail: "Only a person may do this" });
  }
  const refusal = createStepUpRule(stepUp, clock)(principal);
  if (refusal === undefined) return;
  if (refusal === STRANGER) throw httpErrors.failure("permission_denied");
  throw httpErrors.failure("step_up_required", { headers: challengeOf(stepUp) });
}

/** RFC 9470 §3. */
const challengeOf = ({ maxAgeSeconds }: StepUp) => ({
  "www-authenticate": `Bearer error="insufficient_user_authentication", max_age=${maxAgeSeconds}`,
});
