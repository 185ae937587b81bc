import { Type } from "../http/schema.ts";
import { json } from "../http/reply.ts";
import { type Access, defineRoute, type Route, STEP_UP } from "../http/route.ts";
import type { Config } from "../platform/config.ts";
import { platformErrors } from "../platform/errors.ts";
import type { Database } from "../platform/postgres.ts";
import { DEFAULT_TENANT_ID } from "../platform/ids.ts";
import type { Principal } from "../http/principal.ts";
import { placeOf } from "./audit/place.ts";
import { authErrors } from "./errors.ts";
import type { Invalidate, WaitForCluster } from "./index.ts";
import { rotateKeys, withdrawAndRotate } from "./keys/rotation.ts";
import { KEY_USES, listKeys, type ListedKey } from "./keys/store-rows.ts";
import { callerOf, NO_STORE } from "./routes-replies.ts";
import type { Throttle } from "./throttle/throttle.ts";

export interface KeyRouteDeps {
  readonly database: Database;
  readonly config: Config;
  readonly invalidate: Invalidate;
  readonly waitForCluster: WaitForCluster;
  readonly throttle: Pick<Throttle, "take">;
}

/** People only: a key of a machine that leaks must not be able to rotate ours away. */
const ACCESS: Access = {
  kind: "permission",
  context: "iam",
  permission: "manage_users",
  kinds: ["user"],
};

const instant = Type.Union([Type.String({ format: "date-time" }), Type.Null()]);
const keyView = Type.Object({
  kid: Type.String(),
  use: Type.Enum([...KEY_USES], { description: "`sig` access tokens, `mac` refresh tokens" }),
  alg: Type.String(),
  state: Type.Enum(["next", "active", "retiring", "gone"]),
  created_at: instant,
  loaded_at: instant,
  activated_at: instant,
  retired_at: instant,
  rotation_asked_at: instant,
  missing_in: Type.Integer({ description: "Live processes that have not loaded it" }),
});
const keysAnswer = Type.Object({ data: Type.Array(keyView) });
const rotateBody = Type.Object(
  {
    use: Type.Optional(Type.Enum([...KEY_USES], { description: "`sig` unless it is said" })),
    emergency: Type.Optional(
      Type.Boolean({ description: "Withdraw at once what signed so far, and all of its tokens" }),
    ),
    next_too: Type.Optional(
      Type.Boolean({ description: "With `emergency`: the next key is not trusted either" }),
    ),
  },
  { additionalProperties: false },
);
const rotateAnswer = Type.Object({
  data: Type.Object({
    rotated: Type.Boolean({ description: "False: asked for, and done as soon as it is safe" }),
    withdrawn_kids: Type.Array(Type.String()),
    keys: Type.Array(keyView),
  }),
});

/** What an operator sees of the keys and may do to them. They are everybody's, not a tenant's. */
export function createKeyRoutes(deps: KeyRouteDeps): Route[] {
  return [listRoute(deps), rotateRoute(deps)];
}

const listRoute = ({ database }: KeyRouteDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/admin/keys",
    summary: "Lists the keys that sign tokens, the newest first; never a secret",
    description: "For administrators of the first tenant: the keys are those of all tenants.",
    tag: "auth",
    access: ACCESS,
    responses: { 200: { description: "The keys", schema: keysAnswer } },
    async handler({ principal }) {
      assertOperator(principal);
      return json(200, { data: (await listKeys(database)).map(toView) }, NO_STORE);
    },
  });

const rotateRoute = (deps: KeyRouteDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/admin/keys/rotate",
    summary: "Lets the next key follow the one that signs, when that is safe or at once",
    description: [
      "Without `emergency` the next key signs as soon as every process has it and nobody can hold a",
      "key set without it; tokens stay good. With it, the keys that signed so far are withdrawn:",
      "their tokens are refused everywhere when this answers, the caller's own one included.",
    ].join(" "),
    tag: "auth",
    access: { ...ACCESS, stepUp: STEP_UP },
    body: rotateBody,
    bodyOptional: true,
    bodyExample: { use: "sig" },
    responses: {
      200: { description: "What was done, and the keys now", schema: rotateAnswer },
      409: { description: "`conflict`: with a shared secret no key signs access tokens" },
      429: { description: "`rate_limited`" },
    },
    async handler(request) {
      const { principal, body = {}, log } = request;
      assertOperator(principal);
      const use = body.use ?? "sig";
      if (use === "sig" && deps.config.jwtAlgorithm === "HS256") {
        throw platformErrors.failure("conflict", { detail: "JWT_ALG=HS256 signs with JWT_SECRET" });
      }
      const actor = principal.accountId ?? principal.userId;
      // Each one makes a key and wakes every process.
      await deps.throttle.take("revokeAccount", actor);
      const caller = { actor, tenantId: principal.tenantId, ...placeOf(callerOf(request)) };
      const kids: string[] = [];
      let rotated = true;
      if (body.emergency === true) {
        const isNextToo = body.next_too === true;
        const withdrawn = await withdrawAndRotate({ ...deps, log }, { use, isNextToo }, caller);
        kids.push(...withdrawn.kids);
        await deps.waitForCluster(withdrawn.receipt.number);
      } else {
        rotated = await rotateKeys({ ...deps, log }, use, caller);
      }
      const keys = (await listKeys(deps.database)).map(toView);
      return json(200, { data: { rotated, withdrawn_kids: kids, keys } }, NO_STORE);
    },
  });

/** What is done to the keys is done to every tenant: only the operator's own one may. */
function assertOperator({ tenantId }: Principal): void {
  if (tenantId !== DEFAULT_TENANT_ID) {
    throw authErrors.failure("permission_denied", { note: "keys are not a tenant's own" });
  }
}

function toView(key: ListedKey) {
  const at = (instant: Date | null) => instant?.toISOString() ?? null;
  return {
    kid: key.kid,
    use: key.use,
    alg: key.alg,
    state: key.state,
    created_at: at(key.createdAt),
    loaded_at: at(key.loadedAt),
    activated_at: at(key.activatedAt),
    retired_at: at(key.retiredAt),
    rotation_asked_at: at(key.rotationAskedAt),
    missing_in: key.missingIn,
  };
}
