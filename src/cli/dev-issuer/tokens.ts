import { randomUUID } from "node:crypto";
import { decodeProtectedHeader, jwtVerify, SignJWT, type JWTPayload } from "jose";
import type { Grant } from "./grants.ts";
import type { AppClient, Pool } from "./pool.ts";
import { notAuthorized } from "./service-error.ts";
import type { TokenUse } from "./signing-keys.ts";
import type { User } from "./users.ts";

/** The scope of tokens that come of a sign-in through the JSON interface. */
const SELF_SERVICE = "aws.cognito.signin.user.admin";

export interface UserTokens {
  readonly accessToken: string;
  readonly idToken: string;
}

/** Access and id token of a sign-in, with the claims Cognito gives them and no other. */
export async function issueUserTokens(pool: Pool, grant: Grant): Promise<UserTokens> {
  const [accessToken, idToken] = await Promise.all([
    signToken(pool, "access", accessClaims(pool, grant)),
    signToken(pool, "id", idClaims(pool, grant)),
  ]);
  return { accessToken, idToken };
}

/** The access token of a client that acts for itself. */
export function issueMachineToken(
  pool: Pool,
  client: AppClient,
  scopes: readonly string[],
): Promise<string> {
  const nowSeconds = pool.clock.nowSeconds();
  return signToken(pool, "access", {
    sub: client.id,
    token_use: "access",
    scope: scopes.join(" "),
    auth_time: nowSeconds,
    ...livesOf(pool, "access"),
    version: 2,
    jti: randomUUID(),
    client_id: client.id,
  });
}

/** Signs any claims with the pool's key for that use. */
export function signToken(pool: Pool, use: TokenUse, claims: JWTPayload): Promise<string> {
  const { kid, privateKey } = pool.keys.signing(use);
  return new SignJWT(claims).setProtectedHeader({ kid, alg: "RS256" }).sign(privateKey);
}

/** Claims of an access token of that sign-in. */
export function accessClaims(pool: Pool, grant: Grant): JWTPayload {
  const { user } = grant;
  return {
    sub: user.sub,
    ...groupsOf(user),
    ...livesOf(pool, "access"),
    client_id: grant.clientId,
    origin_jti: grant.originJti,
    event_id: grant.eventId,
    token_use: "access",
    scope: SELF_SERVICE,
    auth_time: grant.authTimeSeconds,
    jti: randomUUID(),
    username: user.username,
  };
}

export function idClaims(pool: Pool, grant: Grant): JWTPayload {
  const { user } = grant;
  return {
    sub: user.sub,
    ...groupsOf(user),
    ...attributesOf(user),
    ...livesOf(pool, "id"),
    "cognito:username": user.username,
    origin_jti: grant.originJti,
    aud: grant.clientId,
    event_id: grant.eventId,
    token_use: "id",
    auth_time: grant.authTimeSeconds,
    jti: randomUUID(),
  };
}

/** The user of an access token that its owner shows us, as the self-service actions want it. */
export async function readAccessToken(pool: Pool, token: string): Promise<User> {
  const claims = await verifyOwn(pool, token);
  const isSelfService = String(claims["scope"]).split(" ").includes(SELF_SERVICE);
  const user = pool.users.find(String(claims.sub));
  if (claims["token_use"] !== "access" || !isSelfService) {
    throw notAuthorized("Access Token does not have required scopes");
  }
  if (pool.grants.isEnded(claims["origin_jti"])) {
    throw notAuthorized("Access Token has been revoked");
  }
  if (user === undefined) throw notAuthorized("Invalid Access Token");
  if (!user.enabled) throw notAuthorized("User is disabled.");
  return user;
}

async function verifyOwn(pool: Pool, token: string): Promise<JWTPayload> {
  try {
    const key = pool.keys.find(decodeProtectedHeader(token).kid);
    if (key === undefined) throw notAuthorized("Invalid Access Token");
    const { payload } = await jwtVerify(token, key, {
      issuer: pool.issuer,
      algorithms: ["RS256"],
      currentDate: new Date(pool.clock.nowMs()),
    });
    return payload;
  } catch (error) {
    const isExpired = (error as { code?: unknown }).code === "ERR_JWT_EXPIRED";
    throw notAuthorized(isExpired ? "Access Token has expired" : "Invalid Access Token");
  }
}

function livesOf(pool: Pool, use: TokenUse): { iss: string; iat: number; exp: number } {
  const nowSeconds = pool.clock.nowSeconds();
  const seconds = use === "access" ? pool.lives.accessSeconds : pool.lives.idSeconds;
  return { iss: pool.issuer, iat: nowSeconds, exp: nowSeconds + seconds };
}

function groupsOf(user: User): JWTPayload {
  return user.groups.size === 0 ? {} : { "cognito:groups": [...user.groups] };
}

/** Verified marks are Booleans in a token and texts everywhere else. */
function attributesOf(user: User): JWTPayload {
  return Object.fromEntries(
    [...user.attributes].map(([name, value]) => [
      name,
      name.endsWith("_verified") ? value === "true" : value,
    ]),
  );
}
