import { startBenchServer } from "./support/server.ts";
import { openKitchen } from "./support/kitchen.ts";
import { openMixedClient, type MixedClient, type MixedResult } from "./support/mixed-load.ts";
import { readRoutes, readStock, type ReadRoute } from "./support/route-shots.ts";
import { quantile } from "./support/statistics.ts";
import { forgetStatements, scannedTables, slowestStatements } from "./support/statements.ts";
import type { Row } from "./support/table.ts";
import { PUBLIC_URL } from "../test/support/callers.ts";

const SIZES = {
  products: Number(process.env["BENCH_PRODUCTS"] ?? 100_000),
  recipes: Number(process.env["BENCH_RECIPES"] ?? 10_000),
  clients: Number(process.env["BENCH_CLIENTS"] ?? 2_000),
};
const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 3);
/** Only routes whose label this pattern fits. */
const ONLY = new RegExp(process.env["BENCH_ROUTES"] ?? "");
const CONNECTIONS = 100;
const LOOK_UP_P99_MS = 50;
const SEARCH_P99_MS = 150;
const ANY_P99_MS = 200;
const SLOWEST = 10;

interface Measured extends ReadRoute {
  readonly alone: MixedResult;
  readonly together: MixedResult;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** N5: every route that reads, with every filter and every order that it offers. */
export async function run(): Promise<Row[]> {
  const kitchen = await openKitchen(SIZES);
  const server = await startBenchServer({
    databaseUrl: kitchen.url,
    env: { NODE_ENV: "development", PUBLIC_URL },
  });
  const client = openMixedClient();
  try {
    const document = await (await fetch(`${server.url}/openapi.json`)).json();
    const manager = await kitchen.makeManager([
      ...new Set([...permissionsOf(document), "iam:access_support"]),
    ]);
    const stock = await readStock(kitchen.database, kitchen.owner);
    const { routes, left } = readRoutes(document, stock, manager);
    console.log(`not walked: ${left.join(", ") || "none"}`);
    await forgetStatements(kitchen.database);
    const measured: Measured[] = [];
    for (const route of routes.filter(({ label }) => ONLY.test(label))) {
      measured.push(await measure(client, server.url, route));
    }
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    printRoutes(measured);
    printCosts(await slowestStatements(kitchen.database, SLOWEST));
    for (const { table, scans, rows } of await scannedTables(kitchen.database)) {
      console.log(`scanned: ${table}, ${scans} times, ${rows} rows`);
    }
    return rowsOf(measured);
  } finally {
    client.close();
    await server.stop();
    await kitchen.close();
  }
}

function permissionsOf(document: any): string[] {
  const operations = Object.values<any>(document.paths).flatMap((path) => Object.values<any>(path));
  return [...new Set(operations.flatMap((one) => one["x-permission"] ?? []))] as string[];
}

async function measure(client: MixedClient, url: string, route: ReadRoute): Promise<Measured> {
  const { shots } = route;
  const mix = { url, shots };
  // Each once to plan and to fill what is remembered, then once to be counted.
  await client.send({ ...mix, connections: 4, seconds: 60, requestsMax: shots.length });
  const alone = await client.send({
    ...mix,
    connections: 1,
    seconds: 60,
    requestsMax: Math.max(20, shots.length),
  });
  const together = await client.send({
    ...mix,
    connections: CONNECTIONS,
    // Each connection of the server plans a statement five times before it keeps the plan.
    warmUpSeconds: 3,
    seconds: SECONDS,
  });
  for (const failure of [...alone.failures, ...together.failures].slice(0, 5)) {
    console.error(`FAILED ${failure.slice(0, 400)}`);
  }
  const p50Ms = quantile(together.latenciesMs, 0.5);
  return { ...route, alone, together, p50Ms, p99Ms: quantile(together.latenciesMs, 0.99) };
}

function printRoutes(measured: readonly Measured[]): void {
  console.log("\nalone: median of all requests, and of the slowest kind of request");
  console.log("    p99     p50  req/s  KB each   alone  slowest  route; slowest request");
  for (const one of measured.toSorted((a, b) => b.p99Ms - a.p99Ms)) {
    const { alone, together } = one;
    const medians = alone.byShot.map((times) => quantile(times, 0.5));
    const slowest = medians.indexOf(Math.max(...medians));
    const count = together.latenciesMs.length;
    const { path, body = "" } = one.shots[slowest]!;
    console.log(
      [
        one.p99Ms.toFixed(1).padStart(7),
        one.p50Ms.toFixed(1).padStart(7),
        (count / together.seconds).toFixed(0).padStart(6),
        (together.bytes / 1024 / count).toFixed(1).padStart(8),
        quantile(alone.latenciesMs, 0.5).toFixed(1).padStart(7),
        medians[slowest]!.toFixed(1).padStart(8),
        ` ${one.label}; ${(path.split("?")[1] ?? path).slice(0, 60)} ${body.slice(0, 80)}`,
      ].join(" "),
    );
  }
}

function printCosts(costs: Awaited<ReturnType<typeof slowestStatements>>): void {
  console.log(`\nthe ${SLOWEST} slowest statements\n   mean      max   calls   rows  statement`);
  for (const { text, calls, meanMs, maxMs, rows } of costs) {
    const cells = [meanMs.toFixed(2).padStart(7), maxMs.toFixed(1).padStart(8)];
    const counts = [String(calls).padStart(7), (rows / calls).toFixed(0).padStart(6)];
    console.log([...cells, ...counts, ` ${text.trim().slice(0, 400)}`].join(" "));
  }
}

function rowsOf(measured: readonly Measured[]): Row[] {
  const failures = measured.flatMap(({ alone, together }) => [
    ...alone.failures,
    ...together.failures,
  ]);
  const row = (what: string, routes: readonly Measured[], mostMs: number): Row => {
    const [worst] = routes.toSorted((a, b) => b.p99Ms - a.p99Ms);
    const within = routes.filter(({ p99Ms }) => p99Ms < mostMs).length;
    return {
      id: "N5",
      what: `${what}, ${CONNECTIONS} connections`,
      target: `p99 < ${mostMs} ms`,
      measured: `${within} of ${routes.length} routes; worst ${worst?.label} ${worst?.p99Ms.toFixed(0)} ms`,
      holds: within === routes.length,
    };
  };
  return [
    row(
      "look-ups by id",
      measured.filter(({ isLookUp }) => isLookUp),
      LOOK_UP_P99_MS,
    ),
    row(
      "searches",
      measured.filter(({ isLookUp }) => !isLookUp),
      SEARCH_P99_MS,
    ),
    row("every route that reads", measured, ANY_P99_MS),
    {
      id: "N5",
      what: "answers other than 200",
      target: "0",
      measured: String(failures.length),
      holds: failures.length === 0,
    },
  ];
}
