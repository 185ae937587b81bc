/** The business contexts; permissions are granted per context. */
export const CONTEXTS = [
  "products_catalog",
  "recipes_catalog",
  "client_onboarding",
  "iam",
] as const;
export type ContextName = (typeof CONTEXTS)[number];

export type PrincipalKind = "user" | "machine" | "api_key";

/** Whether a key may only read. A key that writes and is to read too has both. */
export type KeyScope = "read" | "write";

/** What an API key is allowed beside its permissions. */
export interface ApiKeyTerms {
  readonly id: string;
  /** Its own request rate, under the common one of its owner. */
  readonly rate?: { readonly count: number; readonly seconds: number };
  readonly quota?: KeyQuota;
}

/** Requests in a calendar day or month (UTC). */
export interface KeyQuota {
  readonly count: number;
  readonly period: "day" | "month";
  /** How many were written down when the key was looked up, and the first day of their period. */
  readonly used: number;
  readonly periodStart: string;
}

/**
 * The authenticated caller inside a request. Deeply frozen; the same value is handed to every
 * request that carries the same token while it is cached.
 */
export interface Principal {
  readonly kind: PrincipalKind;
  /** Who signed the token. Identity is issuer + subject, never the subject alone. */
  readonly issuer: string;
  readonly subject: string;
  /** `iam.users.id`: what contexts store as `author_id`, what `user_id` means in bodies. */
  readonly userId: string;
  /** Our own account record, when there is one. */
  readonly accountId: string | undefined;
  readonly tenantId: string;
  readonly sessionId: string | undefined;
  readonly tokenId: string | undefined;
  readonly clientId: string | undefined;
  readonly email: string | undefined;
  readonly username: string | undefined;
  readonly name: string | undefined;
  readonly emailVerified: boolean;
  /** The account has a second factor to ask for. */
  readonly hasFactor: boolean;
  /** Authentication methods (RFC 8176) and the time of authentication, seconds. */
  readonly amr: readonly string[];
  readonly authTime: number;
  /** `exp` of the token, seconds since the epoch. */
  readonly expiresAt: number;
  /** RFC 6749 §3.3. Of an API key: its key scopes, which decide what it may do to a route. */
  readonly scope: string | undefined;
  /** Who acts as this principal: an administrator, for a while. Undefined: nobody but itself. */
  readonly actor?: string | undefined;
  /** Groups that the token of a foreign issuer lists: information, roles are looked up. */
  readonly groups?: readonly string[] | undefined;
  /** The key, when one is calling. */
  readonly apiKey: ApiKeyTerms | undefined;
  readonly roles: Readonly<Partial<Record<ContextName, readonly string[]>>>;
  readonly permissions: Readonly<Partial<Record<ContextName, readonly string[]>>>;
}

/** True if the principal holds `permission` in `context`. */
export function hasPermission(
  principal: Principal,
  context: ContextName,
  permission: string,
): boolean {
  return principal.permissions[context]?.includes(permission) ?? false;
}
