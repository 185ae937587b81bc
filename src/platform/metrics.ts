import { metricsLimits } from "./limits.ts";

/*
 * Metrics without locks: each thread writes its own block and nobody else does; main reads all
 * blocks and adds them up. A block describes itself:
 *
 *   word 0      words in use
 *   series …    fingerprint, value words, then that many words
 *
 * so the successor of a dead thread finds every series of its predecessor, in whatever order it
 * registers them, and goes on counting.
 *
 * A counter is two words: `low` (32 bits) and `high`, which holds the carries shifted by one; its
 * lowest bit is set while a carry is being written. A reader looks at high, low, high and starts
 * again unless both looks at high are equal and even.
 */

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  /** `n`: a whole number from 0 on. */
  add(n?: number): void;
  /** What this thread and its predecessors counted. */
  value(): number;
}

export interface Histogram {
  /** Seconds, or whatever unit the name says. Kept to 9 decimals. */
  observe(value: number): void;
}

export type MetricKind = "counter" | "gauge" | "histogram";

/** One series of a block: what the renderer must know of it. Structured-cloneable. */
export interface Series {
  readonly kind: MetricKind;
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
  /** First value word in the block. */
  readonly offset: number;
  /** Upper bounds of a histogram, ascending, without +Inf. */
  readonly buckets: readonly number[];
}

export type MetricLayout = readonly Series[];

export interface Metrics {
  counter(name: string, help: string, labels?: Labels): Counter;
  histogram(name: string, help: string, labels?: Labels, buckets?: readonly number[]): Histogram;
  /** `read` is asked at each `refresh`. Blocks of several threads add up. */
  gauge(name: string, help: string, read: () => number, labels?: Labels): void;
  /** Asks every gauge and writes the answers into the block. */
  refresh(): void;
  layout(): MetricLayout;
  readonly block: SharedArrayBuffer;
}

/** Seconds: from a cache hit to a slow query. */
export const DEFAULT_BUCKETS: readonly number[] = Object.freeze([
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
]);

const HEADER_WORDS = 1;
const SERIES_HEADER_WORDS = 2;
const COUNTER_WORDS = 2;
const TWO_32 = 2 ** 32;
/** A histogram's sum counts billionths. */
const SUM_SCALE = 1e9;

export function createMetricsBlock(): SharedArrayBuffer {
  return new SharedArrayBuffer(metricsLimits.blockWords * Int32Array.BYTES_PER_ELEMENT);
}

/**
 * Registers series in `block`, of which the caller is the only writer. Names get the prefix
 * `brigade_` when they lack it; the same name and labels give the same series.
 *
 * @throws RangeError when the block is full or a name is none
 */
export function createMetrics(block: SharedArrayBuffer = createMetricsBlock()): Metrics {
  const words = new Int32Array(block);
  const series = new Map<string, Series>();
  const handles = new Map<string, Counter | Histogram>();
  const gauges: { offset: number; read: () => number }[] = [];
  const claimed = new Set<number>();
  if (Atomics.load(words, 0) === 0) Atomics.store(words, 0, HEADER_WORDS);

  function register(description: Omit<Series, "offset">, valueWords: number): Series {
    const key = keyOf(description);
    const known = series.get(key);
    if (known !== undefined) return known;
    if (!/^[a-z_][a-z0-9_]*$/.test(description.name)) {
      throw new RangeError(`"${description.name}" is no metric name`);
    }
    const offset = place(words, claimed, fingerprint(key), valueWords);
    const added = Object.freeze({ ...description, offset });
    series.set(key, added);
    return added;
  }

  function handleOf<T extends Counter | Histogram>(added: Series, make: () => T): T {
    const key = keyOf(added);
    const handle = (handles.get(key) as T | undefined) ?? make();
    handles.set(key, handle);
    return handle;
  }

  return {
    block,
    counter(name, help, labels = {}) {
      const description = { kind: "counter", name: full(name), help, labels, buckets: [] } as const;
      const added = register(description, COUNTER_WORDS);
      return handleOf(added, () => createCell(words, added.offset));
    },
    histogram(name, help, labels = {}, buckets = DEFAULT_BUCKETS) {
      const description = { kind: "histogram", name: full(name), help, labels, buckets } as const;
      const added = register(description, (buckets.length + 2) * COUNTER_WORDS);
      return handleOf(added, () => createHistogram(words, added));
    },
    gauge(name, help, read, labels = {}) {
      const description = { kind: "gauge", name: full(name), help, labels, buckets: [] } as const;
      gauges.push({ offset: register(description, COUNTER_WORDS).offset, read });
    },
    refresh() {
      for (const { offset, read } of gauges) writeGauge(words, offset, read());
    },
    layout: () => [...series.values()],
  };
}

function full(name: string): string {
  return name.startsWith("brigade_") ? name : `brigade_${name}`;
}

function keyOf({ kind, name, labels, buckets }: Omit<Series, "offset" | "help">): string {
  return JSON.stringify([kind, name, Object.entries(labels).toSorted(), buckets]);
}

/** FNV-1a, 32 bits: names are ours, nobody chooses them to collide. */
function fingerprint(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash | 0;
}

/** Finds the predecessor's place of a series, or takes the next free one. */
function place(words: Int32Array, claimed: Set<number>, print: number, valueWords: number): number {
  const used = Atomics.load(words, 0);
  let at = HEADER_WORDS;
  while (at < used) {
    const length = Atomics.load(words, at + 1);
    const offset = at + SERIES_HEADER_WORDS;
    if (Atomics.load(words, at) === print && length === valueWords && !claimed.has(offset)) {
      claimed.add(offset);
      return offset;
    }
    at = offset + length;
  }
  const offset = used + SERIES_HEADER_WORDS;
  if (offset + valueWords > words.length) throw new RangeError("the metrics block is full");
  Atomics.store(words, used, print);
  Atomics.store(words, used + 1, valueWords);
  Atomics.store(words, 0, offset + valueWords);
  claimed.add(offset);
  return offset;
}

/** The single writer of one counter: it keeps the value and only ever stores. */
function createCell(words: Int32Array, at: number): Counter {
  let low = Atomics.load(words, at) >>> 0;
  let high = Atomics.load(words, at + 1);
  // A predecessor died within a carry: a small low word is the one that was carried already.
  if ((high & 1) === 1) high += low < TWO_32 / 2 ? 1 : -1;
  Atomics.store(words, at + 1, high);
  return {
    add(n = 1) {
      low += n;
      if (low < TWO_32) {
        Atomics.store(words, at, low);
        return;
      }
      const carries = Math.floor(low / TWO_32);
      low -= carries * TWO_32;
      Atomics.store(words, at + 1, high | 1);
      Atomics.store(words, at, low);
      high = (high + carries * 2) | 0;
      Atomics.store(words, at + 1, high);
    },
    value: () => (high >>> 1) * TWO_32 + low,
  };
}

/** Words: one counter a bucket, one for +Inf, one for the sum. */
function createHistogram(words: Int32Array, { offset, buckets }: Series): Histogram {
  const counts = [...buckets, Infinity].map((_, bucket) =>
    createCell(words, offset + bucket * COUNTER_WORDS),
  );
  const sum = createCell(words, offset + counts.length * COUNTER_WORDS);
  return {
    observe(value) {
      let bucket = 0;
      while (bucket < buckets.length && value > buckets[bucket]!) bucket++;
      counts[bucket]!.add();
      sum.add(Math.max(0, Math.round(value * SUM_SCALE)));
    },
  };
}

/** High-low-high. When a carry does not end, its writer is dead: the value is the last before it. */
export function readCounter(words: Int32Array, at: number): number {
  for (let attempt = 0; ; attempt++) {
    const before = Atomics.load(words, at + 1);
    const low = Atomics.load(words, at) >>> 0;
    const after = Atomics.load(words, at + 1);
    if (before === after && (before & 1) === 0) return (before >>> 1) * TWO_32 + low;
    if (attempt === metricsLimits.readAttemptsMax) return ((before >>> 1) + 1) * TWO_32 - 1;
  }
}

const float = new Float64Array(1);
const floatWords = new Int32Array(float.buffer);

function writeGauge(words: Int32Array, at: number, value: number): void {
  float[0] = value;
  Atomics.store(words, at, floatWords[0]!);
  Atomics.store(words, at + 1, floatWords[1]!);
}

/** Under an unchanged high word a torn low one changes less than a millionth. */
export function readGauge(words: Int32Array, at: number): number {
  for (let attempt = 0; ; attempt++) {
    const before = Atomics.load(words, at + 1);
    const low = Atomics.load(words, at);
    const after = Atomics.load(words, at + 1);
    if (before === after || attempt === metricsLimits.readAttemptsMax) {
      floatWords[0] = low;
      floatWords[1] = after;
      return float[0]!;
    }
  }
}

export const counterWords = COUNTER_WORDS;
export const sumScale = SUM_SCALE;
