import { bearerToken } from "../http/bearer.ts";
import { json } from "../http/reply.ts";
import type { AnyRequest } from "../http/request.ts";
import { defineRoute, PUBLIC, type Route } from "../http/route.ts";
import type { Config } from "../platform/config.ts";
import { isRejection, platformErrors } from "../platform/errors.ts";
import { DEFAULT_TENANT_ID } from "../platform/ids.ts";
import type { Authenticate } from "./index.ts";
import { generatePassword, shortestGenerated } from "./password/generator.ts";
import type { PasswordJudge } from "./password/judge.ts";
import {
  generateAnswer,
  generateBody,
  policyAnswer,
  strengthAnswer,
  strengthBody,
} from "./routes-password-schemas.ts";
import { NO_STORE } from "./routes-replies.ts";
import type { PolicyOf } from "./tenants/policies.ts";
import type { Throttle } from "./throttle/throttle.ts";

export interface PasswordPolicyDeps {
  readonly authenticate: Authenticate;
  readonly policyOf: PolicyOf;
  readonly judge: PasswordJudge;
  readonly throttle: Pick<Throttle, "take">;
  readonly config: Pick<Config, "breachCheck">;
}

/** What a form that asks for a new password needs, before and after somebody is known. */
export function createPasswordPolicyRoutes(deps: PasswordPolicyDeps): Route[] {
  return [policyRoute(deps), strengthRoute(deps), generateRoute(deps)];
}

const OWN_TENANT =
  "With an access token the rules of the caller's tenant, else those of the default one.";

const REFUSED_TOKEN = { description: "The token that was sent along is not good" };

const policyRoute = (deps: PasswordPolicyDeps) =>
  defineRoute({
    method: "GET",
    path: "/auth/password/policy",
    aliases: [{ path: "/v2/auth/password/policy" }],
    summary: "The rules that a new password has to meet",
    description: OWN_TENANT,
    tag: "auth",
    access: PUBLIC,
    responses: {
      200: { description: "The rules", schema: policyAnswer },
      401: REFUSED_TOKEN,
    },
    async handler(request) {
      const tenantId = await tenantOf(deps, request);
      const rules = await deps.judge.rules(tenantId);
      const { password } = await deps.policyOf(tenantId);
      return json(
        200,
        {
          profile: rules.profile,
          min_length: rules.minCodePoints,
          max_length: rules.maxCodePoints,
          max_bytes: rules.maxBytes ?? null,
          requires_all_kinds: rules.isComplex,
          min_score: rules.minScore,
          breach_check: deps.config.breachCheck,
          history_count: password.historyCount,
          expiry_days: password.expiryDays,
          reminder_days: password.reminderDays,
        },
        NO_STORE,
      );
    },
  });

const strengthRoute = (deps: PasswordPolicyDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/password/strength",
    aliases: [{ path: "/v2/auth/password/strength" }],
    summary: "How hard a password is to guess, and what it lacks",
    description:
      `${OWN_TENANT} Nothing is kept, and no other service is asked. The same requirements decide ` +
      "when a password is set.",
    tag: "auth",
    access: PUBLIC,
    body: strengthBody,
    bodyExample: { password: "four plates of rice", email: "ana@example.com" },
    responses: {
      200: { description: "The verdict", schema: strengthAnswer },
      401: REFUSED_TOKEN,
      429: { description: "`rate_limited`: too many questions from this network" },
      503: { description: "`overloaded`: too much password work is waiting" },
    },
    async handler(request) {
      await deps.throttle.take("strengthNetwork", request.address);
      const { password, email, username, name } = request.body;
      const { score, unmet } = await deps.judge.judge({
        password,
        tenantId: await tenantOf(deps, request),
        names: [email, username, name],
        signal: request.signal,
      });
      return json(200, { score, acceptable: unmet.length === 0, unmet }, NO_STORE);
    },
  });

const generateRoute = (deps: PasswordPolicyDeps) =>
  defineRoute({
    method: "POST",
    path: "/auth/password/generate",
    aliases: [{ path: "/v2/auth/password/generate" }],
    summary: "Makes a password that meets the rules",
    description: `${OWN_TENANT} It is kept nowhere.`,
    tag: "auth",
    access: PUBLIC,
    body: generateBody,
    bodyOptional: true,
    bodyExample: { length: 20, complexity: "full" },
    responses: {
      200: { description: "A password", schema: generateAnswer },
      401: REFUSED_TOKEN,
      422: { description: "`length` is out of bounds, or shorter than the rules allow" },
    },
    async handler(request) {
      const { length, complexity } = request.body ?? {};
      const rules = await deps.judge.rules(await tenantOf(deps, request));
      const shortest = shortestGenerated(rules);
      if (length !== undefined && length < shortest) {
        const message = `must be at least ${shortest}`;
        throw platformErrors.failure("validation_failed", {
          errors: [{ path: "/body/length", code: "minimum", message }],
        });
      }
      return json(200, { password: generatePassword({ length, complexity }, rules) }, NO_STORE);
    },
  });

/** The tenant of whoever shows a token. A token that is not good is refused as everywhere. */
async function tenantOf({ authenticate }: PasswordPolicyDeps, request: AnyRequest) {
  const token = bearerToken(request.header("authorization"));
  if (token === undefined) return DEFAULT_TENANT_ID;
  const outcome = await authenticate(token, request.address);
  if (isRejection(outcome)) throw outcome;
  return outcome.tenantId;
}
