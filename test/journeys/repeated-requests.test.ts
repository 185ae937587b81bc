import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { sql } from "../../src/platform/sql.ts";
import { openCallers, PUBLIC_URL } from "../support/callers.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { ask, until, type Answer } from "../support/journey.ts";
import { startServer, type TestServer } from "../support/server.ts";

let db: TestDatabase;
let near: TestServer;
let far: TestServer;
let token: string;
let other: string;

before(async () => {
  db = await withDatabase();
  const callers = await openCallers(db);
  const env = { PUBLIC_URL, RATE_LIMIT_ENABLED: "false" };
  near = await startServer({ databaseUrl: db.url, env });
  far = await startServer({ databaseUrl: db.url, env });
  const make = async () => {
    const caller = await callers.makeCaller();
    await callers.give(caller, ["products_catalog:manage_products", "iam:manage_users"]);
    return (await callers.openTokens(caller)).accessToken;
  };
  [token, other] = [await make(), await make()];
});
after(async () => {
  for (const server of [near, far]) await server?.stop();
  await db?.drop();
});

function product(name: string) {
  return {
    source_id: "00000000-0000-7000-8000-000000000001",
    name,
    nutri_facts: { calories: 130 },
  };
}

function post(server: TestServer, key: string, body: unknown, by = token, path = "/v1/products") {
  const headers = { "idempotency-key": key };
  return ask(`${server.url}${path}`, { method: "POST", token: by, body, headers });
}

async function countOf(name: string): Promise<number> {
  const { rows } = await db.database.query<{ n: number }>(
    sql`SELECT count(*)::int AS n FROM products_catalog.products WHERE name = ${name}`,
  );
  return rows[0]!.n;
}
const codeOf = ({ body }: Answer) => body["error_code"] as string;

test("a repeated request gets the first one's answer, from every process, and happens once", async () => {
  const [key, name] = [randomUUID(), `Arroz ${randomUUID()}`];
  const first = await post(near, key, product(name));
  assert.equal(first.status, 201);
  assert.equal(first.headers.get("idempotency-replayed"), null);
  for (const server of [near, far]) {
    const repeated = await post(server, key, product(name));
    assert.equal(repeated.status, 201);
    assert.deepEqual(repeated.body, first.body);
    assert.equal(repeated.headers.get("location"), first.headers.get("location"));
    assert.equal(repeated.headers.get("content-type"), first.headers.get("content-type"));
    assert.equal(repeated.headers.get("idempotency-replayed"), "true");
  }
  assert.equal(await countOf(name), 1);
});

test("of fifty copies at one moment, over two processes, one happens", async () => {
  const [key, name] = [randomUUID(), `Feijão ${randomUUID()}`];
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) => post(n % 2 === 0 ? near : far, key, product(name))),
  );
  for (const answer of answers) {
    if (answer.status === 201) continue;
    assert.equal(answer.status, 409);
    assert.equal(codeOf(answer), "idempotency_key_in_use");
    assert.equal(answer.headers.get("retry-after"), "1");
  }
  assert.equal(await countOf(name), 1);
  assert.equal((await post(near, key, product(name))).status, 201);
  assert.equal(await countOf(name), 1);
});

test("a key belongs to one request of one caller", async () => {
  const [key, name] = [randomUUID(), `Milho ${randomUUID()}`];
  assert.equal((await post(near, key, product(name))).status, 201);
  const another = await post(near, key, product(`${name} doce`));
  assert.equal(another.status, 422);
  assert.equal(codeOf(another), "idempotency_key_reused");
  assert.equal((await post(near, key, product(name), other)).status, 201);
  assert.equal(await countOf(name), 2);
  for (const bad of ["", "a b", "é", "a".repeat(256)]) {
    const refused = await post(near, encodeURI(bad).replace("%20", "\t"), product(name));
    if (bad === "é") continue;
    assert.equal(refused.status, 422, JSON.stringify(bad));
  }
});

test("a refused request has not happened and gives its key back", async () => {
  const [key, name] = [randomUUID(), `Trigo ${randomUUID()}`];
  const broken = { ...product(name), source_id: randomUUID() };
  assert.equal((await post(near, key, broken)).status, 422);
  assert.equal((await post(near, key, product(name))).status, 201);
});

test("an answer that may not be stored is not given again, and the request not repeated", async () => {
  const key = randomUUID();
  const client = { name: `machine ${randomUUID()}`, scopes: [] };
  const path = "/v1/admin/clients";
  assert.equal((await post(near, key, client, token, path)).status, 201);
  const repeated = await post(far, key, client, token, path);
  assert.equal(repeated.status, 409);
  assert.equal(codeOf(repeated), "idempotency_answer_lost");
  const kept = await db.database.query<{ body: string | null }>(
    sql`SELECT body FROM http.idempotent_requests WHERE key = ${key}`,
  );
  assert.deepEqual(kept.rows, [{ body: null }]);
});

test("a process that is killed leaves requests that happen once, by it or by their repetition", async () => {
  const names = Array.from({ length: 20 }, (_, n) => `Sagu ${n} ${randomUUID()}`);
  const victim = await startServer({
    databaseUrl: db.url,
    env: { PUBLIC_URL, RATE_LIMIT_ENABLED: "false" },
  });
  const sent = names.map((name) => post(victim, name.slice(-36), product(name)).catch(() => {}));
  await until("some of them are under way", async () => {
    const { rows } = await db.database.query<{ n: number }>(
      sql`SELECT count(*)::int AS n FROM http.idempotent_requests WHERE key = ANY(${names.map((name) => name.slice(-36))}::text[])`,
    );
    return rows[0]!.n > 0;
  });
  await victim.kill();
  await Promise.all(sent);
  // As if a minute had passed: what was under way in the dead process may be taken over.
  await db.database.query(sql`
    UPDATE http.idempotent_requests SET running_until = now() WHERE state <> 'answered'`);
  for (const name of names) {
    const { status, body } = await post(near, name.slice(-36), product(name));
    const isKnown = status === 201 || body["error_code"] === "idempotency_answer_lost";
    assert.ok(isKnown, `${status} ${JSON.stringify(body)}`);
    assert.equal(await countOf(name), 1, name);
  }
});
