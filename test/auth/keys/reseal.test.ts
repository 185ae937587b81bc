import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { seal, unseal, type SealingKey } from "../../../src/auth/keys/envelope.ts";
import { listSealedByOthers, resealSecrets } from "../../../src/auth/keys/reseal.ts";
import { createSealer } from "../../../src/auth/keys/sealer.ts";
import { totpContext } from "../../../src/auth/mfa/sealing.ts";
import { newId } from "../../../src/platform/ids.ts";
import { keyLimits } from "../../../src/platform/limits.ts";
import { createQueueMail, openMail } from "../../../src/platform/mail.ts";
import { sql } from "../../../src/platform/sql.ts";
import { DEFAULT_TENANT } from "../../support/callers.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { until } from "../process-rig.ts";
import { settings } from "./key-rig.ts";
import { launchWords } from "../../support/built.ts";

const makeKey = (id: string): SealingKey => ({ id, key: randomBytes(32) });
const one = makeKey("one");
const two = makeKey("two");
const using = (...keys: SealingKey[]) =>
  settings({
    keyEncryptionKeys: keys.map(({ id, key }) => ({ id, keyBase64: key.toString("base64") })),
  });

let db: TestDatabase;
before(async () => {
  db = await withDatabase();
});
after(() => db.drop());

const SECRET = Buffer.from("the secret of a generator");

/** Accounts with a generator and one to be confirmed, sealed by a key; their ids in order. */
async function fill(count: number, key: SealingKey): Promise<string[]> {
  const ids = Array.from({ length: count }, () => newId()).sort();
  for (const id of ids) {
    const sealed = seal(SECRET, [key], totpContext(id));
    await db.database.query(sql`
      INSERT INTO auth.accounts (id, tenant_id, email)
      VALUES (${id}, ${DEFAULT_TENANT}, ${`${id}@example.org`})`);
    await db.database.query(sql`
      INSERT INTO auth.totp (account_id, sealed, last_step) VALUES (${id}, ${sealed}, 0)`);
    await db.database.query(sql`
      INSERT INTO auth.totp_enrolments (account_id, owner, sealed, expires_at)
      VALUES (${id}, 'somebody', ${sealed}, now() + interval '1 hour')`);
  }
  return ids;
}

const rowsOf = async () => {
  const { rows } = await db.database.query<{ id: string; sealed: string }>(sql`
    SELECT account_id AS id, sealed FROM auth.totp
    UNION ALL SELECT account_id, sealed FROM auth.totp_enrolments`);
  return rows;
};

/** Throws for a row that opens with none of the keys, or as something else. */
async function assertOpens(...keys: SealingKey[]): Promise<void> {
  for (const { id, sealed } of await rowsOf()) {
    assert.deepEqual(unseal(sealed, keys, totpContext(id)), SECRET);
  }
}

const countOf = async (keyId: string) =>
  (await rowsOf()).filter(({ sealed }) => sealed.split(".")[1] === keyId).length;

const clear = () => db.database.query(sql`TRUNCATE auth.accounts, platform.outbox CASCADE`);

test("factors and mails that an older key sealed open with the new one alone afterwards", async (t) => {
  t.after(clear);
  await fill(keyLimits.resealBatchCount + 5, one);
  const mail = { name: "test", to: "ana@example.org", subject: "Olá", text: "ção", html: "" };
  await createQueueMail(createSealer(using(one)))(db.database, mail);
  const count = keyLimits.resealBatchCount + 5;
  const config = using(two, one);
  const older = await listSealedByOthers(db.database, config);
  assert.deepEqual(
    older.map((row) => [row.name, row.keyId, row.count, row.isKnown]),
    [
      ["code generators", "one", count, true],
      ["code generators to be confirmed", "one", count, true],
      ["outbox entries", "one", 1, true],
    ],
  );
  const resealed = await resealSecrets({ database: db.database, config });
  assert.deepEqual(
    resealed.map(({ sealed, left }) => [sealed, left]),
    [
      [count, 0],
      [count, 0],
      [1, 0],
    ],
  );
  assert.deepEqual(await listSealedByOthers(db.database, using(two)), []);
  await assertOpens(two);
  const { rows } = await db.database.query<{ id: string; sealed: Buffer }>(sql`
    SELECT id, sealed FROM platform.outbox`);
  const { subject, text } = await openMail(createSealer(using(two)), rows[0]!);
  assert.deepEqual([subject, text], ["Olá", "ção"]);
  const again = await resealSecrets({ database: db.database, config });
  assert.deepEqual(
    again.map(({ sealed, left }) => sealed + left),
    [0, 0, 0],
  );
  const events = await db.database.query<{ actor: string; reason: string }>(sql`
    SELECT actor, reason FROM auth.audit_log WHERE action = 'key.seal' ORDER BY number`);
  assert.equal(events.rows.length, 5, "one for each batch");
  assert.deepEqual(events.rows[0], { actor: "cli", reason: "100 code generators with two" });
});

test("what opens with none of the keys stays as it is and is told; the rest is sealed", async (t) => {
  t.after(clear);
  await fill(2, makeKey("lost"));
  await fill(2, one);
  const config = using(two, one);
  const [generators] = await resealSecrets({ database: db.database, config });
  assert.deepEqual([generators!.sealed, generators!.left], [2, 2]);
  assert.equal(await countOf("lost"), 4);
  const [first] = await listSealedByOthers(db.database, config);
  assert.deepEqual([first!.keyId, first!.isKnown], ["lost", false]);
});

test("a secret that is replaced while it is sealed again is not overwritten", async (t) => {
  t.after(clear);
  const [id] = await fill(1, one);
  const replaced = seal(SECRET, [two], totpContext(id!));
  const resealing = await db.database.withTransaction(async (tx) => {
    await tx.query(sql`UPDATE auth.totp SET sealed = ${replaced} WHERE account_id = ${id!}`);
    const running = resealSecrets({ database: db.database, config: using(two, one) });
    await untilSomebodyWaits();
    return { running };
  });
  const [generators] = await resealing.running;
  assert.equal(generators!.sealed, 0);
  const { rows } = await db.database.query(sql`SELECT sealed FROM auth.totp`);
  assert.deepEqual(rows, [{ sealed: replaced }]);
});

const untilSomebodyWaits = () =>
  until(
    async () => {
      const { rows } = await db.database.query(sql`
      SELECT FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`);
      return rows.length > 0;
    },
    "somebody waits",
    120_000,
  );

test("killed half-way nothing is lost, and the next run goes on", async (t) => {
  t.after(clear);
  const count = 2 * keyLimits.resealBatchCount;
  const ids = await fill(count, one);
  const env = {
    ...process.env,
    NODE_ENV: "test",
    DATABASE_URL: db.url,
    KEY_ENCRYPTION_KEYS: [two, one]
      .map(({ id, key }) => `${id}:${key.toString("base64")}`)
      .join(","),
  };
  await db.database.withTransaction(async (tx) => {
    // The second batch waits for this row.
    await tx.query(sql`SELECT FROM auth.totp WHERE account_id = ${ids.at(-1)!} FOR UPDATE`);
    const child = spawn(process.execPath, [...launchWords(), "keys", "reseal"], {
      cwd: fileURLToPath(new URL("../../..", import.meta.url)),
      env,
      stdio: "ignore",
    });
    const gone = once(child, "exit");
    await untilSomebodyWaits();
    child.kill("SIGKILL");
    await gone;
  });
  await until(async () => {
    const { rows } = await db.database.query(sql`
      SELECT FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'brigade cli'`);
    return rows.length === 0;
  }, "its connections are gone");
  assert.equal(await countOf("two"), keyLimits.resealBatchCount);
  await assertOpens(two, one);
  const [generators] = await resealSecrets({ database: db.database, config: using(two, one) });
  assert.equal(generators!.sealed, count - keyLimits.resealBatchCount);
  await assertOpens(two);
});
