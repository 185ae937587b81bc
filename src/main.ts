/**
 * The control plane of one process: reads the configuration, brings the database up to date, keeps
 * the keys and the invalidation bus, supervises the HTTP threads, hashes passwords, serves the
 * admin port and drains. It answers no API request. Runs on import, as PM2 and `launch.mjs` want.
 */
import { startProcess } from "./control/start.ts";

await startProcess();
