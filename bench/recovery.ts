import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { readdirSync, readlinkSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { startEmbeddedPostgres } from "../src/platform/embedded-postgres.ts";
import { silentLog } from "../test/support/log.ts";
import { startBenchServer, type BenchServer } from "./support/server.ts";
import { median } from "./support/statistics.ts";
import type { Row } from "./support/table.ts";

const ROUNDS = 3;

/**
 * The database half of N13: PostgreSQL is killed with all its processes and started again. How
 * long after it accepts connections does the service write again, and is every acknowledged write
 * still there?
 */
export async function run(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "brigade-recovery-"));
  let embedded = await startEmbeddedPostgres(folder, { log: silentLog });
  const server = await startBenchServer({
    databaseUrl: embedded.url,
    env: { NODE_ENV: "development" },
  });
  const backSeconds: number[] = [];
  let lost = 0;
  let wrong = 0;
  let written = 0;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const writes = new Writes(server);
      const writing = writes.run();
      await pause(1000);
      await killDatabase(embedded.url);
      await pause(1000);
      embedded = await startEmbeddedPostgres(folder, { log: silentLog });
      await accepts(embedded.url);
      const acceptedAt = performance.now();
      await writes.nextSuccess();
      backSeconds.push((performance.now() - acceptedAt) / 1000);
      writes.stop();
      await writing;
      wrong += writes.wrong;
      written += writes.acknowledged;
      if ((await writes.stored()) < writes.acknowledged) lost++;
    }
  } finally {
    await server.stop();
    await embedded.stop();
    await rm(folder, { recursive: true, force: true });
  }
  const seconds = Math.max(...backSeconds);
  return [
    {
      id: "N13",
      what: `PostgreSQL killed and back, ${ROUNDS} rounds: service writes again`,
      target: "<= 1 s",
      measured: `median ${median(backSeconds).toFixed(2)} s, max ${seconds.toFixed(2)} s`,
      holds: seconds <= 1,
    },
    {
      id: "N13",
      what: "… rounds in which an acknowledged write was lost; answers other than 200 and 503",
      target: "0, 0",
      measured: `${lost}, ${wrong} (${written} writes)`,
      holds: lost === 0 && wrong === 0 && written > 0,
    },
  ];
}

/** Writes growing numbers into the caller's own profile, one after the other. */
class Writes {
  acknowledged = 0;
  wrong = 0;
  readonly #server: BenchServer;
  #stopped = false;
  #onSuccess: (() => void) | undefined;

  constructor(server: BenchServer) {
    this.#server = server;
  }

  async run(): Promise<void> {
    for (let number = 1; !this.#stopped; number++) {
      const status = await this.#request("PUT", { name: `write ${number}` }).then(
        ({ status: found }) => found,
        () => 0,
      );
      if (status === 200) {
        this.acknowledged = number;
        this.#onSuccess?.();
      } else {
        // The number may have been stored: it is not given a second time.
        if (status !== 503) this.wrong++;
        await pause(5);
      }
    }
  }

  nextSuccess(): Promise<void> {
    return new Promise((resolve) => (this.#onSuccess = resolve));
  }

  stop(): void {
    this.#stopped = true;
  }

  async stored(): Promise<number> {
    const answer = await this.#request("GET");
    const { name } = (await answer.json()) as { name: string };
    return Number(/^write (\d+)$/.exec(name)?.[1] ?? 0);
  }

  #request(method: string, body?: object): Promise<Response> {
    return fetch(`${this.#server.url}/users/me`, {
      method,
      headers: {
        authorization: `Bearer ${this.#server.accessToken}`,
        "content-type": "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

/** SIGKILL to the postmaster and to every process that works in its data folder. */
async function killDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  const { rows } = await client.query<{ folder: string }>(
    "SELECT current_setting('data_directory') AS folder",
  );
  const data = rows[0]!.folder;
  const postmaster = Number((await readFile(join(data, "postmaster.pid"), "utf8")).split("\n")[0]);
  const pids =
    process.platform === "linux" ? workersIn(realpathSync(data)) : childrenOf(postmaster);
  for (const pid of new Set([postmaster, ...pids])) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone by itself.
    }
  }
}

function workersIn(folder: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readlinkSync(`/proc/${name}/cwd`) === folder;
      } catch {
        return false;
      }
    })
    .map(Number);
}

function childrenOf(pid: number): number[] {
  return execFileSync("pgrep", ["-P", String(pid)], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map(Number);
}

async function accepts(url: string): Promise<void> {
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.query("SELECT 1");
      return await client.end();
    } catch {
      await pause(2);
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
