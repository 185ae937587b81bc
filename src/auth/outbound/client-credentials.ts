import { inspect } from "node:util";
import { systemClock } from "../../platform/clock.ts";
import { outboundLimits as limits } from "../../platform/limits.ts";
import { AuthenticationError, ConfigurationError } from "../providers/failures.ts";
import type { AuthNProvider } from "../providers/provider.ts";
import { AuthNToken, type AuthNHeaders } from "../providers/token.ts";
import { createTokenEndpointOf } from "./discovery.ts";
import { toDomainUrl, toEndpoint } from "./endpoint.ts";
import { RenewedToken, shortlyBeforeItsEnd } from "./renewed-token.ts";
import type { RetryPorts } from "./retry.ts";
import {
  askTokenEndpoint,
  readScope,
  type ClientAuthentication,
  type OAuthClient,
} from "./token-endpoint.ts";

/** How one attempt to get a token ended; what is counted for each issuer. */
export interface OutboundOutcome {
  /** Origin of the token endpoint, or the issuer to be discovered. */
  readonly issuer: string;
  readonly outcome: "success" | AuthenticationError["code"];
  readonly seconds: number;
}

export interface OutboundStats {
  readonly issuer: string;
  readonly successes: number;
  readonly failures: number;
  /** Answered from memory. */
  readonly cached: number;
}

export interface ClientCredentialsOptions extends Partial<RetryPorts> {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Either this, or `issuer` to find it by discovery. */
  readonly tokenEndpoint?: string;
  readonly issuer?: string;
  /** What is asked for; nothing: whatever the issuer gives. `getToken` may ask for less. */
  readonly scope?: string | readonly string[] | undefined;
  /** Whom the token is for: `audience` of many issuers, `resource` of RFC 8707. */
  readonly audience?: string | undefined;
  readonly resource?: string | undefined;
  /** Default `client_secret_basic`. */
  readonly clientAuthentication?: ClientAuthentication | undefined;
  /** HTTP to another machine; never in production. */
  readonly allowHttp?: boolean;
  /** Told of every token that was asked for, for metrics. */
  readonly onOutcome?: ((outcome: OutboundOutcome) => void) | undefined;
}

export interface TokenWish {
  /** Some of the provider's scopes. */
  readonly scope?: string | readonly string[];
  /** In place of the provider's. */
  readonly audience?: string;
}

/**
 * Tokens of the client credentials grant (RFC 6749 §4.4), kept in memory and renewed before they
 * end. All who want the same scope and audience share one flight.
 */
export class ClientCredentialsAuthenticator implements AuthNProvider {
  readonly #options: ClientCredentialsOptions;
  readonly #client: OAuthClient;
  readonly #ports: RetryPorts;
  readonly #endpoint: () => Promise<string>;
  readonly #scope: readonly string[];
  readonly #tokens = new Map<string, RenewedToken>();
  readonly #issuer: string;
  readonly #counts = { successes: 0, failures: 0, asked: 0 };

  constructor(options: ClientCredentialsOptions) {
    const { clientId, clientSecret, tokenEndpoint, issuer, allowHttp = false, clock } = options;
    if (!isGiven(clientId)) throw new ConfigurationError("clientId is missing");
    if (!isGiven(clientSecret)) throw new ConfigurationError("clientSecret is missing");
    const authentication = options.clientAuthentication;
    this.#options = options;
    this.#client = { id: clientId, secret: clientSecret, authentication };
    this.#ports = { ...options, clock: clock ?? systemClock };
    this.#scope = readScope(options.scope);
    if (tokenEndpoint !== undefined) {
      const url = toEndpoint(tokenEndpoint, "tokenEndpoint", allowHttp);
      this.#issuer = new URL(url).origin;
      this.#endpoint = async () => url;
    } else if (issuer !== undefined) {
      this.#issuer = issuer;
      this.#endpoint = createTokenEndpointOf(issuer, allowHttp, this.#ports);
    } else throw new ConfigurationError("tokenEndpoint or issuer is missing");
  }

  async getToken(wish: TokenWish = {}): Promise<AuthNToken> {
    this.#counts.asked++;
    return this.#tokenOf(wish).get();
  }

  async getHeaders(wish: TokenWish = {}): Promise<AuthNHeaders> {
    return (await this.getToken(wish)).toHeaders();
  }

  /** A provider of tokens with some of these scopes only, which shares everything with this one. */
  narrowed(wish: TokenWish): AuthNProvider {
    this.#readWish(wish);
    return {
      getToken: () => this.getToken(wish),
      getHeaders: () => this.getHeaders(wish),
    };
  }

  /** Whoever was shown the token refused it: the next call asks for another. */
  forget(token: AuthNToken): void {
    for (const one of this.#tokens.values()) one.forget(token);
  }

  stats(): OutboundStats {
    const { successes, failures, asked } = this.#counts;
    const cached = Math.max(0, asked - successes - failures);
    return { issuer: this.#issuer, successes, failures, cached };
  }

  toJSON(): object {
    return { clientId: this.#client.id, issuer: this.#issuer, scope: this.#scope.join(" ") };
  }

  [inspect.custom](): string {
    return `${this.constructor.name} ${inspect(this.toJSON())}`;
  }

  #readWish({ scope, audience = this.#options.audience }: TokenWish) {
    const names = scope === undefined ? this.#scope : readScope(scope);
    const wider = this.#scope.length > 0 && names.some((name) => !this.#scope.includes(name));
    if (wider || (names.length === 0 && this.#scope.length > 0)) {
      throw new ConfigurationError("scope must be some of the provider's scopes");
    }
    return { scope: names.length === 0 ? undefined : names.join(" "), audience };
  }

  #tokenOf(wish: TokenWish): RenewedToken {
    const parameters = this.#readWish(wish);
    const key = JSON.stringify(parameters);
    let token = this.#tokens.get(key);
    if (token === undefined) {
      token = new RenewedToken({
        ask: () => this.#ask(parameters),
        clock: this.#ports.clock,
        renewAtSeconds: shortlyBeforeItsEnd,
      });
      const [oldest] = this.#tokens.keys();
      if (this.#tokens.size >= limits.tokensMaxCount) this.#tokens.delete(oldest!);
      this.#tokens.set(key, token);
    }
    return token;
  }

  async #ask(parameters: { scope: string | undefined; audience: string | undefined }) {
    const { clock } = this.#ports;
    const begunMs = clock.monotonicMs();
    const grant = { grant_type: "client_credentials", resource: this.#options.resource };
    const said = (outcome: OutboundOutcome["outcome"]) => {
      this.#counts[outcome === "success" ? "successes" : "failures"]++;
      const seconds = (clock.monotonicMs() - begunMs) / 1000;
      this.#options.onOutcome?.({ issuer: this.#issuer, outcome, seconds });
    };
    try {
      const url = await this.#endpoint();
      const answer = await askTokenEndpoint(
        url,
        this.#client,
        { ...grant, ...parameters },
        "issuer_refused",
        this.#ports,
      );
      said("success");
      return new AuthNToken({ ...answer, issuedAt: new Date(answer.askedMs) }, clock);
    } catch (error) {
      said(error instanceof AuthenticationError ? error.code : "authentication_failed");
      throw error;
    }
  }
}

export interface CognitoClientCredentialsOptions extends Omit<
  ClientCredentialsOptions,
  "tokenEndpoint" | "issuer" | "audience" | "resource"
> {
  /** `name.auth.region.amazoncognito.com`, a domain of one's own, or a URL. */
  readonly cognitoDomain: string;
}

/** Client credentials of an app client of a Cognito user pool. */
export class CognitoClientCredentialsAuthenticator extends ClientCredentialsAuthenticator {
  constructor({ cognitoDomain, ...options }: CognitoClientCredentialsOptions) {
    if (!isGiven(cognitoDomain)) throw new ConfigurationError("cognitoDomain is missing");
    super({ ...options, tokenEndpoint: `${toDomainUrl(cognitoDomain)}/oauth2/token` });
  }
}

const isGiven = (text: unknown) => typeof text === "string" && text !== "";
