import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { freePort } from "../../test/support/server.ts";

export interface Peer {
  readonly url: string;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

/** Starts a peer server of `bench/peers/` in its own process and waits until it listens. */
export async function startPeer(name: string, ...words: string[]): Promise<Peer> {
  const port = await freePort();
  const file = fileURLToPath(new URL(`../peers/${name}.ts`, import.meta.url));
  const child = fork(file, [String(port), ...words], { execArgv: ["--import", "tsx"] });
  await new Promise<void>((resolve, reject) => {
    child.once("message", () => resolve());
    child.once("exit", (code) => reject(new Error(`peer ${name} stopped with ${code}`)));
  });
  return {
    url: `http://127.0.0.1:${port}`,
    process: child,
    async stop() {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    },
  };
}
