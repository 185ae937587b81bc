import { inspect } from "node:util";
import { systemClock, type Clock } from "../../platform/clock.ts";

export interface AuthNTokenFields {
  readonly accessToken: string;
  /** Default `Bearer`. */
  readonly tokenType?: string;
  /** Life, seconds. */
  readonly expiresIn: number;
  /** Default: now. */
  readonly issuedAt?: Date;
  /** What it is good for, as far as the issuer said it. */
  readonly scope?: string | undefined;
}

/**
 * A token for what we ask of others. The token itself is shown only to whoever asks for
 * `accessToken`: neither `JSON.stringify` nor an inspecting logger sees it.
 */
export class AuthNToken {
  readonly tokenType: string;
  readonly expiresIn: number;
  readonly issuedAt: Date;
  readonly scope: string | undefined;
  readonly #accessToken: string;
  readonly #clock: Clock;

  constructor(fields: AuthNTokenFields, clock: Clock = systemClock) {
    this.tokenType = fields.tokenType ?? "Bearer";
    this.expiresIn = fields.expiresIn;
    this.issuedAt = fields.issuedAt ?? new Date(clock.nowMs());
    this.scope = fields.scope;
    this.#accessToken = fields.accessToken;
    this.#clock = clock;
  }

  get accessToken(): string {
    return this.#accessToken;
  }

  get expiresAt(): Date {
    return new Date(this.issuedAt.getTime() + this.expiresIn * 1000);
  }

  get isExpired(): boolean {
    return this.#clock.nowMs() >= this.expiresAt.getTime();
  }

  toHeaders(): AuthNHeaders {
    return new AuthNHeaders(`${this.tokenType} ${this.#accessToken}`);
  }

  toJSON(): object {
    const { tokenType, expiresIn, issuedAt, scope } = this;
    return { accessToken: "[redacted]", tokenType, expiresIn, issuedAt, scope };
  }

  [inspect.custom](): string {
    return `AuthNToken ${inspect(this.toJSON())}`;
  }
}

/** Header fields of a request that carries a token. */
export class AuthNHeaders {
  readonly contentType: string;
  readonly #authorization: string;

  constructor(authorization: string, contentType = "application/json") {
    this.#authorization = authorization;
    this.contentType = contentType;
  }

  get authorization(): string {
    return this.#authorization;
  }

  /** As `fetch` and every other client takes them. */
  toObject(): { Authorization: string; "Content-Type": string } {
    return { Authorization: this.#authorization, "Content-Type": this.contentType };
  }

  toDict(): { Authorization: string; "Content-Type": string } {
    return this.toObject();
  }

  toJSON(): object {
    return { authorization: "[redacted]", contentType: this.contentType };
  }

  [inspect.custom](): string {
    return `AuthNHeaders ${inspect(this.toJSON())}`;
  }
}
