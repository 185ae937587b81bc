import { readCandidate } from "../src/auth/admission/candidate.ts";
import { createIssuerRegistry } from "../src/auth/issuers/registry.ts";
import { createVerifyPool, verifyInline, type VerifySignature } from "../src/auth/verify-pool.ts";
import { systemClock } from "../src/platform/clock.ts";
import { createMetrics } from "../src/platform/metrics.ts";
import { silentLog } from "../test/support/log.ts";
import { threadCpuMicroseconds } from "./support/process-cpu.ts";
import { median } from "./support/statistics.ts";
import { createTokenMaker } from "./support/token-maker.ts";
import type { Row } from "./support/table.ts";

const TOKENS = 20_000;
const CONCURRENT = 256;
const ROUNDS = 5;

/**
 * N4: RS256 tokens never seen before, as the server admits them up to the look-ups, in one
 * thread: with the signature checked there and then, and with micro-batches to the verify pool.
 *
 * The time of the event loop is the processor time of its thread, less that of the same loop with
 * nothing to admit: what the bench itself spends on clients and turns is not the server's.
 */
export async function run(): Promise<Row[]> {
  const { tokens, admit } = await prepare();
  const metrics = createMetrics();
  const pool = createVerifyPool({ threads: 1, clock: systemClock, metrics, log: silentLog });
  await pool.start();
  const inlineRates: number[] = [];
  const pooledRates: number[] = [];
  const loopMicroseconds: number[] = [];
  try {
    for (let round = -1; round < ROUNDS; round++) {
      const empty = await drive(tokens, async () => {});
      const inline = await drive(tokens, (token) => admit(token, verifyInline));
      const pooled = await drive(tokens, (token) => admit(token, pool.verify));
      if (round < 0) continue; // The first round warms up.
      inlineRates.push(inline.perSecond);
      pooledRates.push(pooled.perSecond);
      loopMicroseconds.push(pooled.loopMicroseconds - empty.loopMicroseconds);
    }
  } finally {
    await pool.close();
  }
  const ratio = median(pooledRates) / median(inlineRates);
  const loop = median(loopMicroseconds);
  return [
    {
      id: "N4",
      what: "cold RS256 tokens: pool : inline",
      target: ">= 1.2 x",
      measured: `${ratio.toFixed(2)} x (${(median(pooledRates) / 1000).toFixed(1)}k/s : ${(median(inlineRates) / 1000).toFixed(1)}k/s)`,
      holds: ratio >= 1.2,
    },
    {
      id: "N4",
      what: "cold RS256 tokens: event-loop time of one",
      target: "<= 8 us",
      measured: `${loop.toFixed(1)} us`,
      holds: loop <= 8,
    },
  ];
}

async function prepare() {
  const { issuer, make } = await createTokenMaker();
  const tokens: string[] = [];
  for (let i = 0; i < TOKENS; i++) tokens.push(await make());
  const now = systemClock.nowSeconds();
  const issuers = createIssuerRegistry([issuer]);
  async function admit(token: string, verify: VerifySignature): Promise<void> {
    const candidate = readCandidate(token, issuers, now);
    if ("rejected" in candidate) throw new Error(candidate.note);
    if (!("task" in candidate)) throw new Error("no key");
    const verified = verify(candidate.task);
    if (!(typeof verified === "boolean" ? verified : await verified)) throw new Error("refused");
    if (candidate.claims === undefined) throw new Error("expired");
  }
  return { tokens, admit };
}

async function drive(tokens: readonly string[], admit: (token: string) => Promise<void>) {
  const begun = performance.now();
  const beforeMicroseconds = threadCpuMicroseconds();
  let next = 0;
  const client = async () => {
    while (next < tokens.length) {
      await admit(tokens[next++]!);
      // As requests do, the next token comes in a later turn of the loop.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, client));
  const seconds = (performance.now() - begun) / 1000;
  return {
    perSecond: tokens.length / seconds,
    loopMicroseconds: (threadCpuMicroseconds() - beforeMicroseconds) / tokens.length,
  };
}
