/** The business contexts; permissions are granted per context. */
export const CONTEXTS = [
  "products_catalog",
  "recipes_catalog",
  "client_onboarding",
  "iam",
] as const;
export type ContextName = (typeof CONTEXTS)[number];

export type PrincipalKind = "user" | "machine" | "api_key";

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
  /** Authentication methods (RFC 8176) and the time of authentication, seconds. */
  readonly amr: readonly string[];
  readonly authTime: number;
  /** `exp` of the token, seconds since the epoch. */
  readonly expiresAt: number;
  readonly scope: string | undefined;
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
