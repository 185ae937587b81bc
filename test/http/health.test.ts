import assert from "node:assert/strict";
import { test } from "node:test";
import { createHealthRoutes, type HealthChecks } from "../../src/http/health.ts";
import { startPipeline } from "./fixture.ts";

const state = { isReady: true };
function start(checks: HealthChecks = {}) {
  return startPipeline({ routes: createHealthRoutes({ checks, isReady: () => state.isReady }) });
}
const support = { headers: { authorization: "Bearer admin-eve" } };

test("a stranger learns one word", async () => {
  const { ask } = start();
  state.isReady = true;
  const good = await ask("GET", "/health");
  assert.deepEqual([good.status, good.text], [200, '{"status":"healthy"}']);
  assert.deepEqual((await ask("GET", "/health/ready")).status, 200);
  state.isReady = false;
  const bad = await ask("GET", "/health");
  assert.deepEqual([bad.status, bad.text], [503, '{"status":"unhealthy"}']);
  assert.deepEqual((await ask("GET", "/health/ready")).status, 503);
  assert.deepEqual((await ask("GET", "/health/live")).status, 200);
  state.isReady = true;
});

test("the detail needs access_support", async () => {
  const { ask } = start();
  assert.equal((await ask("GET", "/health/detail")).status, 401);
  assert.equal(
    (await ask("GET", "/health/detail", { headers: { authorization: "Bearer user-ann" } })).status,
    403,
  );
  assert.equal((await ask("GET", "/health/detail", support)).status, 200);
});

test("probes are never limited, and the detail is no probe", async () => {
  const take = (key: string) => {
    taken.push(key);
    return { allowed: false, limit: 1, remaining: 0, resetSeconds: 1, retryAfterSeconds: 1 };
  };
  const taken: string[] = [];
  const { ask } = startPipeline({
    routes: createHealthRoutes({ checks: {}, isReady: () => true }),
    rateLimit: { take, give: () => {} },
  });
  for (const path of ["/health", "/health/live", "/health/ready"]) {
    assert.equal((await ask("GET", path)).status, 200);
  }
  assert.deepEqual(taken, []);
  assert.equal((await ask("GET", "/health/detail", support)).status, 429);
  assert.equal(taken.length, 1);
});

test("the detail is as bad as its worst check, and a check that throws has failed", async () => {
  const pass = async () => ({ status: "pass", observedValue: 3, observedUnit: "ms" }) as const;
  const warn = async () => ({ status: "warn" }) as const;
  const warned = await start({ "a:time": pass, "b:x": warn }).ask("GET", "/health/detail", support);
  assert.equal(warned.headers["content-type"], "application/health+json");
  assert.deepEqual([warned.status, warned.json.status], [200, "warn"]);
  assert.equal(warned.json.checks["a:time"][0].observedValue, 3);
  assert.match(warned.json.checks["a:time"][0].time, /^\d{4}-/);
  const broken = start({
    "a:time": pass,
    "c:x": () => Promise.reject(new Error("password of db")),
  });
  const failed = await broken.ask("GET", "/health/detail", support);
  assert.deepEqual([failed.status, failed.json.status], [503, "fail"]);
  assert.ok(!failed.text.includes("password"));
});

test("a check that hangs is not waited for", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const answer = start({ "c:x": () => new Promise(() => {}) }).ask(
    "GET",
    "/health/detail",
    support,
  );
  await Promise.resolve();
  t.mock.timers.tick(2_000);
  assert.equal((await answer).status, 503);
});

test("probes are neither logged nor limited", async () => {
  let taken = 0;
  const take = () => {
    taken += 1;
    return { allowed: false, limit: 1, remaining: 0, resetSeconds: 1, retryAfterSeconds: 1 };
  };
  const limited = startPipeline({
    routes: createHealthRoutes({ checks: {}, isReady: () => true }),
    rateLimit: { take, give: () => {} },
  });
  for (const path of ["/health", "/health/live", "/health/ready"]) {
    assert.equal((await limited.ask("GET", path, support)).status, 200, path);
  }
  assert.equal(taken, 0);
  assert.deepEqual(limited.lines, []);
});
