import assert from "node:assert/strict";
import { test } from "node:test";
import { json, noContent } from "../../src/http/reply.ts";
import { AUTHENTICATED, defineRoute, PUBLIC } from "../../src/http/route.ts";
import { createManualClock } from "../support/clock.ts";
import { renderPrometheus } from "../../src/platform/metrics-text.ts";
import { rawRequest, startPipeline } from "./fixture.ts";

const clock = createManualClock();
const common = { summary: "s", tag: "t", responses: {} } as const;
const routes = [
  defineRoute({
    ...common,
    method: "GET",
    path: "/things/{id}",
    access: AUTHENTICATED,
    handler: () => json(200, {}),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/quiet",
    quiet: true,
    access: PUBLIC,
    handler: () => noContent(),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/fails",
    access: PUBLIC,
    handler: () => {
      throw new Error("x");
    },
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/slow",
    access: PUBLIC,
    handler: () => {
      clock.advanceMs(1_000);
      return noContent();
    },
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/hangs",
    access: PUBLIC,
    handler: () => new Promise(() => {}),
  }),
];
const start = (config: { accessLog?: boolean; accessLogPerSecond?: number } = {}) =>
  startPipeline({ routes, config, clock });
const access = (lines: Record<string, any>[]) =>
  lines.filter(({ message }) => message === "request");

test("a request is one line: route pattern, status, duration, ids; no path, no token", async () => {
  const { ask, lines } = start();
  await ask("GET", "/things/secret-path?q=1", {
    headers: { authorization: "Bearer user-ann", "x-request-id": "rid" },
  }).catch(() => {});
  await ask("GET", "/things/7", {
    headers: { authorization: "Bearer user-ann", "x-request-id": "rid" },
  });
  const line = access(lines)[1]!;
  assert.deepEqual(
    { ...line, duration_ms: 0, timestamp: "" },
    {
      level: "info",
      timestamp: "",
      name: "brigade",
      request_id: "rid",
      method: "GET",
      route: "/things/{id}",
      status: 200,
      duration_ms: 0,
      user_id: "ann",
      message: "request",
    },
  );
  assert.match(line["timestamp"], /^\d{4}-\d\d-\d\dT/);
  assert.ok(!JSON.stringify(lines).includes("secret-path"));
  assert.ok(!JSON.stringify(lines).includes("user-ann"));
});

test("a refusal's line has its code", async () => {
  const { ask, lines } = start();
  await ask("GET", "/things/7");
  await ask("GET", "/nowhere");
  assert.deepEqual(
    access(lines).map(({ status, error_code, route }) => [status, error_code, route]),
    [
      [401, "authentication_required", "/things/{id}"],
      [404, "not_found", undefined],
    ],
  );
});

test("quiet routes are not logged, and nothing is when the log is off", async () => {
  const { ask, lines } = start();
  await ask("GET", "/quiet");
  assert.deepEqual(access(lines), []);
  const off = start({ accessLog: false });
  await off.ask("GET", "/nowhere");
  assert.deepEqual(access(off.lines), []);
});

test("above the rate lines are left out and counted, failures and slow ones never", async () => {
  const { ask, lines } = start({ accessLogPerSecond: 3 });
  for (let n = 0; n < 10; n += 1) await ask("GET", "/nowhere");
  assert.equal(access(lines).length, 3);
  await ask("GET", "/fails");
  assert.equal(access(lines).at(-1)?.["status"], 500);
  await ask("GET", "/slow");
  assert.equal(access(lines).at(-1)?.["duration_ms"], 1_000);
  assert.equal(lines.find(({ message }) => message === "access log was sampled")?.["left_out"], 7);
});

test("metrics: latency by route, answers by class, in flight, aborted", async () => {
  const { ask, metrics, pipeline } = start();
  await ask("GET", "/things/7", { headers: { authorization: "Bearer user-ann" } });
  await ask("GET", "/things/8");
  await ask("GET", "/fails");
  const raw = rawRequest("GET", "/hangs");
  const pending = pipeline.run(raw);
  metrics.refresh();
  const textOf = () => renderPrometheus([{ layout: metrics.layout(), block: metrics.block }]);
  const before = textOf();
  assert.match(
    before,
    /brigade_http_request_seconds_count\{method="GET",route="\/things\/\{id\}"\} 2/,
  );
  assert.match(before, /brigade_http_responses_total\{class="2xx"\} 1/);
  assert.match(before, /brigade_http_responses_total\{class="4xx"\} 1/);
  assert.match(before, /brigade_http_responses_total\{class="5xx"\} 1/);
  assert.match(before, /brigade_http_in_flight 1/);
  raw.onAbort!();
  await pending;
  metrics.refresh();
  assert.match(textOf(), /brigade_http_in_flight 0/);
  assert.match(textOf(), /brigade_http_aborted_total 1/);
});
