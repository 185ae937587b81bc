import type { Clock } from "../../platform/clock.ts";
import {
  cognitoIssuer,
  FOREIGN_ALGORITHMS,
  oidcIssuer,
  type ForeignAlgorithm,
  type ForeignIssuerSettings,
  type TokenUse,
} from "../../platform/issuer-settings.ts";
import { foreignRules } from "../issuers/foreign.ts";
import { localRules } from "../issuers/local.ts";
import { toEndpoint } from "../outbound/endpoint.ts";
import { ConfigurationError } from "./failures.ts";
import { TokenAuthorizer, type TokenAuthorizerOptions } from "./token-authorizer.ts";

interface CommonOptions {
  /** Default RS256. A token never chooses. */
  readonly algorithms?: readonly ForeignAlgorithm[];
  /** How far the issuer's clock may be ahead of ours, seconds; default 5, at most 60. */
  readonly toleranceSeconds?: number;
  /** Tokens that live longer are refused, seconds; default a day. */
  readonly lifetimeSecondsMax?: number;
  /** Claims that list groups; of `custom:…` a text with commas. */
  readonly groupClaims?: readonly string[];
  /** HTTP to another machine; never in production. */
  readonly allowHttp?: boolean;
  readonly clock?: Clock;
}

export interface CognitoJwtAuthorizerOptions extends CommonOptions {
  readonly userPoolId: string;
  /** Undefined: the one that the pool's id begins with. */
  readonly region?: string | undefined;
  /** App clients whose tokens are accepted: whoever has one of another app is nobody here. */
  readonly clientIds: string | readonly string[];
  /** Default `access`. An ID token tells an app who somebody is, and is not meant for an API. */
  readonly tokenUse?: TokenUse | readonly TokenUse[];
  /** In place of Amazon's address: a Cognito-compatible server. */
  readonly endpoint?: string | undefined;
}

/** Access and ID tokens of a Cognito user pool. */
export class CognitoJwtAuthorizer extends TokenAuthorizer {
  constructor(options: CognitoJwtAuthorizerOptions) {
    const { userPoolId, region, endpoint, clientIds, tokenUse = "access" } = options;
    if (!isGiven(userPoolId)) throw new ConfigurationError("userPoolId is missing");
    super(
      toOptions(
        cognitoIssuer({
          ...commonOf(options),
          userPoolId,
          region,
          endpoint,
          clientIds: namesOf(clientIds, "clientIds"),
          tokenUses: namesOf(tokenUse, "tokenUse"),
        }),
        options,
      ),
    );
  }
}

export interface OidcAuthorizerOptions extends CommonOptions {
  /** Exact text of `iss`. */
  readonly issuer: string;
  /** One of these must be the audience. */
  readonly audiences: string | readonly string[];
  /** Who may have asked for a token (`azp`, `client_id`); default anybody. */
  readonly clientIds?: readonly string[];
  /** Undefined: found by discovery. */
  readonly jwksUri?: string;
  /** `typ` of the header in lower case; `""` stands for none. Default those of access tokens. */
  readonly types?: readonly string[];
}

/** Tokens of any issuer of OpenID Connect, or of JWT access tokens (RFC 9068). */
export class OidcAuthorizer extends TokenAuthorizer {
  constructor(options: OidcAuthorizerOptions) {
    const { issuer, audiences, clientIds, jwksUri, types } = options;
    if (!isGiven(issuer)) throw new ConfigurationError("issuer is missing");
    super(
      toOptions(
        oidcIssuer({
          ...commonOf(options),
          issuer,
          audiences: namesOf(audiences, "audiences"),
          ...(clientIds === undefined ? {} : { clientIds }),
          ...(jwksUri === undefined ? {} : { jwksUri }),
          ...(types === undefined ? {} : { types }),
        }),
        options,
      ),
    );
  }
}

export interface BrigadeAuthorizerOptions {
  /** `PUBLIC_URL` of the server whose tokens these are. */
  readonly publicUrl: string;
  /** `JWT_AUDIENCE` of that server; default its `PUBLIC_URL`. */
  readonly audience?: string;
  /** Default: the one key set that Brigade publishes. */
  readonly jwksUri?: string;
  readonly allowHttp?: boolean;
  readonly clock?: Clock;
}

/**
 * Access tokens of a Brigade server, by the keys it publishes. A session that was ended meanwhile
 * is not seen: what may not outlive a logout asks `POST /auth/verify`.
 */
export class BrigadeAuthorizer extends TokenAuthorizer {
  constructor({ publicUrl, audience, jwksUri, allowHttp, clock }: BrigadeAuthorizerOptions) {
    if (!isGiven(publicUrl)) throw new ConfigurationError("publicUrl is missing");
    const keys = jwksUri ?? `${publicUrl.replace(/\/+$/, "")}/.well-known/jwks.json`;
    super({
      rules: localRules(publicUrl, audience ?? publicUrl),
      jwksUri: toEndpoint(keys, "jwksUri", allowHttp),
      algorithms: FOREIGN_ALGORITHMS,
      clock,
    });
  }
}

function toOptions(
  settings: ForeignIssuerSettings,
  { allowHttp, clock }: CommonOptions,
): TokenAuthorizerOptions {
  const { issuer, jwksUri, algorithms } = settings;
  toEndpoint(issuer, "issuer", allowHttp);
  if (jwksUri !== undefined) toEndpoint(jwksUri, "jwksUri", allowHttp);
  return { rules: foreignRules(settings), jwksUri, algorithms, clock };
}

function commonOf({
  algorithms,
  toleranceSeconds,
  lifetimeSecondsMax,
  groupClaims,
}: CommonOptions) {
  if (toleranceSeconds !== undefined && !(toleranceSeconds >= 0 && toleranceSeconds <= 60)) {
    throw new ConfigurationError("toleranceSeconds must be from 0 to 60");
  }
  if (algorithms !== undefined && !algorithms.every((alg) => FOREIGN_ALGORITHMS.includes(alg))) {
    throw new ConfigurationError(`algorithms must be some of ${FOREIGN_ALGORITHMS.join(", ")}`);
  }
  const given = { algorithms, toleranceSeconds, lifetimeSecondsMax, groupClaims };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as Partial<{ [Name in keyof typeof given]: NonNullable<(typeof given)[Name]> }>;
}

function namesOf<T extends string>(value: T | readonly T[], what: string): readonly T[] {
  const names = typeof value === "string" ? [value] : (value ?? []);
  if (names.length === 0 || !names.every(isGiven)) {
    throw new ConfigurationError(`${what} is missing`);
  }
  return names;
}

const isGiven = (text: unknown) => typeof text === "string" && text !== "";
