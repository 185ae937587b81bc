import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Type } from "typebox";
import { json, text as textReply } from "../../../src/http/reply.ts";
import { AUTHENTICATED, defineRoute, PUBLIC } from "../../../src/http/route.ts";
import { createBalance, isSurplus } from "../../../src/http/uws/balance.ts";
import { connections, createSharedMemory } from "../../../src/platform/shared-memory.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { sendRaw, startServer, type TestServer } from "../fixture.ts";

const common = { summary: "s", tag: "t", responses: {} } as const;
const seen = { aborted: 0, finished: 0 };
const routes = [
  defineRoute({
    ...common,
    method: "GET",
    path: "/me",
    access: AUTHENTICATED,
    direct: true,
    handler: ({ principal }) => json(200, { user: principal.userId }),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/slow/{ms}",
    access: AUTHENTICATED,
    params: Type.Object({ ms: Type.Integer() }),
    handler: async ({ principal, params, signal }) => {
      signal.addEventListener("abort", () => (seen.aborted += 1));
      await wait(params.ms);
      seen.finished += 1;
      return json(200, { user: principal.userId });
    },
  }),
  defineRoute({
    ...common,
    method: "POST",
    path: "/echo",
    access: AUTHENTICATED,
    body: Type.Any(),
    handler: async ({ principal, body }) => {
      await wait(1);
      return json(200, { user: principal.userId, body });
    },
  }),
  defineRoute({
    ...common,
    method: "POST",
    path: "/limited",
    access: PUBLIC,
    body: Type.Any(),
    deadlineMs: 100,
    handler: () => json(200, {}),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/large",
    access: PUBLIC,
    handler: () => textReply(200, "x".repeat(4_000_000), "text/plain"),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/throws",
    access: PUBLIC,
    direct: true,
    handler: () => {
      throw new Error("boom");
    },
  }),
];
const server = await startServer({ routes, logLevel: "error" });
after(() => server.close());
const { port } = server;

const get = (path: string, user: string) =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${user}\r\n\r\n`;
const post = (path: string, user: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${user}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

test("the product behind the port is not named", async () => {
  const { text } = await sendRaw(port, get("/me", "user-ann"), { until: /\}$/ });
  assert.ok(!/uwebsockets/i.test(text), text);
  assert.match(text, /^HTTP\/1\.1 200 OK\r\nx-request-id: [^]*\r\nDate: /);
});

test("a handler that throws at once is a 500, and the connection lives on", async () => {
  const { text } = await sendRaw(
    port,
    ["GET /throws HTTP/1.1\r\nHost: a\r\n\r\n", get("/me", "user-ann")],
    { until: /"user":"ann"/ },
  );
  assert.match(text, /^HTTP\/1\.1 500[^]*HTTP\/1\.1 200/);
});

test("a body over the limit is refused before it was sent, and the refusal arrives", async () => {
  const head =
    "POST /limited HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\n\r\n";
  const early = await sendRaw(port, head, { until: /payload_too_large/ });
  assert.match(early.text, /^HTTP\/1\.1 413[^]*connection: close/);
  const whole = await fetch(`${server.url}/limited`, {
    method: "POST",
    body: JSON.stringify("x".repeat(5_000_000)),
    headers: { "content-type": "application/json" },
  });
  assert.equal(whole.status, 413);
  assert.equal(((await whole.json()) as { error_code: string }).error_code, "payload_too_large");
});

test("a body that stops coming is given up and its connection closed", async () => {
  const head =
    "POST /limited HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{";
  const { text, ended } = await sendRaw(port, head, { waitMs: 5_000 });
  assert.match(text, /^HTTP\/1\.1 408[^]*request_timeout/);
  assert.ok(ended);
});

test("large answers arrive whole", async () => {
  const response = await fetch(`${server.url}/large`);
  assert.equal((await response.text()).length, 4_000_000);
});

test("a client that leaves is noticed by the handler", async () => {
  const before = seen.aborted;
  const client = connect(port, "127.0.0.1", () => client.write(get("/slow/2000", "user-ann")));
  while (server.pipeline.inFlight() === 0) await wait(5);
  client.destroy();
  while (seen.aborted === before) await wait(5);
  assert.equal(server.pipeline.inFlight(), 0);
});

/** Closes each of its connections at a random byte or a random moment. */
async function abortAtRandom(target: TestServer, count: number, seed: number): Promise<void> {
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const requests = [
    get("/me", "user-a"),
    get("/me", "slow-b"),
    get("/slow/3", "user-c"),
    post("/echo", "user-d", `"${"x".repeat(3_000)}"`),
    post("/echo", "slow-e", "[1]"),
    get("/large", "-"),
    post("/limited", "-", `"${"y".repeat(80_000)}"`),
    get("/nowhere", "-"),
    "GARBAGE\r\n\r\n",
    get("/me", "user-f").repeat(3),
  ];
  const one = () =>
    new Promise<void>((resolve) => {
      const request = requests[random(requests.length)]!;
      const socket = connect(target.port, "127.0.0.1");
      const giveUp = () => (random(2) === 0 ? socket.destroy() : socket.resetAndDestroy());
      socket.on("error", () => {});
      socket.on("close", () => resolve());
      socket.on("data", () => random(3) === 0 && giveUp());
      socket.on("connect", () => {
        const cut = random(3) === 0 ? random(request.length) : request.length;
        socket.write(request.slice(0, cut));
        setTimeout(giveUp, random(5));
      });
    });
  const lanes = Array.from({ length: 64 }, async (_, lane) => {
    for (let n = lane; n < count; n += 64) await one();
  });
  await Promise.all(lanes);
}

test("random aborts at every stage leave a whole server", async (t) => {
  const seed = testSeed();
  t.diagnostic(`seed ${seed}`);
  await abortAtRandom(server, testSize(10_000, 100_000), seed);
  const { text } = await sendRaw(port, get("/me", "user-ann"), { until: /\}$/ });
  assert.match(text, /"user":"ann"/);
  while (server.server.openConnections() > 0) await wait(10);
  assert.equal(server.pipeline.inFlight(), 0);
  assert.deepEqual(
    server.lines.filter(({ message }) => message !== "request failed"),
    [],
  );
});

test("answers are never mixed: each of 64 users gets its own, while others abort", async () => {
  const rounds = testSize(30, 16_000);
  const noise = abortAtRandom(server, testSize(500, 20_000), 7);
  const users = Array.from({ length: 64 }, async (_, n) => {
    for (let round = 0; round < rounds; round += 1) {
      const kind = round % 2 === 0 ? "user" : "slow";
      const headers = { authorization: `Bearer ${kind}-u${n}`, "content-type": "application/json" };
      const isPost = round % 3 === 0;
      const response = await fetch(
        `${server.url}${isPost ? "/echo" : "/me"}`,
        isPost ? { method: "POST", headers, body: `[${n}]` } : { headers },
      );
      const body = (await response.json()) as { user: string; body?: number[] };
      assert.equal(body.user, `u${n}`);
      if (isPost) assert.deepEqual(body.body, [n]);
    }
  });
  await Promise.all([noise, ...users]);
});

test("above its cap a thread closes what comes next, and takes the one after a place is free", async () => {
  const capped = await startServer({ routes, server: { connectionsMax: 3 } });
  after(() => capped.close());
  const held = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise<ReturnType<typeof connect>>((done) => {
          const socket = connect(capped.port, "127.0.0.1", () => done(socket));
        }),
    ),
  );
  while (capped.server.openConnections() < 3) await wait(5);
  const refused = await sendRaw(capped.port, get("/me", "user-ann"), { waitMs: 1_000 });
  assert.deepEqual([refused.text, refused.ended], ["", true]);
  held[0]!.destroy();
  while (capped.server.openConnections() > 2) await wait(5);
  const served = await sendRaw(capped.port, get("/me", "user-ann"), { until: /\}$/ });
  assert.match(served.text, /"user":"ann"/);
  for (const socket of held) socket.destroy();
});

test("a draining server takes no new connection and sends the old ones home after their answer", async () => {
  const drained = await startServer({ routes });
  after(() => drained.close());
  const kept = connect(drained.port, "127.0.0.1");
  const answers: string[] = [];
  kept.on("data", (bytes) => answers.push(bytes.toString()));
  kept.write(get("/me", "user-ann"));
  while (answers.length === 0) await wait(5);
  assert.ok(!/connection: close/i.test(answers[0]!));
  kept.write(get("/slow/50", "user-ann"));
  while (drained.pipeline.inFlight() === 0) await wait(5);
  const idle = new Promise<void>((done) => drained.server.onIdle(done));
  drained.server.drain();
  const fresh = await sendRaw(drained.port, get("/me", "user-ann"), { waitMs: 1_000 });
  assert.equal(fresh.text, "");
  await idle;
  assert.match(answers.join(""), /connection: close[^]*"user":"ann"/i);
  assert.equal(drained.server.openConnections(), 0);
});

test("an exclusive port is not shared, a shared one is", async () => {
  await assert.rejects(startServer({ routes, port }), /cannot be listened on/);
});

test("a thread above its share sends one connection away a second", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const shared = createSharedMemory({ httpThreads: 2, authCacheSlots: 64 });
  const mine = createBalance(connections(shared, 0));
  const other = createBalance(connections(shared, 1));
  mine.change(6);
  other.change(2);
  assert.equal(mine.shed(), false);
  t.mock.timers.tick(1_000);
  assert.deepEqual([mine.shed(), mine.shed(), other.shed()], [true, false, false]);
  mine.change(-2);
  other.change(2);
  t.mock.timers.tick(1_000);
  assert.equal(mine.shed(), false);
  mine.stop();
  other.stop();
});

test("a share is exceeded by a quarter and by one whole connection", () => {
  assert.deepEqual(
    [
      isSurplus(1, 0.5),
      isSurplus(2, 1),
      isSurplus(2, 1.5),
      isSurplus(125, 100),
      isSurplus(126, 100),
    ],
    [false, true, false, false, true],
  );
});
