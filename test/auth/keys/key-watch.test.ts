import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { randomBytes } from "node:crypto";
import { createKeyRing, type KeyRingSnapshot } from "../../../src/auth/keys/key-ring.ts";
import { watchKeys } from "../../../src/auth/keys/key-watch.ts";
import { ensureKeys, type KeySettings } from "../../../src/auth/keys/store.ts";
import type { Algorithm } from "../../../src/auth/token/algorithms.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { capturedLog, silentLog } from "../../support/log.ts";
import { until } from "../process-rig.ts";

const POLL_MS = 5;
const sealing = { id: "test", keyBase64: randomBytes(32).toString("base64") };
const settings = (jwtAlgorithm: Algorithm): KeySettings => ({
  environment: "test",
  dataDir: "/nonexistent",
  keyEncryptionKeys: [sealing],
  jwtAlgorithm,
  jwtSecret: "x".repeat(32),
});

let held: TestDatabase;
before(async () => {
  held = await withDatabase();
});
after(() => held.drop());

/** A process that signs by `alg` and watches; `reads` are the statements of its watch. */
async function watching(alg: Algorithm = "ES256") {
  await held.database.query(sql`DELETE FROM auth.signing_keys`);
  const keys = await ensureKeys(held.database, settings(alg), silentLog);
  const reads: Sql[] = [];
  const seen: KeyRingSnapshot[] = [];
  const faults: { read: Error | undefined; onRead: () => void } = {
    read: undefined,
    onRead: () => {},
  };
  const database: Database = {
    ...held.database,
    async read<T>(statement: Sql): Promise<T[]> {
      reads.push(statement);
      faults.onRead();
      if (faults.read !== undefined) throw faults.read;
      return held.database.read<T>(statement);
    },
  };
  const { log, lines } = capturedLog();
  const watch = watchKeys({
    database,
    config: settings(alg),
    log,
    keys,
    onChange: (changed) => void seen.push(changed),
    pollMs: POLL_MS,
  });
  const looks = async (count: number) => {
    const end = reads.length + count;
    await until(() => reads.length >= end, `${count} more reads`);
  };
  return { keys, reads, seen, faults, lines, watch, looks };
}

const opened = (reads: readonly Sql[]) => reads.filter(({ text }) => /sealed/.test(text)).length;

test("keys that do not change are opened once, and nobody is told", async () => {
  const { reads, seen, lines, keys, watch, looks } = await watching();
  await looks(5);
  await watch.stop();
  assert.equal(opened(reads), 1, "the first look has nothing to compare with");
  assert.deepEqual(seen, []);
  assert.deepEqual(lines, []);
  assert.equal(watch.keys(), keys);
});

test("keys of another algorithm that another process made are told once", async () => {
  const { keys, reads, seen, watch, looks } = await watching();
  await looks(2);
  await ensureKeys(held.database, settings("EdDSA"), silentLog);
  await until(() => seen.length > 0, "the change is told");
  await looks(3);
  await watch.stop();
  assert.equal(seen.length, 1);
  assert.equal(opened(reads), 2);
  assert.equal(watch.keys(), seen[0]);
  const [before_, now] = [createKeyRing(keys), createKeyRing(seen[0]!)];
  assert.equal(now.signingKey().alg, "EdDSA", "the one active key signs, whatever we were told");
  assert.equal(now.alg, "EdDSA");
  assert.ok(now.verificationKey(before_.signingKey().kid), "what it signed is verified");
});

test("with a shared secret nothing of the stored keys signs", async () => {
  const { keys, seen, watch, looks } = await watching("HS256");
  await looks(2);
  await ensureKeys(held.database, settings("EdDSA"), silentLog);
  await looks(3);
  await watch.stop();
  assert.deepEqual(seen, []);
  assert.equal(createKeyRing(watch.keys()).signingKey().kid, keys.shared?.kid);
});

test("a change between the start and the first look is seen", async () => {
  const { keys, seen, watch } = await watching();
  const { kid } = keys.signatures.find(({ state }) => state === "next")!;
  await held.database.query(sql`
    UPDATE auth.signing_keys SET state = 'gone', sealed = NULL WHERE kid = ${kid}`);
  await until(() => seen.length > 0, "the change is told");
  await watch.stop();
  assert.ok(seen[0]!.signatures.every((key) => key.kid !== kid));
});

test("what cannot be read, or makes no ring, leaves the keys as they are", async () => {
  const { faults, keys, lines, seen, watch, looks } = await watching();
  await looks(2);
  faults.read = new Error("the database is away");
  await looks(4);
  assert.deepEqual(
    lines.map((line) => line["event"]),
    ["keys_unread"],
    "said once",
  );
  faults.read = undefined;
  await looks(2);
  const { kid } = keys.signatures.find(({ state }) => state === "active")!;
  await held.database.query(
    sql`UPDATE auth.signing_keys SET state = 'retiring' WHERE kid = ${kid}`,
  );
  await until(() => lines.length > 1, "the second failure is said, too");
  assert.deepEqual(seen, []);
  assert.equal(watch.keys(), keys);
  await ensureKeys(held.database, settings("ES256"), silentLog);
  await until(() => seen.length > 0, "the repaired keys are told");
  await watch.stop();
});

test("a watch that is stopped while it looks tells nothing and looks no more", async () => {
  const { faults, reads, seen, watch, looks } = await watching();
  await looks(2);
  await ensureKeys(held.database, settings("EdDSA"), silentLog);
  let stopped: Promise<void> | undefined;
  faults.onRead = () => void (stopped ??= watch.stop());
  await until(() => stopped !== undefined, "it is stopped");
  await stopped;
  const count = reads.length;
  await new Promise((resolve) => setTimeout(resolve, 10 * POLL_MS));
  assert.equal(reads.length, count);
  assert.deepEqual(seen, []);
});
