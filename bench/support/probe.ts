import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

const EVERY_MS = 5;

/** Asks with a warm token at a fixed rate from a process of its own; milliseconds of each answer. */
export function probe(url: string, token: string, seconds: number): Promise<number[]> {
  const file = fileURLToPath(new URL("prober.ts", import.meta.url));
  const child = fork(file, [url, token, String(seconds), String(EVERY_MS)], {
    execArgv: ["--import", "tsx"],
  });
  return new Promise((resolve, reject) => {
    child.once("message", (latenciesMs) => resolve(latenciesMs as number[]));
    child.once("exit", (code) => reject(new Error(`the prober stopped with ${code}`)));
  });
}
