import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createKeyRing } from "../../../src/auth/keys/key-ring.ts";
import { ensureKeys, readKeys } from "../../../src/auth/keys/store.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { createRandom } from "../token/token-factory.ts";
import { brokenInvariants, settings } from "./key-rig.ts";
import { scriptUrl, scriptWords } from "../../support/built.ts";

let held: TestDatabase;
before(async () => {
  held = await withDatabase();
});
after(() => held.drop());

const ROUNDS = testSize(3, 200);

test(`${ROUNDS} processes killed while they make, rotate and withdraw keys break nothing`, async () => {
  const keyBase64 = randomBytes(32).toString("base64");
  const config = settings({ keyEncryptionKeys: [{ id: "test", keyBase64 }] });
  await ensureKeys(held.database, config, silentLog);
  const random = createRandom(testSeed());
  for (let round = 0; round < ROUNDS; round++) {
    const script = fileURLToPath(scriptUrl("test/auth/keys/rotating-process.ts"));
    const words = [...scriptWords(), script, held.url, keyBase64];
    const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    await sleep(random(150));
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.deepEqual(await brokenInvariants(held.database), [], `round ${round}`);
    createKeyRing(await readKeys(held.database, config));
  }
});
