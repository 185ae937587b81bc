import assert from "node:assert/strict";
import { test } from "node:test";
import { interleave } from "../auth/cache/interleave.ts";
import { createMetrics, type Metrics } from "../../src/platform/metrics.ts";
import { renderPrometheus } from "../../src/platform/metrics-text.ts";

function render(...threads: Metrics[]): string {
  return renderPrometheus(
    threads.map((metrics) => ({ layout: metrics.layout(), block: metrics.block })),
  );
}

test("the text is the Prometheus format: HELP and TYPE once, series together, blocks added up", () => {
  const threads = [1, 2].map((count) => {
    const metrics = createMetrics();
    metrics.counter("requests_total", "Requests", { status: "2xx", route: "/a" }).add(count);
    const seconds = metrics.histogram("wait_seconds", "Waiting", { pool: "db" }, [0.1, 1]);
    metrics.counter("requests_total", "Requests", { route: "/a", status: "5xx" }).add();
    for (const value of [0.05, 0.1, 0.5, count + 1]) seconds.observe(value);
    metrics.gauge("open", "Open", () => count + 0.5);
    metrics.refresh();
    return metrics;
  });
  assert.equal(
    render(...threads),
    `# HELP brigade_requests_total Requests
# TYPE brigade_requests_total counter
brigade_requests_total{route="/a",status="2xx"} 3
brigade_requests_total{route="/a",status="5xx"} 2
# HELP brigade_wait_seconds Waiting
# TYPE brigade_wait_seconds histogram
brigade_wait_seconds_bucket{pool="db",le="0.1"} 4
brigade_wait_seconds_bucket{pool="db",le="1"} 6
brigade_wait_seconds_bucket{pool="db",le="+Inf"} 8
brigade_wait_seconds_sum{pool="db"} 6.3
brigade_wait_seconds_count{pool="db"} 8
# HELP brigade_open Open
# TYPE brigade_open gauge
brigade_open 4
`,
  );
  assert.equal(renderPrometheus([]), "");
});

test("label values and help texts are escaped", () => {
  const metrics = createMetrics();
  metrics.counter("odd_total", 'a "b"\n\\c', { text: 'a"b\n\\c' });
  const text = render(metrics);
  assert.match(text, /^# HELP brigade_odd_total a "b"\\n\\\\c$/m);
  assert.match(text, /^brigade_odd_total\{text="a\\"b\\n\\\\c"\} 0$/m);
});

test("the same name and labels are one series, in any order of the labels", () => {
  const metrics = createMetrics();
  metrics.counter("x_total", "X", { a: "1", b: "2" }).add();
  metrics.counter("brigade_x_total", "X", { b: "2", a: "1" }).add(2);
  assert.match(render(metrics), /^brigade_x_total\{a="1",b="2"\} 3$/m);
  assert.equal(metrics.layout().length, 1);
});

test("a counter goes on past 32 bits", () => {
  const metrics = createMetrics();
  const counter = metrics.counter("bytes_total", "Bytes");
  counter.add(2 ** 32 - 1);
  counter.add();
  assert.equal(counter.value(), 2 ** 32);
  counter.add(5 * 2 ** 32 + 7);
  assert.equal(counter.value(), 6 * 2 ** 32 + 7);
  assert.match(render(metrics), new RegExp(`^brigade_bytes_total ${6 * 2 ** 32 + 7}$`, "m"));
});

test("a reader never sees half a carry", () => {
  const metrics = createMetrics();
  const counter = metrics.counter("bytes_total", "Bytes");
  counter.add(2 ** 32 - 1);
  // The reader runs between any two stores of the writer.
  const store = Atomics.store as (...args: unknown[]) => number;
  const seen: string[] = [];
  Object.assign(Atomics, {
    store: (...args: unknown[]) => {
      seen.push(valueOf(metrics));
      const stored = store(...args);
      seen.push(valueOf(metrics));
      return stored;
    },
  });
  try {
    counter.add(3);
  } finally {
    Object.assign(Atomics, { store });
  }
  assert.equal(valueOf(metrics), String(2 ** 32 + 2));
  assert.equal(seen.length, 6);
  for (const value of seen.slice(0, -1)) assert.equal(value, String(2 ** 32 - 1));
  assert.equal(seen.at(-1), String(2 ** 32 + 2));
});

test("a reader that meets a carry half way looks again", () => {
  const metrics = createMetrics();
  const counter = metrics.counter("bytes_total", "Bytes");
  counter.add(2 ** 32 - 1);
  for (const at of [1, 2]) {
    // The writer carries between two looks of the reader.
    const load = Atomics.load as (...args: unknown[]) => number;
    let looks = 0;
    Object.assign(Atomics, {
      load: (...args: unknown[]) => {
        if (looks++ === at) counter.add(2 ** 32);
        return load(...args);
      },
    });
    let value = "";
    try {
      value = valueOf(metrics);
    } finally {
      Object.assign(Atomics, { load });
    }
    assert.equal(value, String(counter.value()), `before look ${at}`);
  }
});

test("the successor of a dead thread goes on counting, in whatever order it registers", () => {
  const first = createMetrics();
  first.counter("a_total", "A").add(3);
  first.counter("b_total", "B", { kind: "x" }).add(5);
  first.histogram("c_seconds", "C").observe(0.3);
  const next = createMetrics(first.block);
  next.histogram("c_seconds", "C").observe(0.3);
  next.counter("b_total", "B", { kind: "x" }).add();
  next.counter("d_total", "D").add();
  const counter = next.counter("a_total", "A");
  counter.add();
  assert.equal(counter.value(), 4);
  const text = render(next);
  assert.match(text, /^brigade_a_total 4$/m);
  assert.match(text, /^brigade_b_total\{kind="x"\} 6$/m);
  assert.match(text, /^brigade_c_seconds_count 2$/m);
  assert.match(text, /^brigade_c_seconds_sum 0.6$/m);
  assert.match(text, /^brigade_d_total 1$/m);
});

for (const stores of [1, 2]) {
  test(`a thread that dies after ${stores} of a carry's three stores takes no count with it`, () => {
    const first = createMetrics();
    const counter = first.counter("a_total", "A");
    counter.add(2 ** 32 - 1);
    const death = new Error("the thread ends");
    const die = () => {
      throw death;
    };
    assert.throws(() => interleave("store", stores, die, () => counter.add(3)), death);
    assert.equal(valueOf(first), String(2 ** 32 - 1));
    const next = createMetrics(first.block);
    next.counter("a_total", "A").add();
    // The dying count itself may be lost.
    assert.equal(valueOf(next), String(stores === 1 ? 2 ** 32 : 2 ** 32 + 3));
  });
}

test("two series with one fingerprint are two series", () => {
  const metrics = createMetrics();
  metrics.counter("twin_total", "Twins", { n: "l75sncs" }).add(1);
  metrics.counter("twin_total", "Twins", { n: "9o0sw1p" }).add(2);
  assert.match(render(metrics), /n="l75sncs"\} 1\n.*n="9o0sw1p"\} 2\n/);
});

test("a gauge is asked at each refresh and may be any number", () => {
  const metrics = createMetrics();
  let value = -1.25;
  metrics.gauge("temperature", "T", () => value);
  assert.equal(valueOf(metrics), "0");
  metrics.refresh();
  assert.equal(valueOf(metrics), "-1.25");
  value = Infinity;
  metrics.refresh();
  assert.equal(valueOf(metrics), "+Inf");
  value = -Infinity;
  metrics.refresh();
  assert.equal(valueOf(metrics), "-Inf");
});

test("a block is bounded: what does not fit is refused at construction", () => {
  const metrics = createMetrics();
  assert.throws(() => {
    for (let series = 0; series < 10_000; series++) {
      metrics.counter("many_total", "Many", { series: String(series) });
    }
  }, RangeError);
  assert.throws(() => metrics.counter("no-name", "None"), RangeError);
});

function valueOf(metrics: Metrics): string {
  return /^brigade_\S+ (\S+)$/m.exec(render(metrics))?.[1] ?? "";
}
