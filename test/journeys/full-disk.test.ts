import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { stopEmbedded } from "../../src/platform/embedded-postgres.ts";
import { ask, until } from "../support/journey.ts";
import { spawnServer, startServer, type TestServer } from "../support/server.ts";

const DATABASE_MIB = 160;
const LOGIN = /^login: (\S+) {2}password: (\S+)$/m;

const mounted: string[] = [];
const running = new Set<TestServer>();
after(async () => {
  for (const server of running) await server.kill();
  for (const folder of mounted) {
    await stopEmbedded(folder);
    // Lazily: whoever still ends there does not keep it.
    execFileSync("umount", ["-l", folder]);
    rmdirSync(folder);
  }
});

/** A folder with a disk of its own, or undefined where mounting is not allowed. */
function mountDisk(t: TestContext, mebibytes: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "brigade-disk-"));
  const words = ["-t", "tmpfs", "-o", `size=${mebibytes}m,mode=755`, "tmpfs", folder];
  if (process.platform === "linux" && spawnSync("mount", words).status === 0) {
    mounted.push(folder);
    return folder;
  }
  rmdirSync(folder);
  t.skip("mounting a small disk is not allowed here");
  return undefined;
}

/** Takes all the space that is left. */
function fill(file: string): void {
  const fd = openSync(file, "w");
  for (const bytes of [1 << 20, 4_096]) {
    try {
      for (;;) writeSync(fd, Buffer.alloc(bytes));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
    }
  }
  closeSync(fd);
}

const environment = (folder: string) => ({
  NODE_ENV: "development",
  DATA_DIR: folder,
  RATE_LIMIT_ENABLED: "false",
});

test("a start on a full disk ends with one clear sentence", async (t) => {
  const folder = mountDisk(t, 8);
  if (folder === undefined) return;
  const server = await spawnServer({ env: environment(folder) });
  running.add(server);
  const { code } = await server.exited;
  running.delete(server);
  assert.equal(code, 1, server.output());
  const lines = server.output().trim().split("\n");
  const sentences = lines.filter((line) => !line.startsWith("{"));
  assert.equal(sentences.length, 1, server.output());
  assert.match(sentences[0]!, /no space left on the disk of /);
  assert.ok(sentences[0]!.includes(folder));
});

test("while the disk is full writes are refused, reads go on, and space heals it", async (t) => {
  const folder = mountDisk(t, DATABASE_MIB);
  if (folder === undefined) return;
  const server = await startServer({ env: environment(folder) });
  running.add(server);
  const [, email, password] = LOGIN.exec(server.output())!;
  const login = await ask(`${server.url}/auth/login`, {
    method: "POST",
    body: { email, password },
  });
  const token = login.body["access_token"] as string;
  const search = () => ask(`${server.url}/v1/products/search?limit=1`, { token });
  const found = await search();
  const { source_id } = found.body["data"][0] as { source_id: string };
  // Of random text, so that nothing can press it together.
  const write = () =>
    ask(`${server.url}/v1/products`, {
      method: "POST",
      token,
      body: {
        source_id,
        name: `food ${randomBytes(6).toString("hex")}`,
        is_food: true,
        nutri_facts: { calories: 100 },
        ingredients: randomBytes(3_000).toString("base64"),
      },
    });
  const made = await write();
  assert.equal(made.status, 201, JSON.stringify(made.body));

  const filler = join(folder, "filler");
  fill(filler);
  let refusals = 0;
  await until("a write is refused", async () => {
    for (let turn = 0; turn < 20; turn++) {
      const { status, body, headers } = await write();
      if (status === 201) continue;
      assert.equal(status, 503, JSON.stringify(body));
      assert.equal(body["error_code"], "unavailable");
      assert.ok(headers.get("retry-after") !== null);
      refusals++;
    }
    return refusals > 0;
  });
  await until("reads go on", async () => (await search()).status === 200);
  assert.equal((await ask(`${server.url}/health/live`)).status, 200);
  assert.equal(server.process.exitCode, null, server.output());

  rmSync(filler);
  await until("writes are taken again", async () => (await write()).status === 201);
  assert.ok((await search()).body["pagination"].total > found.body["pagination"].total);
  assert.equal((await server.stop()).code, 0, server.output());
  running.delete(server);
});
