import assert from "node:assert/strict";
import { MessageChannel } from "node:worker_threads";
import { after, test } from "node:test";
import {
  createDocumentPool,
  createRemoteDocuments,
  handleDocumentRequest,
  type DocumentPool,
  type DocumentPoolOptions,
} from "../../src/platform/document-pool.ts";
import type { DocumentTask } from "../../src/platform/documents/document-task.ts";
import { AppError } from "../../src/platform/errors.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { createPort } from "../../src/platform/thread-port.ts";
import { capturedLog } from "../support/log.ts";
import { readPdf } from "../support/pdf.ts";
import { scriptUrl } from "../support/built.ts";

const captured = capturedLog();
const pools: DocumentPool[] = [];
after(() => Promise.all(pools.map((pool) => pool.close())));

function makePool(options: Partial<DocumentPoolOptions> = {}): DocumentPool {
  const pool = createDocumentPool({ log: captured.log, metrics: createMetrics(), ...options });
  pools.push(pool);
  return pool;
}

function taskOf(name: string): DocumentTask {
  const line = { name, quantity: 1, unit: "g", department: null, meals: [], isChecked: false };
  const lines = [{ ...line, brands: null, substitutes: null }];
  return { kind: "shopping-list", list: { language: "pt-BR", createdAt: null, lines } };
}

const SLOW = scriptUrl("test/workers/slow-document.ts");
const outcomeOf = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: unknown) =>
      error instanceof AppError
        ? [error.status, error.code, error.headers?.["retry-after"]]
        : error,
  );

test("documents are drawn on threads of their own, many at once", async () => {
  const pool = makePool();
  const names = Array.from({ length: 12 }, (_, index) => `Produto ${index}`);
  const drawn = await Promise.all(names.map((name) => pool.draw(taskOf(name))));
  for (const [index, bytes] of drawn.entries()) {
    const { pages } = await readPdf(bytes);
    assert.match(pages[0]!.text, new RegExp(`${names[index]} `));
  }
});

test("a document past its deadline is 503, and its thread makes room for the next", async () => {
  const pool = makePool({ worker: SLOW, deadlineMs: 2_000 });
  const late = [1, 2, 3].map(() => outcomeOf(pool.draw(taskOf("forever"))));
  for (const outcome of await Promise.all(late)) {
    assert.deepEqual(outcome, [503, "unavailable", "1"]);
  }
  assert.equal(Buffer.from(await pool.draw(taskOf("next"))).toString(), "next");
});

test("a full queue refuses at once with Retry-After", async () => {
  const pool = makePool({ worker: SLOW, queueMax: 2, deadlineMs: 1_500 });
  const taken = [1, 2, 3, 4].map(() => outcomeOf(pool.draw(taskOf("forever"))));
  assert.deepEqual(await outcomeOf(pool.draw(taskOf("one more"))), [503, "overloaded", "1"]);
  for (const outcome of await Promise.all(taken)) {
    assert.deepEqual(outcome, [503, "unavailable", "1"]);
  }
});

test("a failure is told without what was to be drawn", async () => {
  const pool = makePool({ worker: SLOW });
  const outcome = await outcomeOf(pool.draw(taskOf("failure")));
  assert.deepEqual(outcome, [500, "internal", undefined]);
  assert.doesNotMatch(JSON.stringify(captured.lines), /Ana Souza/);
});

test("an HTTP thread asks main for its documents; what nobody waits for is not begun", async () => {
  const { port1, port2 } = new MessageChannel();
  const pool = makePool();
  createPort(port1).serve("document", handleDocumentRequest(pool));
  const draw = createRemoteDocuments(createPort(port2));
  const bytes = await draw(taskOf("Café"));
  assert.match((await readPdf(bytes)).pages[0]!.text, /Café/);
  assert.deepEqual(await outcomeOf(draw(taskOf("Chá"), AbortSignal.abort())), [
    503,
    "unavailable",
    undefined,
  ]);
  port1.close();
});

test("a pool that is closed draws nothing more and leaves nobody waiting", async () => {
  const pool = makePool({ worker: SLOW, deadlineMs: 60_000 });
  const running = outcomeOf(pool.draw(taskOf("forever")));
  await pool.draw(taskOf("other"));
  await pool.close();
  assert.deepEqual(await running, [503, "unavailable", "1"]);
  assert.deepEqual(await outcomeOf(pool.draw(taskOf("late"))), [503, "overloaded", "1"]);
});
