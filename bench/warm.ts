import { mkdtempSync, writeFileSync } from "node:fs";
import { generateKeyPairSync, createSign } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "./support/load.ts";
import { startPeer } from "./support/peer.ts";
import { cpuSecondsOf } from "./support/process-cpu.ts";
import { startBenchServer } from "./support/server.ts";
import { median } from "./support/statistics.ts";
import type { Row } from "./support/table.ts";

const CONNECTIONS = 32;
const SECONDS = 4;
const ROUNDS = 5;

interface Candidate {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** N1–N3: CPU of the server process per request, all candidates in turn, median of the rounds. */
export async function run(): Promise<Row[]> {
  const hello = await startPeer("hello-uws");
  const fastify = await startFastify();
  const quiet = await startBenchServer({ env: { NODE_ENV: "development" } });
  const logging = await startBenchServer({
    env: {
      NODE_ENV: "development",
      ACCESS_LOG: "on",
      LOG_LEVEL: "info",
      ACCESS_LOG_PER_SECOND: "1000000",
    },
  });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const candidates: Candidate[] = [
    { name: "hello", url: hello.url, pid: hello.process.pid!, headers: {} },
    {
      name: "quiet",
      url: `${quiet.url}/auth/whoami`,
      pid: quiet.process.pid!,
      headers: bearer(quiet.accessToken),
    },
    {
      name: "logging",
      url: `${logging.url}/auth/whoami`,
      pid: logging.process.pid!,
      headers: bearer(logging.accessToken),
    },
    {
      name: "fastify",
      url: `${fastify.peer.url}/auth/whoami`,
      pid: fastify.peer.process.pid!,
      headers: bearer(fastify.token),
    },
  ];
  try {
    const cost = await measure(candidates);
    const ratio = (name: string, peer: string) => cost.get(name)! / cost.get(peer)!;
    const row = (id: string, what: string, value: number, target: number): Row => ({
      id,
      what,
      target: `<= ${target} x`,
      measured: `${value.toFixed(2)} x`,
      holds: value <= target,
    });
    const microseconds = [...cost].map(([name, value]) => `${name} ${value.toFixed(1)}`).join(", ");
    console.log(`CPU per request in microseconds: ${microseconds}`);
    return [
      row("N1", "warm GET, no access log : bare uWebSockets.js", ratio("quiet", "hello"), 1.5),
      row("N2", "warm GET, access log : bare uWebSockets.js", ratio("logging", "hello"), 2.3),
      row("N3", "warm GET : Fastify + @fastify/jwt cached", ratio("quiet", "fastify"), 0.5),
    ];
  } finally {
    await Promise.all([hello.stop(), fastify.peer.stop(), quiet.stop(), logging.stop()]);
  }
}

async function measure(candidates: readonly Candidate[]): Promise<Map<string, number>> {
  const samples = new Map<string, number[]>(candidates.map(({ name }) => [name, []]));
  for (let round = -1; round < ROUNDS; round++) {
    for (const { name, url, pid, headers } of candidates) {
      const before = cpuSecondsOf(pid);
      const seconds = round < 0 ? 2 : SECONDS; // The first round warms up and is not counted.
      const result = await load({ url, connections: CONNECTIONS, seconds, headers });
      if (result.errors + result.refused > 0) throw new Error(`${name}: ${JSON.stringify(result)}`);
      const perRequest = ((cpuSecondsOf(pid) - before) * 1e6) / result.requests;
      if (round >= 0) samples.get(name)!.push(perRequest);
    }
  }
  return new Map([...samples].map(([name, values]) => [name, median(values)]));
}

async function startFastify() {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const file = join(mkdtempSync(join(tmpdir(), "brigade-bench-")), "public.pem");
  writeFileSync(file, publicKey.export({ type: "spki", format: "pem" }));
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const input = `${part({ alg: "RS256", typ: "JWT" })}.${part({
    iss: "bench",
    sub: "00000000-0000-4000-8000-000000000000",
    aud: "bench",
    iat: now,
    exp: now + 3600,
    jti: "00000000-0000-4000-8000-000000000001",
    sid: "00000000-0000-4000-8000-000000000002",
    client_id: "brigade",
    amr: ["pwd"],
    auth_time: now,
  })}`;
  const signature = createSign("RSA-SHA256").update(input).sign(privateKey, "base64url");
  return { peer: await startPeer("fastify-jwt", file), token: `${input}.${signature}` };
}
