import { Pool } from "undici";
import { startBenchServer } from "./support/server.ts";
import { mannWhitney, median } from "./support/statistics.ts";
import type { Row } from "./support/table.ts";

/** Of each of the two: somebody and nobody. */
const SAMPLES = 1_000;
/** Registration makes accounts, which takes longer. */
const REGISTRATIONS = 300;
/** Each is tried three times, fewer than any budget of an identifier has. */
const ACCOUNTS = 334;
const MEDIAN_DIFFERENCE_MS = 2;
const P_MIN = 0.01;

interface Ask {
  readonly path: string;
  readonly samples: number;
  readonly status: number;
  body(email: string): object;
}

const ASKS: readonly Ask[] = [
  {
    path: "/auth/login",
    samples: SAMPLES,
    status: 401,
    body: (email) => ({ email, password: "not the password" }),
  },
  { path: "/auth/password/reset", samples: SAMPLES, status: 202, body: (email) => ({ email }) },
  { path: "/auth/email/resend", samples: SAMPLES, status: 202, body: (email) => ({ email }) },
  {
    path: "/auth/register",
    samples: REGISTRATIONS,
    status: 202,
    body: (email) => ({ email, password: "nine bowls of black beans" }),
  },
];

/** ASVS 6.3.8: whether there is such an account is not to be told by the time an answer takes. */
export async function run(): Promise<Row[]> {
  const server = await startBenchServer({
    env: { NODE_ENV: "development", TRUSTED_PROXY_HOPS: "1", EMAIL_VERIFICATION: "required" },
  });
  const client = new Pool(server.url, { connections: 1, pipelining: 1 });
  try {
    const registration = ASKS.find(({ path }) => path === "/auth/register")!;
    for (let i = 0; i < ACCOUNTS; i++) {
      // Other addresses than those of the comparison: each network may register so many.
      await timed(client, registration, emailOf("known", i), 50_000 + i);
    }
    const rows: Row[] = [];
    for (const ask of ASKS) rows.push(...(await compare(client, ask)));
    return rows;
  } finally {
    await client.close();
    await server.stop();
  }
}

const emailOf = (who: string, number: number) => `${who}-${number}@enumeration.example`;

async function compare(client: Pool, ask: Ask): Promise<Row[]> {
  const times = { known: [] as number[], unknown: [] as number[] };
  for (let i = 0; i < ask.samples; i++) {
    const order = i % 2 === 0 ? (["known", "unknown"] as const) : (["unknown", "known"] as const);
    for (const who of order) {
      // Somebody new each time where nobody is asked for: a registration makes them known.
      const name = who === "unknown" && ask.path === "/auth/register" ? "fresh" : who;
      times[who].push(await timed(client, ask, emailOf(name, i % ACCOUNTS), i));
    }
  }
  const difference = Math.abs(median(times.known) - median(times.unknown));
  const p = mannWhitney(times.known, times.unknown);
  return [
    {
      id: "6.3.8",
      what: `${ask.path}: an account or none, ${ask.samples} + ${ask.samples} interleaved`,
      target: `< ${MEDIAN_DIFFERENCE_MS} ms, p > ${P_MIN}`,
      measured: `${difference.toFixed(2)} ms of ${median(times.known).toFixed(1)}, p = ${p.toFixed(3)}`,
      holds: difference < MEDIAN_DIFFERENCE_MS && p > P_MIN,
    },
  ];
}

/** From another address each time, so that no network's budget is met. */
async function timed(client: Pool, ask: Ask, email: string, number: number): Promise<number> {
  const begun = performance.now();
  const { statusCode, body } = await client.request({
    method: "POST",
    path: ask.path,
    headers: {
      "content-type": "application/json",
      "x-forwarded-for": `10.${(number >> 8) & 255}.${number & 255}.7`,
    },
    body: JSON.stringify(ask.body(email)),
  });
  const text = await body.text();
  const took = performance.now() - begun;
  if (statusCode !== ask.status) throw new Error(`${ask.path} answered ${statusCode}: ${text}`);
  return took;
}
