import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { ask, until } from "../support/journey.ts";
import { spawnServer, startServer, type TestServer } from "../support/server.ts";
import { testSeed, testSize } from "../support/size.ts";

/* SIGTERM at every moment of a young life: an exit with an App open in any thread is an abort. */

let database: TestDatabase;
before(async () => {
  database = await withDatabase();
});
after(() => database.drop());

async function assertEnds(server: TestServer): Promise<void> {
  const { code, signal } = await server.stop();
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, server.output());
  assert.ok(server.logLines().some((line) => line["message"] === "drained"));
}

test("SIGTERM while some threads listen and others still start", async () => {
  for (let round = 0; round < testSize(2, 20); round++) {
    const server = await spawnServer({
      databaseUrl: database.url,
      env: { HTTP_THREADS: "3", DATABASE_CONNECTIONS: "30" },
    });
    await until("the first thread listens", async () => {
      assert.equal(server.process.exitCode, null, server.output());
      return (await ask(`${server.url}/health/live`)).status === 200;
    });
    await assertEnds(server);
  }
});

test("SIGTERM at any moment after ready, while the verify threads start", async (t) => {
  // 0, 1/n, 2/n … of the time in which they load, and one step that the seed chooses.
  const rounds = testSize(3, 20);
  const shift = (testSeed() % 97) / 97;
  t.diagnostic(`shift ${shift.toFixed(2)}`);
  for (let round = 0; round < rounds; round++) {
    const server = await startServer({ databaseUrl: database.url, env: { VERIFY_THREADS: "2" } });
    await new Promise((resolve) => setTimeout(resolve, ((round + shift) / rounds) * 600));
    await assertEnds(server);
  }
});

test("SIGTERM while the embedded PostgreSQL is made leaves no half of one, and none that runs", async (t) => {
  for (let round = 0; round < testSize(1, 20); round++) {
    const dataDir = mkdtempSync(join(tmpdir(), "brigade-early-"));
    t.after(() => rmSync(dataDir, { recursive: true, force: true }));
    // Open to the account that PostgreSQL runs under when we are root: the data are in here.
    chmodSync(dataDir, 0o755);
    const server = await spawnServer({ env: { DATA_DIR: dataDir } });
    const drafts = () => readdirSync(dataDir).filter((name) => name.includes(".new-"));
    while (drafts().length === 0) {
      assert.equal(server.process.exitCode, null, server.output());
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await server.stop();
    assert.deepEqual(drafts(), [], server.output());
    assert.equal(existsSync(join(dataDir, "postgres", "postmaster.pid")), false, server.output());
  }
});
