import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const SEALING_KEY = createHash("sha256").update("a key of the tests").digest("base64");
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface StartOptions {
  /** Added to the environment; an undefined value removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Database of `withDatabase()`; without it the server starts its embedded one in a fresh folder. */
  readonly databaseUrl?: string;
  /** Run `dist/` instead of the sources (must be built). */
  readonly built?: boolean;
  /** Files of `test/support/` that every thread of the server loads first. */
  readonly preload?: readonly string[];
  /** Flags of Node itself. */
  readonly nodeFlags?: readonly string[];
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly adminUrl: string;
  readonly process: ChildProcess;
  readonly dataDir: string;
  /** All of standard output and standard error so far. */
  output(): string;
  /** Parsed JSON log lines so far. */
  logLines(): Record<string, unknown>[];
  /** SIGTERM and wait; resolves to the exit code and signal. */
  stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen({ port: 0, host: "127.0.0.1" }, () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** Spawns the real server, as a person would, without waiting for it to be ready. */
export async function spawnServer(options: StartOptions = {}): Promise<TestServer> {
  const port = Number(options.env?.["PORT"] ?? (await freePort()));
  const adminPort = Number(options.env?.["ADMIN_PORT"] ?? (await freePort()));
  const dataDir = options.env?.["DATA_DIR"] ?? (await mkdtemp(join(tmpdir(), "brigade-test-")));
  const env: Record<string, string | undefined> = {
    ...process.env,
    NODE_ENV: "test",
    DATA_DIR: dataDir,
    LOG_LEVEL: "info",
    ...(options.databaseUrl === undefined
      ? {}
      : // Servers that share a database open the same sealed keys.
        { DATABASE_URL: options.databaseUrl, KEY_ENCRYPTION_KEYS: `test:${SEALING_KEY}` }),
    ...options.env,
    PORT: String(port),
    ADMIN_PORT: String(adminPort),
  };
  for (const [name, value] of Object.entries(env)) if (value === undefined) delete env[name];
  const isBuilt = options.built ?? process.env["BRIGADE_TEST_BUILT"] === "1";
  // What was run of a bundle cannot be told by file. Left out, Node would add it.
  if (isBuilt) env["NODE_V8_COVERAGE"] = "";
  const words = isBuilt
    ? ["--enable-source-maps", "dist/src/main.js"]
    : ["src/launch.mjs", "--source"];
  const preload = (options.preload ?? []).flatMap((name) => [
    "--import",
    new URL(name, import.meta.url).href,
  ]);
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), ...preload, ...words], {
    cwd: ROOT,
    env: env as NodeJS.ProcessEnv,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding("utf8").on("data", (piece: string) => (output += piece));
  }
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once("exit", (code, signal) => resolve({ code, signal })),
  );
  const clean = async () => {
    if (options.env?.["DATA_DIR"] === undefined)
      await rm(dataDir, { recursive: true, force: true });
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    process: child,
    dataDir,
    output: () => output,
    logLines: () =>
      output
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    async stop() {
      child.kill("SIGTERM");
      const outcome = await exited;
      await clean();
      // An answer that its documentation does not know was told as a 500: nobody may overlook it.
      const [fault] = /AnswerWarning: .*/.exec(output) ?? [];
      if (fault !== undefined) throw new Error(fault);
      return outcome;
    },
    async kill(signal: NodeJS.Signals = "SIGKILL") {
      child.kill(signal);
      await exited;
    },
    exited,
  };
}

/**
 * Spawns the server and waits for its `ready` message, the one PM2 waits for.
 *
 * @throws with the server's output when it exits first
 */
export async function startServer(options: StartOptions = {}): Promise<TestServer> {
  const server = await spawnServer(options);
  await new Promise<void>((resolve, reject) => {
    server.process.on("message", (message) => {
      if (message === "ready") resolve();
    });
    void server.exited.then(({ code, signal }) =>
      reject(new Error(`the server stopped (${code ?? signal}):\n${server.output()}`)),
    );
  });
  return server;
}
