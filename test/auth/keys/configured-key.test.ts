import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readConfiguredKey } from "../../../src/auth/keys/configured-key.ts";
import { createInvalidate } from "../../../src/auth/revocation/invalidation-log.ts";
import { turnKeys, withdrawAndRotate } from "../../../src/auth/keys/rotation.ts";
import { ensureKeys } from "../../../src/auth/keys/store.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { capturedLog, silentLog } from "../../support/log.ts";
import { brokenInvariants, keyStates, kidOf, settings } from "./key-rig.ts";

let folder: string;
let held: TestDatabase;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "brigade-key-file-"));
  held = await withDatabase();
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
  await held.drop();
});

async function fileOf(text: string): Promise<string> {
  const path = join(folder, `key-${Math.random()}`);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

test("a private key is read from PEM and from a JWK, as the same key", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = await fileOf(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  const jwk = await fileOf(JSON.stringify(privateKey.export({ format: "jwk" })));
  const [one, two] = [
    await readConfiguredKey({ signingKeyFile: pem, jwtAlgorithm: "ES256" }),
    await readConfiguredKey({ signingKeyFile: jwk, jwtAlgorithm: "ES256" }),
  ];
  assert.equal(one?.kid, two?.kid);
  assert.deepEqual(one?.publicJwk, two?.publicJwk);
});

test("another kind of key, a public one, a short one or none is refused without its text", async () => {
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const weak = generateKeyPairSync("rsa", { modulusLength: 1_024 });
  const pem = (key: typeof ec.privateKey) =>
    key.export({ type: "pkcs8", format: "pem" }).toString();
  const cases: [string, RegExp][] = [
    [await fileOf(pem(ec.privateKey)), /does not suit JWT_ALG/],
    [await fileOf(pem(weak.privateKey)), /too short/],
    [await fileOf(JSON.stringify(ec.publicKey.export({ format: "jwk" }))), /no private key/],
    [await fileOf("{ secret text"), /no private key/],
    [join(folder, "nothing"), /cannot be read \(ENOENT\)/],
  ];
  for (const [signingKeyFile, expected] of cases) {
    await assert.rejects(
      readConfiguredKey({ signingKeyFile, jwtAlgorithm: "RS256" }),
      (error: Error) => expected.test(error.message) && !error.message.includes("secret text"),
    );
  }
  assert.equal(
    await readConfiguredKey({ signingKeyFile: undefined, jwtAlgorithm: "RS256" }),
    undefined,
  );
});

test("a configured key becomes the next one and follows; once it is gone it stays away", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signingKeyFile = await fileOf(
    privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  );
  const config = settings({ signingKeyFile });
  const deps = { database: held.database, config, log: silentLog };
  const { kid } = (await readConfiguredKey(config))!;
  await ensureKeys(held.database, settings(), silentLog);
  await ensureKeys(held.database, config, silentLog);
  assert.equal(await kidOf(held.database, "sig", "next"), kid);
  while ((await turnKeys(deps)) > 0);
  assert.equal(await kidOf(held.database, "sig", "active"), kid);
  const states = await keyStates(held.database);
  await ensureKeys(held.database, config, silentLog);
  assert.deepEqual(await keyStates(held.database), states, "a second start changes nothing");
  const invalidate = createInvalidate({ generations: { bump: () => {} } });
  await withdrawAndRotate({ ...deps, invalidate }, { use: "sig", isNextToo: false }, {});
  const { log, lines } = capturedLog();
  await ensureKeys(held.database, config, log);
  assert.deepEqual(
    lines.map(({ event }) => event),
    ["key_not_taken"],
  );
  assert.deepEqual(await brokenInvariants(held.database), []);
});
