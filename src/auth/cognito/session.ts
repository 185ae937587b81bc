import { inspect } from "node:util";
import { systemClock, type Clock } from "../../platform/clock.ts";
import { afterThreeQuarters, RenewedToken } from "../outbound/renewed-token.ts";
import type { AuthNProvider } from "../providers/provider.ts";
import { AuthNToken, type AuthNHeaders } from "../providers/token.ts";
import type { CognitoRefresher } from "./refresher.ts";

export interface CognitoSessionOptions {
  readonly refresher: CognitoRefresher;
  readonly refreshToken: string;
  readonly username?: string | undefined;
  /** The present access token, if there is one; without it the first call refreshes. */
  readonly accessToken?: AuthNToken;
  readonly clock?: Clock;
}

/**
 * A user's tokens, refreshed when three quarters of the access token's life are over: in one
 * flight, while the present one is given out. A refresh token that the pool rotates is followed.
 */
export class CognitoSession implements AuthNProvider {
  readonly #token: RenewedToken;
  #refreshToken: string;
  #idToken: string | undefined;

  constructor(options: CognitoSessionOptions) {
    const { refresher, username, accessToken, clock = systemClock } = options;
    this.#refreshToken = options.refreshToken;
    this.#token = new RenewedToken({
      clock,
      renewAtSeconds: afterThreeQuarters,
      ...(accessToken === undefined ? {} : { first: accessToken }),
      ask: async () => {
        const answer = await refresher.refresh({ refreshToken: this.#refreshToken, username });
        this.#refreshToken = answer.refreshToken ?? this.#refreshToken;
        this.#idToken = answer.idToken;
        return new AuthNToken({ ...answer, issuedAt: new Date(answer.askedMs) }, clock);
      },
    });
  }

  async getToken(): Promise<AuthNToken> {
    return this.#token.get();
  }

  async getHeaders(): Promise<AuthNHeaders> {
    return (await this.getToken()).toHeaders();
  }

  /** Of the last refresh. */
  get idToken(): string | undefined {
    return this.#idToken;
  }

  /** To be kept by whoever continues the session later. */
  get refreshToken(): string {
    return this.#refreshToken;
  }

  [inspect.custom](): string {
    return "CognitoSession {}";
  }
}
