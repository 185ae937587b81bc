import { Bench } from "tinybench";
import { createMicroSubjects } from "./support/micro-subjects.ts";
import type { Row } from "./support/table.ts";

/** tinybench over the pieces of a request, each alone: parse, verify, cache, router, pipeline. */
export async function run(): Promise<Row[]> {
  const subjects = await createMicroSubjects();
  const bench = new Bench({ time: 500, warmupTime: 200 });
  for (const [name, subject] of Object.entries(subjects)) bench.add(name, subject);
  await bench.run();
  return bench.tasks.map((task) => {
    const { result } = task;
    if (result.state !== "completed") throw new Error(`${task.name}: ${result.state}`);
    const microseconds = result.latency.p50 * 1000;
    return {
      id: "-",
      what: task.name,
      target: "-",
      measured: `${microseconds.toFixed(2)} us (${(1 / result.latency.p50).toFixed(1)}k/s)`,
      holds: undefined,
    };
  });
}
