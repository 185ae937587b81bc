import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { repeatable } from "../../src/http/idempotency.ts";
import type { AnyRequest } from "../../src/http/request.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../src/http/route.ts";
import { json } from "../../src/http/reply.ts";
import { requestScope } from "../../src/platform/log.ts";
import { AppError, platformErrors } from "../../src/platform/errors.ts";
import type { Database } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase } from "../support/database.ts";
import { silentLog } from "../support/log.ts";

const { database, drop } = await withDatabase();
after(drop);
await database.query(sql`CREATE TABLE effects (key text)`);

const write = (key: string) =>
  database.withTransaction((tx) => tx.query(sql`INSERT INTO effects VALUES (${key})`));

function routeOf(handler: (request: AnyRequest) => Promise<void>, by: Database = database): Route {
  const route = defineRoute({
    method: "POST",
    path: "/v1/effects",
    summary: "Has an effect",
    tag: "test",
    access: AUTHENTICATED,
    responses: { 201: { description: "It had" } },
    async handler(request) {
      await handler(request);
      return json(201, { data: 1 });
    },
  });
  return repeatable(route, by);
}

/** Runs it as the pipeline does: in the scope of its request. */
function run(route: Route, key: string) {
  const scope = { requestId: "r", traceparent: "t" };
  const request = {
    method: "POST",
    path: "/v1/effects",
    query: {},
    rawBody: Buffer.from("{}"),
    header: (name: string) => (name === "idempotency-key" ? key : undefined),
    principal: { tenantId: "t", userId: "u" },
    log: silentLog,
  } as unknown as AnyRequest;
  return requestScope.run(scope, async () => route.handler(request));
}

async function effectsOf(key: string): Promise<number> {
  const { rows } = await database.query<{ n: number }>(
    sql`SELECT count(*)::int AS n FROM effects WHERE key = ${key}`,
  );
  return rows[0]!.n;
}
const passTime = () =>
  database.query(sql`UPDATE http.idempotent_requests SET running_until = now()`);

test("a request that happened and was never answered does not happen again", async () => {
  const key = randomUUID();
  let happened!: () => void;
  const done = new Promise<void>((resolve) => (happened = resolve));
  let isFirst = true;
  const dying = routeOf(async () => {
    await write(key);
    happened();
    if (isFirst) {
      isFirst = false;
      await new Promise(() => {});
    }
  });
  void run(dying, key);
  await done;
  await assert.rejects(run(dying, key), { code: "idempotency_key_in_use" });
  await passTime();
  await assert.rejects(run(dying, key), { code: "idempotency_answer_lost" });
  assert.equal(await effectsOf(key), 1);
});

test("a request that was overtaken before it happened never happens", async () => {
  const key = randomUUID();
  let goOn!: () => void;
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  let isFirst = true;
  const route = routeOf(async () => {
    if (isFirst) {
      isFirst = false;
      await gate;
    }
    await write(key);
  });
  const late = run(route, key);
  while (
    (await database.query(sql`SELECT FROM http.idempotent_requests WHERE key = ${key}`))
      .rowCount === 0
  );
  await passTime();
  assert.equal((await run(route, key)).status, 201);
  goOn();
  await assert.rejects(late, { code: "unavailable" });
  assert.equal(await effectsOf(key), 1);
});

test("what a request begins and leaves to later is no part of it", async () => {
  const key = randomUUID();
  let goOn!: () => void;
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  let later: Promise<unknown> | undefined;
  await run(
    routeOf(async () => {
      later = gate.then(() => write(key));
    }),
    key,
  );
  goOn();
  await later;
  assert.equal(await effectsOf(key), 1);
});

/** The database goes away once the key is taken: only what the handler does itself still works. */
function awayAfterTheKey(): Database {
  let asked = 0;
  const query: Database["query"] = (statement) => {
    if (asked++ > 0) throw platformErrors.failure("unavailable");
    return database.query(statement);
  };
  return { ...database, query: async (statement) => query(statement) } as Database;
}

test("what was carried out is answered, also when its answer cannot be kept", async () => {
  const key = randomUUID();
  const route = routeOf(() => write(key).then(() => {}), awayAfterTheKey());
  assert.equal((await run(route, key)).status, 201);
  await passTime();
  await assert.rejects(
    run(
      routeOf(() => write(key).then(() => {})),
      key,
    ),
    {
      code: "idempotency_answer_lost",
    },
  );
  assert.equal(await effectsOf(key), 1);
});

test("a refusal stays what it is when the key cannot be given back", async () => {
  const refusing = routeOf(async () => {
    throw new AppError("teapot", { status: 418, title: "No" });
  }, awayAfterTheKey());
  await assert.rejects(run(refusing, randomUUID()), { code: "teapot" });
});
