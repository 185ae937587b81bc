import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { after, test } from "node:test";
import {
  keepAnswer,
  markCommitted,
  releaseKey,
  removeOldKeys,
  takeKey,
  type Claim,
} from "../../src/http/store-idempotency.ts";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase } from "../support/database.ts";

const { database, drop } = await withDatabase();
after(drop);

const print = (text: string) => createHash("sha256").update(text).digest();
const body = print("a body");
const answer = { status: 201, headers: { location: "/x" }, body: '{"a":1}' };

function attempt(key: string): Claim {
  return { caller: "tenant user", key, id: randomUUID() };
}
const again = (claim: Claim): Claim => ({ ...claim, id: randomUUID() });
const commit = (claim: Claim) => database.withTransaction((tx) => markCommitted(tx, claim));
async function grow(claim: Claim, seconds: number): Promise<void> {
  await database.query(sql`
    UPDATE http.idempotent_requests
       SET created_at = created_at - make_interval(secs => ${seconds}),
           running_until = running_until - make_interval(secs => ${seconds})
     WHERE key = ${claim.key}`);
}

test("the first attempt has the key, and later ones are told how far it came", async () => {
  const first = attempt("k1");
  assert.equal(await takeKey(database, first, body), undefined);
  assert.equal((await takeKey(database, again(first), body))?.state, "running");
  await commit(first);
  assert.equal((await takeKey(database, again(first), body))?.state, "committed");
  await keepAnswer(database, first, answer);
  const found = await takeKey(database, again(first), body);
  assert.deepEqual(found?.answer, answer);
  assert.ok(found?.fingerprint.equals(body));
});

test("an attempt whose time runs out while it is looked at was not carried out", async () => {
  const first = attempt("k-out");
  await takeKey(database, first, body);
  const slow: Parameters<typeof takeKey>[0] = {
    async query(statement) {
      const result = await database.query(statement);
      if (result.rowCount === 0) await grow(first, 61);
      return result as never;
    },
  };
  assert.equal((await takeKey(slow, again(first), body))?.isRunning, true);
  assert.equal(await takeKey(database, again(first), body), undefined);
});

test("an attempt that died before anything happened is taken over, and may not happen late", async () => {
  const dead = attempt("k2");
  await takeKey(database, dead, body);
  await grow(dead, 61);
  assert.equal((await takeKey(database, again(dead), print("another")))?.state, "running");
  const next = again(dead);
  assert.equal(await takeKey(database, next, body), undefined);
  await assert.rejects(commit(dead), { code: "unavailable" });
  await commit(next);
});

test("an attempt that has happened is not repeated, however old it is within a day", async () => {
  const first = attempt("k3");
  await takeKey(database, first, body);
  await commit(first);
  await grow(first, 3_600);
  assert.equal((await takeKey(database, again(first), body))?.state, "committed");
  await grow(first, 86_400);
  assert.equal(await takeKey(database, again(first), body), undefined);
});

test("a key is given back only while nothing has happened under it", async () => {
  const first = attempt("k4");
  await takeKey(database, first, body);
  await releaseKey(database, first);
  const second = again(first);
  assert.equal(await takeKey(database, second, print("another")), undefined);
  // Neither what is not ours, nor what has happened.
  await releaseKey(database, first);
  await commit(second);
  await releaseKey(database, second);
  assert.equal((await takeKey(database, again(first), body))?.state, "committed");
});

test("of many attempts at one moment one has the key", async () => {
  const claims = Array.from({ length: 30 }, () => again(attempt("k5")));
  const taken = await Promise.all(claims.map((claim) => takeKey(database, claim, body)));
  assert.equal(taken.filter((earlier) => earlier === undefined).length, 1);
});

test("what is older than a day is removed", async () => {
  const old = attempt("k6");
  await takeKey(database, old, body);
  await grow(old, 86_401);
  const { rows } = await database.query<{ n: number }>(sql`
    SELECT count(*)::int AS n FROM http.idempotent_requests
     WHERE created_at < now() - interval '1 day'`);
  assert.equal(await removeOldKeys(database), rows[0]!.n);
  assert.equal(await removeOldKeys(database), 0);
});
