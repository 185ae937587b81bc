import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { newId } from "../../src/platform/ids.ts";
import { sql } from "../../src/platform/sql.ts";
import { brokenInvariants, kidOf, removeKeys, storedKeys } from "../auth/keys/key-rig.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { createInlineBrigade, type Brigade } from "./support.ts";

const PASSPHRASE = "a passphrase for tests";
const sealingKey = (id: string) => `${id}:${randomBytes(32).toString("base64")}`;
const one = sealingKey("one");

let folder: string;
let held: TestDatabase;
let brigade: Brigade;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "brigade-keys-"));
  held = await withDatabase();
  brigade = createInlineBrigade({
    DATABASE_URL: held.url,
    JWT_ALG: "ES256",
    JWKS_MAX_AGE_SECONDS: "0",
    KEY_ENCRYPTION_KEYS: one,
  });
  await brigade(["users", "create", "--email", "ann@example.org"]);
  await fill();
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
  await held.drop();
});

/** Makes the keys, as a server would at its start. */
async function fill(env: Record<string, string> = {}) {
  const ran = await brigade(["token", "ann@example.org"], { env });
  assert.equal(ran.code, 0, ran.stderr);
}
const ok = async (words: readonly string[], options: Parameters<Brigade>[1] = {}) => {
  const ran = await brigade(words, options);
  assert.equal(ran.code, 0, ran.stderr);
  return ran.stdout;
};
const stdin = { stdin: `${PASSPHRASE}\n` };
const kids = async () =>
  (await storedKeys(held.database)).filter((key) => key.state !== "gone").map(({ kid }) => kid);

test("keys rotate when that is safe, and are withdrawn in an emergency", async () => {
  const [old, next] = [
    await kidOf(held.database, "sig", "active"),
    await kidOf(held.database, "sig", "next"),
  ];
  assert.match(await ok(["keys", "rotate"]), new RegExp(`^${next} signs now`));
  const out = await ok(["keys", "rotate", "--emergency"]);
  assert.match(out, new RegExp(`withdrawn: .*${old}`));
  assert.match(out, /no process takes what they signed/);
  assert.match(await ok(["keys", "list", "--all"]), new RegExp(`${old} +sig +ES256 +gone`));
  assert.deepEqual(await brokenInvariants(held.database), []);
  for (const words of [["--use", "x"], ["--next-too"]]) {
    assert.equal((await brigade(["keys", "rotate", ...words])).code, 2);
  }
});

test("a rotation that is not safe yet is asked for", async () => {
  await held.database.query(sql`
    INSERT INTO auth.instances (id, acknowledged) VALUES (gen_random_uuid(), 0)`);
  assert.match(await ok(["keys", "rotate", "--use", "mac"]), /^asked for/);
  await held.database.query(sql`DELETE FROM auth.instances`);
});

test("a backup is sealed, readable by its owner alone, and written over nothing", async () => {
  const path = join(folder, "backup");
  assert.match(await ok(["keys", "backup", path, "--passphrase-stdin"], stdin), /keys in/);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const text = await readFile(path, "utf8");
  for (const kid of await kids()) assert.ok(!text.includes(kid), "not even a name is readable");
  const again = await brigade(["keys", "backup", path, "--passphrase-stdin"], stdin);
  assert.match(again.stderr, /is there already/);
  const short = await brigade(["keys", "backup", `${path}2`, "--passphrase-stdin"], { stdin: "x" });
  assert.match(short.stderr, /at least 12 characters/);
  const none = await brigade(["keys", "backup", `${path}3`]);
  assert.match(none.stderr, /no passphrase/);
});

test("a backup restores what was lost, under another key-encryption key, and revives nothing", async () => {
  const path = join(folder, "whole");
  await ok(["keys", "backup", path], { env: { KEY_BACKUP_PASSPHRASE: PASSPHRASE } });
  const before_ = await kids();
  const restore = (env: Record<string, string> = {}) =>
    ok(["keys", "restore", path, "--passphrase-stdin"], { ...stdin, env });
  assert.match(await restore(), /^kept: /);

  // The database is lost; another key-encryption key is all there is.
  const env = { KEY_ENCRYPTION_KEYS: sealingKey("two") };
  await removeKeys(held.database);
  assert.match(await restore(env), /^added: /);
  assert.deepEqual((await kids()).toSorted(), before_.toSorted());
  assert.deepEqual(await brokenInvariants(held.database), []);
  assert.match(await ok(["keys", "list"], { env }), /two/);

  // The key-encryption key is lost, and the database is not.
  const lost = await brigade(["keys", "list"]);
  assert.equal(lost.code, 1);
  assert.match(
    lost.stderr,
    /the key [\w-]+ \((sig|mac), \w+\) is unusable: .*"two", which is away/,
  );
  assert.match(await restore(), /^repaired: /);
  await ok(["keys", "list"]);

  // A withdrawn key does not come back, and where another signs a restored one only verifies.
  const withdrawn = await kidOf(held.database, "sig", "active");
  await ok(["keys", "rotate", "--emergency"]);
  assert.match(await restore(), new RegExp(`^gone: .*${withdrawn}`, "m"));
  await removeKeys(held.database);
  await fill();
  await restore();
  assert.deepEqual(await brokenInvariants(held.database), []);
  const states = await storedKeys(held.database);
  for (const kid of before_) {
    assert.equal(states.find((key) => key.kid === kid)?.state, "retiring");
  }
});

test("a changed backup and a wrong passphrase open nothing and change nothing", async () => {
  const path = join(folder, "changed");
  await ok(["keys", "backup", path, "--passphrase-stdin"], stdin);
  const good = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
  const box = Buffer.from(String(good["box"]), "base64");
  box[box.length >> 1]! ^= 1;
  const stored = await storedKeys(held.database);
  const cases: [string, string, RegExp][] = [
    [JSON.stringify(good), "another passphrase", /does not open/],
    [JSON.stringify({ ...good, box: box.toString("base64") }), PASSPHRASE, /does not open/],
    [JSON.stringify({ ...good, cost: 2 ** 14 }), PASSPHRASE, /does not open/],
    [JSON.stringify({ ...good, version: 2 }), PASSPHRASE, /no backup of keys/],
    ["keys", PASSPHRASE, /no backup of keys/],
  ];
  for (const [text, passphrase, expected] of cases) {
    await writeFile(path, text);
    const ran = await brigade(["keys", "restore", path, "--passphrase-stdin"], {
      stdin: passphrase,
    });
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, expected);
  }
  assert.deepEqual(await storedKeys(held.database), stored);
});

test("a new first key-encryption key seals everything; the old one may go afterwards", async () => {
  const two = sealingKey("two");
  const both = { env: { KEY_ENCRYPTION_KEYS: `${two},${one}` } };
  assert.match(await ok(["keys", "reseal"], both), /^[1-9]\d* sealed again/);
  assert.match(await ok(["keys", "reseal"], both), /^0 sealed again/);
  await held.database.query(sql`
    INSERT INTO platform.outbox (id, kind, payload, sealed)
    VALUES (${newId()}, 'mail', '{}', convert_to('v1.lost.AAAA', 'UTF8'))`);
  const lost = await brigade(["keys", "reseal"], both);
  assert.equal(lost.code, 1);
  assert.match(lost.stderr, /do not open with any of the keys given: 1 outbox entries/);
  await ok(["keys", "list"], { env: { KEY_ENCRYPTION_KEYS: two } });
  const stranger = await brigade(["keys", "reseal"], {
    env: { KEY_ENCRYPTION_KEYS: sealingKey("three") },
  });
  assert.equal(stranger.code, 1);
  assert.match(stranger.stderr, /do not open with any/);
});
