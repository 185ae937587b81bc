import { platformErrors } from "../../platform/errors.ts";
import type { ForeignIssuerSettings } from "../../platform/issuer-settings.ts";
import { foreignIssuerLimits, revokedTokenLimits as limits } from "../../platform/limits.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { endEverything } from "../accounts/standing.ts";
import { revokeKeysOf } from "../api-keys/store.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import type { Invalidate, InvalidationReceipt } from "../index.ts";
import type { Caller } from "../session/open.ts";
import { addRevokedTokens, type TokenToRevoke } from "./tokens-store.ts";

export interface RevokeOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
  /** `iss` of our own tokens. */
  readonly ownIssuer: string;
  readonly foreignIssuers?: readonly ForeignIssuerSettings[];
  readonly metrics: Metrics;
}

/** Who takes tokens back, and from where; the command line comes from nowhere. */
export interface RevokeActor {
  readonly tenantId: string;
  readonly actor: string;
  readonly caller: Caller | undefined;
}

export interface Revocation {
  readonly count: number;
  readonly receipt: InvalidationReceipt;
}

/** Takes back single tokens of a tenant, in one transaction. At most `bulkMaxCount` of them. */
export async function revokeTokens(
  { database, invalidate, foreignIssuers = [] }: RevokeOptions,
  tokens: readonly TokenToRevoke[],
  reason: string,
  by: RevokeActor,
): Promise<Revocation> {
  if (tokens.length > limits.bulkMaxCount) throw new RangeError("revoke in batches");
  // What is named may be a family of somebody else's tokens, which lives as long as its refresh token.
  const isForeign = foreignIssuers.some(({ tenantId }) => tenantId === by.tenantId);
  const keptSeconds = isForeign ? foreignIssuerLimits.familySeconds : limits.unknownEndSeconds;
  return database.withTransaction(
    async (tx) => {
      const count = await addRevokedTokens(tx, tokens, { ...by, reason, keptSeconds });
      await record(tx, by, "token.revoke", undefined, describe(tokens, reason));
      const keys = tokens.map(({ tokenId }) => ({ kind: "token" as const, id: tokenId }));
      return { count, receipt: invalidate(tx, keys) };
    },
    { revocation: true },
  );
}

/** One token; see `revokeTokens`. */
export function revokeToken(
  options: RevokeOptions,
  token: TokenToRevoke,
  reason: string,
  by: RevokeActor,
): Promise<Revocation> {
  return revokeTokens(options, [token], reason, by);
}

/**
 * Emergency: the account was taken over. Whatever was got with it stops: its sessions and with them
 * every token, those it opened as somebody else, and its API keys. Throws `not_found` for an
 * account that is none of the tenant.
 */
export async function revokeAccountTokens(
  { database, invalidate, ownIssuer, metrics }: RevokeOptions,
  accountId: string,
  isOfTenant: (tx: Transaction) => Promise<boolean>,
  reason: string,
  by: RevokeActor,
): Promise<Revocation> {
  return database.withTransaction(
    async (tx) => {
      if (!(await isOfTenant(tx))) throw platformErrors.failure("not_found");
      const options = { config: { publicUrl: ownIssuer }, metrics };
      const { count, keys } = await endEverything(tx, options, accountId, "tokens_revoked");
      const apiKeys = await revokeKeysOf(tx, accountId);
      await record(tx, by, "token.revoke_all", accountId, reason);
      if (apiKeys > 0)
        await record(tx, by, "api_key.revoke", accountId, `all its keys: ${apiKeys}`);
      // The account's word is among them, and all its API keys depend on that.
      return { count, receipt: invalidate(tx, keys) };
    },
    { revocation: true },
  );
}

function describe(tokens: readonly TokenToRevoke[], reason: string): string {
  return tokens.length === 1 ? `${tokens[0]!.tokenId}: ${reason}` : `${tokens.length}: ${reason}`;
}

function record(
  tx: Transaction,
  { actor, tenantId, caller }: RevokeActor,
  action: "token.revoke" | "token.revoke_all" | "api_key.revoke",
  subject: string | undefined,
  reason: string,
): Promise<void> {
  const place = caller === undefined ? {} : placeOf(caller);
  return recordEvent(tx, { action, actor, subject, tenantId, reason, ...place });
}
