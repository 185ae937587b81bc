import { json } from "../http/reply.ts";
import { type Access, defineRoute, type Route, STEP_UP } from "../http/route.ts";
import { closed, instant, Type } from "../http/schema.ts";
import type { Principal } from "../http/principal.ts";
import type { Config } from "../platform/config.ts";
import { platformErrors } from "../platform/errors.ts";
import { DEFAULT_TENANT_ID } from "../platform/ids.ts";
import type { ForeignIssuerSettings } from "../platform/issuer-settings.ts";
import { iamLimits } from "../platform/limits.ts";
import { authErrors } from "./errors.ts";
import type { IssuerKeys } from "./issuers/key-set-health.ts";
import type { KeySetState } from "./issuers/key-set.ts";
import { NO_STORE } from "./routes-replies.ts";
import type { Throttle } from "./throttle/throttle.ts";

export interface AdminIssuerDeps {
  readonly config: Pick<Config, "issuers">;
  readonly issuerKeys: IssuerKeys;
  readonly throttle: Pick<Throttle, "take">;
}

/** As for our own keys: people only. */
const ACCESS: Access = {
  kind: "permission",
  context: "iam",
  permission: "manage_users",
  kinds: ["user"],
};

const maybe = Type.Union([instant, Type.Null()]);
const issuerView = closed({
  issuer: Type.String(),
  kind: Type.Enum(["cognito", "oidc"]),
  tenant_id: Type.String({ description: "Where its users belong" }),
  provision: Type.Enum(["deny", "create"]),
  kids: Type.Array(Type.String(), { description: "Keys that its tokens are verified with" }),
  usable: Type.Boolean({ description: "False: its tokens are refused" }),
  age_seconds: Type.Union([Type.Integer(), Type.Null()], {
    description: "Since the issuer last confirmed its keys",
  }),
  fetched_at: maybe,
  failed_at: maybe,
  last_error: Type.Union([Type.String(), Type.Null()], {
    description:
      "Of the last fetch: `unreachable`, `status`, `malformed`, `discovery`, `refused`; null: it was good",
  }),
});
const refreshBody = closed({
  issuer: Type.String({ minLength: 1, maxLength: iamLimits.issuerMaxCharacters }),
});

/** What an operator sees of the issuers that are trusted, and of their keys. */
export function createAdminIssuerRoutes(deps: AdminIssuerDeps): Route[] {
  return [listRoute(deps), refreshRoute(deps)];
}

const listRoute = ({ config, issuerKeys }: AdminIssuerDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/admin/issuers",
    summary: "Lists the foreign issuers that are trusted, and the keys of each in this process",
    description: "For administrators of the first tenant: the issuers are those of all tenants.",
    tag: "auth",
    access: ACCESS,
    responses: {
      200: { description: "The issuers", schema: Type.Object({ data: Type.Array(issuerView) }) },
    },
    async handler({ principal }) {
      assertOperator(principal);
      const states = new Map((await issuerKeys.states()).map((state) => [state.issuer, state]));
      const data = config.issuers.map((one) => toView(one, states.get(one.issuer)));
      return json(200, { data }, NO_STORE);
    },
  });

const refreshRoute = ({ config, issuerKeys, throttle }: AdminIssuerDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/admin/issuers/refresh",
    summary: "Asks a foreign issuer for its keys now",
    description: [
      "A key that it withdrew counts in this process no more when this answers. Other processes ask",
      "by themselves every 15 minutes. An issuer that does not answer keeps its last keys, and",
      "`last_error` tells why.",
    ].join(" "),
    tag: "auth",
    access: { ...ACCESS, stepUp: STEP_UP },
    body: refreshBody,
    bodyExample: { issuer: "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Abc123" },
    responses: {
      200: { description: "Its keys now", schema: Type.Object({ data: issuerView }) },
      404: { description: "`not_found`: no issuer that is trusted" },
      429: { description: "`rate_limited`" },
    },
    async handler({ principal, body, log }) {
      assertOperator(principal);
      const settings = config.issuers.find(({ issuer }) => issuer === body.issuer);
      if (settings === undefined) throw platformErrors.failure("not_found");
      const actor = principal.accountId ?? principal.userId;
      // Each one is a question to somebody else's server.
      await throttle.take("revokeAccount", actor);
      const state = await issuerKeys.refresh(settings.issuer);
      log.info({ event: "issuer_keys_asked", issuer: settings.issuer, user_id: principal.userId });
      return json(200, { data: toView(settings, state) }, NO_STORE);
    },
  });

/** Whose tokens are trusted is every tenant's matter: only the operator's own one may. */
function assertOperator({ tenantId }: Principal): void {
  if (tenantId !== DEFAULT_TENANT_ID) {
    throw authErrors.failure("permission_denied", { note: "issuers are not a tenant's own" });
  }
}

function toView(settings: ForeignIssuerSettings, state: KeySetState | undefined) {
  const at = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
  return {
    issuer: settings.issuer,
    kind: settings.kind,
    tenant_id: settings.tenantId,
    provision: settings.provision,
    kids: state?.kids ?? [],
    usable: state?.isUsable ?? false,
    age_seconds: state?.ageMs === undefined ? null : Math.floor(state.ageMs / 1000),
    fetched_at: at(state?.fetchedAtMs),
    failed_at: at(state?.failedAtMs),
    last_error: state?.fault ?? null,
  };
}
