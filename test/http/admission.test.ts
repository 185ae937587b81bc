import assert from "node:assert/strict";
import { test } from "node:test";
import { createRateLimiter } from "../../src/http/rate-limit.ts";
import { json, noContent } from "../../src/http/reply.ts";
import { AUTHENTICATED, defineRoute, PUBLIC } from "../../src/http/route.ts";
import { Type } from "../../src/http/schema.ts";
import { createManualClock } from "../support/clock.ts";
import { requestScope } from "../../src/platform/log.ts";
import { authenticateByName, principalOf, startPipeline } from "./fixture.ts";

const common = { summary: "s", tag: "t", responses: {} } as const;
const routes = [
  defineRoute({
    ...common,
    method: "GET",
    path: "/me",
    access: AUTHENTICATED,
    direct: true,
    handler: ({ principal }) => json(200, principal.userId),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/open",
    access: PUBLIC,
    handler: () => noContent(),
  }),
  defineRoute({
    ...common,
    method: "POST",
    path: "/signed",
    access: PUBLIC,
    bodyRaw: true,
    body: Type.Unknown(),
    handler(request) {
      if (request.header("signature") === "good") request.chargeSender("one");
      return noContent();
    },
  }),
];

function start(count = 2) {
  const clock = createManualClock();
  const verified: string[] = [];
  const known = new Set<string>();
  const limited = startPipeline({
    routes,
    clock,
    rateLimit: createRateLimiter({ limit: { count, seconds: 60 }, clock }),
    addressLimit: createRateLimiter({ limit: { count: 5, seconds: 60 }, clock }),
    cached: (token) => (known.has(token) ? principalOf(token.split("-")[1]!) : undefined),
    authenticate: (token) => {
      verified.push(token);
      return authenticateByName(token);
    },
  });
  const ask = (path: string, token?: string, peer?: string) =>
    limited.ask("GET", path, {
      ...(peer === undefined ? {} : { peer }),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
  const send = async (signature: string, peer = "192.0.2.1") => {
    const answer = await limited.ask("POST", "/signed", {
      peer,
      headers: { signature },
      body: "{}",
    });
    return answer.status;
  };
  return { ...limited, ask, send, clock, verified, known };
}

test("each answer tells the caller where it stands, and a refusal when to come back", async () => {
  const { ask, clock } = start();
  const first = await ask("/open");
  assert.deepEqual(
    [first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]],
    ["2", "1"],
  );
  assert.match(first.headers["ratelimit-reset"]!, /^\d+$/);
  await ask("/open");
  const refused = await ask("/open");
  assert.deepEqual([refused.status, refused.json.error_code], [429, "rate_limited"]);
  assert.equal(refused.headers["retry-after"], "30");
  assert.equal(refused.headers["ratelimit-remaining"], "0");
  clock.advanceMs(30_000);
  assert.equal((await ask("/open")).status, 204);
});

test("addresses of one IPv6 subscriber have one budget", async () => {
  const { ask } = start();
  for (const host of ["1", "2", "ffff:1:2:3"])
    await ask("/open", undefined, `2001:db8:0:12::${host}`);
  assert.equal((await ask("/open", undefined, "2001:db8:0:12:9::")).status, 429);
  assert.equal((await ask("/open", undefined, "2001:db8:0:13::1")).status, 204);
  for (let n = 0; n < 5; n += 1) await ask("/me", "nobody", `2001:db8:0:14::${n}`);
  assert.equal((await ask("/me", "nobody", "2001:db8:0:14::6")).status, 429);
});

test("a known caller has a budget of its own, whatever its neighbours do", async () => {
  const { ask, known } = start();
  for (let n = 0; n < 4; n += 1) await ask("/open");
  assert.equal((await ask("/open")).status, 429);
  known.add("user-ann").add("user-bob");
  assert.equal((await ask("/me", "user-ann")).status, 200);
  assert.equal((await ask("/me", "user-ann", "198.51.100.7")).status, 200);
  assert.equal((await ask("/me", "user-ann")).status, 429);
  assert.equal((await ask("/me", "user-bob")).status, 200);
});

test("a token seen for the first time is charged to its address before it is verified", async () => {
  const { ask, verified } = start(100);
  for (let n = 0; n < 8; n += 1) await ask("/me", `bad${n}`);
  assert.equal(verified.length, 5);
  assert.equal((await ask("/me", "user-ann")).status, 429);
  assert.equal((await ask("/me", "user-ann", "198.51.100.7")).status, 200);
});

test("a token that turns out good is charged to its caller too", async () => {
  const { ask } = start(2);
  const peers = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];
  const statuses = [];
  for (const peer of peers) statuses.push((await ask("/me", "user-ann", peer)).status);
  assert.deepEqual(statuses, [200, 200, 429]);
});

test("who proves himself by the body is charged in place of his network, which may be many's", async () => {
  const { send } = start(2);
  const statuses = [];
  for (let n = 0; n < 6; n += 1) statuses.push(await send("good"));
  // The budget of a sender, which is the generous one, and not that of two of his network.
  assert.deepEqual(statuses, [204, 204, 204, 204, 204, 429]);
  assert.equal(await send("good", "198.51.100.7"), 429);
  assert.equal(await send("none"), 204);
});

test("whoever does not prove himself uses up his network's budget before he is heard", async () => {
  const { send } = start(2);
  assert.deepEqual([await send("bad"), await send("bad"), await send("bad")], [204, 204, 429]);
  // What is empty is empty for everybody there: the body that could prove him is not read.
  assert.equal(await send("good"), 429);
  assert.equal(await send("good", "198.51.100.7"), 204);
});

test("who probes for paths or methods is charged for it", async () => {
  const { ask } = start(2);
  assert.equal((await ask("/nowhere")).status, 404);
  assert.equal((await ask("/nowhere")).status, 404);
  assert.equal((await ask("/nowhere")).status, 429);
});

test("without a limit there are no limit fields", async () => {
  const free = startPipeline({ routes });
  const { headers } = await free.ask("GET", "/open");
  assert.deepEqual(
    Object.keys(headers).filter((name) => name.startsWith("ratelimit")),
    [],
  );
});

test("what is logged while a token is verified names the request", async () => {
  let scope: string | undefined;
  const cold = startPipeline({
    routes,
    authenticate: async () => {
      await Promise.resolve();
      scope = requestScope.getStore()?.requestId;
      return principalOf("ann");
    },
  });
  await cold.ask("GET", "/me", { headers: { authorization: "Bearer t", "x-request-id": "rid" } });
  assert.equal(scope, "rid");
});
