import type { AuthZTokenClaims } from "./claims.ts";
import { TokenValidationError } from "./failures.ts";
import type { AuthNProvider, AuthZProvider } from "./provider.ts";
import { AuthNToken, type AuthNHeaders } from "./token.ts";

/** Gives the same token always: for tests, and for tokens that somebody else renews. */
export class StaticAuthNProvider implements AuthNProvider {
  readonly #token: AuthNToken;

  constructor(token: AuthNToken | string) {
    this.#token =
      typeof token === "string" ? new AuthNToken({ accessToken: token, expiresIn: 3600 }) : token;
  }

  async getToken(): Promise<AuthNToken> {
    return this.#token;
  }

  async getHeaders(): Promise<AuthNHeaders> {
    return this.#token.toHeaders();
  }
}

/** Knows a few tokens by heart and refuses all others: for tests. */
export class StaticAuthZProvider implements AuthZProvider {
  readonly #claims: ReadonlyMap<string, AuthZTokenClaims>;

  constructor(claims: Readonly<Record<string, AuthZTokenClaims>>) {
    this.#claims = new Map(Object.entries(claims));
  }

  async verify(token: string): Promise<AuthZTokenClaims> {
    const claims = this.#claims.get(token);
    if (claims === undefined) throw new TokenValidationError("unknown");
    return claims;
  }
}
