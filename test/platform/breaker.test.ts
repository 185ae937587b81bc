import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import {
  createBreaker,
  fetchLimited,
  setBreakerDefaults,
  type BreakerState,
} from "../../src/platform/breaker.ts";
import { showBreakers } from "../../src/platform/breaker-metrics.ts";
import { AppError } from "../../src/platform/errors.ts";
import { outgoingLimits } from "../../src/platform/limits.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { renderPrometheus } from "../../src/platform/metrics-text.ts";
import { requestScope } from "../../src/platform/log.ts";
import { createManualClock } from "../support/clock.ts";

const RECOVERY_MS = 1_000;
const succeed = () => Promise.resolve("fine");
const fail = () => Promise.reject(new Error("away"));

function openBreaker(t: TestContext, options: Parameters<typeof createBreaker>[1] = {}) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const states: BreakerState[] = [];
  const breaker = createBreaker("outside", {
    failureThreshold: 3,
    recoveryMs: RECOVERY_MS,
    onStateChange: (state) => states.push(state),
    ...options,
  });
  t.after(() => breaker.close());
  return { breaker, states };
}

async function failTimes(breaker: ReturnType<typeof createBreaker>, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await assert.rejects(breaker.run(fail), /away/);
}

const isRefused = (error: unknown) => error instanceof AppError && error.code === "unavailable";

test("it begins closed and lets calls through", async (t) => {
  const { breaker } = openBreaker(t);
  assert.equal(breaker.state, "CLOSED");
  assert.equal(await breaker.run(succeed), "fine");
});

test("it hands on a call's own error", async (t) => {
  const { breaker } = openBreaker(t);
  const own = new TypeError("mine");
  await assert.rejects(
    breaker.run(() => Promise.reject(own)),
    (error) => error === own,
  );
});

test("it opens at the threshold and not before", async (t) => {
  const { breaker } = openBreaker(t);
  await failTimes(breaker, 2);
  assert.equal(breaker.state, "CLOSED");
  await failTimes(breaker, 1);
  assert.equal(breaker.state, "OPEN");
});

test("the threshold is what it was told", async (t) => {
  const { breaker } = openBreaker(t, { failureThreshold: 1 });
  await failTimes(breaker, 1);
  assert.equal(breaker.state, "OPEN");
});

test("a success in between starts the count anew", async (t) => {
  const { breaker } = openBreaker(t);
  await failTimes(breaker, 2);
  await breaker.run(succeed);
  await failTimes(breaker, 2);
  assert.equal(breaker.state, "CLOSED");
});

test("open, it refuses without calling and says when to come again", async (t) => {
  const { breaker } = openBreaker(t);
  await failTimes(breaker, 3);
  let called = 0;
  await assert.rejects(
    breaker.run(async () => void called++),
    (error: AppError) => {
      assert.equal(error.status, 503);
      assert.equal(error.headers?.["retry-after"], "1");
      return isRefused(error);
    },
  );
  assert.equal(called, 0);
});

test("it says how long it is still open, not how long it was to be", async (t) => {
  const clock = createManualClock();
  const { breaker } = openBreaker(t, { recoveryMs: 60_000, clock });
  await failTimes(breaker, 3);
  for (const [passedMs, seconds] of [
    [0, "60"],
    [20_500, "40"],
    [39_000, "1"],
    [5_000, "1"],
  ] as const) {
    clock.advanceMs(passedMs);
    await assert.rejects(
      breaker.run(succeed),
      (error: AppError) => error.headers?.["retry-after"] === seconds,
      seconds,
    );
  }
});

test("after the recovery time it is half open, and a success closes it", async (t) => {
  const { breaker, states } = openBreaker(t);
  await failTimes(breaker, 3);
  t.mock.timers.tick(RECOVERY_MS - 1);
  assert.equal(breaker.state, "OPEN");
  t.mock.timers.tick(1);
  assert.equal(breaker.state, "HALF_OPEN");
  assert.equal(await breaker.run(succeed), "fine");
  assert.equal(breaker.state, "CLOSED");
  assert.deepEqual(states, ["OPEN", "HALF_OPEN", "CLOSED"]);
  // Closed again, it takes the whole threshold to open it.
  await failTimes(breaker, 2);
  assert.equal(breaker.state, "CLOSED");
});

test("half open, a failure opens it for another recovery time", async (t) => {
  const { breaker } = openBreaker(t);
  await failTimes(breaker, 3);
  t.mock.timers.tick(RECOVERY_MS);
  await failTimes(breaker, 1);
  assert.equal(breaker.state, "OPEN");
  t.mock.timers.tick(RECOVERY_MS);
  assert.equal(breaker.state, "HALF_OPEN");
});

test("half open, one of many callers is let through", async (t) => {
  const { breaker } = openBreaker(t);
  await failTimes(breaker, 3);
  t.mock.timers.tick(RECOVERY_MS);
  let called = 0;
  const outcomes = await Promise.allSettled(
    Array.from({ length: 50 }, () => breaker.run(async () => void called++)),
  );
  assert.equal(called, 1);
  assert.equal(outcomes.filter((outcome) => outcome.status === "fulfilled").length, 1);
  assert.equal(breaker.state, "CLOSED");
});

test("many failures at once open it once", async (t) => {
  const { breaker, states } = openBreaker(t);
  await Promise.allSettled(Array.from({ length: 50 }, () => breaker.run(fail)));
  assert.equal(breaker.state, "OPEN");
  assert.deepEqual(states, ["OPEN"]);
  assert.deepEqual(breaker.stats(), { state: "OPEN", successes: 0, failures: 50, refusals: 0 });
});

test("a call that takes too long is a failure", async (t) => {
  const { breaker } = openBreaker(t, { failureThreshold: 1, timeoutMs: 50 });
  const slow = breaker.run(() => new Promise(() => {}));
  t.mock.timers.tick(50);
  await assert.rejects(slow, isRefused);
  assert.equal(breaker.state, "OPEN");
});

async function serve(
  t: TestContext,
  answer: (request: IncomingMessage, reply: ServerResponse) => void,
) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test("an answer is an answer, whatever its status", async (t) => {
  const url = await serve(t, (request, reply) =>
    reply.writeHead(request.method === "POST" ? 500 : 200, { "x-kind": "test" }).end("body"),
  );
  const got = await fetchLimited(url);
  assert.deepEqual(
    [got.status, got.headers.get("x-kind"), String(Buffer.from(got.body))],
    [200, "test", "body"],
  );
  assert.equal((await fetchLimited(url, { method: "POST", body: "x" })).status, 500);
});

test("outgoing calls carry the id and the trace of the request they are made for", async (t) => {
  const seen: (string | undefined)[][] = [];
  const url = await serve(t, ({ headers }, reply) => {
    seen.push([
      headers["x-request-id"] as string | undefined,
      headers["traceparent"] as string | undefined,
    ]);
    reply.end();
  });
  const scope = { requestId: "r-1", traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` };
  await requestScope.run(scope, () => fetchLimited(url));
  await requestScope.run(scope, () => fetchLimited(url, { traceparent: "another" }));
  await fetchLimited(url);
  assert.deepEqual(seen, [
    ["r-1", scope.traceparent],
    ["r-1", "another"],
    [undefined, undefined],
  ]);
});

test("no redirect is followed", async (t) => {
  let visits = 0;
  const url = await serve(t, (_, reply) => {
    visits++;
    reply.writeHead(302, { location: "/elsewhere" }).end();
  });
  await assert.rejects(fetchLimited(url), isRefused);
  assert.equal(visits, 1);
});

test("a body larger than allowed is not read, packed or not, announced or not", async (t) => {
  const big = Buffer.alloc(100_000, "x");
  const url = await serve(t, ({ url: path }, reply) => {
    if (path === "/packed") reply.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(big));
    else if (path === "/lies") reply.write(big, () => reply.end());
    else reply.end(big);
  });
  for (const path of ["", "packed", "lies"]) {
    await assert.rejects(fetchLimited(url + path, { bytesMax: 99_999 }), isRefused, path);
    assert.equal((await fetchLimited(url + path, { bytesMax: 100_000 })).body.byteLength, 100_000);
  }
});

test("a server that never ends its answer, or nobody at all, is no answer", async (t) => {
  const url = await serve(t, ({ url: path }, reply) => {
    if (path === "/trickle") reply.write("x");
  });
  await assert.rejects(fetchLimited(url, { timeoutMs: 50 }), isRefused);
  await assert.rejects(fetchLimited(`${url}trickle`, { timeoutMs: 50 }), isRefused);
  await assert.rejects(
    fetchLimited("http://127.0.0.1:1/secret?token=canary"),
    (error: AppError) => {
      assert.ok(!JSON.stringify([error.message, error.note]).includes("canary"));
      return isRefused(error);
    },
  );
  const controller = new AbortController();
  const pending = fetchLimited(url, { signal: controller.signal });
  controller.abort();
  await assert.rejects(pending, isRefused);
});

test("an origin that never answers is left alone for a while, and no other one", async (t) => {
  let visits = 0;
  const url = await serve(t, (request) => {
    visits++;
    request.socket.destroy();
  });
  const other = await serve(t, (_, reply) => reply.end("fine"));
  for (let n = 0; n < 20; n++) await assert.rejects(fetchLimited(url), isRefused);
  assert.equal(visits, outgoingLimits.breakerFailureThresholdCount);
  assert.equal((await fetchLimited(other)).status, 200);
});

test("answers that the caller calls failures are returned, and open the circuit", async (t) => {
  let visits = 0;
  const url = await serve(t, (_, reply) => {
    visits++;
    reply.writeHead(visits % 2 === 0 ? 503 : 500).end("trouble");
  });
  const isFailure = (status: number) => status >= 500;
  const statuses = [];
  for (let n = 0; n < outgoingLimits.breakerFailureThresholdCount; n++) {
    const { status, body } = await fetchLimited(url, { isFailure });
    assert.equal(String(Buffer.from(body)), "trouble");
    statuses.push(status);
  }
  assert.deepEqual([...new Set(statuses)], [500, 503]);
  await assert.rejects(fetchLimited(url, { isFailure }), isRefused);
  assert.equal(visits, outgoingLimits.breakerFailureThresholdCount);
});

test("callers that go away themselves do not open the circuit", async (t) => {
  let isSlow = true;
  const url = await serve(t, (_, reply) => void (isSlow || reply.end("fine")));
  for (let n = 0; n < 10; n++) {
    await assert.rejects(fetchLimited(url, { signal: AbortSignal.timeout(10) }), isRefused);
  }
  isSlow = false;
  assert.equal((await fetchLimited(url)).status, 200);
});

test("a breaker that is told nothing goes by the settings", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  setBreakerDefaults({ breakerFailures: 2, breakerResetSeconds: 7 });
  t.after(() =>
    setBreakerDefaults({
      breakerFailures: outgoingLimits.breakerFailureThresholdCount,
      breakerResetSeconds: outgoingLimits.breakerRecoveryMs / 1000,
    }),
  );
  const breaker = createBreaker("told nothing");
  t.after(() => breaker.close());
  await failTimes(breaker, 2);
  assert.equal(breaker.state, "OPEN");
  await assert.rejects(breaker.run(succeed), (error) => {
    return isRefused(error) && (error as AppError).headers?.["retry-after"] === "7";
  });
  t.mock.timers.tick(6_999);
  assert.equal(breaker.state, "OPEN");
  t.mock.timers.tick(1);
  assert.equal(breaker.state, "HALF_OPEN");
});

test("the metrics show each breaker's state, those of addresses as one, and none that is closed down", async () => {
  const metrics = createMetrics();
  showBreakers(metrics);
  const shown = () => {
    metrics.refresh();
    const text = renderPrometheus([{ block: metrics.block, layout: metrics.layout() }]);
    const rows = text.matchAll(/^brigade_breaker_state\{name="(.*)",state="(.*)"\} (\d+)$/gm);
    return new Map([...rows].map(([, name, state, count]) => [`${name} ${state}`, Number(count)]));
  };
  const before = shown();
  const smtp = createBreaker("smtp", { failureThreshold: 1 });
  const address = createBreaker("https://else.example");
  await failTimes(smtp, 1);
  const during = shown();
  const grown = [...during.keys()].filter((key) => during.get(key) !== before.get(key));
  assert.deepEqual(grown, ["smtp open", "outgoing closed"]);
  smtp.close();
  address.close();
  assert.deepEqual(shown(), before);
});
