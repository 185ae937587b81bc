import type { Clock } from "../platform/clock.ts";
import type { Rejection } from "../platform/errors.ts";
import { httpErrors } from "./errors.ts";
import type { Principal } from "./principal.ts";
import type { StepUp } from "./route.ts";

export type StepUpRule = (principal: Principal) => Rejection | undefined;

/** Methods (RFC 8176) that are no password: something one has. */
const FACTORS: ReadonlySet<string> = new Set(["otp", "hwk", "swk"]);

/** By what the token says of its authentication; the account's present factors decide which. */
export function createStepUpRule({ maxAgeSeconds }: StepUp, clock: Clock): StepUpRule {
  // RFC 9470 §3.
  const challenge = `Bearer error="insufficient_user_authentication", max_age=${maxAgeSeconds}`;
  const refusal = httpErrors.rejection("step_up_required", {
    headers: { "www-authenticate": challenge },
  });
  return ({ amr, authTime, hasFactor }) => {
    const isFresh = clock.nowSeconds() - authTime <= maxAgeSeconds;
    const isEnough = !hasFactor || amr.some((method) => FACTORS.has(method));
    return isFresh && isEnough ? undefined : refusal;
  };
}
