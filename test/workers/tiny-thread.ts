import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { systemClock, type Clock } from "../../src/platform/clock.ts";

const clock: Clock = systemClock;
parentPort?.postMessage({
  file: import.meta.url.split("/").at(-1),
  isMainThread,
  greeting: (workerData as { greeting: string }).greeting,
  nowSeconds: clock.nowSeconds(),
});
