import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { verifyAudit } from "../../../src/auth/audit/verify.ts";
import type { Database, Transaction } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { createChain, type TestChain } from "./chain-rig.ts";

let db: TestDatabase;
before(async () => {
  db = await withDatabase();
});
after(() => db.drop());

/** A sealed chain of ten events, which somebody then works on. */
async function tenEvents(): Promise<TestChain> {
  const chain = createChain(db);
  for (let count = 0; count < 10; count++) await chain.write({ reason: `event ${count + 1}` });
  await chain.seal();
  return chain;
}

async function brokenBy(statements: (chain: TestChain) => Promise<string[]> | string[]) {
  const chain = await tenEvents();
  assert.equal((await chain.report()).broken, undefined);
  await chain.forge(...(await statements(chain)));
  const { broken } = await chain.report();
  return [broken?.kind, broken?.position, broken?.event?.number, chain] as const;
}

test("a chain that nobody touched is whole, and tells its head", async () => {
  const chain = await tenEvents();
  await chain.write();
  const { broken, sealed, waiting, head } = await chain.report();
  assert.deepEqual([broken, sealed, waiting, head?.position], [undefined, 10, 1, 10]);
  assert.match(head!.hash, /^[0-9a-f]{64}$/);
});

test("the first changed event is named, whatever was changed of it", async () => {
  const chain = await tenEvents();
  const [first, later] = [await chain.numberAt(4), await chain.numberAt(7)];
  for (const [column, value] of [
    ["at", "at + interval '1 microsecond'"],
    ["action", "'login.success'"],
    ["session_id", "gen_random_uuid()"],
    ...["actor", "subject", "reason", "request_id", "network", "country", "device"].map(
      (name) => [name, "'other'"] as const,
    ),
  ] as const) {
    await chain.forge(
      `CREATE TABLE kept AS SELECT * FROM auth.audit_log WHERE number IN (${first}, ${later})`,
      `UPDATE auth.audit_log SET ${column} = ${value} WHERE number IN (${first}, ${later})`,
    );
    const { broken } = await chain.report();
    // Without its time an event is not found at all.
    const kind = column === "at" ? "removed" : "changed";
    assert.deepEqual([broken?.kind, broken?.position], [kind, 4], column);
    if (kind === "changed") assert.equal(broken?.event?.number, first);
    await chain.forge(
      `DELETE FROM auth.audit_log WHERE number IN (${first}, ${later})`,
      "INSERT INTO auth.audit_log SELECT * FROM kept",
      "DROP TABLE kept",
    );
    assert.equal((await chain.report()).broken, undefined, column);
  }
});

test("an event that was given to another tenant is missing where it was", async () => {
  const [kind, position] = await brokenBy(async ({ numberAt }) => [
    `UPDATE auth.audit_log SET tenant_id = gen_random_uuid() WHERE number = ${await numberAt(3)}`,
  ]);
  assert.deepEqual([kind, position], ["changed", 3]);
});

test("a removed event is named, whether its seal was left or not", async () => {
  const [kind, position] = await brokenBy(async ({ numberAt }) => [
    `DELETE FROM auth.audit_log WHERE number = ${await numberAt(6)}`,
  ]);
  assert.deepEqual([kind, position], ["removed", 6]);
  const [kindToo, positionToo] = await brokenBy(async ({ numberAt }) => [
    `DELETE FROM auth.audit_log WHERE number = ${await numberAt(6)}`,
    `DELETE FROM auth.audit_seals WHERE number = ${await numberAt(6)}`,
  ]);
  assert.deepEqual([kindToo, positionToo], ["removed", 6]);
});

test("a chain that was cut short is not taken for a shorter one", async () => {
  const [kind, position] = await brokenBy(({ tenantId }) => [
    `DELETE FROM auth.audit_log USING auth.audit_seals s WHERE s.number = audit_log.number
       AND s.chain = '${tenantId}' AND s.position > 8`,
    `DELETE FROM auth.audit_seals WHERE chain = '${tenantId}' AND position > 8`,
  ]);
  assert.deepEqual([kind, position], ["removed", 9]);
});

test("a chain that was cut short together with its head is found by an anchor kept elsewhere", async () => {
  const chain = await tenEvents();
  const { head } = await chain.report();
  await chain.forge(
    `DELETE FROM auth.audit_seals WHERE chain = '${chain.tenantId}' AND position > 8`,
    `DELETE FROM auth.audit_log WHERE tenant_id = '${chain.tenantId}' AND reason IN ('event 9', 'event 10')`,
    `UPDATE auth.audit_heads SET position = 8, hash = (SELECT hash FROM auth.audit_seals
       WHERE chain = '${chain.tenantId}' AND position = 8) WHERE chain = '${chain.tenantId}'`,
  );
  assert.equal((await chain.report()).broken, undefined);
  const { broken } = await chain.report(head);
  assert.deepEqual([broken?.kind, broken?.position], ["removed", 9]);
});

test("a chain that was made anew as a whole is found by an anchor kept elsewhere", async () => {
  const chain = await tenEvents();
  const { head } = await chain.report();
  const { tenantId } = chain;
  await chain.forge(
    `UPDATE auth.audit_log SET reason = 'another' WHERE tenant_id = '${tenantId}' AND reason = 'event 3'`,
    `DELETE FROM auth.audit_seals WHERE chain = '${tenantId}'`,
    `DELETE FROM auth.audit_heads WHERE chain = '${tenantId}'`,
    "UPDATE auth.audit_sealer SET settled = 0, marked = 0, month = '-infinity'",
  );
  assert.ok((await chain.seal()) >= 10);
  assert.equal((await chain.report()).broken, undefined);
  const { broken } = await chain.report(head);
  assert.deepEqual([broken?.kind, broken?.position], ["changed", 10]);
});

test("a chain ends in its head, neither behind it nor in another", async () => {
  const [behind, behindAt] = await brokenBy(async ({ tenantId, numberAt }) => [
    `INSERT INTO auth.audit_log (number, action, tenant_id) VALUES (-11, 'logout', '${tenantId}')`,
    await forgedSeal(tenantId, 11, -11, await numberAt(10)),
  ]);
  assert.deepEqual([behind, behindAt], ["inserted", 11]);
  const [other, otherAt] = await brokenBy(async ({ tenantId, numberAt }) => [
    `UPDATE auth.audit_log SET reason = NULL WHERE number = ${await numberAt(10)}`,
    `DELETE FROM auth.audit_seals WHERE chain = '${tenantId}' AND position = 10`,
    await forgedSeal(tenantId, 10, await numberAt(10), await numberAt(9)),
  ]);
  assert.deepEqual([other, otherAt], ["changed", 10]);
  const [gone, goneAt] = await brokenBy(({ tenantId }) => [
    `DELETE FROM auth.audit_heads WHERE chain = '${tenantId}'`,
  ]);
  assert.deepEqual([gone, goneAt], ["removed", 11]);
});

test("a chain that grows while it is looked over is whole", async () => {
  const chain = await tenEvents();
  const growing: Pick<Database, "withTransaction"> = {
    withTransaction: (work, options) =>
      db.database.withTransaction(async (tx) => {
        let isFirst = true;
        const query: Transaction["query"] = async (statement) => {
          const answer = await tx.query(statement);
          if (isFirst) {
            isFirst = false;
            await chain.write();
            await chain.seal();
          }
          return answer as never;
        };
        return work({ ...tx, query });
      }, options),
  };
  const [report] = await verifyAudit(growing, chain.tenantId);
  assert.deepEqual([report!.broken, report!.sealed, report!.waiting], [undefined, 10, 0]);
});

test("an event that is slipped in below what is sealed is named, and never sealed", async () => {
  const [free] = await db.database.read<{ number: number }>(
    sql`SELECT nextval('auth.audit_numbers') AS number`,
  );
  const chain = await tenEvents();
  // A number that nobody used may still be under way, for as long as a transaction may take.
  for (let mark = 0; mark < 2; mark++) {
    await chain.forge("UPDATE auth.audit_sealer SET marked_at = now() - interval '10 minutes'");
    await chain.write();
    await chain.seal();
  }
  await chain.forge(
    `INSERT INTO auth.audit_log (number, action, tenant_id)
     VALUES (${free!.number}, 'logout', '${chain.tenantId}')`,
  );
  assert.equal(await chain.seal(), 0);
  const { broken, sealed } = await chain.report();
  assert.deepEqual(
    [broken?.kind, broken?.position, broken?.event?.number, sealed],
    ["inserted", undefined, free!.number, 12],
  );
});

test("an event that is slipped into the chain with a seal of its own is named", async () => {
  const [kind, position, number] = await brokenBy(async ({ tenantId, numberAt }) => [
    `INSERT INTO auth.audit_log (number, action, tenant_id) VALUES (-9, 'logout', '${tenantId}')`,
    `UPDATE auth.audit_seals SET position = position + 1000 WHERE chain = '${tenantId}' AND position > 4`,
    `UPDATE auth.audit_seals SET position = position - 999 WHERE chain = '${tenantId}' AND position > 1000`,
    await forgedSeal(tenantId, 5, -9, await numberAt(4)),
    `UPDATE auth.audit_heads SET position = 11 WHERE chain = '${tenantId}'`,
  ]);
  assert.deepEqual([kind, position, number], ["inserted", 5, -9]);
});

test("a place that is there twice is named", async () => {
  const [kind, position] = await brokenBy(async ({ tenantId, numberAt }) => [
    `INSERT INTO auth.audit_seals (chain, position, number, at, hash)
     SELECT chain, position, number, at + interval '1 microsecond', hash FROM auth.audit_seals
     WHERE chain = '${tenantId}' AND number = ${await numberAt(5)}`,
  ]);
  assert.deepEqual([kind, position], ["inserted", 5]);
});

test("events in each other's places are named as reordered", async () => {
  const swap = (column: string, value: string) => (chain: TestChain) => [
    `UPDATE auth.audit_seals s SET ${column} = ${value} FROM auth.audit_seals o
     WHERE s.chain = '${chain.tenantId}' AND o.chain = s.chain
       AND s.position IN (4, 5) AND o.position = 9 - s.position`,
  ];
  const [kind, position] = await brokenBy(swap("(number, at)", "(o.number, o.at)"));
  assert.deepEqual([kind, position], ["reordered", 4]);
  const [kindToo, positionToo] = await brokenBy(
    swap("(number, at, hash)", "(o.number, o.at, o.hash)"),
  );
  assert.deepEqual([kindToo, positionToo], ["reordered", 4]);
});

test("an event with a time long before its neighbours was not written then", async () => {
  const chain = await tenEvents();
  await chain.forge(
    `INSERT INTO auth.audit_log (at, action, tenant_id)
     VALUES (greatest(auth.audit_month(now()), now() - interval '1 hour'), 'logout', '${chain.tenantId}')`,
  );
  await chain.seal();
  const { broken } = await chain.report();
  assert.deepEqual([broken?.kind, broken?.position], ["inserted", 11]);
});

test("the chain of one tenant says nothing of another's", async () => {
  const [, , , broken] = await brokenBy(async ({ numberAt }) => [
    `DELETE FROM auth.audit_log WHERE number = ${await numberAt(2)}`,
  ]);
  const other = await tenEvents();
  assert.equal((await other.report()).broken, undefined);
  assert.equal((await broken.report()).broken?.position, 2);
});

/** A seal as who knows how they are made would write it. */
async function forgedSeal(tenantId: string, position: number, number: number, before: number) {
  const at = `to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  const content = `'["audit-1",' || e.number || ',"' || ${at} || '","logout",null,null,"' || e.tenant_id || '",null,null,null,null,null,null]'`;
  return `INSERT INTO auth.audit_seals (chain, position, number, at, hash)
    SELECT '${tenantId}', ${position}, e.number, e.at, sha256(p.hash || convert_to(${content}, 'UTF8'))
    FROM auth.audit_log e, auth.audit_seals p WHERE e.number = ${number} AND p.number = ${before}`;
}
