import { hashSync } from "@node-rs/argon2";
import { Pool } from "undici";
import { probe } from "./support/probe.ts";
import { startBenchServer, register } from "./support/server.ts";
import { quantile } from "./support/statistics.ts";
import type { Row } from "./support/table.ts";

/** So many that nobody comes to the limit of sessions: a rush, and not a few who log in all the time. */
const ACCOUNTS = 200;
const STORM_SECONDS = 8;
/** A storm that is not counted: what is measured is the server, and not its compiler or the client's. */
const WARM_UP_SECONDS = 6;

interface Account {
  readonly email: string;
  readonly password: string;
  /** Each from a network of its own, as people come. */
  readonly address: string;
}

/** N7: ten times the logins the machine can hash, while a warm token is probed at a fixed rate. */
export async function run(): Promise<Row[]> {
  const rawPerSecond = rawHashRate();
  const server = await startBenchServer({
    env: { NODE_ENV: "development", PASSWORD_THREADS: "1", TRUSTED_PROXY_HOPS: "1" },
  });
  const pool = new Pool(server.url, { connections: 128, pipelining: 1 });
  try {
    const accounts: Account[] = [];
    for (let i = 0; i < ACCOUNTS; i++) {
      const account = {
        email: `storm-${i}-${Date.now()}@brigade.example`,
        password: `Storm ${i} long enough`,
        address: `10.${i}.0.7`,
      };
      await register(server.url, account.email, account.password, account.address);
      accounts.push(account);
    }
    await storm(pool, accounts, rawPerSecond * 10, WARM_UP_SECONDS);
    const quiet = await probe(server.url, server.accessToken, STORM_SECONDS);
    const [stormy, outcome] = await Promise.all([
      probe(server.url, server.accessToken, STORM_SECONDS),
      storm(pool, accounts, rawPerSecond * 10, STORM_SECONDS),
    ]);
    const ratio = quantile(stormy, 0.99) / quantile(quiet, 0.99);
    const share = outcome.ok / STORM_SECONDS / rawPerSecond;
    const others = [...outcome.statuses].map(([status, n]) => `${status}: ${n}`).join(", ");
    // A 500 is a fault, and the log has its reason.
    const faults = server.logLines().filter((line) => line["level"] === "error");
    for (const fault of faults.slice(0, 3)) console.log(JSON.stringify(fault));
    console.log(`raw hash rate ${rawPerSecond.toFixed(0)}/s; login answers ${others}`);
    return [
      {
        id: "N7",
        what: "login storm: p99 of a warm request, storm : quiet",
        target: "<= 2 x",
        measured: `${ratio.toFixed(2)} x (${quantile(quiet, 0.99).toFixed(1)} to ${quantile(stormy, 0.99).toFixed(1)} ms)`,
        holds: ratio <= 2,
      },
      {
        id: "N7",
        what: "login storm: excess refused with 503 + Retry-After",
        target: "all",
        measured: `${outcome.refusedRight} of ${outcome.refused}`,
        holds: outcome.refused > 0 && outcome.refusedRight === outcome.refused,
      },
      {
        id: "N7",
        what: "login storm: logins : raw hash rate of one thread",
        target: ">= 85 %",
        measured: `${(share * 100).toFixed(0)} %`,
        holds: share >= 0.85,
      },
    ];
  } finally {
    await pool.close();
    await server.stop();
  }
}

/** Hashes a second of one thread on this machine, with the server's parameters. */
function rawHashRate(): number {
  const options = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
  const begun = performance.now();
  let hashes = 0;
  while (performance.now() - begun < 2000) {
    hashSync("a password of usual length", options);
    hashes++;
  }
  return (hashes * 1000) / (performance.now() - begun);
}

async function storm(pool: Pool, accounts: readonly Account[], perSecond: number, seconds: number) {
  const statuses = new Map<number, number>();
  let refused = 0;
  let refusedRight = 0;
  let sent = 0;
  const begun = performance.now();
  const pending: Promise<void>[] = [];
  while (performance.now() - begun < seconds * 1000) {
    const due = ((performance.now() - begun) / 1000) * perSecond;
    while (sent < due) pending.push(one(accounts[sent++ % accounts.length]!));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(pending);
  return { ok: statuses.get(200) ?? 0, refused, refusedRight, statuses };

  async function one({ email, password, address }: Account): Promise<void> {
    const answer = await pool.request({
      method: "POST",
      path: "/auth/login",
      headers: { "content-type": "application/json", "x-forwarded-for": address },
      body: JSON.stringify({ email, password }),
    });
    await answer.body.dump();
    statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
    if (answer.statusCode === 200) return;
    refused++;
    if (answer.statusCode === 503 && answer.headers["retry-after"] !== undefined) refusedRight++;
  }
}
