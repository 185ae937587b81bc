import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { sealEvents } from "../../../src/auth/audit/seal.ts";
import { sealDelaySeconds } from "../../../src/auth/audit/store-seals.ts";
import { recordEvent } from "../../../src/auth/audit/store.ts";
import { createDatabase } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { testSize } from "../../support/size.ts";
import { createChain } from "./chain-rig.ts";

let db: TestDatabase;
before(async () => {
  db = await withDatabase({ connections: 12 });
});
after(() => db.drop());

test("transactions of many writers and sealers of many processes make chains that do not fork", async () => {
  const chains = Array.from({ length: 3 }, () => createChain(db));
  const other = createDatabase({
    url: db.url,
    connections: 4,
    applicationName: "another process",
    log: silentLog,
  });
  const each = testSize(60, 2_000);
  const state = { isWriting: true };
  const sealers = [db.database, db.database, other, other].map(async (database) => {
    while (state.isWriting) await sealEvents(database);
  });
  const writers = chains.flatMap((chain) =>
    Array.from({ length: 4 }, async (_, writer) => {
      for (let count = 0; count < each; count++) {
        if (count % 7 === 0) {
          // Drawn first and committed last, or never.
          const work = db.database.withTransaction(async (tx) => {
            await recordEvent(tx, { action: "logout", tenantId: chain.tenantId });
            await tx.query(sql`SELECT pg_sleep(${0.001 * writer})`);
            if (count % 14 === 0) throw new Error("undone");
          });
          await work.catch(() => {});
        } else await chain.write();
      }
    }),
  );
  await Promise.all(writers);
  state.isWriting = false;
  await Promise.all(sealers);
  for (const chain of chains) {
    await chain.seal();
    const [row] = await db.database.read<{ written: number; sealed: number; places: number }>(sql`
      SELECT (SELECT count(*) FROM auth.audit_log WHERE tenant_id = ${chain.tenantId}) AS written,
        count(*) AS sealed, count(DISTINCT position) AS places
      FROM auth.audit_seals WHERE chain = ${chain.tenantId}`);
    assert.equal(row!.sealed, row!.written);
    assert.equal(row!.places, row!.written);
    const { broken, sealed, waiting } = await chain.report();
    assert.deepEqual([broken, sealed, waiting], [undefined, row!.written, 0]);
  }
  await other.end();
});

test("an event that commits after later ones were sealed is sealed behind them", async () => {
  const chain = createChain(db);
  let commit: () => void = () => {};
  const held = new Promise<void>((resolve) => (commit = resolve));
  let drawn: () => void = () => {};
  const isDrawn = new Promise<void>((resolve) => (drawn = resolve));
  const late = db.database.withTransaction(async (tx) => {
    await recordEvent(tx, { action: "logout", tenantId: chain.tenantId, reason: "late" });
    drawn();
    await held;
  });
  await isDrawn;
  await chain.write({ reason: "early" });
  await chain.seal();
  commit();
  await late;
  await chain.seal();
  const rows = await db.database.read<{ reason: string }>(sql`
    SELECT reason FROM auth.audit_seals AS s JOIN auth.audit_log AS e USING (number, at)
    WHERE s.chain = ${chain.tenantId} ORDER BY s.position`);
  assert.deepEqual(
    rows.map(({ reason }) => reason),
    ["early", "late"],
  );
  assert.equal((await chain.report()).broken, undefined);
});

test("events of no tenant have a chain of their own", async () => {
  const chain = createChain(db, "");
  await chain.write({ action: "login.failure" });
  await chain.write({ action: "login.failure" });
  await chain.seal();
  assert.deepEqual([(await chain.report()).sealed, (await chain.report()).broken], [2, undefined]);
});

test("a sealer leaves its turn to the one that is at it", async () => {
  const chain = createChain(db);
  await chain.write();
  await db.database.withTransaction(async (tx) => {
    await tx.query(sql`SELECT FROM auth.audit_sealer FOR UPDATE`);
    assert.equal(await sealEvents(db.database), 0);
  });
  assert.ok((await sealDelaySeconds(db.database)) > 0);
  assert.equal(await sealEvents(db.database), 1);
  assert.equal(await sealDelaySeconds(db.database), 0);
});

test("the first events of a month wait until nothing of the last one can come", async () => {
  const chain = createChain(db);
  const tenantId = randomUUID();
  // Of a month that has not begun, as on its first seconds.
  await chain.forge(
    `INSERT INTO auth.audit_log (at, action, tenant_id)
     VALUES (auth.audit_month(now(), 1), 'logout', '${tenantId}')`,
  );
  await chain.write();
  assert.equal(await chain.seal(), 1);
  // What waits is not settled over, however often and late one looks.
  for (let turn = 0; turn < 3; turn++) {
    await chain.forge("UPDATE auth.audit_sealer SET marked_at = now() - interval '10 minutes'");
    await chain.write();
    assert.equal(await chain.seal(), 1);
  }
  const [sealer] = await db.database.read<{ settled: number }>(sql`
    SELECT settled FROM auth.audit_sealer`);
  const [waiting] = await db.database.read<{ number: number }>(sql`
    SELECT number FROM auth.audit_log WHERE tenant_id = ${tenantId}`);
  assert.ok(sealer!.settled < waiting!.number);
});

test("a mark is the highest number that was sealed, in whichever month it stood", async (t) => {
  const fresh = await withDatabase();
  t.after(() => fresh.drop());
  const chain = createChain(fresh);
  const at = (moment: string) =>
    chain.forge(
      `INSERT INTO auth.audit_log (at, action, tenant_id)
       VALUES (${moment}, 'logout', '${chain.tenantId}')`,
    );
  await at("now()");
  await at("auth.audit_month(now()) - interval '1 day'");
  assert.equal(await sealEvents(fresh.database), 2);
  const [row] = await fresh.database.read<{ marked: number; highest: number }>(sql`
    SELECT marked, (SELECT max(number) FROM auth.audit_log) AS highest FROM auth.audit_sealer`);
  assert.equal(row!.marked, row!.highest);
});
