import {
  AppError,
  isRejection,
  platformErrors,
  type FieldFault,
  type Rejection,
} from "../platform/errors.ts";

/** What is known of the request when its problem is told. */
export interface ProblemContext {
  readonly path: string;
  readonly requestId: string;
  readonly nowMs: number;
}

export const PROBLEM_TYPE = "application/problem+json";

/** Any failure as one of ours. What we did not foresee is `internal`, its reason for the log only. */
export function toFailure(error: unknown): AppError | Rejection {
  if (error instanceof AppError) return error;
  if (typeof error === "object" && error !== null && isRejection(error)) return error;
  return platformErrors.failure("internal", { cause: error });
}

/** The RFC 9457 body. No note, no cause, no stack. */
export function problemBody(failure: AppError | Rejection, context: ProblemContext): string {
  const detail =
    "detail" in failure && failure.detail !== undefined ? failure.detail : failure.title;
  const body: Record<string, unknown> = {
    type: `urn:brigade:problem:${failure.code}`,
    title: failure.title,
    status: failure.status,
    detail,
    instance: context.path,
    error_code: failure.code,
    request_id: context.requestId,
    timestamp: new Date(context.nowMs).toISOString(),
  };
  const errors: readonly FieldFault[] | undefined =
    "errors" in failure ? failure.errors : undefined;
  if (errors !== undefined) body["errors"] = errors;
  if ("members" in failure) Object.assign(body, failure.members);
  return JSON.stringify(body);
}

const TOKEN_FAULTS: ReadonlySet<string> = new Set(["token_invalid", "token_expired"]);

/** Fields that belong to a status: the challenge of a 401, the patience of a 429 or 503. */
export function problemHeaders(
  failure: AppError | Rejection,
  retryAfterSeconds: number,
): Record<string, string> {
  const headers: Record<string, string> = { "content-type": PROBLEM_TYPE };
  if (failure.status === 401) {
    // RFC 6750 §3.1: no error code when no token was presented.
    headers["www-authenticate"] = TOKEN_FAULTS.has(failure.code)
      ? 'Bearer error="invalid_token"'
      : "Bearer";
  }
  if (failure.status === 429 || failure.status === 503) {
    headers["retry-after"] = String(retryAfterSeconds);
  }
  for (const [name, value] of Object.entries(failure.headers ?? {})) {
    headers[name.toLowerCase()] = value;
  }
  return headers;
}
