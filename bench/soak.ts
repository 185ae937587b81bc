import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { Pool } from "undici";
import { residentMiB } from "./support/process-cpu.ts";
import { register, startBenchServer, type Tokens } from "./support/server.ts";
import { quantile, slopeOf } from "./support/statistics.ts";
import type { Row } from "./support/table.ts";

const MINUTES = Number(process.env["BENCH_SOAK_MINUTES"] ?? 30);
const PER_SECOND = Number(process.env["BENCH_SOAK_PER_SECOND"] ?? 60);
const PEOPLE = 20;
const WARM_UP_SHARE = 1 / 3;
const SAMPLE_EVERY_MS = 5_000;

type Server = Awaited<ReturnType<typeof startBenchServer>>;

interface Person {
  readonly email: string;
  readonly password: string;
  tokens: Tokens;
  /** Somebody does one thing after the other: a token used twice at once would be a stolen one. */
  last: Promise<void>;
}

/**
 * N11: half an hour of mixed work at a steady rate, most of it with tokens that were never seen
 * before: does the process grow? The lowest resident size of each minute is taken, because what is
 * garbage and what is kept look alike in between, and a line is laid through the last two thirds.
 */
export async function run(): Promise<Row[]> {
  const server = await startBenchServer({
    env: { NODE_ENV: "development", HTTP_THREADS: "2", AUTH_CACHE_SLOTS: "1024" },
  });
  const pool = new Pool(server.url, { connections: 16, pipelining: 1 });
  try {
    const people = await Promise.all(Array.from({ length: PEOPLE }, () => newPerson(server)));
    const samples: { atMs: number; miB: number }[] = [];
    const sampling = setInterval(() => {
      samples.push({ atMs: performance.now(), miB: residentMiB(server.process.pid!) });
    }, SAMPLE_EVERY_MS);
    const filesBefore = openFiles(server);
    const outcome = await work(pool, people);
    clearInterval(sampling);
    console.log(`answers: ${JSON.stringify(Object.fromEntries(outcome.statuses))}`);
    return rowsOf(samples, outcome, openFiles(server) - filesBefore);
  } finally {
    await pool.close();
    await server.stop();
  }
}

async function newPerson(server: Server): Promise<Person> {
  const email = `soak-${randomUUID()}@brigade.example`;
  const password = `Soak ${randomUUID()}`;
  const tokens = await register(server.url, email, password);
  return { email, password, tokens, last: Promise.resolve() };
}

interface Outcome {
  readonly statuses: Map<number, number>;
  uniqueTokens: number;
  /** Answers 401 and 429 that were not asked for. */
  refused: number;
}

async function work(pool: Pool, people: readonly Person[]): Promise<Outcome> {
  const outcome: Outcome = { statuses: new Map(), uniqueTokens: 0, refused: 0 };
  const begun = performance.now();
  const pending = new Set<Promise<void>>();
  let sent = 0;
  while (performance.now() - begun < MINUTES * 60_000) {
    const due = ((performance.now() - begun) / 1000) * PER_SECOND;
    while (sent < due) {
      const person = people[sent % people.length]!;
      const number = sent++;
      const step = person.last
        .then(() => once(pool, person, number, outcome))
        .finally(() => pending.delete(step));
      person.last = step;
      pending.add(step);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await Promise.all(pending);
  return outcome;
}

/** One person refreshes, which makes a new token, and uses it; now and then something rarer. */
async function once(pool: Pool, person: Person, number: number, outcome: Outcome): Promise<void> {
  const ask = (method: "GET" | "POST", path: string, body?: unknown) =>
    request(pool, outcome, { method, path, body, token: person.tokens.access_token });
  if (number % 301 === 0) {
    const { email, password } = person;
    const answer = await ask("POST", "/auth/login", { email, password });
    if (answer !== undefined) person.tokens = answer as Tokens;
  } else if (number % 97 === 0) {
    await ask("GET", "/v1/products/search?limit=20");
  } else if (number % 89 === 0) {
    const wrong = { token: randomUUID(), isWrong: true };
    await request(pool, outcome, { method: "GET", path: "/auth/whoami", ...wrong });
  } else {
    const { refresh_token } = person.tokens;
    const answer = await ask("POST", "/auth/refresh", { refresh_token });
    if (answer !== undefined) {
      person.tokens = answer as Tokens;
      outcome.uniqueTokens++;
    }
    await ask("GET", "/auth/whoami");
  }
}

async function request(
  pool: Pool,
  outcome: Outcome,
  what: {
    method: "GET" | "POST";
    path: string;
    body?: unknown;
    token: string;
    /** A token that is to be refused. */
    isWrong?: boolean;
  },
): Promise<unknown> {
  const headers: Record<string, string> = { authorization: `Bearer ${what.token}` };
  if (what.body !== undefined) headers["content-type"] = "application/json";
  const answer = await pool.request({
    method: what.method,
    path: what.path,
    headers,
    ...(what.body === undefined ? {} : { body: JSON.stringify(what.body) }),
  });
  const text = await answer.body.text();
  const { statusCode: status } = answer;
  outcome.statuses.set(status, (outcome.statuses.get(status) ?? 0) + 1);
  if (status === 429 || (status === 401 && what.isWrong !== true)) outcome.refused++;
  return status === 200 ? JSON.parse(text) : undefined;
}

function rowsOf(
  samples: readonly { atMs: number; miB: number }[],
  { uniqueTokens, statuses, refused }: Outcome,
  filesMore: number,
): Row[] {
  const begunMs = samples[0]?.atMs ?? 0;
  const minutes = new Map<number, number>();
  for (const { atMs, miB } of samples) {
    const minute = Math.floor((atMs - begunMs) / 60_000);
    minutes.set(minute, Math.min(minutes.get(minute) ?? Infinity, miB));
  }
  const points = [...minutes].filter(([minute]) => minute >= MINUTES * WARM_UP_SHARE);
  const { slope, interval } = slopeOf(points.map(([minute, miB]) => [minute / 60, miB]));
  const sizes = samples.map(({ miB }) => miB);
  const faults = [...statuses].filter(([status]) => status >= 500).map(([, count]) => count);
  return [
    {
      id: "N11",
      what: `soak, ${MINUTES} min, ${uniqueTokens} tokens of one use: growth after the warm-up`,
      target: "< 1 MiB/h",
      measured: `${slope.toFixed(1)} MiB/h (95 %: ${(slope - interval).toFixed(1)} to ${(slope + interval).toFixed(1)}; ${quantile(sizes, 0.05).toFixed(0)} to ${quantile(sizes, 0.95).toFixed(0)} MiB)`,
      holds: slope < 1,
    },
    {
      id: "N11",
      what: "soak: answers of 500 and above; good tokens refused (401, 429); more open files at the end",
      target: "0, 0, 0",
      measured: `${faults.reduce((sum, count) => sum + count, 0)}, ${refused}, ${filesMore}`,
      holds: faults.length === 0 && refused === 0 && filesMore <= 0,
    },
  ];
}

function openFiles(server: Server): number {
  if (process.platform !== "linux") return 0;
  return readdirSync(`/proc/${server.process.pid}/fd`).length;
}
