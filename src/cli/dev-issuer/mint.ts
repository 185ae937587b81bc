import { randomUUID } from "node:crypto";
import type { JWTPayload } from "jose";
import { devIssuerLimits as limits } from "../../platform/limits.ts";
import type { Grant } from "./grants.ts";
import type { Pool } from "./pool.ts";
import { invalidParameter } from "./service-error.ts";
import type { TokenUse } from "./signing-keys.ts";
import { createUser } from "./users.ts";
import { accessClaims, idClaims, signToken } from "./tokens.ts";

/** A token that nobody signed in for. */
export interface TokenRequest {
  /** A name of a user of the pool; a stranger where it is left out. */
  readonly user?: string;
  readonly use?: TokenUse;
  /** One of the pool's clients unless told. */
  readonly clientId?: string;
  /** Lives as long; negative: it has expired. */
  readonly seconds?: number;
  /** Put over the usual claims; null takes one away. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/**
 * A token of a user without a password. It has a sign-in of its own that sign-out ends, though no
 * refresh token leads to it.
 */
export async function mintToken(pool: Pool, request: TokenRequest = {}): Promise<string> {
  const { use = "access", clientId = pool.clients[0]!.id, seconds, claims = {} } = request;
  const grant = grantFor(pool, request.user, clientId);
  const usual = use === "access" ? accessClaims(pool, grant) : idClaims(pool, grant);
  const lives = seconds === undefined ? {} : { exp: pool.clock.nowSeconds() + seconds };
  if (seconds !== undefined && Math.abs(seconds) > limits.lifeSecondsMax) {
    throw invalidParameter("seconds is too far away");
  }
  const merged = Object.entries({ ...usual, ...lives, ...claims });
  const kept = Object.fromEntries(merged.filter(([, value]) => value !== null)) as JWTPayload;
  return await signToken(pool, use, kept);
}

function grantFor(pool: Pool, name: string | undefined, clientId: string): Grant {
  if (name !== undefined) return pool.grants.open(pool.users.get(name), clientId).grant;
  const nowSeconds = pool.clock.nowSeconds();
  const sub = randomUUID();
  return {
    originJti: randomUUID(),
    eventId: randomUUID(),
    clientId,
    authTimeSeconds: nowSeconds,
    expiresAtSeconds: nowSeconds,
    isRevoked: false,
    user: createUser({ username: sub, sub, status: "CONFIRMED" }, nowSeconds),
  };
}
