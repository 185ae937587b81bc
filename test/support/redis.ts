import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;

export type TestRedis = Awaited<ReturnType<typeof startRedis>>;

/** A real Redis on a free port of the loopback address, that keeps nothing on the disk. */
export async function startRedis(password?: string) {
  const folder = await mkdtemp(join(tmpdir(), "brigade-redis-"));
  const port = await freePort();
  const words = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder];
  if (password !== undefined) words.push("--requirepass", password);
  const child = spawn("redis-server", words, { stdio: ["ignore", "pipe", "ignore"] });
  let output = "";
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      output += piece;
      if (/ready to accept connections/i.test(output)) resolve();
    });
    child.once("exit", () => reject(new Error(`redis-server stopped:\n${output}`)));
    child.once("error", reject);
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    process: child,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGCONT");
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}
