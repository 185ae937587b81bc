import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Client } from "undici";
import { ensureBuilt } from "../support/built.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { ask, register, until } from "../support/journey.ts";
import { freePort } from "../support/server.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const KEPT_CONNECTIONS = 6;
const PASSWORD = "velvet-anchor-81-harbour";

interface Instance {
  readonly pid: number;
  readonly pm2_env: { readonly status: string; readonly restart_time: number };
}

let db: TestDatabase;
let home: string;
let url: string;
let environment: Record<string, string>;

before(async () => {
  await ensureBuilt();
  db = await withDatabase();
  home = mkdtempSync(join(tmpdir(), "brigade-pm2-"));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  environment = {
    PATH: process.env["PATH"]!,
    HOME: home,
    PM2_HOME: join(home, "pm2"),
    // A first start would greet with a banner.
    PM2_DISCRETE_MODE: "true",
    WEB_CONCURRENCY: "2",
    HTTP_THREADS: "1",
    DATABASE_CONNECTIONS: "10",
    DATABASE_URL: db.url,
    PUBLIC_URL: url,
    KEY_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString("base64")}`,
    HOST: "127.0.0.1",
    PORT: String(port),
    ADMIN_PORT: "0",
    RATE_LIMIT_ENABLED: "false",
  };
});
after(async () => {
  const pids = [...(await instances().catch(() => [])).map(({ pid }) => pid), daemonPid()];
  await pm2("kill").catch(() => {});
  // Whatever of ours is left is ended by its number.
  for (const pid of pids) if (pid > 0 && isAlive(pid)) process.kill(pid, "SIGKILL");
  rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  await db?.drop();
});

/** One command of PM2; its output. */
async function pm2(...words: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [join(ROOT, "node_modules/pm2/bin/pm2"), ...words], {
    cwd: ROOT,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (piece: string) => (output += piece));
  }
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  assert.equal(code, 0, `pm2 ${words.join(" ")}: ${output}`);
  return output;
}

async function instances(): Promise<Instance[]> {
  const output = await pm2("jlist");
  return JSON.parse(output.slice(output.indexOf("["))) as Instance[];
}

function daemonPid(): number {
  try {
    return Number(readFileSync(join(environment["PM2_HOME"]!, "pm2.pid"), "utf8"));
  } catch {
    return 0;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** We write to descriptor 1, which is the daemon's; PM2's own files get what it caught itself. */
function logs(): string {
  const folder = environment["PM2_HOME"]!;
  const files = readdirSync(join(folder, "logs")).map((name) => join("logs", name));
  return ["pm2.log", ...files].map((name) => readFileSync(join(folder, name), "utf8")).join("");
}

/** Asks on one kept connection until told to stop; answers how many failed, and how many there were. */
async function keepAsking(token: string, signal: AbortSignal) {
  const client = new Client(url);
  const failures: string[] = [];
  let count = 0;
  for (; !signal.aborted; count++) {
    try {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await client.request({ method: "GET", path: "/auth/whoami", headers });
      await answer.body.dump();
      if (answer.statusCode !== 200) failures.push(String(answer.statusCode));
    } catch (error) {
      failures.push((error as Error).message);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await client.close();
  return { count, failures };
}

test("PM2 starts two instances of the build, both ready, and reloads them without a lost request", async (t) => {
  await pm2("start", "ecosystem.config.cjs");
  const first = await instances();
  assert.deepEqual(
    first.map(({ pm2_env: { status } }) => status),
    ["online", "online"],
    logs(),
  );
  await until("it is ready", async () => (await ask(`${url}/health/ready`)).status === 200);
  await until("both told it", () => logs().match(/"message":"ready"/g)?.length === 2);
  const { access_token: token } = await register(url, "pm2@brigade.example", PASSWORD);

  const asking = new AbortController();
  const clients = Array.from({ length: KEPT_CONNECTIONS }, () => keepAsking(token, asking.signal));
  try {
    await pm2("reload", "brigade");
  } finally {
    asking.abort();
  }
  const outcomes = await Promise.all(clients);
  t.diagnostic(`${outcomes.reduce((sum, { count }) => sum + count, 0)} requests during the reload`);
  assert.deepEqual(
    outcomes.flatMap(({ failures }) => failures),
    [],
  );
  for (const { count } of outcomes) assert.ok(count > 10);

  const second = await instances();
  assert.deepEqual(
    second.map(({ pm2_env: { status } }) => status),
    ["online", "online"],
  );
  for (const { pid } of first) assert.ok(!isAlive(pid), "the old ones are gone");
  assert.equal((await ask(`${url}/auth/whoami`, { token })).status, 200);
});

test("stopped, they end by themselves", async () => {
  const running = await instances();
  await pm2("stop", "brigade");
  for (const { pid } of running) assert.ok(!isAlive(pid));
  assert.equal(logs().match(/"message":"drained"/g)?.length, 4, "none was killed");
  assert.doesNotMatch(logs(), /uncaught|having open handles|"level":"fatal"/);
});
