import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { startServer, type TestServer } from "../support/server.ts";

let database: TestDatabase;
let server: TestServer;

before(async () => {
  database = await withDatabase();
  // Node itself tells of every synchronous file or process operation after the first turn of a
  // thread's event loop, in all threads.
  server = await startServer({ databaseUrl: database.url, nodeFlags: ["--trace-sync-io"] });
});
after(async () => {
  await server.stop();
  await database.drop();
});

async function ask(path: string, token?: string, body?: object, method = "POST") {
  const response = await fetch(`${server.url}${path}`, {
    method: body === undefined ? "GET" : method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  assert.ok(response.ok, `${path}: ${response.status}`);
  return (await response.json()) as Record<string, string>;
}

/** What a day of a user is made of. */
async function aDay(email: string): Promise<void> {
  const password = "a long enough passphrase";
  const registered = await ask("/auth/register", undefined, { email, password });
  const session = await ask("/auth/login", undefined, { email, password });
  const renewed = await ask("/auth/refresh", undefined, {
    refresh_token: session["refresh_token"],
  });
  const token = renewed["access_token"]!;
  await ask("/auth/whoami", token);
  await ask("/users/me", token, { name: "Ana" }, "PUT");
  await ask("/v1/products/search?limit=5", token);
  await ask("/v1/products/search/similar-names?name=arroz", token);
  await ask("/health", undefined);
  await ask("/.well-known/jwks.json", undefined);
  await fetch(`${server.adminUrl}/metrics`).then((answer) => answer.text());
  await ask("/auth/logout", registered["access_token"], { all_devices: true });
}

const MAY_BLOCK = [
  // Threads that exist to be blocked: signatures and passwords.
  /\/workers\/(?:jwt|password)\./,
  // A handful of random bytes cost less than asking for them asynchronously.
  /^\s+at randomFillSync /,
];
const WARNING = "Detected use of sync API";

test("no thread does synchronous I/O or verifies a signature while it serves", async () => {
  assert.ok(server.output().includes(WARNING), "Node tells of such operations: the start has some");
  // The first day loads what is loaded at first use.
  await aDay("first@example.com");
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const before = server.output().length;
  for (let day = 0; day < 3; day++) await aDay(`day-${day}@example.com`);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const told = server.output().slice(before).split(WARNING).slice(1);
  const stacks = told.map((text) => text.split(/\n(?!\s+at )/, 2).join("\n"));
  const blocking = stacks.filter((stack) => !MAY_BLOCK.some((place) => place.test(stack)));
  assert.deepEqual(blocking.slice(0, 3), []);
});
