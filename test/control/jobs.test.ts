import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startJobs, type Job } from "../../src/control/jobs.ts";
import { readConfig } from "../../src/platform/config.ts";
import type { Logger } from "../../src/platform/log.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { capturedLog, silentLog } from "../support/log.ts";

let database: TestDatabase;
before(async () => {
  database = await withDatabase();
});
after(() => database.drop());

const config = readConfig({ NODE_ENV: "test" });
const start = (job: Job, log: Logger) =>
  startJobs([job], { config, database: database.database, log });
const pause = (milliseconds: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

async function until(ask: () => boolean): Promise<void> {
  while (!ask()) await pause(10);
}

test("a period has one turn, however many processes there are", async () => {
  const everyMs = 300;
  let runs = 0;
  const job: Job = { name: "one a period", everyMs, run: () => Promise.resolve(++runs && 0) };
  const begunMs = performance.now();
  const processes = Array.from({ length: 5 }, () => start(job, silentLog));
  await until(() => runs >= 4);
  await Promise.all(processes.map((jobs) => jobs.stop()));
  // Five timers would have come five times as often. A slow machine only makes the bound wider.
  const turnsMax = Math.floor((performance.now() - begunMs) / (everyMs * 0.8)) + 1;
  assert.ok(runs <= turnsMax, `${runs} turns, at most ${turnsMax}`);
});

test("a batch is followed by the next one while there is something to do", async () => {
  const left = [5, 5, 2, 0];
  let done = 0;
  const job: Job = {
    name: "in batches",
    everyMs: 5,
    run() {
      const rows = left.shift() ?? 0;
      done += rows;
      return Promise.resolve(rows);
    },
  };
  const { log, lines } = capturedLog("info");
  const jobs = start(job, log);
  await until(() => lines.some((line) => line["message"] === "job done"));
  await jobs.stop();
  assert.equal(done, 12);
  const told = lines.find((line) => line["message"] === "job done");
  assert.deepEqual([told?.["job"], told?.["rows"]], ["in batches", 12]);
});

test("a job that fails is tried again, and does not end the process", async () => {
  let runs = 0;
  const job: Job = {
    name: "fails once",
    everyMs: 5,
    run: () => (++runs === 1 ? Promise.reject(new Error("by order")) : Promise.resolve(0)),
  };
  const { log, lines } = capturedLog("info");
  const jobs = start(job, log);
  await until(() => runs >= 2);
  await jobs.stop();
  assert.ok(lines.some((line) => String(line["message"]).startsWith("job failed")));
});

test("stopping waits for what is being done, and nothing begins after it", async () => {
  let isDone = false;
  let runs = 0;
  const job: Job = {
    name: "slow",
    everyMs: 5,
    async run() {
      runs++;
      await pause(100);
      isDone = true;
      return 0;
    },
  };
  const jobs = start(job, silentLog);
  await until(() => runs > 0);
  await jobs.stop();
  assert.ok(isDone);
  const before = runs;
  await pause(50);
  assert.equal(runs, before);
});
