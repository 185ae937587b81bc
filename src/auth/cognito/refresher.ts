import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { systemClock } from "../../platform/clock.ts";
import { cognitoEndpoint } from "../../platform/issuer-settings.ts";
import { toDomainUrl, toEndpoint } from "../outbound/endpoint.ts";
import type { RetryPorts } from "../outbound/retry.ts";
import { askTokenEndpoint, type TokenAnswer } from "../outbound/token-endpoint.ts";
import { ConfigurationError } from "../providers/failures.ts";
import { initiateAuth, type CognitoClient, type RefreshRequest } from "./initiate-auth.ts";

export interface CognitoRefresherOptions extends Partial<RetryPorts> {
  readonly userPoolId: string;
  /** Undefined: the one that the pool's id begins with. */
  readonly region?: string | undefined;
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
  /** Of the hosted UI; with it, tokens can be refreshed without a user name. */
  readonly cognitoDomain?: string | undefined;
  /** In place of Amazon's address. */
  readonly endpoint?: string | undefined;
  /** HTTP to another machine; never in production. */
  readonly allowHttp?: boolean;
}

export interface CognitoRefresh {
  readonly refreshToken: string;
  readonly username?: string | undefined;
}

/** What a refresh gives. `refreshToken` is there when the pool rotates them. */
export type CognitoTokens = TokenAnswer;

/**
 * Exchanges refresh tokens of a user pool. `InitiateAuth` is asked, or the token endpoint of the
 * domain when the client has a secret and nobody knows the user's name, which its hash needs.
 * Exchanges of one refresh token at a time are one call.
 */
export class CognitoRefresher {
  readonly #client: CognitoClient;
  readonly #endpoint: string;
  readonly #tokenEndpoint: string | undefined;
  readonly #ports: RetryPorts;
  readonly #flights = new Map<string, Promise<CognitoTokens>>();

  constructor(options: CognitoRefresherOptions) {
    const { clientId, clientSecret, cognitoDomain, allowHttp = false } = options;
    if (clientId === "") throw new ConfigurationError("clientId is missing");
    this.#client = { id: clientId, secret: clientSecret };
    const endpoint = toEndpoint(cognitoEndpoint(options), "endpoint", allowHttp);
    this.#endpoint = endpoint.replace(/\/+$/, "");
    this.#tokenEndpoint =
      cognitoDomain === undefined
        ? undefined
        : toEndpoint(`${toDomainUrl(cognitoDomain)}/oauth2/token`, "cognitoDomain", allowHttp);
    this.#ports = { ...options, clock: options.clock ?? systemClock };
  }

  /** True when a refresh needs the user's name. */
  get needsUsername(): boolean {
    return this.#client.secret !== undefined && this.#tokenEndpoint === undefined;
  }

  /**
   * Throws `AuthenticationError`: `refresh_token_invalid` when it is not good any more, one of
   * `issuer_…` when nobody could say.
   */
  refresh({ refreshToken, username }: CognitoRefresh): Promise<CognitoTokens> {
    if (username === undefined && this.needsUsername) {
      return Promise.reject(new ConfigurationError("username is missing: the client has a secret"));
    }
    const key = createHash("sha256")
      .update(`${username ?? ""}\0${refreshToken}`)
      .digest("base64");
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      flight = this.#ask({ refreshToken, username }).finally(() => this.#flights.delete(key));
      this.#flights.set(key, flight);
    }
    return flight;
  }

  toJSON(): object {
    return { clientId: this.#client.id, endpoint: this.#endpoint };
  }

  [inspect.custom](): string {
    return `CognitoRefresher ${inspect(this.toJSON())}`;
  }

  #ask(request: RefreshRequest): Promise<CognitoTokens> {
    const { secret } = this.#client;
    if (
      this.#tokenEndpoint === undefined ||
      secret === undefined ||
      request.username !== undefined
    ) {
      return initiateAuth(this.#endpoint, this.#client, request, this.#ports);
    }
    return askTokenEndpoint(
      this.#tokenEndpoint,
      this.#client,
      { grant_type: "refresh_token", refresh_token: request.refreshToken },
      "refresh_token_invalid",
      this.#ports,
    );
  }
}
