import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { recordEvent } from "../../../src/auth/audit/store.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";

let db: TestDatabase;
before(async () => {
  db = await withDatabase();
});
after(() => db.drop());

test("an event keeps actor, subject, reason, request, network, country and device", async () => {
  const [subject, sessionId] = [randomUUID(), randomUUID()];
  await recordEvent(db.database, {
    action: "session.end",
    actor: "cli",
    subject,
    sessionId,
    reason: "lost phone",
    requestId: "r-1",
    network: "192.0.2.0/24",
    country: "BR",
    device: "Firefox on Linux",
  });
  const [row] = await db.database.read<Record<string, unknown>>(sql`
    SELECT * FROM auth.audit_log WHERE subject = ${subject}`);
  const { number: _, at, ...rest } = row!;
  assert.ok(at instanceof Date);
  assert.deepEqual(rest, {
    action: "session.end",
    actor: "cli",
    subject,
    tenant_id: null,
    session_id: sessionId,
    reason: "lost phone",
    request_id: "r-1",
    network: "192.0.2.0/24",
    country: "BR",
    device: "Firefox on Linux",
  });
});

test("an event of a transaction that is rolled back never was", async () => {
  const subject = randomUUID();
  const work = db.database.withTransaction(async (tx) => {
    await recordEvent(tx, { action: "logout", subject });
    throw new Error("undone");
  });
  await assert.rejects(work, /undone/);
  const rows = await db.database.read(sql`SELECT FROM auth.audit_log WHERE subject = ${subject}`);
  assert.equal(rows.length, 0);
});

test("the log takes neither change nor removal", async () => {
  await recordEvent(db.database, { action: "logout", subject: "kept" });
  for (const statement of [
    sql`UPDATE auth.audit_log SET actor = 'somebody else'`,
    sql`DELETE FROM auth.audit_log`,
    sql`TRUNCATE auth.audit_log`,
  ]) {
    await assert.rejects(db.database.query(statement), /append-only/);
  }
});
