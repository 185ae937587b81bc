import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createKeyRing, type KeyRingSnapshot } from "../../../src/auth/keys/key-ring.ts";
import { watchKeys } from "../../../src/auth/keys/key-watch.ts";
import { ensureKeys } from "../../../src/auth/keys/store.ts";
import { selectKeyVersion } from "../../../src/auth/keys/store-rows.ts";
import { turnKeys } from "../../../src/auth/keys/rotation.ts";
import type { Algorithm } from "../../../src/auth/token/algorithms.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { capturedLog, silentLog } from "../../support/log.ts";
import { firstSealing, kidOf, removeKeys, sealing, settings, storedKeys } from "./key-rig.ts";

let held: TestDatabase;
before(async () => {
  held = await withDatabase();
});
after(() => held.drop());

const shared = { jwtSecret: "x".repeat(32) };
const configOf = (jwtAlgorithm: Algorithm) => settings({ jwtAlgorithm, ...shared });

/** A process that signs by `alg` and follows the keys; `reads` are the statements of its watch. */
async function watching(alg: Algorithm = "ES256", changes: Parameters<typeof settings>[0] = {}) {
  await removeKeys(held.database);
  const config = { ...configOf(alg), ...changes };
  const keys = await ensureKeys(held.database, config, silentLog);
  const reads: Sql[] = [];
  const seen: KeyRingSnapshot[] = [];
  const faults: { read: Error | undefined; deliver: Error | undefined } = {
    read: undefined,
    deliver: undefined,
  };
  const database: Database = {
    ...held.database,
    async read<T>(statement: Sql): Promise<T[]> {
      reads.push(statement);
      if (faults.read !== undefined) throw faults.read;
      return held.database.read<T>(statement);
    },
  };
  const { log, lines } = capturedLog();
  const watch = watchKeys({
    database,
    config,
    log,
    keys,
    async deliver(changed) {
      if (faults.deliver !== undefined) throw faults.deliver;
      seen.push(changed);
    },
  });
  const sync = async () => watch.sync(await selectKeyVersion(held.database));
  return { keys, reads, seen, faults, lines, watch, sync };
}

/** Another process signs otherwise, and its key follows at once. */
async function changeAlgorithm(alg: Algorithm) {
  await ensureKeys(held.database, configOf(alg), silentLog);
  const deps = { database: held.database, config: configOf(alg), log: silentLog };
  while ((await turnKeys(deps)) > 0);
}

test("keys of the version that is known are not read, and nobody is told", async () => {
  const { reads, seen, lines, keys, watch, sync } = await watching();
  await sync();
  await sync();
  assert.deepEqual([reads.length, seen.length, lines.length], [0, 0, 0]);
  assert.equal(watch.keys(), keys);
  assert.deepEqual(
    watch.kids().toSorted(),
    [...keys.signatures, ...keys.macs].map(({ kid }) => kid).toSorted(),
  );
});

test("what another process changed is given to every thread once, then acknowledged", async () => {
  const { keys, seen, watch, sync } = await watching();
  const kids = watch.kids();
  await changeAlgorithm("EdDSA");
  await sync();
  await sync();
  assert.equal(seen.length, 1);
  assert.equal(watch.keys(), seen[0]);
  assert.notEqual(watch.kids(), kids);
  const [before_, now] = [createKeyRing(keys), createKeyRing(seen[0]!)];
  assert.equal(now.signingKey().alg, "EdDSA", "the one active key signs, whatever we were told");
  assert.equal(now.alg, "EdDSA");
  assert.equal(now.version(), await selectKeyVersion(held.database));
  assert.ok(now.verificationKey(before_.signingKey().kid), "what it signed is verified");
});

test("with a shared secret nothing of the stored keys signs", async () => {
  const { keys, watch, sync } = await watching("HS256");
  await changeAlgorithm("EdDSA");
  await sync();
  assert.equal(createKeyRing(watch.keys()).signingKey().kid, keys.shared?.kid);
});

test("a key that was sealed with a key-encryption key of others goes on when it is known", async () => {
  const { keys, lines, watch, sync } = await watching();
  const second = { ...configOf("ES256"), keyEncryptionKeys: [sealing("second"), firstSealing] };
  await ensureKeys(held.database, second, silentLog);
  const deps = { database: held.database, config: second, log: silentLog };
  await held.database.query(sql`UPDATE auth.signing_keys SET rotation_asked_at = now()
    WHERE use = 'sig' AND state = 'active'`);
  while ((await turnKeys(deps)) > 0);
  await sync();
  const [ring, known] = [createKeyRing(watch.keys()), createKeyRing(keys)];
  assert.notEqual(ring.signingKey().kid, known.signingKey().kid, "the next key was known");
  const unopened = await kidOf(held.database, "sig", "next");
  assert.equal(ring.verificationKey(unopened), undefined);
  assert.ok(!watch.kids().includes(unopened), "what does not open is not acknowledged");
  assert.deepEqual(
    lines.filter(({ event }) => event === "keys_unread").length,
    1,
    "and is said once",
  );
  assert.match(String(lines.at(0)?.["note"]), new RegExp(unopened));
});

test("keys that make no ring change nothing, and that is said once", async () => {
  const { keys, lines, seen, watch, sync } = await watching();
  const kid = await kidOf(held.database, "sig", "active");
  await held.database.query(
    sql`UPDATE auth.signing_keys SET state = 'retiring' WHERE kid = ${kid}`,
  );
  await sync();
  await sync();
  assert.deepEqual(seen, []);
  assert.equal(watch.keys(), keys);
  assert.deepEqual(
    lines.map(({ event }) => event),
    ["keys_unread"],
  );
  await ensureKeys(held.database, configOf("ES256"), silentLog);
  await sync();
  assert.equal(seen.length, 1, "the repaired keys are taken");
});

test("a withdrawn key goes even when what is left makes no ring that is stored", async () => {
  const { keys, seen, watch, sync } = await watching();
  const next = await kidOf(held.database, "sig", "next");
  const active = await kidOf(held.database, "sig", "active");
  await held.database.query(
    sql`UPDATE auth.signing_keys SET state = 'retiring' WHERE kid = ${active}`,
  );
  await held.database.query(
    sql`UPDATE auth.signing_keys SET state = 'gone', sealed = NULL WHERE kid = ${next}`,
  );
  await sync();
  assert.equal(createKeyRing(seen[0]!).verificationKey(next), undefined);
  assert.equal(watch.keys().version, keys.version, "nobody takes these for the stored ones");
  await held.database.query(
    sql`UPDATE auth.signing_keys SET state = 'gone', sealed = NULL WHERE kid = ${active}`,
  );
  await assert.rejects(sync(), /no active signing key/, "it may not be trusted any more");
});

test("what cannot be read or does not reach every thread is no news, and is tried again", async () => {
  const { faults, seen, watch, sync } = await watching();
  const kids = watch.kids();
  await changeAlgorithm("EdDSA");
  faults.read = new Error("the database is away");
  await assert.rejects(sync(), /away/);
  faults.read = undefined;
  faults.deliver = new Error("a thread hangs");
  await assert.rejects(sync(), /hangs/);
  await assert.rejects(sync(), /hangs/);
  assert.equal(watch.kids(), kids, "nothing is acknowledged that not every thread has");
  faults.deliver = undefined;
  await sync();
  assert.equal(seen.length, 1);
  assert.notEqual(watch.kids(), kids);
});

test("a process whose tokens live longer says so before it acknowledges a key", async () => {
  const { sync } = await watching("ES256", { accessTokenSeconds: 3_600, jwksMaxAgeSeconds: 900 });
  await changeAlgorithm("EdDSA");
  await sync();
  for (const { use, alg, kept_seconds, cached_seconds } of await storedKeys(held.database)) {
    if (use === "sig" && alg === "EdDSA") {
      assert.deepEqual([kept_seconds, cached_seconds], [3_660, 900]);
    }
  }
});

test("after a jump of the log the keys are read whatever their version", async () => {
  const { reads, watch } = await watching();
  await watch.sync(await selectKeyVersion(held.database), true);
  assert.equal(reads.length, 1);
});
