import { json, type Reply } from "../../http/reply.ts";

/** RFC 6749 §5.2. The status is the one that goes with the code. */
const ERRORS = {
  invalid_request: { status: 400, text: "The request lacks a parameter or has one twice" },
  invalid_client: { status: 401, text: "The client could not be authenticated" },
  access_denied: { status: 403, text: "Nobody is let in from this network" },
  invalid_grant: { status: 400, text: "The grant is not valid" },
  unauthorized_client: { status: 400, text: "The client may not do this" },
  unsupported_grant_type: { status: 400, text: "The grant type is not supported" },
  unsupported_token_type: { status: 400, text: "The token type is not supported" },
  invalid_scope: { status: 400, text: "The scope is unknown or more than the client may ask for" },
  invalid_target: { status: 400, text: "The client has no such audience" },
  temporarily_unavailable: { status: 429, text: "Too many attempts" },
} as const;
export type OAuthErrorCode = keyof typeof ERRORS;
export const OAUTH_ERROR_CODES = Object.keys(ERRORS) as OAuthErrorCode[];

/** What `/oauth/*` answers when it refuses; a value, because it is expected. */
export interface OAuthError {
  readonly error: OAuthErrorCode;
  readonly headers: Readonly<Record<string, string>>;
}

/** RFC 6749 §5.1: no cache may keep what these endpoints answer. */
export const OAUTH_HEADERS = Object.freeze({ "cache-control": "no-store", pragma: "no-cache" });

export function oauthError(
  error: OAuthErrorCode,
  headers: Readonly<Record<string, string>> = {},
): OAuthError {
  return { error, headers };
}

/** A budget has no unit left. */
export function tooMany(retryAfterSeconds: number): OAuthError {
  return oauthError("temporarily_unavailable", { "retry-after": String(retryAfterSeconds) });
}

export function isOAuthError(value: object): value is OAuthError {
  return "error" in value;
}

/** In the words of RFC 6749, not as a problem: its clients read nothing else. */
export function toReply({ error, headers }: OAuthError): Reply {
  const { status, text } = ERRORS[error];
  return json(status, { error, error_description: text }, { ...OAUTH_HEADERS, ...headers });
}
