import { quantile } from "./support/statistics.ts";
import type { Row } from "./support/table.ts";
import { startBenchServer } from "./support/server.ts";
import { Pool } from "undici";
import { seedProducts } from "../src/contexts/products-catalog/index.ts";
import { FOOD_NAMES as NAMES } from "./support/food-names.ts";
import { withDatabase } from "../test/support/database.ts";

const PRODUCTS = Number(process.env["BENCH_PRODUCTS"] ?? 100_000);
const CONCURRENT = 20;
const REQUESTS = 2_000;
/** Not counted: new connections plan, and the compiler of the server is busy. */
const WARM_UP_REQUESTS = 400;

/** N6: similar names over HTTP on a large catalogue, typed by many and typed by nobody before. */
export async function run(): Promise<Row[]> {
  const database = await withDatabase();
  const seconds = await seed(database.database);
  const count = WARM_UP_REQUESTS + REQUESTS;
  const server = await startBenchServer({
    databaseUrl: database.url,
    env: { NODE_ENV: "development" },
  });
  const pool = new Pool(server.url, { connections: CONCURRENT, pipelining: 1 });
  const ask = askerOf(pool, server.accessToken);
  const what = `${PRODUCTS} products (seeded in ${seconds.toFixed(1)} s), ${CONCURRENT} concurrent`;
  try {
    return [
      rowOf(`similar names never asked before, ${what}`, await ask(typedNames(count))),
      rowOf(
        `the same ${NAMES.length} names again and again`,
        await ask(Array.from({ length: count }, (_, at) => NAMES[at % NAMES.length]!)),
      ),
    ];
  } finally {
    await pool.close();
    await server.stop();
    await database.drop();
  }
}

/** Asks for all names, so many at a time; tells the latencies of those that count. */
function askerOf(pool: Pool, accessToken: string) {
  return async (names: readonly string[]): Promise<number[]> => {
    const latenciesMs: number[] = [];
    let next = 0;
    const client = async () => {
      while (next < names.length) {
        const isCounted = next >= WARM_UP_REQUESTS;
        const name = names[next++]!;
        const begun = performance.now();
        const answer = await pool.request({
          method: "GET",
          path: `/v1/products/search/similar-names?name=${encodeURIComponent(name)}`,
          headers: { authorization: `Bearer ${accessToken}` },
        });
        // Not parsed: what that costs this process would be time that the server waits for.
        const text = await answer.body.text();
        if (answer.statusCode !== 200 || text.startsWith('{"data":[]')) {
          throw new Error(`${name}: ${answer.statusCode}`);
        }
        if (isCounted) latenciesMs.push(performance.now() - begun);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT }, client));
    return latenciesMs;
  };
}

function rowOf(what: string, latenciesMs: readonly number[]): Row {
  const p99 = quantile(latenciesMs, 0.99);
  return {
    id: "N6",
    what,
    target: "p99 < 100 ms",
    measured: `p50 ${quantile(latenciesMs, 0.5).toFixed(1)}, p99 ${p99.toFixed(1)} ms`,
    holds: p99 < 100,
  };
}

/**
 * First words of foods, each with the beginning of another second word, as while somebody types. No
 * two are the same: what a name found is kept, and this measures how it is found.
 */
function typedNames(count: number): string[] {
  const letters = Array.from("abcdefghijklmnopqrstuvwxyz");
  const beginnings = letters.flatMap((first) => letters.map((second) => first + second));
  return Array.from({ length: count }, (_, at) => {
    const [first] = NAMES[at % NAMES.length]!.split(" ");
    return `${first} ${beginnings[Math.floor(at / NAMES.length)]!}`;
  });
}

async function seed(database: Parameters<typeof seedProducts>[0]): Promise<number> {
  const begun = performance.now();
  await seedProducts(database, PRODUCTS);
  return (performance.now() - begun) / 1000;
}
