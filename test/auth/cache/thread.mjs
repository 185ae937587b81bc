// Starts a thread whose entry is TypeScript: on Node 20 tsx cannot load the first file of a Worker.
import { workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
await import(workerData.entry);
