import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { serverState } from "../../src/platform/embedded-process.ts";
import { startEmbeddedPostgres, stopEmbedded } from "../../src/platform/embedded-postgres.ts";
import { withServer } from "../support/database.ts";
import { capturedLog, silentLog } from "../support/log.ts";
import { scriptUrl, scriptWords } from "../support/built.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FAST = { fsync: "off", full_page_writes: "off" };

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "brigade-embedded-"));
  // PostgreSQL's own account must be able to pass.
  chmodSync(folder, 0o755);
  t.after(async () => {
    await stopEmbedded(folder);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

let model: string | undefined;
after(() => model !== undefined && rmSync(model, { recursive: true, force: true }));

/** A folder whose data were made before, as in most starts: a copy takes a tenth of the making. */
async function usedFolder(t: TestContext): Promise<string> {
  if (model === undefined) {
    const made = mkdtempSync(join(tmpdir(), "brigade-embedded-"));
    chmodSync(made, 0o755);
    await (await startEmbeddedPostgres(made, { log: silentLog, settings: FAST })).stop();
    model = made;
  }
  const folder = newFolder(t);
  // The data belong to the server's own account.
  const copied = spawnSync("cp", ["-a", join(model, "postgres"), join(folder, "postgres")]);
  assert.equal(copied.status, 0, String(copied.stderr));
  return folder;
}

const stateOf = (folder: string) => serverState({ data: join(folder, "postgres") });

async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 3_000; turn++) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`waited in vain until ${what}`);
}

const answers = (url: string) =>
  withServer(url, (client) => client.query("select 1")).then(
    () => true,
    () => false,
  );

test("a fresh folder becomes a database; the next start attaches; the last one out stops it", async (t) => {
  const folder = newFolder(t);
  const first = await startEmbeddedPostgres(folder, { log: silentLog, settings: FAST });
  assert.equal(first.reused, false);
  await withServer(first.url, (client) => client.query("create table kept as select 1 as n"));
  const second = await startEmbeddedPostgres(folder, { log: silentLog, settings: FAST });
  assert.equal(second.reused, true);
  assert.equal(second.url, first.url);
  await first.stop();
  assert.ok(stateOf(folder)?.isReady, "somebody still uses it");
  await second.stop();
  assert.equal(stateOf(folder), undefined);
  // What was written is still there.
  const again = await startEmbeddedPostgres(folder, { log: silentLog, settings: FAST });
  await withServer(again.url, async (client) => {
    assert.deepEqual((await client.query("select n from kept")).rows, [{ n: 1 }]);
    // Nothing of it can be reached but through the file of the socket.
    assert.equal((await client.query("show listen_addresses")).rows[0].listen_addresses, "");
  });
  await again.stop();
});

/** A process of its own that attaches, says so, and stops when its input ends. */
function startPeer(
  t: TestContext,
  folder: string,
): { child: ChildProcess; said: (word: string) => Promise<string> } {
  const program = `
    const { startEmbeddedPostgres } = await import("${scriptUrl("src/platform/embedded-postgres.ts").href}");
    const log = { info() {}, warn() {}, error(fields) { console.log("error", String(fields.error)); } };
    try {
      const server = await startEmbeddedPostgres(${JSON.stringify(folder)}, { log, settings: ${JSON.stringify(FAST)} });
      console.log("attached", server.reused);
      process.stdin.on("end", async () => { await server.stop(); console.log("left"); process.exit(0); }).resume();
    } catch (error) { console.log("failed", error.message); process.exit(1); }
  `;
  const child = spawn(process.execPath, [...scriptWords(), "--input-type=module", "-e", program], {
    cwd: ROOT,
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const lines: string[] = [];
  createInterface(child.stdout).on("line", (line) => lines.push(line));
  return {
    child,
    async said(word) {
      await until(
        `a peer said ${word}`,
        () =>
          lines.some((line) => line.startsWith(word)) ||
          lines.some((line) => line.startsWith("failed")),
      );
      return lines.find((line) => line.startsWith(word)) ?? lines.join();
    },
  };
}

test("of three processes on a fresh folder one starts it; stopped at once, one stops it", async (t) => {
  const folder = newFolder(t);
  const peers = [1, 2, 3].map(() => startPeer(t, folder));
  const said = await Promise.all(peers.map((peer) => peer.said("attached")));
  assert.deepEqual(said.toSorted(), ["attached false", "attached true", "attached true"]);
  for (const { child } of peers) child.stdin!.end();
  await Promise.all(peers.map((peer) => peer.said("left")));
  assert.equal(stateOf(folder), undefined);
});

test("killed with everything on it, it comes back with what was committed", async (t) => {
  const folder = await usedFolder(t);
  const peer = startPeer(t, folder);
  await peer.said("attached");
  const { url, stop } = await startEmbeddedPostgres(folder, { log: silentLog });
  await withServer(url, (client) => client.query("create table kept as select 7 as n"));
  const before = stateOf(folder)!.pid;
  peer.child.kill("SIGKILL");
  await once(peer.child, "exit");
  process.kill(before, "SIGKILL");
  // We were attached: it is started again without anybody asking.
  await until(
    "it runs again",
    async () => (stateOf(folder)?.pid ?? before) !== before && (await answers(url)),
  );
  await withServer(url, async (client) => {
    assert.deepEqual((await client.query("select n from kept")).rows, [{ n: 7 }]);
  });
  await stop();
  assert.equal(stateOf(folder), undefined);
});

test("stopped by hand it stays stopped, and who used it is told", async (t) => {
  const folder = await usedFolder(t);
  const { log, lines } = capturedLog("warn");
  const server = await startEmbeddedPostgres(folder, { log, settings: FAST });
  assert.equal(await stopEmbedded(folder), true);
  await until("it is told", () => lines.length > 0);
  assert.match(String(lines[0]!["message"]), /stopped by somebody else/);
  assert.equal(stateOf(folder), undefined);
  assert.equal(await stopEmbedded(folder), false);
  await server.stop();
});

test("a start while the last one stops it waits and begins again", async (t) => {
  const folder = await usedFolder(t);
  for (let round = 0; round < 3; round++) {
    const leaving = await startEmbeddedPostgres(folder, { log: silentLog, settings: FAST });
    const [, next] = await Promise.all([
      leaving.stop(),
      startEmbeddedPostgres(folder, { log: silentLog, settings: FAST }),
    ]);
    assert.ok(await answers(next.url), `round ${round}`);
    await next.stop();
  }
});

test("a folder whose disk is full is told in one sentence", async (t) => {
  const folder = newFolder(t);
  const small = join(folder, "small");
  mkdirSync(small);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs", small]);
  if (mounted.status !== 0) return t.skip("no right to mount a small disk here");
  try {
    await assert.rejects(
      startEmbeddedPostgres(small, { log: silentLog, settings: FAST }),
      (error: Error) =>
        /no space left on the disk of/.test(error.message) && !error.message.includes("\n"),
    );
  } finally {
    spawnSync("umount", ["-l", small]);
  }
});

test("a program that only reads the address ends when its work is done", async (t) => {
  const folder = await usedFolder(t);
  const program = `
    const { startEmbeddedPostgres } = await import("${scriptUrl("src/platform/embedded-postgres.ts").href}");
    await startEmbeddedPostgres(${JSON.stringify(folder)}, { log: { info() {}, warn() {}, error() {} }, settings: ${JSON.stringify(FAST)} });
  `;
  const child = spawn(process.execPath, [...scriptWords(), "--input-type=module", "-e", program], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [code] = (await once(child, "exit")) as [number];
  assert.equal(code, 0);
  // It left without a word, so the server goes on and the next start attaches.
  assert.ok(stateOf(folder)?.isReady);
});

test("the server is told nothing of our environment but what it needs", async (t) => {
  const folder = await usedFolder(t);
  process.env["BRIGADE_CANARY"] = "canary-of-the-environment";
  const { stop } = await startEmbeddedPostgres(folder, { log: silentLog, settings: FAST });
  delete process.env["BRIGADE_CANARY"];
  if (process.platform === "linux") {
    const environment = readFileSync(`/proc/${stateOf(folder)!.pid}/environ`, "utf8");
    assert.ok(!environment.includes("canary-of-the-environment"));
  }
  await stop();
});
