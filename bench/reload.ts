import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Pool } from "undici";
import { ensureBuilt } from "../test/support/built.ts";
import { freePort } from "../test/support/server.ts";
import { withDatabase } from "../test/support/database.ts";
import { register } from "./support/server.ts";
import type { Row } from "./support/table.ts";

const run_ = promisify(execFile);
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const RELOADS = Number(process.env["BENCH_RELOADS"] ?? 3);
const CONNECTIONS = 50;

interface Count {
  requests: number;
  failed: number;
  readonly reasons: Map<string, number>;
}

/** N12 and the process half of N13, with PM2's own commands on a cluster of two. */
export async function run(): Promise<Row[]> {
  await ensureBuilt();
  const database = await withDatabase();
  const home = await mkdtemp(join(tmpdir(), "brigade-pm2-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PM2_HOME: home,
    HOST: "127.0.0.1",
    PORT: String(port),
    ADMIN_PORT: "0",
    DATABASE_URL: database.url,
    PUBLIC_URL: url,
    HTTP_THREADS: "1",
    ACCESS_LOG: "off",
    RATE_LIMIT_DEFAULT: "10000000/hour",
    KEY_ENCRYPTION_KEYS: `bench:${randomBytes(32).toString("base64")}`,
  };
  const pm2 = async (...words: string[]) =>
    (await run_("npx", ["pm2", ...words], { cwd: ROOT, env, timeout: 120_000 })).stdout;
  try {
    await pm2("start", "ecosystem.config.cjs");
    const { access_token: token } = await register(
      url,
      "reload@brigade.example",
      "Reload under load 1",
    );
    const count: Count = { requests: 0, failed: 0, reasons: new Map() };
    const stop = new AbortController();
    const traffic = drive(url, token, count, stop.signal);
    for (let i = 0; i < RELOADS; i++) await pm2("reload", "brigade");
    stop.abort();
    await traffic;
    const backSeconds = await killOne(url, home);
    if (count.failed > 0) console.log([...count.reasons]);
    return [
      {
        id: "N12",
        what: `${RELOADS} reloads of a 2-process PM2 cluster, ${CONNECTIONS} kept-alive connections`,
        target: "0 failed",
        measured: `${count.failed} of ${count.requests}`,
        holds: count.failed === 0 && count.requests > 0,
      },
      {
        id: "N13",
        what: "kill -9 of one process of two: two are online again",
        target: "<= 2 s",
        measured: `${backSeconds.toFixed(2)} s`,
        holds: backSeconds <= 2,
      },
    ];
  } finally {
    await pm2("kill").catch(() => {});
    await database.drop();
    await rm(home, { recursive: true, force: true });
  }
}

/** Closed-loop clients that keep their connections, as a proxy in front of the cluster does. */
async function drive(url: string, token: string, count: Count, stop: AbortSignal): Promise<void> {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const client = async () => {
    while (!stop.aborted) {
      try {
        const answer = await pool.request({
          method: "GET",
          path: "/auth/whoami",
          headers: { authorization: `Bearer ${token}` },
        });
        await answer.body.dump();
        if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
      } catch (error) {
        count.failed++;
        const reason = (error as { code?: string }).code ?? (error as Error).message;
        count.reasons.set(reason, (count.reasons.get(reason) ?? 0) + 1);
      }
      count.requests++;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  await pool.close();
}

/** Seconds from SIGKILL until PM2 knows two ready processes with a new one among them. */
async function killOne(url: string, home: string): Promise<number> {
  // Asked in this process: the command line takes most of a second for each answer.
  process.env["PM2_HOME"] = home;
  const { default: pm2 } = await import("pm2");
  await promisify(pm2.connect.bind(pm2) as (done: (error: Error | null) => void) => void)();
  const list = promisify(pm2.list.bind(pm2));
  const onlinePids = async () =>
    (await list())
      .filter(({ pm2_env: about }) => about?.status === "online")
      .map(({ pid }) => pid!);
  try {
    const pids = await onlinePids();
    process.kill(pids[0]!, "SIGKILL");
    const begun = performance.now();
    for (;;) {
      const now = await onlinePids();
      const isBack = now.length === 2 && !now.includes(pids[0]!);
      if (isBack && (await fetch(`${url}/health/ready`)).status === 200) break;
      if (performance.now() - begun > 60_000) throw new Error("the process did not come back");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return (performance.now() - begun) / 1000;
  } finally {
    pm2.disconnect();
  }
}
