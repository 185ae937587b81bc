import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
let dist: string;

interface Hello {
  readonly file: string;
  readonly isMainThread: boolean;
  readonly greeting: string;
  readonly nowSeconds: number;
}

/** The message of a thread, after the thread has ended by itself. */
async function helloOf(file: URL, workerData: object): Promise<Hello> {
  // No loader of ours comes along: a thread of the built output has none.
  const worker = new Worker(file, { workerData, execArgv: [] });
  let hello: Hello | undefined;
  worker.on("message", (message: Hello) => (hello = message));
  await new Promise((resolve, reject) => worker.once("error", reject).once("exit", resolve));
  return hello!;
}

before(async () => {
  dist = await mkdtemp(join(tmpdir(), "brigade-dist-"));
  const settings = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      noCheck: true,
      sourceMap: false,
      outDir: dist,
      rootDir: root,
      typeRoots: [join(root, "node_modules/@types")],
    },
    include: [],
    files: ["test/workers/tiny-thread.ts", "workers/jwt.ts", "src/auth/verify-pool.ts"].map(
      (file) => join(root, file),
    ),
  };
  await writeFile(join(dist, "tsconfig.json"), JSON.stringify(settings));
  await writeFile(join(dist, "package.json"), JSON.stringify({ type: "module" }));
  await symlink(join(root, "node_modules"), join(dist, "node_modules"), "dir");
  await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", dist]);
});
after(() => rm(dist, { recursive: true, force: true }));

test("a thread starts from its source by way of boot.mjs", async () => {
  const entry = "../test/workers/tiny-thread.ts";
  const boot = new URL("../../workers/boot.mjs", import.meta.url);
  const hello = await helloOf(boot, { entry, greeting: "from the source" });
  assert.deepEqual([hello.file, hello.isMainThread], ["tiny-thread.ts", false]);
  assert.equal(hello.greeting, "from the source");
  assert.ok(Math.abs(hello.nowSeconds - Date.now() / 1000) < 60);
});

test("a thread starts from the built output without it", async () => {
  const file = pathToFileURL(join(dist, "test/workers/tiny-thread.js"));
  const hello = await helloOf(file, { greeting: "from the build" });
  assert.deepEqual([hello.file, hello.greeting], ["tiny-thread.js", "from the build"]);
});

/** Verifies one good and one bad signature on a pool's thread; run with and without a loader. */
function poolScript(file: string): string {
  return `
    import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";
    const { createVerifyPool } = await import(${JSON.stringify(pathToFileURL(file).href)});
    const pair = generateKeyPairSync("ed25519", {
      publicKeyEncoding: { type: "spki", format: "der" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    const keyObject = createPublicKey({ key: pair.publicKey, format: "der", type: "spki" });
    const jwk = { ...keyObject.export({ format: "jwk" }), kid: "k", alg: "EdDSA", use: "sig" };
    const key = { kid: "k", alg: "EdDSA", id: "k", keyObject, jwk };
    const signature = sign(null, Buffer.from("a.b"), pair.privateKey).toString("base64url");
    const meter = { add() {}, observe() {}, value: () => 0 };
    const metrics = { counter: () => meter, histogram: () => meter, gauge() {} };
    const clock = { monotonicMs: () => performance.now() };
    const log = { warn: console.error, error: console.error };
    const pool = createVerifyPool({ threads: 1, clock, metrics, log });
    await pool.start();
    const verdicts = await Promise.all(
      ["a.b", "a.c"].map((signingInput) => pool.verify({ signingInput, signature, key })),
    );
    console.log(JSON.stringify({ verdicts, ...pool.stats() }));
    await pool.close();`;
}

for (const [form, file, loader] of [
  ["built output", () => join(dist, "src/auth/verify-pool.js"), ""],
  [
    "source under tsx's register()",
    () => join(root, "src/auth/verify-pool.ts"),
    `import { register } from "tsx/esm/api"; register();`,
  ],
] as const) {
  test(`a verify pool of the ${form} finds its worker and ends with its process`, async () => {
    const script = `${loader}${poolScript(file())}`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], {
      cwd: root,
    });
    const { verdicts, state, tokens } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(
      { verdicts, state, tokens },
      { verdicts: [true, false], state: "warm", tokens: 2 },
    );
  });
}
