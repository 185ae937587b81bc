import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBuilt } from "../test/support/built.ts";
import { residentMiB } from "./support/process-cpu.ts";
import { median } from "./support/statistics.ts";
import type { Row } from "./support/table.ts";
import { startServer } from "../test/support/server.ts";

const ROUNDS = 5;

/** N9 and N10: from the start of what `npm start` runs to `ready`, and memory two seconds later. */
export async function run(): Promise<Row[]> {
  await ensureBuilt();
  const fresh: number[] = [];
  const warm: number[] = [];
  const memory: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const dataDir = await mkdtemp(join(tmpdir(), "brigade-bench-"));
    const env = { NODE_ENV: "development", DATA_DIR: dataDir, LOG_LEVEL: "warn" };
    for (const samples of [fresh, warm]) {
      const begun = performance.now();
      const server = await startServer({ built: true, env });
      samples.push((performance.now() - begun) / 1000);
      await new Promise((resolve) => setTimeout(resolve, 2000));
      memory.push(residentMiB(server.process.pid!));
      await server.stop();
    }
  }
  const row = (
    id: string,
    what: string,
    target: string,
    value: number,
    unit: string,
    max: number,
  ): Row => ({
    id,
    what,
    target,
    measured: `${value.toFixed(unit === "s" ? 2 : 0)} ${unit}`,
    holds: value <= max,
  });
  return [
    row("N9", "start to ready, fresh folder", "<= 2 s", median(fresh), "s", 2),
    row("N9", "start to ready, warm", "<= 1 s", median(warm), "s", 1),
    row("N10", "memory of a development server", "<= 200 MiB", median(memory), "MiB", 200),
  ];
}
