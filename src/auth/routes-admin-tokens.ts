import { json } from "../http/reply.ts";
import { defineRoute, type Route } from "../http/route.ts";
import type { AnyRequest } from "../http/request.ts";
import { closed, instant, optionalText, Type, uuid } from "../http/schema.ts";
import { systemClock } from "../platform/clock.ts";
import { platformErrors } from "../platform/errors.ts";
import { revokedTokenLimits as limits } from "../platform/limits.ts";
import type { Database } from "../platform/postgres.ts";
import { isAccountOfTenant } from "./accounts/store-tenant.ts";
import type { WaitForCluster } from "./index.ts";
import {
  revokeAccountTokens,
  revokeToken,
  revokeTokens,
  type RevokeActor,
  type RevokeOptions,
} from "./revocation/tokens.ts";
import {
  countRevokedTokens,
  findRevokedToken,
  type TokenToRevoke,
} from "./revocation/tokens-store.ts";
import { actorOf, ADMINS } from "./routes-admin.ts";
import { callerOf, NO_STORE } from "./routes-replies.ts";
import { waitQuery } from "./routes-schemas.ts";
import { waitIfAsked } from "./routes-sessions.ts";

export interface AdminTokenDeps extends RevokeOptions {
  readonly database: Database;
  readonly waitForCluster: WaitForCluster;
}

const TAG = "admin";
const tokenId = Type.String({
  minLength: 1,
  maxLength: limits.tokenIdMaxCharacters,
  description:
    "`jti` of the token; of a foreign one also what its family has in common: `origin_jti`, `sid`",
});
const expiresAt = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: limits.expiryMaxSeconds,
    description:
      "`exp` of the token, seconds since the epoch; an earlier one than ours may have counts as that.",
  }),
);
const reason = Type.String({ minLength: 1, maxLength: limits.reasonMaxCharacters });
const countAnswer = closed({ data: closed({ revoked: Type.Integer() }) });
const maybe = Type.Union([instant, Type.Null()]);

/** Tokens of the caller's tenant that are taken back before their time. */
export function createAdminTokenRoutes(deps: AdminTokenDeps): Route[] {
  return [
    revokeRoute(deps),
    revokeBulkRoute(deps),
    statisticsRoute(deps),
    findRoute(deps),
    revokeOfAccountRoute(deps),
  ];
}

const revokeRoute = (deps: AdminTokenDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/admin/tokens/revoke",
    summary: "Takes one token back",
    tag: TAG,
    access: ADMINS,
    query: waitQuery,
    body: closed({ jti: tokenId, expires_at: expiresAt, reason }),
    bodyExample: { jti: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", reason: "found in a log" },
    responses: { 200: { description: "1, or 0 if it was so already", schema: countAnswer } },
    async handler(request) {
      const { jti, expires_at, reason: why } = request.body;
      const token = checked({ tokenId: jti, expiresAt: expires_at }, "/body");
      const done = await revokeToken(deps, token, why, actorIn(request));
      await waitIfAsked(deps, request.query.wait, done);
      return json(200, { data: { revoked: done.count } }, NO_STORE);
    },
  });

const revokeBulkRoute = (deps: AdminTokenDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/admin/tokens/revoke-bulk",
    summary: "Takes many tokens back at once",
    tag: TAG,
    access: ADMINS,
    query: waitQuery,
    body: closed({
      tokens: Type.Array(closed({ jti: tokenId, expires_at: expiresAt }), {
        minItems: 1,
        maxItems: limits.bulkMaxCount,
      }),
      reason,
    }),
    bodyExample: {
      tokens: [{ jti: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b" }],
      reason: "a backup was stolen",
    },
    responses: { 200: { description: "How many were not yet", schema: countAnswer } },
    async handler(request) {
      const tokens = request.body.tokens.map(({ jti, expires_at }, index) =>
        checked({ tokenId: jti, expiresAt: expires_at }, `/body/tokens/${index}`),
      );
      const done = await revokeTokens(deps, tokens, request.body.reason, actorIn(request));
      await waitIfAsked(deps, request.query.wait, done);
      return json(200, { data: { revoked: done.count } }, NO_STORE);
    },
  });

const statisticsRoute = ({ database }: AdminTokenDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/admin/tokens/stats",
    summary: "How many tokens of the tenant are taken back, by reason",
    tag: TAG,
    access: ADMINS,
    responses: {
      200: {
        description: "The statistics",
        schema: closed({
          data: closed({
            total: Type.Integer(),
            by_reason: Type.Record(Type.String(), Type.Integer()),
            oldest: maybe,
            newest: maybe,
            next_expiry: maybe,
          }),
        }),
      },
    },
    async handler({ principal }) {
      const found = await countRevokedTokens(database, principal.tenantId);
      const data = {
        total: found.total,
        by_reason: found.byReason,
        oldest: found.oldest?.toISOString() ?? null,
        newest: found.newest?.toISOString() ?? null,
        next_expiry: found.nextEnd?.toISOString() ?? null,
      };
      return json(200, { data }, NO_STORE);
    },
  });

const findRoute = ({ database }: AdminTokenDeps) =>
  defineRoute({
    method: "GET",
    path: "/v1/admin/tokens/{jti}",
    summary: "Why a token was taken back, when and by whom",
    tag: TAG,
    access: ADMINS,
    params: closed({ jti: tokenId }),
    responses: {
      200: {
        description: "What is known",
        schema: closed({
          data: closed({
            jti: Type.String(),
            reason: Type.String(),
            revoked_by: optionalText,
            revoked_at: instant,
            expires_at: instant,
          }),
        }),
      },
      404: { description: "`not_found`: it was not taken back" },
    },
    async handler({ params: { jti }, principal }) {
      const found = await findRevokedToken(database, jti, principal.tenantId);
      if (found === undefined) throw platformErrors.failure("not_found");
      const data = {
        jti: found.tokenId,
        reason: found.reason,
        revoked_by: found.revokedBy ?? null,
        revoked_at: found.revokedAt.toISOString(),
        expires_at: found.expiresAt.toISOString(),
      };
      return json(200, { data }, NO_STORE);
    },
  });

const revokeOfAccountRoute = (deps: AdminTokenDeps) =>
  defineRoute({
    method: "POST",
    path: "/v1/admin/accounts/{account_id}/revoke-tokens",
    summary: "Emergency: sessions, tokens and API keys of an account end",
    description: "Also the sessions in which it acts as somebody else.",
    tag: TAG,
    access: ADMINS,
    params: closed({ account_id: uuid }),
    query: waitQuery,
    body: closed({ reason }),
    bodyExample: { reason: "the account was taken over" },
    responses: {
      200: {
        description: "How many sessions ended",
        schema: closed({ data: closed({ sessions_ended: Type.Integer() }) }),
      },
      404: { description: "`not_found`: no account of the tenant" },
    },
    async handler(request) {
      const { account_id: accountId } = request.params;
      const by = actorIn(request);
      const done = await revokeAccountTokens(
        deps,
        accountId,
        (tx) => isAccountOfTenant(tx, accountId, by.tenantId),
        request.body.reason,
        by,
      );
      await waitIfAsked(deps, request.query.wait, done);
      return json(200, { data: { sessions_ended: done.count } }, NO_STORE);
    },
  });

/** A row that outlives every token would only make the table grow. */
function checked(token: TokenToRevoke, place: string): TokenToRevoke {
  const latest = systemClock.nowSeconds() + limits.endMaxSeconds;
  if (token.expiresAt === undefined || token.expiresAt <= latest) return token;
  throw platformErrors.failure("validation_failed", {
    errors: [{ path: `${place}/expires_at`, code: "maximum", message: "is too far away" }],
  });
}

function actorIn(request: AnyRequest): RevokeActor {
  const { principal } = request;
  return { tenantId: principal.tenantId, actor: actorOf(principal), caller: callerOf(request) };
}
