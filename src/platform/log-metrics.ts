import { droppedLogLines } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/** Shows on `/metrics` how many lines of this thread's log nobody took. */
export function countDroppedLines(metrics: Metrics): void {
  metrics.gauge(
    "brigade_log_dropped_lines",
    "Log lines lost to a full disk, a closed pipe or a slow reader",
    droppedLogLines,
  );
}
