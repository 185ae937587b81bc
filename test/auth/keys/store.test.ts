import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import { seal } from "../../../src/auth/keys/envelope.ts";
import { readSealingKeys } from "../../../src/auth/keys/sealing-keys.ts";
import { createKeyRing } from "../../../src/auth/keys/key-ring.ts";
import { generateSigningKeyPair } from "../../../src/auth/keys/key-pair.ts";
import {
  ensureKeys,
  prepareKeys,
  readKeys,
  type KeySettings,
} from "../../../src/auth/keys/store.ts";
import { verifySignature } from "../../../src/auth/token/verify.ts";
import { issueToken } from "../../../src/auth/token/issue.ts";
import { turnKeys } from "../../../src/auth/keys/rotation.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { capturedLog, silentLog } from "../../support/log.ts";
import {
  firstSealing as first,
  keyStates,
  removeKeys,
  sealing,
  settings,
  storedKeys,
  type StoredKey,
} from "./key-rig.ts";

let held: TestDatabase;
before(async () => {
  held = await withDatabase();
});
after(() => held.drop());

type Row = StoredKey;
const rows = () => storedKeys(held.database);
const states = () => keyStates(held.database);
const empty = () => removeKeys(held.database);
const ensure = (changes?: Partial<KeySettings>) =>
  ensureKeys(held.database, settings(changes), silentLog);

test("an empty database gets a key that signs and one to follow, and the same for refresh tokens", async () => {
  await empty();
  const snapshot = await ensure();
  assert.deepEqual(await states(), [
    "mac HS256 active",
    "mac HS256 next",
    "sig ES256 active",
    "sig ES256 next",
  ]);
  const ring = createKeyRing(snapshot);
  assert.equal(ring.jwks().keys.length, 2);
  assert.equal(ring.refreshKey().secret.length, 32);
  assert.deepEqual(structuredClone(snapshot), snapshot);
});

test("a second start makes nothing and opens the same keys", async () => {
  await empty();
  const made = await ensure();
  const { log, lines } = capturedLog();
  assert.deepEqual(await ensureKeys(held.database, settings(), log), made);
  assert.deepEqual(await readKeys(held.database, settings()), made);
  assert.deepEqual(lines, []);
});

test("processes that start at once agree on the keys", async () => {
  await empty();
  const made = await Promise.all(Array.from({ length: 4 }, () => ensure()));
  for (const snapshot of made) assert.deepEqual(snapshot, made[0]);
  assert.equal((await rows()).length, 4);
});

test("pairs that were begun before the database was there are the ones that are stored", async () => {
  await empty();
  const prepared = prepareKeys(settings());
  const snapshot = await ensureKeys(held.database, settings(), silentLog, prepared);
  const kids = (await Promise.all(prepared)).map(({ kid }) => kid);
  assert.deepEqual(snapshot.signatures.map(({ kid }) => kid).toSorted(), kids.toSorted());
  assert.deepEqual(prepareKeys({ jwtAlgorithm: "HS256" }), []);
});

test("no private part is in the database in the clear", async () => {
  await empty();
  const snapshot = await ensure();
  const text = JSON.stringify(await rows());
  for (const { privateKey } of snapshot.signatures) {
    assert.ok(!text.includes(Buffer.from(privateKey).toString("base64url").slice(40, 60)));
  }
  assert.doesNotMatch(text, /"d":/);
  for (const { sealed } of await rows()) assert.match(sealed!, /^v1\.first\./);
});

test("another algorithm comes in as the next key, which follows by itself", async () => {
  await empty();
  const before = createKeyRing(await ensure());
  const token = await issueToken(before.signingKey(), "at+jwt", { sub: "a" });
  const changed = await ensure({ jwtAlgorithm: "EdDSA" });
  assert.equal(createKeyRing(changed).signingKey().kid, before.signingKey().kid, "not at once");
  assert.ok(
    createKeyRing(changed)
      .jwks()
      .keys.some(({ alg }) => alg === "EdDSA"),
  );
  const config = settings({ jwtAlgorithm: "EdDSA" });
  while ((await turnKeys({ database: held.database, config, log: silentLog })) > 0);
  const ring = createKeyRing(await readKeys(held.database, config));
  assert.equal(ring.signingKey().alg, "EdDSA");
  const dot = token.lastIndexOf(".");
  const old = ring.verificationKey(before.signingKey().kid)!;
  assert.ok(verifySignature(old, token.slice(0, dot), token.slice(dot + 1)));
  assert.deepEqual(await states(), [
    "mac HS256 active",
    "mac HS256 next",
    "sig ES256 gone",
    "sig ES256 retiring",
    "sig EdDSA active",
    "sig EdDSA next",
  ]);
  assert.equal(ring.refreshKey().kid, before.refreshKey().kid);
});

test("with a shared secret the ring has that secret alone, under one name everywhere", async () => {
  await empty();
  await ensure();
  const shared = {
    jwtAlgorithm: "HS256",
    jwtSecret: "a secret of thirty-two bytes or more",
  } as const;
  const ring = createKeyRing(await ensure(shared));
  assert.equal(ring.signingKey().alg, "HS256");
  assert.equal(ring.signingKey().kid, createKeyRing(await ensure(shared)).signingKey().kid);
  assert.deepEqual(ring.jwks(), { keys: [] });
  assert.ok(!JSON.stringify(await rows()).includes("thirty-two"));
  await assert.rejects(ensure({ jwtAlgorithm: "HS256", jwtSecret: "short" }), /too short/);
  await assert.rejects(ensure({ jwtAlgorithm: "HS256" }), /too short/);
});

test("a new first key-encryption key seals everything again; then the old one may go", async () => {
  await empty();
  const made = await ensure();
  const second = sealing("second");
  assert.deepEqual(await ensure({ keyEncryptionKeys: [second, first] }), made);
  for (const { sealed } of await rows()) assert.match(sealed!, /^v1\.second\./);
  assert.deepEqual(await ensure({ keyEncryptionKeys: [second] }), made);
  await assert.rejects(ensure({ keyEncryptionKeys: [first] }), /"second", which is away/);
});

test("a row that was tampered with does not open", async () => {
  await empty();
  await ensure();
  const [one, two] = (await rows()).filter(({ use }) => use === "sig") as [Row, Row];
  await held.database.query(
    sql`UPDATE auth.signing_keys SET sealed = ${one.sealed} WHERE kid = ${two.kid}`,
  );
  await assert.rejects(ensure(), /does not open with/);
  await empty();
  await ensure();
  const { publicJwk } = await generateSigningKeyPair("ES256");
  await held.database.query(
    sql`UPDATE auth.signing_keys SET public_jwk = ${JSON.stringify(publicJwk)}::jsonb
      WHERE state = 'active' AND use = 'sig'`,
  );
  await assert.rejects(ensure(), /the key [\w-]+ \(sig, active\) is unusable: .* was changed/);
  await empty();
});

test("a key under a name that is not its own, or without its size, ends the start by name", async () => {
  await empty();
  await ensure();
  const kid = (await rows()).find(({ use, state }) => use === "sig" && state === "next")!.kid;
  const keys = await readSealingKeys(settings());
  const resealed = async (name: string, use: "sig" | "mac", secret: Buffer, alg: string) => {
    const sealed = seal(secret, keys, `${name} ${use} ${alg}`);
    await held.database.query(
      sql`UPDATE auth.signing_keys SET sealed = ${sealed}, kid = ${name}
        WHERE use = ${use} AND state = 'next'`,
    );
    await assert.rejects(ensure(), new RegExp(`the key ${name} \\(${use}, next\\) is unusable`));
  };
  const { privateKey } = (await readKeys(held.database, settings())).signatures.find(
    (key) => key.kid === kid,
  )!;
  await resealed("another-name", "sig", Buffer.from(privateKey), "ES256");
  await resealed(kid, "sig", Buffer.from("no key"), "ES256");
  await empty();
  await ensure();
  await resealed("short", "mac", Buffer.alloc(16, 7), "HS256");
  await empty();
});

test("the database holds at most one key that signs", async () => {
  await empty();
  await ensure();
  await assert.rejects(
    held.database.query(sql`UPDATE auth.signing_keys SET state = 'active' WHERE state = 'next'`),
  );
});
