import { fetchLimited, type OutgoingReply, type OutgoingRequest } from "../../platform/breaker.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { outboundLimits as limits } from "../../platform/limits.ts";
import { AuthenticationError } from "../providers/failures.ts";
import { parseJsonObject, type JsonObject } from "../token/json.ts";
import { isTokenFault } from "../token/fault.ts";
import { isFault, retryAfterOf, type CallFault } from "./retry.ts";

/**
 * One call of an issuer. What is shared between callers carries nothing of the request that
 * happened to begin it.
 */
export async function callIssuer(
  url: string,
  request: OutgoingRequest,
  clock: Clock,
): Promise<OutgoingReply | CallFault> {
  let reply: OutgoingReply;
  try {
    reply = await fetchLimited(url, {
      ...request,
      bytesMax: limits.answerBytesMax,
      isAnonymous: true,
    });
  } catch (error) {
    // The breaker says when it lets somebody through again: asking it at once is of no use.
    const wait = error instanceof AppError ? error.headers?.["retry-after"] : undefined;
    const retryAfterSeconds = wait === undefined ? undefined : Number(wait);
    return unavailable({ cause: error, retryAfterSeconds }, wait === undefined);
  }
  const { status, headers } = reply;
  const retryAfterSeconds = retryAfterOf(headers, clock);
  if (status === 429) return throttled(retryAfterSeconds);
  if (status >= 500 || status === 408) return unavailable({ retryAfterSeconds });
  return reply;
}

/** The answer as a JSON object; a fault when it is none. */
export function readObject(reply: OutgoingReply | CallFault): JsonObject | CallFault {
  if (isFault(reply)) return reply;
  const object = parseJsonObject(Buffer.from(reply.body));
  return isTokenFault(object) ? answerInvalid("json") : object;
}

export function throttled(retryAfterSeconds?: number): CallFault {
  const options = { code: "issuer_throttled", retryAfterSeconds } as const;
  return { error: new AuthenticationError("The issuer asks to wait", options), isTransient: true };
}

/** An answer that no issuer of its kind gives; it would give the same again. */
export function answerInvalid(reason: string): CallFault {
  const options = { code: "issuer_answer_invalid", reason } as const;
  return {
    error: new AuthenticationError("The issuer's answer cannot be used", options),
    isTransient: false,
  };
}

export function refused(
  reason: string | undefined,
  code: "issuer_refused" | "refresh_token_invalid",
) {
  const message =
    code === "issuer_refused"
      ? "The issuer refused to give a token"
      : "The refresh token is not valid";
  return { error: new AuthenticationError(message, { code, reason }), isTransient: false };
}

export function unavailable(
  options: { cause?: unknown; retryAfterSeconds?: number | undefined },
  isTransient = true,
): CallFault {
  const error = new AuthenticationError("The issuer could not be asked", {
    ...options,
    code: "issuer_unavailable",
  });
  return { error, isTransient };
}
