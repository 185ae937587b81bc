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
  /** Cognito: its app clients. OIDC: values of `client_id` or `azp` that are asked for; empty: any. */
  readonly clientIds: readonly string[];
  /** OIDC: one of these must be the audience. Cognito: the client ids. */
  readonly audiences: readonly string[];
  /** Cognito: what the token must be for. */
  readonly tokenUses: readonly TokenUse[];
  /** OIDC: exact `typ` of the header, any of these; undefined: any or none. */
  readonly types: readonly string[] | undefined;
  readonly algorithms: readonly ForeignAlgorithm[];
  /** How far the issuer's clock may be ahead of ours, seconds. */
  readonly toleranceSeconds: number;
  /** `exp` minus `iat` may be this much, seconds. */
  readonly lifetimeSecondsMax: number;
  /** Claim that lists the caller's groups. */
  readonly groupsClaim: string;
  /** Roles that a group of the token stands for, as `context:name`. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
  /** What becomes of a caller whom IAM does not know. */
  readonly provision: "deny" | "create";
  /** Where its users belong. */
  readonly tenantId: string;
  /** How long a cached principal counts without news of the log, milliseconds. */
  readonly staleMs: number;
}
