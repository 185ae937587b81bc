import {
  counterWords,
  readCounter,
  readGauge,
  sumScale,
  type MetricLayout,
  type Series,
} from "./metrics.ts";

/** The block of one thread, and what its series mean. */
export interface MetricsBlock {
  readonly layout: MetricLayout;
  readonly block: SharedArrayBuffer;
}

interface Sum {
  readonly series: Series;
  /** One number; for a histogram a count per bucket, +Inf, and the sum. */
  readonly values: number[];
}

export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Adds the blocks of all threads up: Prometheus text exposition format 0.0.4. */
export function renderPrometheus(blocks: readonly MetricsBlock[]): string {
  const families = new Map<string, Map<string, Sum>>();
  for (const { layout, block } of blocks) {
    const words = new Int32Array(block);
    for (const series of layout) addUp(families, series, read(words, series));
  }
  const lines: string[] = [];
  for (const [name, sums] of families) {
    const [first] = sums.values();
    lines.push(`# HELP ${name} ${escapeHelp(first!.series.help)}`);
    lines.push(`# TYPE ${name} ${first!.series.kind}`);
    for (const sum of sums.values()) renderSeries(lines, sum);
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function addUp(families: Map<string, Map<string, Sum>>, series: Series, values: number[]): void {
  const family = families.get(series.name) ?? new Map<string, Sum>();
  families.set(series.name, family);
  const key = labelText(series.labels) + series.buckets.join();
  const sum = family.get(key);
  if (sum === undefined) family.set(key, { series, values });
  else values.forEach((value, index) => (sum.values[index]! += value));
}

function read(words: Int32Array, { kind, offset, buckets }: Series): number[] {
  if (kind === "gauge") return [readGauge(words, offset)];
  const counters = kind === "counter" ? 1 : buckets.length + 2;
  const values: number[] = [];
  for (let counter = 0; counter < counters; counter++) {
    values.push(readCounter(words, offset + counter * counterWords));
  }
  return values;
}

function renderSeries(lines: string[], { series, values }: Sum): void {
  const { name, labels, buckets, kind } = series;
  if (kind !== "histogram") {
    lines.push(`${name}${labelText(labels)} ${toText(values[0]!)}`);
    return;
  }
  let count = 0;
  [...buckets, Infinity].forEach((bound, index) => {
    count += values[index]!;
    lines.push(`${name}_bucket${labelText(labels, `le="${toText(bound)}"`)} ${count}`);
  });
  lines.push(`${name}_sum${labelText(labels)} ${toText(values[buckets.length + 1]! / sumScale)}`);
  lines.push(`${name}_count${labelText(labels)} ${count}`);
}

function labelText(labels: Series["labels"], more?: string): string {
  const pairs = Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => `${label}="${escapeLabel(value)}"`);
  if (more !== undefined) pairs.push(more);
  return pairs.length === 0 ? "" : `{${pairs.join()}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function toText(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}
