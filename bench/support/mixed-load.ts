import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** One request of a mix. */
export interface Shot {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly token: string;
  /** JSON text. */
  readonly body?: string;
}

export interface MixedLoad {
  readonly url: string;
  readonly shots: readonly Shot[];
  /** Connections, each of which waits for its answer. */
  readonly connections: number;
  /** Ends with whichever comes first. */
  readonly seconds: number;
  readonly requestsMax?: number;
  /** Not counted. */
  readonly warmUpSeconds?: number;
}

export interface MixedResult {
  /** Milliseconds of each answer. */
  readonly latenciesMs: readonly number[];
  /** The same by shot. */
  readonly byShot: readonly (readonly number[])[];
  readonly seconds: number;
  readonly bytes: number;
  /** What was answered otherwise than with 200, once each. */
  readonly failures: readonly string[];
}

/** A process of its own that sends shots in turn, over and over; one load at a time. */
export function openMixedClient() {
  const file = fileURLToPath(new URL("mixed-client.ts", import.meta.url));
  const child = fork(file, [], { execArgv: ["--import", "tsx"] });
  return {
    send(load: MixedLoad): Promise<MixedResult> {
      return new Promise((resolve, reject) => {
        const ended = (code: number | null) => reject(new Error(`the client stopped with ${code}`));
        child.once("exit", ended);
        child.once("message", (result) => {
          child.off("exit", ended);
          resolve(result as MixedResult);
        });
        child.send(load);
      });
    },
    close: () => void child.kill(),
  };
}

export type MixedClient = ReturnType<typeof openMixedClient>;
