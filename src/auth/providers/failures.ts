/**
 * What the providers throw. Every class has stable codes; no message holds a token, a secret or a
 * word of somebody else's answer.
 */

/** Why no token was got, or why one is refused. */
export type AuthenticationCode =
  | "authentication_failed"
  | "token_invalid"
  | "token_expired"
  | "refresh_token_invalid"
  | "issuer_refused"
  | "issuer_throttled"
  | "issuer_unavailable"
  | "issuer_answer_invalid";

export interface AuthenticationErrorOptions extends ErrorOptions {
  readonly code?: AuthenticationCode;
  /** The `error` of RFC 6749 §5.2, or the name of Cognito's exception. */
  readonly reason?: string | undefined;
  /** When to ask again at the earliest. */
  readonly retryAfterSeconds?: number | undefined;
}

/** Codes that say nothing about the caller: who was to be asked did not answer. */
const AWAY: ReadonlySet<AuthenticationCode> = new Set([
  "issuer_throttled",
  "issuer_unavailable",
  "issuer_answer_invalid",
]);

/** Authentication failed. A provider of one's own throws it to refuse a caller. */
export class AuthenticationError extends Error {
  readonly code: AuthenticationCode;
  readonly reason: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, options: AuthenticationErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code ?? "authentication_failed";
    this.reason = options.reason;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  /** What a server answers: 401, or 503 when the issuer could not be asked. */
  get status(): 401 | 503 {
    return AWAY.has(this.code) ? 503 : 401;
  }
}

/** The token is over; its signature and every other claim are good. */
export class TokenExpiredError extends AuthenticationError {
  constructor(message = "The token expired", options: ErrorOptions = {}) {
    super(message, { ...options, code: "token_expired" });
  }
}

/** The token is not one that is accepted. `reason` is for the log: callers are not told. */
export class TokenValidationError extends AuthenticationError {
  constructor(reason: string, options: ErrorOptions = {}) {
    super("The token is not valid", { ...options, code: "token_invalid", reason });
  }
}

/** A provider cannot work as it was set up. Names the option, never its value. */
export class ConfigurationError extends Error {
  readonly code = "configuration_invalid";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
