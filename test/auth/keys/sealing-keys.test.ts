import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { readSealingKeys } from "../../../src/auth/keys/sealing-keys.ts";
import { scriptUrl, scriptWords } from "../../support/built.ts";

const folder = await mkdtemp(join(tmpdir(), "brigade-keys-"));
after(() => rm(folder, { recursive: true, force: true }));
const settings = (dataDir: string, environment: "development" | "production" = "development") => ({
  environment,
  dataDir,
  keyEncryptionKeys: [],
});

test("configured keys are taken in their order and no file is made", async () => {
  const keys = ["b", "a"].map((id) => ({ id, keyBase64: randomBytes(32).toString("base64") }));
  const dataDir = join(folder, "configured");
  const read = await readSealingKeys({ ...settings(dataDir), keyEncryptionKeys: keys });
  assert.deepEqual(
    read.map(({ id, key }) => ({ id, keyBase64: key.toString("base64") })),
    keys,
  );
  await assert.rejects(stat(dataDir));
});

test("without any, one is made once, for its owner's eyes only", async () => {
  const dataDir = join(folder, "new", "deep");
  const [made] = await readSealingKeys(settings(dataDir));
  const [again] = await readSealingKeys(settings(dataDir));
  assert.deepEqual(made, again);
  assert.equal(made!.key.length, 32);
  const file = join(dataDir, "key-encryption-key");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(dataDir), ["key-encryption-key"]);
});

test("production makes none", async () => {
  const dataDir = join(folder, "production");
  await assert.rejects(readSealingKeys(settings(dataDir, "production")), /KEY_ENCRYPTION_KEYS/);
  await assert.rejects(stat(dataDir));
});

test("many that start at once agree on one key", async () => {
  const dataDir = join(folder, "race");
  const within = await Promise.all(
    Array.from({ length: 20 }, () => readSealingKeys(settings(dataDir))),
  );
  assert.equal(new Set(within.map(([key]) => key!.key.toString("hex"))).size, 1);
});

test("several processes that start at once agree on one key", async () => {
  const dataDir = join(folder, "processes");
  const file = scriptUrl("src/auth/keys/sealing-keys.ts").href;
  const script = `const { readSealingKeys } = await import(${JSON.stringify(file)});
    const [key] = await readSealingKeys(${JSON.stringify(settings(dataDir))});
    process.stdout.write(key.key.toString("hex"));`;
  const runs = Array.from({ length: 3 }, () =>
    promisify(execFile)(process.execPath, [...scriptWords(), "--input-type=module", "-e", script]),
  );
  const keys = (await Promise.all(runs)).map(({ stdout }) => stdout);
  assert.equal(new Set(keys).size, 1);
  assert.match(keys[0]!, /^[0-9a-f]{64}$/);
});

test("a damaged file stops the start instead of sealing with something weak", async () => {
  const dataDir = join(folder, "damaged");
  await readSealingKeys(settings(dataDir));
  const file = join(dataDir, "key-encryption-key");
  const line = await readFile(file, "utf8");
  for (const text of ["", "local-1:", line.slice(0, 20), `:${line.split(":")[1]}`]) {
    await writeFile(file, text);
    await assert.rejects(readSealingKeys(settings(dataDir)), /32 bytes/);
  }
});
