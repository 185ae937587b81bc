// Starts a thread whose entry is TypeScript: Node 20 does not let tsx load the first file of a
// Worker, so this one is plain JavaScript. Built output does without it.
//   new Worker(new URL("./boot.mjs", …), { workerData: { entry: "./http.ts", … } })
import { workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
await import(new URL(workerData.entry, import.meta.url).href);
