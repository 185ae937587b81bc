import type { OutgoingReply } from "../../platform/breaker.ts";
import { outboundLimits as limits } from "../../platform/limits.ts";
import { ConfigurationError } from "../providers/failures.ts";
import { answerInvalid, callIssuer, readObject, refused } from "./call.ts";
import { isFault, withRetries, type CallFault, type RetryPorts } from "./retry.ts";

/** How a client shows its secret (RFC 6749 §2.3.1). */
export type ClientAuthentication = "client_secret_basic" | "client_secret_post";

export interface OAuthClient {
  readonly id: string;
  /** Undefined: a public client, which only says its id. */
  readonly secret: string | undefined;
  readonly authentication?: ClientAuthentication | undefined;
}

/** What a token endpoint answered (RFC 6749 §5.1). */
export interface TokenAnswer {
  readonly accessToken: string;
  readonly tokenType: string;
  /** Seconds. */
  readonly expiresIn: number;
  readonly scope: string | undefined;
  readonly refreshToken: string | undefined;
  readonly idToken: string | undefined;
  /** When it was asked for, by the wall clock: its life began later than that. */
  readonly askedMs: number;
}

/**
 * Asks a token endpoint, again where that may help. Throws `AuthenticationError`: `refusal` when it
 * answered that it will not, else what kept it from answering.
 */
export async function askTokenEndpoint(
  url: string,
  client: OAuthClient,
  parameters: Readonly<Record<string, string | undefined>>,
  refusal: "issuer_refused" | "refresh_token_invalid",
  ports: RetryPorts,
): Promise<TokenAnswer> {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) form.append(name, value);
  }
  const headers = {
    accept: "application/json",
    "content-type": "application/x-www-form-urlencoded",
    ...authenticate(client, form),
  };
  const request = { method: "POST", headers, body: form.toString() };
  return withRetries(async (timeoutMs) => {
    const askedMs = ports.clock.nowMs();
    const reply = await callIssuer(url, { ...request, timeoutMs }, ports.clock);
    return isFault(reply) ? reply : readAnswer(reply, refusal, askedMs);
  }, ports);
}

/** Adds the client to the form, or answers the header that tells of it. */
function authenticate(client: OAuthClient, form: URLSearchParams): Record<string, string> {
  const { id, secret, authentication = "client_secret_basic" } = client;
  if (secret === undefined || authentication === "client_secret_post") {
    form.append("client_id", id);
    if (secret !== undefined) form.append("client_secret", secret);
    return {};
  }
  // RFC 6749 §2.3.1: both are form-encoded before they are joined.
  const pair = `${formEncoded(id)}:${formEncoded(secret)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

const formEncoded = (text: string) => new URLSearchParams([["", text]]).toString().slice(1);

function readAnswer(
  reply: OutgoingReply,
  refusal: "issuer_refused" | "refresh_token_invalid",
  askedMs: number,
): TokenAnswer | CallFault {
  const answer = readObject(reply);
  if (reply.status !== 200) {
    const reason = isFault(answer) ? undefined : readName(answer["error"]);
    // Only a word of the table: the description may hold what was sent.
    return refused(reason ?? `status ${reply.status}`, refusal);
  }
  if (isFault(answer)) return answer;
  return toTokenAnswer({
    accessToken: answer["access_token"],
    tokenType: answer["token_type"],
    expiresIn: answer["expires_in"],
    scope: answer["scope"],
    refreshToken: answer["refresh_token"],
    idToken: answer["id_token"],
    askedMs,
  });
}

/** Checks everything of an answer that somebody will put into a header or count with. */
export function toTokenAnswer(
  answer: Readonly<Record<Exclude<keyof TokenAnswer, "askedMs">, unknown>> & { askedMs: number },
): TokenAnswer | CallFault {
  const { accessToken, tokenType = "Bearer", scope, refreshToken, idToken } = answer;
  if (!isToken(accessToken)) return answerInvalid("access_token");
  if (typeof tokenType !== "string" || tokenType.toLowerCase() !== "bearer") {
    return answerInvalid("token_type");
  }
  if (refreshToken !== undefined && !isToken(refreshToken)) return answerInvalid("refresh_token");
  if (idToken !== undefined && !isToken(idToken)) return answerInvalid("id_token");
  const expiresIn = readLife(answer.expiresIn);
  if (expiresIn === undefined) return answerInvalid("expires_in");
  const isScope = typeof scope === "string" && scope.length <= limits.scopeCharactersMax;
  return {
    accessToken,
    tokenType: "Bearer",
    expiresIn,
    scope: isScope ? scope : undefined,
    refreshToken,
    idToken,
    askedMs: answer.askedMs,
  };
}

/** RFC 6750 §2.1: nothing that could end a header field. */
function isToken(value: unknown): value is string {
  return (
    typeof value === "string" &&
    value.length <= limits.tokenBytesMax &&
    /^[\x21-\x7e]+$/.test(value)
  );
}

/** Some issuers write the number as a text; RFC 6749 lets them leave it out. */
function readLife(value: unknown): number | undefined {
  if (value === undefined) return limits.lifeUnsaidSeconds;
  const seconds = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  if (typeof seconds !== "number" || !(seconds > 0)) return undefined;
  return Math.min(Math.floor(seconds), limits.lifeMaxSeconds);
}

function readName(value: unknown): string | undefined {
  return typeof value === "string" && /^[a-z_]{1,64}$/.test(value) ? value : undefined;
}

/** Sorted and without repetitions: two spellings of one scope are one token. Throws `ConfigurationError`. */
export function readScope(scope: string | readonly string[] | undefined): readonly string[] {
  const names = typeof scope === "string" ? scope.split(" ") : (scope ?? []);
  const found = [...new Set(names.filter((name) => name !== ""))].toSorted();
  // RFC 6749 §3.3
  if (!found.every((name) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(name))) {
    throw new ConfigurationError("scope must hold names with spaces between them");
  }
  return found;
}
