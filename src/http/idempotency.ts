import { createHash, randomUUID } from "node:crypto";
import { platformErrors } from "../platform/errors.ts";
import { idempotencyLimits as limits } from "../platform/limits.ts";
import { requestScope } from "../platform/log.ts";
import type { Database } from "../platform/postgres.ts";
import { httpErrors } from "./errors.ts";
import type { Reply } from "./reply.ts";
import type { AnyRequest } from "./request.ts";
import type { Route } from "./route.ts";
import {
  keepAnswer,
  keepNoAnswer,
  markCommitted,
  releaseKey,
  takeKey,
  type Claim,
  type Earlier,
} from "./store-idempotency.ts";

/** Visible ASCII: what a header field may hold without a question of its encoding. */
const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * A route that may be repeated: of all requests of one caller with one `Idempotency-Key` one is
 * carried out, and the others get its answer (draft-ietf-httpapi-idempotency-key-header-07).
 *
 * The first transaction of the handler marks the key as used when it commits. So a request whose
 * process dies is carried out by its repetition or was carried out already, never twice; where the
 * answer went down with the process the repetition is told so. A refused request has had no effect
 * and gives its key back.
 */
export function repeatable(route: Route, database: Database): Route {
  const handler = (request: AnyRequest): Reply | Promise<Reply> => {
    const key = request.header("idempotency-key");
    return key === undefined ? route.handler(request) : runOnce(route, database, request, key);
  };
  return Object.freeze({ ...route, handler, repeatable: true });
}

async function runOnce(
  route: Route,
  database: Database,
  request: AnyRequest,
  key: string,
): Promise<Reply> {
  if (!KEY.test(key)) {
    const message = `must be 1 to ${limits.keyMaxCharacters} visible ASCII characters`;
    throw platformErrors.failure("validation_failed", {
      errors: [{ path: "/headers/idempotency-key", code: "pattern", message }],
    });
  }
  const { tenantId, userId } = request.principal;
  const claim: Claim = { caller: `${tenantId} ${userId}`, key, id: randomUUID() };
  const fingerprint = fingerprintOf(request);
  const earlier = await takeKey(database, claim, fingerprint);
  if (earlier !== undefined) return repeat(earlier, fingerprint);
  // A row that cannot be brought up to date now says that the request is being carried out, and
  // later that its answer is gone: neither is worth a failure of what was carried out, or refused.
  const giveUp = (error: unknown) =>
    request.log.warn({ event: "idempotency_key_not_settled", error });
  let reply: Reply;
  try {
    reply = await handleUnder(claim, route, request);
  } catch (error) {
    await releaseKey(database, claim).catch(giveUp);
    throw error;
  }
  await settle(database, claim, reply).catch(giveUp);
  return reply;
}

/** Every transaction of the handler is one of this attempt, and of no other. */
async function handleUnder(claim: Claim, route: Route, request: AnyRequest): Promise<Reply> {
  const scope = requestScope.getStore();
  if (scope === undefined) throw new TypeError("a repeatable route runs in the request's scope");
  scope.beforeCommit = (tx) => markCommitted(tx, claim);
  try {
    return await route.handler(request);
  } finally {
    // Work that was begun here and goes on later is not part of the request.
    scope.beforeCommit = undefined;
  }
}

async function settle(database: Database, claim: Claim, reply: Reply): Promise<void> {
  const { status, headers = {}, body, raw } = reply;
  if (status >= 300) return releaseKey(database, claim);
  const isText = raw === undefined || typeof raw === "string";
  const text = raw === undefined ? (body === undefined ? "" : JSON.stringify(body)) : raw;
  // What must not be stored elsewhere is not stored here either: it may hold a secret.
  const mayBeKept = !/no-store/.test(headers["cache-control"] ?? "");
  if (!isText || !mayBeKept || text.length > limits.bodyMaxCharacters) {
    return keepNoAnswer(database, claim);
  }
  const type =
    raw === undefined && body !== undefined ? { "content-type": "application/json" } : {};
  await keepAnswer(database, claim, {
    status,
    headers: { ...type, ...headers },
    body: text as string,
  });
}

function repeat({ fingerprint, isRunning, answer }: Earlier, ours: Buffer): Reply {
  if (!fingerprint.equals(ours)) throw httpErrors.failure("idempotency_key_reused");
  if (answer !== undefined) {
    const headers = { ...answer.headers, "idempotency-replayed": "true" };
    return { status: answer.status, headers, raw: answer.body };
  }
  if (!isRunning) throw httpErrors.failure("idempotency_answer_lost");
  const headers = { "retry-after": String(limits.retryAfterSeconds) };
  throw httpErrors.failure("idempotency_key_in_use", { headers });
}

/** The same key with another method, path, query or body is another request. */
function fingerprintOf({ method, path, query, rawBody }: AnyRequest): Buffer {
  return createHash("sha256")
    .update(JSON.stringify([method, path.replace(/\/$/, ""), query]))
    .update(rawBody)
    .digest();
}
