import { createHmac } from "node:crypto";
import { Pool } from "undici";
import { startBenchServer } from "./support/server.ts";
import { mannWhitney, median } from "./support/statistics.ts";
import type { Row } from "./support/table.ts";

const SECRET = "a webhook secret of the bench";
/** Of each of the two that are compared. */
const SAMPLES = 2_000;
const P_MIN = 0.01;
const PREFIX = "sha256=".length;

/** Whether the time of a refusal tells where a signature is wrong. */
export async function run(): Promise<Row[]> {
  const server = await startBenchServer({
    env: { NODE_ENV: "development", RATE_LIMIT_ENABLED: "false", TYPEFORM_WEBHOOK_SECRET: SECRET },
  });
  const client = new Pool(server.url, { connections: 1, pipelining: 1 });
  try {
    const rows: Row[] = [];
    for (const [name, at] of [
      ["in the middle", 22],
      ["at the end", 42],
    ] as const) {
      rows.push(await compare(client, name, PREFIX + at));
    }
    return rows;
  } finally {
    await client.close();
    await server.stop();
  }
}

async function compare(client: Pool, name: string, at: number): Promise<Row> {
  const times = { early: [] as number[], late: [] as number[] };
  for (let i = 0; i < SAMPLES; i++) {
    const order = i % 2 === 0 ? (["early", "late"] as const) : (["late", "early"] as const);
    for (const which of order) {
      times[which].push(await timed(client, i, which === "early" ? PREFIX : at));
    }
  }
  const p = mannWhitney(times.early, times.late);
  const difference = Math.abs(median(times.early) - median(times.late));
  return {
    id: "11.2.4",
    what: `webhook: first wrong byte at the beginning or ${name}, ${SAMPLES} + ${SAMPLES} interleaved`,
    target: `p > ${P_MIN}`,
    measured: `${(difference * 1000).toFixed(1)} us of ${median(times.early).toFixed(2)} ms, p = ${p.toFixed(3)}`,
    holds: p > P_MIN,
  };
}

/** Milliseconds to the refusal of a signature that is right up to one byte. */
async function timed(client: Pool, number: number, at: number): Promise<number> {
  const token = `t${number}`;
  const payload = { event_type: "form_response", form_response: { form_id: "form", token } };
  const text = JSON.stringify(payload);
  const good = `sha256=${createHmac("sha256", SECRET).update(text).digest("base64")}`;
  const wrong = good.slice(0, at) + (good[at] === "A" ? "B" : "A") + good.slice(at + 1);
  const begun = performance.now();
  const { statusCode, body } = await client.request({
    method: "POST",
    path: "/v1/client-onboarding/webhook",
    headers: { "content-type": "application/json", "typeform-signature": wrong },
    body: text,
  });
  await body.dump();
  const took = performance.now() - begun;
  if (statusCode !== 401) throw new Error(`a wrong signature was answered ${statusCode}`);
  return took;
}
