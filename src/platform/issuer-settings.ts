import { DEFAULT_TENANT_ID } from "./ids.ts";
import { foreignIssuerLimits } from "./limits.ts";

/** Signature algorithms that a foreign issuer may use; a shared secret is none of them. */
export const FOREIGN_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"] as const;
export type ForeignAlgorithm = (typeof FOREIGN_ALGORITHMS)[number];

/** What a Cognito token is for: its `token_use`. */
export const TOKEN_USES = ["access", "id"] as const;
export type TokenUse = (typeof TOKEN_USES)[number];

/** Somebody else whose tokens we accept, and by which rules. Plain data: it is handed to threads. */
export interface ForeignIssuerSettings {
  readonly kind: "cognito" | "oidc";
  /** Exact text of `iss`. */
  readonly issuer: string;
  /** Undefined: found by discovery (OpenID Connect Discovery 1.0 §4). */
  readonly jwksUri: string | undefined;
  /** Cognito: its app clients. OIDC: who may have asked for a token (`azp`, `client_id`); empty: anybody. */
  readonly clientIds: readonly string[];
  /** OIDC: one of these must be the audience. Of Cognito the client ids count. */
  readonly audiences: readonly string[];
  /** Cognito: what a token may be for. */
  readonly tokenUses: readonly TokenUse[];
  /** `typ` of the header, in lower case; `""` stands for none at all. */
  readonly types: readonly string[];
  readonly algorithms: readonly ForeignAlgorithm[];
  /** How far the issuer's clock may be ahead of ours, seconds. */
  readonly toleranceSeconds: number;
  /** `exp` minus `iat` may be this much, seconds. */
  readonly lifetimeSecondsMax: number;
  /** Claims that list groups of the caller: a list, or of `custom:…` a text with commas. */
  readonly groupClaims: readonly string[];
  /** Roles that a group stands for, as `context:name`. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
  /** What becomes of a caller whom IAM does not know. */
  readonly provision: "deny" | "create";
  /** Where its users belong. */
  readonly tenantId: string;
  /** How long a cached principal counts without news of the log, milliseconds. */
  readonly staleMs: number;
}

/** Settings that every kind of issuer has, and what holds where they are left out. */
export type CommonIssuerSettings = Partial<
  Pick<
    ForeignIssuerSettings,
    | "algorithms"
    | "toleranceSeconds"
    | "lifetimeSecondsMax"
    | "groupClaims"
    | "roles"
    | "provision"
    | "tenantId"
    | "staleMs"
    | "types"
    | "jwksUri"
  >
>;

export interface CognitoPoolSettings extends CommonIssuerSettings {
  readonly userPoolId: string;
  /** Undefined: the one that the pool's id begins with. */
  readonly region?: string | undefined;
  /** In place of Amazon's address: a Cognito-compatible server, `http://127.0.0.1:9229`. */
  readonly endpoint?: string | undefined;
  readonly clientIds: readonly string[];
  readonly tokenUses?: readonly TokenUse[];
}

export interface OidcIssuerSettings extends CommonIssuerSettings {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly clientIds?: readonly string[];
}

/** Access tokens of RFC 9068, and what older servers write; never `id+jwt`, `logout+jwt`, … */
const ACCESS_TYPES = ["at+jwt", "application/at+jwt", "jwt", ""];

function common(given: CommonIssuerSettings) {
  return {
    algorithms: given.algorithms ?? ["RS256" as const],
    toleranceSeconds: given.toleranceSeconds ?? foreignIssuerLimits.toleranceSeconds,
    lifetimeSecondsMax: given.lifetimeSecondsMax ?? foreignIssuerLimits.lifetimeSeconds,
    roles: given.roles ?? {},
    provision: given.provision ?? ("deny" as const),
    tenantId: given.tenantId ?? DEFAULT_TENANT_ID,
    staleMs: given.staleMs ?? foreignIssuerLimits.staleMs,
  };
}

/**
 * A Cognito user pool with what its documentation promises: `iss` and key set stand at fixed
 * addresses ("Verifying JSON web tokens"), so nothing is discovered.
 */
export function cognitoIssuer(given: CognitoPoolSettings): ForeignIssuerSettings {
  const issuer = `${cognitoEndpoint(given)}/${given.userPoolId}`;
  return {
    kind: "cognito",
    issuer,
    jwksUri: given.jwksUri ?? `${issuer}/.well-known/jwks.json`,
    clientIds: given.clientIds,
    audiences: given.clientIds,
    tokenUses: given.tokenUses ?? ["access"],
    types: given.types ?? ["jwt", ""],
    groupClaims: given.groupClaims ?? ["cognito:groups"],
    ...common(given),
  };
}

/** Where the API of a pool is spoken: Amazon's regional address, or the given one. */
export function cognitoEndpoint(
  pool: Pick<CognitoPoolSettings, "userPoolId" | "region" | "endpoint">,
): string {
  if (pool.endpoint !== undefined) return pool.endpoint.replace(/\/+$/, "");
  const region = pool.region ?? regionOfPool(pool.userPoolId);
  const suffix = region?.startsWith("cn-") === true ? "amazonaws.com.cn" : "amazonaws.com";
  return `https://cognito-idp.${region}.${suffix}`;
}

/** `us-east-1_Abc123` is a pool of `us-east-1`. */
export function regionOfPool(userPoolId: string): string | undefined {
  return /^([a-z]{2,3}(?:-[a-z]+)+-\d+)_/.exec(userPoolId)?.[1];
}

/** Any issuer of OpenID Connect or of JWT access tokens (RFC 9068). */
export function oidcIssuer(given: OidcIssuerSettings): ForeignIssuerSettings {
  return {
    kind: "oidc",
    issuer: given.issuer,
    jwksUri: given.jwksUri,
    clientIds: given.clientIds ?? [],
    audiences: given.audiences,
    tokenUses: [],
    types: given.types ?? ACCESS_TYPES,
    groupClaims: given.groupClaims ?? ["groups"],
    ...common(given),
  };
}
