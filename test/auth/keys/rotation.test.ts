import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { createInvalidate } from "../../../src/auth/revocation/invalidation-log.ts";
import { rotateKeys, turnKeys, withdrawAndRotate } from "../../../src/auth/keys/rotation.ts";
import { ensureKeys, readKeys } from "../../../src/auth/keys/store.ts";
import { createKeyRing } from "../../../src/auth/keys/key-ring.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { brokenInvariants, keyStates, kidOf, removeKeys, settings, storedKeys } from "./key-rig.ts";

let held: TestDatabase;
before(async () => {
  // A connection for each of those who work at once: a busy machine keeps nobody waiting for one.
  held = await withDatabase({ connections: 16 });
});
after(() => held.drop());
beforeEach(async () => {
  await held.database.query(sql`DELETE FROM auth.instances`);
  await removeKeys(held.database);
  await ensureKeys(held.database, settings(), silentLog);
});

const deps = (changes: Parameters<typeof settings>[0] = {}) => ({
  database: held.database,
  config: settings(changes),
  log: silentLog,
});
const kid = (use: string, state: string) => kidOf(held.database, use, state);
const age = (state: string, interval: string) =>
  held.database.query(sql`
    UPDATE auth.signing_keys SET
      loaded_at = loaded_at - ${interval}::interval,
      activated_at = activated_at - ${interval}::interval,
      retired_at = retired_at - ${interval}::interval
    WHERE use = 'sig' AND state = ${state}`);
const register = async (kids: readonly string[], seenAgo = "0 seconds") => {
  const id = randomUUID();
  await held.database.query(sql`
    INSERT INTO auth.instances (id, acknowledged, loaded_kids, seen_at)
    VALUES (${id}, 0, ${[...kids]}::text[], clock_timestamp() - ${seenAgo}::interval)`);
  return id;
};
const invalidate = createInvalidate({ generations: { bump: () => {} } });

test("a key is followed by the next when it is old enough, and not before", async () => {
  const [old, next] = [await kid("sig", "active"), await kid("sig", "next")];
  const month = deps({ keyRotationDays: 30 });
  while ((await turnKeys(month)) > 0);
  assert.equal(await kid("sig", "active"), old);
  await age("active", "31 days");
  assert.equal(await turnKeys(month), 1);
  assert.equal(await kid("sig", "active"), next);
  assert.equal(await kid("sig", "retiring"), old);
  assert.deepEqual(await brokenInvariants(held.database), []);
  const { rows } = await held.database.query(
    sql`SELECT 1 FROM auth.audit_log WHERE action = 'key.rotate' AND reason = ${`sig ${old} ${next}`}`,
  );
  assert.equal(rows.length, 1);
});

test("no key signs before every live process has it; one that died counts until its row expires", async () => {
  const next = await kid("sig", "next");
  await register([next]);
  const behind = await register(["another"]);
  assert.equal(await rotateKeys(deps(), "sig", { actor: "cli" }), false);
  assert.notEqual(await kid("sig", "active"), next);
  await held.database.query(sql`
    UPDATE auth.instances SET seen_at = seen_at - interval '61 seconds' WHERE id = ${behind}`);
  while ((await turnKeys(deps())) > 0);
  assert.equal(await kid("sig", "active"), next, "the rotation that was asked for is done");
});

test("a process that comes after everybody had the key is waited for all the same", async () => {
  const next = await kid("sig", "next");
  await turnKeys(deps());
  const late = await register([]);
  assert.equal(await rotateKeys(deps(), "sig", {}), false);
  await held.database.query(
    sql`UPDATE auth.instances SET loaded_kids = ARRAY[${next}] WHERE id = ${late}`,
  );
  assert.ok((await turnKeys(deps())) > 0);
  assert.equal(await kid("sig", "active"), next);
});

test("a key is published for as long as others may hold a set without it", async () => {
  const next = await kid("sig", "next");
  await ensureKeys(held.database, settings({ jwksMaxAgeSeconds: 300 }), silentLog);
  // Another process says less: the longest counts.
  assert.equal(await rotateKeys(deps({ jwksMaxAgeSeconds: 1 }), "sig", {}), false);
  await age("next", "299 seconds");
  assert.equal(await turnKeys(deps()), 0);
  await age("next", "2 seconds");
  assert.equal(await turnKeys(deps()), 1);
  assert.equal(await kid("sig", "active"), next);
});

test("a refresh key follows as soon as every process has it, whatever the key set's age", async () => {
  const next = await kid("mac", "next");
  assert.equal(await rotateKeys(deps({ jwksMaxAgeSeconds: 300 }), "mac", {}), true);
  assert.equal(await kid("mac", "active"), next);
});

test("a retired key verifies for the longest life of what it signed, then its private part goes", async () => {
  const old = await kid("sig", "active");
  await ensureKeys(held.database, settings({ accessTokenSeconds: 3_600 }), silentLog);
  assert.equal(await rotateKeys(deps({ accessTokenSeconds: 30 }), "sig", {}), true);
  await age("retiring", "3600 seconds");
  await turnKeys(deps());
  assert.equal(await kid("sig", "retiring"), old, "it signed for a process of longer tokens");
  await age("retiring", "61 seconds");
  assert.equal(await turnKeys(deps()), 1);
  const row = (await storedKeys(held.database)).find((key) => key.kid === old)!;
  assert.deepEqual([row.state, row.sealed], ["gone", null]);
});

test("a retired refresh key stays while a live session's token was made with it", async () => {
  const old = await kid("mac", "active");
  await rotateKeys(deps(), "mac", {});
  await held.database.query(sql`UPDATE auth.signing_keys
    SET retired_at = retired_at - interval '1 year' WHERE state = 'retiring'`);
  const id = randomUUID();
  await held.database.withTransaction(async (tx) => {
    await tx.query(sql`INSERT INTO auth.accounts (id, tenant_id, email)
      SELECT ${id}, id, ${`${id}@test.example`} FROM auth.tenants`);
    await tx.query(sql`
      INSERT INTO auth.sessions (id, account_id, tenant_id, refresh_kid, refresh_secret, amr,
        idle_seconds, absolute_expires_at, expires_at)
      SELECT ${id}, ${id}, id, ${old}, ${Buffer.alloc(32, 7)}, '{pwd}', 3600,
        now() + interval '1 hour', now() + interval '1 hour' FROM auth.tenants`);
  });
  while ((await turnKeys(deps())) > 0);
  assert.equal(await kid("mac", "retiring"), old);
  await held.database.query(
    sql`UPDATE auth.sessions SET ended_at = now(), end_reason = 'logout' WHERE id = ${id}`,
  );
  assert.equal(await turnKeys(deps()), 1);
});

test("rotations wait while as many keys retire as a key set may hold", async () => {
  for (let turn = 0; turn < 40; turn++) await rotateKeys(deps(), "sig", {});
  const { length } = createKeyRing(await readKeys(held.database, settings())).jwks().keys;
  assert.equal(length, 32);
});

test("in an emergency what signed is gone at once, and the next key signs", async () => {
  await rotateKeys(deps(), "sig", {});
  const [active, retiring, next] = [
    await kid("sig", "active"),
    await kid("sig", "retiring"),
    await kid("sig", "next"),
  ];
  await register([], "1 second");
  const done = await withdrawAndRotate(
    { ...deps(), invalidate },
    { use: "sig", isNextToo: false },
    { actor: "cli" },
  );
  assert.deepEqual(done.kids.toSorted(), [active, retiring].toSorted());
  assert.equal(done.activeKid, next, "whether anybody has it or not");
  assert.ok(done.receipt.number! > 0, "it is in the log of revocations");
  const ring = createKeyRing(await readKeys(held.database, settings()));
  assert.equal(ring.verificationKey(active), undefined);
  assert.equal(ring.verificationKey(retiring), undefined);
  assert.deepEqual(await brokenInvariants(held.database), []);
  const { rows } = await held.database.query<{ reason: string; actor: string }>(
    sql`SELECT reason, actor FROM auth.audit_log WHERE action = 'key.withdraw'`,
  );
  assert.equal(rows[0]?.actor, "cli");
  assert.ok(rows[0]!.reason.includes(active) && rows[0]!.reason.includes(retiring));
});

test("in an emergency the next key may be distrusted as well", async () => {
  const before_ = (await storedKeys(held.database)).filter(({ use }) => use === "sig");
  await withdrawAndRotate({ ...deps(), invalidate }, { use: "sig", isNextToo: true }, {});
  const after_ = await storedKeys(held.database);
  for (const { kid: old } of before_) {
    assert.equal(after_.find((key) => key.kid === old)?.state, "gone");
  }
  assert.deepEqual(await brokenInvariants(held.database), []);
});

test("turns, rotations and emergencies at once leave one active and one next key of each use", async () => {
  const work = [
    ...Array.from({ length: 4 }, () => turnKeys(deps({ keyRotationDays: 0.000_001 }))),
    ...Array.from({ length: 4 }, () => rotateKeys(deps(), "sig", {})),
    ...Array.from({ length: 2 }, () =>
      withdrawAndRotate({ ...deps(), invalidate }, { use: "sig", isNextToo: false }, {}),
    ),
    ...Array.from({ length: 3 }, () => ensureKeys(held.database, settings(), silentLog)),
    ...Array.from({ length: 3 }, () => rotateKeys(deps(), "mac", {})),
  ];
  await Promise.all(work);
  assert.deepEqual(await brokenInvariants(held.database), []);
  createKeyRing(await readKeys(held.database, settings()));
});

test("with a shared secret only the refresh keys turn", async () => {
  const shared = { jwtAlgorithm: "HS256", jwtSecret: "x".repeat(32) } as const;
  await ensureKeys(held.database, settings(shared), silentLog);
  assert.equal(await rotateKeys(deps(shared), "mac", {}), true);
  assert.deepEqual(
    (await keyStates(held.database)).filter((state) => state.startsWith("sig")),
    ["sig ES256 gone", "sig ES256 retiring"],
  );
});
