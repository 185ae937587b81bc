import type { Config } from "./config.ts";
import type { SharedMemory } from "./shared-memory.ts";

/** What main hands to an HTTP thread when it is created (`workerData`). */
export interface ThreadData {
  readonly config: Config;
  readonly shared: SharedMemory;
  /** Place in the shared tables: heartbeat, connection count, metrics block. */
  readonly slot: number;
  /** Number of this start, never used again in the process: owner of claims-table slots. */
  readonly spawn: number;
  readonly metricsBlock: SharedArrayBuffer;
}

/** What a loaded thread is told to begin serving. */
export interface StartOrder {
  readonly databaseUrl: string;
  /** Snapshot of the key ring; its form belongs to `auth/keys/`. */
  readonly keys: unknown;
  /** Key sets of foreign issuers; their form belongs to `auth/issuers/`. */
  readonly keySets: unknown;
  readonly port: number;
}
