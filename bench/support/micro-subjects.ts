import { createAuthCache } from "../../src/auth/cache/auth-cache.ts";
import { createGenerations } from "../../src/auth/cache/generations.ts";
import { validateClaims } from "../../src/auth/token/claims.ts";
import { tokenDigest } from "../../src/auth/token/digest.ts";
import { parseToken } from "../../src/auth/token/parse.ts";
import { verifySignature } from "../../src/auth/token/verify.ts";
import { createPipeline } from "../../src/http/pipeline.ts";
import type { RawRequest } from "../../src/http/raw-request.ts";
import { json } from "../../src/http/reply.ts";
import { AUTHENTICATED, defineRoute } from "../../src/http/route.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { createSharedMemory } from "../../src/platform/shared-memory.ts";
import { defaultConfig, principalOf } from "../../test/http/fixture.ts";
import { silentLog } from "../../test/support/log.ts";
import { BENCH_ISSUER, createTokenMaker } from "./token-maker.ts";

type Subjects = Record<string, () => void>;

/** The pieces of a request, each as a function of no arguments. */
export async function createMicroSubjects(): Promise<Subjects> {
  return { ...(await tokenSubjects()), ...(await cacheSubjects()), ...(await httpSubjects()) };
}

async function tokenSubjects(): Promise<Subjects> {
  const { issuer, key, make } = await createTokenMaker();
  const tokens = await Promise.all(Array.from({ length: 512 }, make));
  const parsed = tokens.map((token) => {
    const outcome = parseToken(token);
    if ("fault" in outcome) throw new Error(outcome.fault);
    return outcome;
  });
  const now = systemClock.nowSeconds();
  let next = 0;
  const turn = () => (next = (next + 1) % tokens.length);
  return {
    "parse a token": () => void parseToken(tokens[turn()]!),
    "verify RS256": () => {
      const { signingInput, signature } = parsed[turn()]!;
      verifySignature(key, signingInput, signature);
    },
    "validate claims": () => void validateClaims(parsed[turn()]!, issuer.rules, now),
    "digest of a token": () => void tokenDigest(tokens[turn()]!, issuer.ruleSetId),
  };
}

async function cacheSubjects(): Promise<Subjects> {
  const { issuer, make } = await createTokenMaker();
  const shared = createSharedMemory({ httpThreads: 2, authCacheSlots: 1024 });
  const generations = createGenerations(shared);
  const cache = createAuthCache({
    shared,
    generations,
    clock: systemClock,
    ttlSeconds: 300,
    spawn: 1,
    digest: (token) => tokenDigest(token, issuer.ruleSetId),
    metrics: createMetrics(),
  });
  const token = await make();
  const outcome = parseToken(token);
  if ("fault" in outcome) throw new Error(outcome.fault);
  const now = systemClock.nowSeconds();
  const claims = validateClaims(outcome, issuer.rules, now);
  if ("fault" in claims) throw new Error(claims.fault);
  const indexes = generations.indexesOf({ issuer: BENCH_ISSUER, subject: claims.subject });
  const fill = (text: string) =>
    cache.fill(text, {
      claims,
      principal: principalOf(claims.subject),
      expiresAt: claims.expiresAt,
      indexes,
      captured: generations.capture(indexes),
    });
  fill(token);
  cache.lookup(token, now);
  const bytes = Buffer.from(token, "latin1");
  const others = Array.from({ length: 4096 }, (_, i) => `${token}${i}`);
  let next = 0;
  return {
    // A request brings the same text as a string of its own, whose hash nobody has computed.
    "cache hit, fresh string": () => void cache.lookup(bytes.toString("latin1"), now),
    "cache fill": () => fill(others[(next = (next + 1) % others.length)]!),
  };
}

async function httpSubjects(): Promise<Subjects> {
  const principal = principalOf("bench");
  const body = { user_id: "bench", is_authenticated: true };
  const pipeline = createPipeline({
    routes: [
      defineRoute({
        method: "GET",
        path: "/auth/whoami",
        summary: "bench",
        tag: "auth",
        access: AUTHENTICATED,
        direct: true,
        responses: { 200: { description: "bench" } },
        handler: () => json(200, body),
      }),
    ],
    config: { ...defaultConfig, accessLog: false },
    log: silentLog,
    metrics: createMetrics(),
    authenticate: () => principal,
    cached: () => principal,
  });
  const raw: RawRequest = {
    method: "GET",
    path: "/auth/whoami",
    query: "",
    fields: {
      pairs: ["host", "localhost", "authorization", "Bearer x"],
      host: "localhost",
      authorization: "Bearer x",
      apiKey: undefined,
      contentType: undefined,
      origin: undefined,
      requestId: undefined,
      correlationId: undefined,
      traceparent: undefined,
      forwardedFor: undefined,
    },
    contentLength: 0,
    fault: undefined,
    peerAddress: () => "127.0.0.1",
    receiveBody: () => Promise.resolve(new Uint8Array()),
    onAbort: undefined,
  };
  return {
    "pipeline: warm request to bytes": () => void pipeline.run(raw),
    "serialise a small answer": () => void JSON.stringify(body),
  };
}
