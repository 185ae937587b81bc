import type { AuthZTokenClaims } from "./claims.ts";
import type { AuthNHeaders, AuthNToken } from "./token.ts";

/** Gets tokens for what we ask of others. */
export interface AuthNProvider {
  /** A token that counts now. Throws `AuthenticationError`. */
  getToken(): Promise<AuthNToken>;
  /** The same as header fields of a request. */
  getHeaders(): Promise<AuthNHeaders>;
}

/** Verifies tokens of those who ask us. */
export interface AuthZProvider<C extends AuthZTokenClaims = AuthZTokenClaims> {
  /** Who holds the token. Throws `AuthenticationError`, of which the token's faults are kinds. */
  verify(token: string): Promise<C>;
}
