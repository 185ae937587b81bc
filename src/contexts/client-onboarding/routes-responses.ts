import { noContent } from "../../http/reply.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { Type } from "../../http/schema.ts";
import type { Clock } from "../../platform/clock.ts";
import { platformErrors } from "../../platform/errors.ts";
import { onboardingLimits as limits } from "../../platform/limits.ts";
import { TAG } from "./schemas.ts";
import type { ResponseStore } from "./store-responses.ts";

export interface EraseResponseRouteOptions {
  readonly responses: Pick<ResponseStore, "erase">;
  readonly clock: Clock;
}

/** Erases what one person answered, for who has the form. */
export function createEraseResponseRoute({ responses, clock }: EraseResponseRouteOptions): Route {
  return defineRoute({
    method: "DELETE",
    path: "/v1/client-onboarding/responses/{response_id}",
    summary: "Erase one answer to a form of yours for good",
    description:
      "A copy that TypeForm delivers again does not bring it back. A client that was made from it keeps what it has.",
    tag: TAG,
    access: AUTHENTICATED,
    params: Type.Object({
      response_id: Type.String({ minLength: 1, maxLength: limits.tokenCharactersMax }),
    }),
    responses: { 204: { description: "It is erased" } },
    async handler({ params, principal }) {
      const isErased = await responses.erase(
        params.response_id,
        principal,
        new Date(clock.nowMs()),
      );
      if (!isErased) throw platformErrors.failure("not_found");
      return noContent();
    },
  });
}
