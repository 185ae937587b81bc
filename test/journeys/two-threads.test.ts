import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client } from "undici";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { startServer, type TestServer } from "../support/server.ts";

let database: TestDatabase;
let server: TestServer;

before(async () => {
  database = await withDatabase();
  server = await startServer({ databaseUrl: database.url, env: { HTTP_THREADS: "2" } });
});
after(async () => {
  await server.stop();
  await database.drop();
});

/** Sum of a metric over the process, as the admin port tells it. */
async function metric(name: string, labels = ""): Promise<number> {
  const text = await (await fetch(`${server.adminUrl}/metrics`)).text();
  const line = text.split("\n").find((found) => found.startsWith(`${name}${labels} `));
  return Number(line?.split(" ").at(-1) ?? Number.NaN);
}

async function register(email: string): Promise<string> {
  const response = await fetch(`${server.url}/auth/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password: "a long enough passphrase" }),
  });
  assert.equal(response.status, 201);
  return ((await response.json()) as { access_token: string }).access_token;
}

/**
 * One kept-alive connection: the kernel gave it to one of the threads, where it stays until a thread
 * that has more than its share asks it to go.
 */
function connection() {
  const client = new Client(server.url, { keepAliveTimeout: 600_000 });
  let timesSentAway = 0;
  return {
    timesSentAway: () => timesSentAway,
    async ask(token: string, method: "GET" | "POST" = "GET", path = "/auth/whoami") {
      const answer = await client.request({
        method,
        path,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(method === "POST" ? { body: "{}" } : {}),
      });
      await answer.body.dump();
      if (answer.headers["connection"] === "close") timesSentAway++;
      return answer.statusCode;
    },
    close: () => client.close(),
  };
}

/**
 * A token that one thread alone has used, three times: the second use publishes it for the other.
 * Another token is taken when the connection was sent to the other thread meanwhile.
 */
async function usedByOneThread(one: ReturnType<typeof connection>) {
  for (let account = 0; ; account++) {
    const token = await register(`two-threads-${account}@example.com`);
    const checksBefore = await checks();
    const sentAwayBefore = one.timesSentAway();
    for (let use = 0; use < 3; use++) assert.equal(await one.ask(token), 200);
    if (one.timesSentAway() === sentAwayBefore) return { token, checksBefore };
  }
}

const checks = () => metric("brigade_auth_verifications_total");
const tableHits = () => metric("brigade_auth_cache_lookups_total", '{result="table"}');

test("a warm token moves between two threads with one signature check, and is revoked in both", async () => {
  const connections = [connection()];
  try {
    const { token, checksBefore } = await usedByOneThread(connections[0]!);
    const tableBefore = await tableHits();
    // Each new connection has an even chance; forty at one thread are a sign of something else.
    while (connections.length < 40 && (await tableHits()) === tableBefore) {
      const next = connection();
      connections.push(next);
      assert.equal(await next.ask(token), 200);
    }
    assert.ok((await tableHits()) > tableBefore, "the other thread took it from the table");
    assert.equal((await checks()) - checksBefore, 1);

    assert.equal(await connections[0]!.ask(token, "POST", "/auth/logout"), 200);
    const statuses = await Promise.all(connections.map((one) => one.ask(token)));
    assert.deepEqual(new Set(statuses), new Set([401]), "no thread answers from before");
  } finally {
    await Promise.all(connections.map((one) => one.close()));
  }
});

test("rate limits and metrics are those of the whole process", async () => {
  const limited = await startServer({
    databaseUrl: database.url,
    env: { HTTP_THREADS: "2", RATE_LIMIT_DEFAULT: "50/hour", PUBLIC_URL: "http://limits.example" },
  });
  try {
    const response = await fetch(`${limited.url}/auth/register`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: "limits@example.com", password: "a long enough passphrase" }),
    });
    const { access_token: token } = (await response.json()) as { access_token: string };
    const statuses: number[] = [];
    for (let i = 0; i < 80; i++) {
      const client = new Client(limited.url);
      const answer = await client.request({
        method: "GET",
        path: "/auth/whoami",
        headers: { authorization: `Bearer ${token}` },
      });
      await answer.body.dump();
      statuses.push(answer.statusCode);
      if (answer.statusCode === 429) assert.ok(answer.headers["retry-after"] !== undefined);
      await client.close();
    }
    const allowed = statuses.filter((status) => status === 200).length;
    // Both threads charge one budget. One more may come back while the test runs.
    assert.ok(allowed >= 50 && allowed <= 52, `${allowed} of 80 were allowed`);
    const text = await (await fetch(`${limited.adminUrl}/metrics`)).text();
    const counted =
      /brigade_http_request_seconds_count\{method="GET",route="\/auth\/whoami"\} (\d+)/.exec(text);
    assert.equal(Number(counted?.[1]), 80);
  } finally {
    await limited.stop();
  }
});
