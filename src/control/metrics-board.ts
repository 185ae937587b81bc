import { countDroppedLines } from "../platform/log-metrics.ts";
import {
  createMetrics,
  createMetricsBlock,
  type MetricLayout,
  type Metrics,
} from "../platform/metrics.ts";
import type { MetricsBlock } from "../platform/metrics-text.ts";

/** Every thread's block of metrics, made once: a thread's successor goes on counting in it. */
export interface MetricsBoard {
  readonly main: Metrics;
  blockOf(slot: number): SharedArrayBuffer;
  /** What a thread registered; told when it listens. */
  describe(slot: number, layout: MetricLayout): void;
  /** All blocks that are described, main's first. */
  all(): MetricsBlock[];
}

export function createMetricsBoard(threads: number): MetricsBoard {
  const main = createMetrics();
  countDroppedLines(main);
  const blocks = Array.from({ length: threads }, createMetricsBlock);
  const layouts = new Map<number, MetricLayout>();
  return {
    main,
    blockOf: (slot) => blocks[slot]!,
    describe: (slot, layout) => void layouts.set(slot, layout),
    all: () => [
      { layout: main.layout(), block: main.block },
      ...[...layouts].map(([slot, layout]) => ({ layout, block: blocks[slot]! })),
    ],
  };
}
