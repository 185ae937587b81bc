import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canEnter, giveTo, serverAccount } from "../../src/platform/embedded-binaries.ts";
import { freePort } from "./server.ts";

const BINARIES = process.env["BRIGADE_TEST_POSTGRES_15"] ?? "/usr/lib/postgresql/15/bin";
const READY_POLLS = 600;
const POLL_MS = 50;

/** Why there is none, or undefined when there is one. */
export function postgres15Missing(): string | undefined {
  return existsSync(join(BINARIES, "postgres")) && existsSync(join(BINARIES, "initdb"))
    ? undefined
    : `PostgreSQL 15 is not installed in ${BINARIES}`;
}

/**
 * A private PostgreSQL 15 in a temporary folder on a loopback port, under an account without
 * rights where we are root. Stop it at the end: `after(() => server.stop())`.
 */
export async function startPostgres15(): Promise<{ url: string; stop(): Promise<void> }> {
  const account = serverAccount();
  const folder = mkdtempSync(join(tmpdir(), "brigade-pg15-"));
  giveTo(folder, account);
  if (!canEnter(folder, account)) throw new Error(`${folder} is closed to PostgreSQL's account`);
  const data = join(folder, "data");
  mkdirSync(data, { mode: 0o700 });
  giveTo(data, account);
  const child = { ...account, cwd: folder, env: { LC_ALL: "C.UTF-8", PATH: "/usr/bin:/bin" } };
  const made = spawnSync(
    join(BINARIES, "initdb"),
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"],
    { ...child, encoding: "utf8" },
  );
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  const port = await freePort();
  const options = [
    ...["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"],
    ...["synchronous_commit=off", "max_connections=60", "shared_buffers=32MB"],
  ].flatMap((option) => ["-c", option]);
  const server = spawn(join(BINARIES, "postgres"), ["-D", data, "-p", String(port), ...options], {
    ...child,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let told = "";
  server.stderr.setEncoding("utf8").on("data", (text: string) => (told += text));
  const exited = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  const stop = async () => {
    // "Fast": ends the sessions that are left.
    server.kill("SIGINT");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let poll = 0; !isReady(data); poll++) {
    if (server.exitCode !== null || poll > READY_POLLS) {
      await stop();
      throw new Error(`PostgreSQL 15 did not start: ${told}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, stop };
}

function isReady(data: string): boolean {
  const file = join(data, "postmaster.pid");
  return existsSync(file) && (readFileSync(file, "utf8").split("\n")[7] ?? "").startsWith("ready");
}
