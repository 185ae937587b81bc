import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { InvalidationKey } from "../../../src/auth/index.ts";
import { createGlobalBudget } from "../../../src/auth/revocation/global-budget.ts";
import {
  createInvalidate,
  pageStatement,
  readPage,
  trimInvalidations,
} from "../../../src/auth/revocation/invalidation-log.ts";
import { createIsForeignRevoked } from "../../../src/auth/revocation/revoked-tokens.ts";
import { createManualClock } from "../../support/clock.ts";
import { revocationLimits } from "../../../src/platform/limits.ts";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, withServer, type TestDatabase } from "../../support/database.ts";

let db: TestDatabase;
before(async () => {
  db = await withDatabase();
});
after(() => db.drop());

function createRecorder() {
  const bumped: InvalidationKey[] = [];
  return { bumped, generations: { bump: (key: InvalidationKey) => void bumped.push(key) } };
}

async function readAbove(position: number | undefined) {
  return readPage(await db.database.read(pageStatement(position)));
}

test("keys come out of the log as they went in, whatever is in them", async () => {
  const { bumped, generations } = createRecorder();
  const invalidate = createInvalidate({ generations });
  const keys: InvalidationKey[] = [
    { kind: "session", id: `it's "quoted" \\ and ; -- more $1 \u00fc\u{1f512}` },
    { kind: "identity", issuer: "https://x.example/'; DROP SCHEMA auth; --", subject: "\\'" },
    { kind: "roles" },
  ];
  const start = await readAbove(undefined);
  const receipt = await db.database.withTransaction(async (tx) => {
    const made = invalidate(tx, keys);
    assert.equal(made.number, undefined, "not before the commit");
    assert.deepEqual(bumped, []);
    return made;
  });
  assert.deepEqual(bumped, keys);
  const page = await readAbove(start.highest);
  assert.deepEqual(
    page.entries.map(({ number, keys: logged }) => ({ number, keys: logged })),
    [{ number: receipt.number, keys }],
  );
  assert.equal(page.highest, receipt.number);
  assert.equal(page.highestMark, page.entries[0]!.mark);
  assert.equal((await readAbove(receipt.number)).positionMark, page.highestMark);
});

test("an entry is notified with its number when it is committed, and not before", async () => {
  const invalidate = createInvalidate(createRecorder());
  await withServer(db.url, async (client) => {
    const heard: string[] = [];
    client.on("notification", ({ payload }) => heard.push(payload ?? ""));
    await client.query("LISTEN brigade_invalidation");
    const receipt = await db.database.withTransaction(async (tx) => {
      const made = invalidate(tx, [{ kind: "roles" }]);
      await client.query("SELECT 1");
      assert.deepEqual(heard, []);
      return made;
    });
    while (heard.length === 0) await client.query("SELECT 1");
    assert.deepEqual(heard, [String(receipt.number)]);
  });
});

test("no keys, no entry", async () => {
  const invalidate = createInvalidate(createRecorder());
  const receipt = await db.database.withTransaction(async (tx) => invalidate(tx, []));
  assert.equal(receipt.number, undefined);
});

test("an entry takes a bounded number of keys", async () => {
  const invalidate = createInvalidate(createRecorder());
  const keys = Array.from({ length: revocationLimits.keysMax + 1 }, () => ({
    kind: "roles" as const,
  }));
  await assert.rejects(
    db.database.withTransaction(async (tx) => invalidate(tx, keys)),
    RangeError,
  );
  const most = keys.slice(1);
  await db.database.withTransaction(async (tx) => invalidate(tx, most));
});

test("dropping everything is rationed, and refused before anything is written", async () => {
  const clock = createManualClock();
  const { bumped, generations } = createRecorder();
  const invalidate = createInvalidate({ generations, allowGlobal: createGlobalBudget(clock) });
  const dropAll = () =>
    db.database.withTransaction(async (tx) => invalidate(tx, [{ kind: "global" }]));
  for (let i = 0; i < revocationLimits.globalMax; i++) await dropAll();
  await assert.rejects(dropAll(), { code: "overloaded", status: 503 });
  assert.equal(bumped.length, revocationLimits.globalMax);
  await db.database.withTransaction(async (tx) => invalidate(tx, [{ kind: "roles" }]));
  clock.advanceMs(revocationLimits.globalWindowMs);
  await dropAll();
});

test("trimming removes what is old, says so in the same moment, and leaves the rest", async () => {
  const invalidate = createInvalidate(createRecorder());
  const append = () =>
    db.database.withTransaction(async (tx) => invalidate(tx, [{ kind: "session", id: "s" }]));
  const old = (await append()).number!;
  await db.database.query(
    sql`UPDATE auth.invalidation_log SET logged_at = now() - interval '61 minutes'`,
  );
  const young = (await append()).number!;
  await db.database.query(sql`
    INSERT INTO auth.revoked_tokens (token_id, expires_at) VALUES
      ('long-expired', to_timestamp(1000)), ('not-expired', to_timestamp(4000000000))`);
  assert.ok((await trimInvalidations(db.database)) >= 2);
  const page = await readAbove(0);
  assert.equal(page.trimmedTo, old);
  assert.deepEqual(
    page.entries.map((entry) => entry.number),
    [young],
  );
  const { rows } = await db.database.query(sql`SELECT token_id FROM auth.revoked_tokens`);
  assert.deepEqual(rows, [{ token_id: "not-expired" }]);
  assert.equal(await trimInvalidations(db.database), 0, "nothing is left to do");
});

test("one process trims at a time, the others go on", async () => {
  await db.database.query(
    sql`UPDATE auth.invalidation_log SET logged_at = now() - interval '61 minutes'`,
  );
  await db.database.withTransaction(async (tx) => {
    const mine = await tx.query(sql`SELECT auth.trim_invalidations(interval '1 hour', 10) AS gone`);
    assert.ok((mine.rows[0] as { gone: number }).gone > 0);
    assert.equal(await trimInvalidations(db.database), 0);
  });
});

test("a log that was emptied stands where it was trimmed to", async () => {
  const page = await readAbove(undefined);
  assert.equal(page.highest, page.trimmedTo);
  assert.equal(page.highestMark, undefined);
});

test("the incarnation names server, timeline and log; without privileges the log alone", async () => {
  const incarnation = (await readAbove(undefined)).incarnation;
  assert.match(incarnation, /^[0-9a-f-]{36}\/\d+\/[0-9A-F]{8}$/);
  await withServer(db.url, async (client) => {
    await client.query(`BEGIN; CREATE SCHEMA fake;
      CREATE FUNCTION fake.pg_control_system(OUT system_identifier bigint) LANGUAGE plpgsql AS
        $$ BEGIN RAISE insufficient_privilege; END $$;
      SET LOCAL search_path = fake, pg_catalog`);
    const { rows } = await client.query("SELECT auth.log_incarnation() AS known");
    assert.equal((rows[0] as { known: string }).known, incarnation.split("/")[0]);
    await client.query("ROLLBACK");
  });
});

test("a single token can be taken back", async () => {
  const isRevoked = createIsForeignRevoked(db.database);
  const token = { issuer: "https://idp.example", subject: "s", sessionId: undefined, authTime: 1 };
  const tenant = "00000000-0000-7000-8000-000000000001";
  assert.equal(await isRevoked({ ...token, tokenId: "jti-1" }, tenant), false);
  await db.database.query(sql`
    INSERT INTO auth.revoked_tokens (token_id, expires_at)
    VALUES ('jti-1', to_timestamp(4000000000))`);
  assert.equal(await isRevoked({ ...token, tokenId: "jti-1" }, tenant), true);
  assert.equal(await isRevoked({ ...token, tokenId: "jti-2" }, tenant), false);
  const other = newId();
  await db.database.query(sql`
    INSERT INTO auth.revoked_tokens (token_id, tenant_id, expires_at)
    VALUES ('jti-2', ${other}, to_timestamp(4000000000))`);
  assert.equal(await isRevoked({ ...token, tokenId: "jti-2" }, tenant), false, "another tenant's");
  assert.equal(await isRevoked({ ...token, tokenId: "jti-2" }, other), true);
  assert.equal(await isRevoked({ ...token, tokenId: "x", sessionId: "jti-2" }, other), true);
});
