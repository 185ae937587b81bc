import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { childEnvironment } from "./config.ts";
import { giveTo, type Binaries, type ServerAccount } from "./embedded-binaries.ts";
import { embeddedLimits } from "./limits.ts";

/** Where one server keeps what it has. */
export interface ServerFolders {
  /** The data, owned by the server's account. */
  readonly data: string;
  /** Binaries, links, log and socket, in the temporary folder. */
  readonly cache: string;
  readonly socket: string;
  readonly account: ServerAccount;
}

export type ServerState = { readonly pid: number; readonly isReady: boolean } | undefined;

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The server that runs on these data, if one does. */
export function serverState({ data }: Pick<ServerFolders, "data">): ServerState {
  const lines = readLines(path.join(data, "postmaster.pid"));
  const pid = Number(lines[0]);
  if (!(pid > 0) || !isServer(pid, data)) return undefined;
  return { pid, isReady: lines[7]?.startsWith("ready") ?? false };
}

/**
 * The first start makes the data folder beside its place and renames it: a kill leaves nothing.
 * Answers whether it made one; its files are then to be brought to the disk by `syncData`.
 */
export async function createData(folders: ServerFolders, binaries: Binaries): Promise<boolean> {
  const { data, account } = folders;
  if (fs.existsSync(path.join(data, "PG_VERSION"))) return false;
  const fresh = `${data}.new-${process.pid}`;
  fs.mkdirSync(fresh, { recursive: true, mode: 0o700 });
  giveTo(fresh, account);
  try {
    await runInitdb(folders, binaries, [
      ...["-D", fresh, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
      ...["--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"],
    ]);
  } catch (error) {
    fs.rmSync(fresh, { recursive: true, force: true });
    throw startFailure(data, (error as Error).message);
  }
  fs.renameSync(fresh, data);
  return true;
}

/**
 * Writes a new data folder through to the disk. Not waited for by the start, which it would double:
 * until then only a power cut can spoil what was made seconds ago.
 */
export async function syncData(folders: ServerFolders, binaries: Binaries): Promise<void> {
  await runInitdb(folders, binaries, ["-D", folders.data, "--sync-only"]);
}

/** Rejects with what it said on standard error. */
function runInitdb(
  { account }: ServerFolders,
  binaries: Binaries,
  words: readonly string[],
): Promise<void> {
  const child = spawn(binaries.initdb, words, {
    ...account,
    env: environmentOf(binaries),
    cwd: "/",
    stdio: ["ignore", "ignore", "pipe"],
  });
  let told = "";
  child.stderr.setEncoding("utf8").on("data", (piece: string) => (told += piece));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(told))));
  });
}

/** Starts the server and waits until it takes connections. It outlives this process. */
export async function launchServer(
  folders: ServerFolders,
  binaries: Binaries,
  settings: Readonly<Record<string, string>>,
): Promise<number> {
  await waitForOrphans(folders.data);
  removeStaleLocks(folders);
  // A file and not a pipe: the server must be able to write when we are gone.
  const logFile = path.join(folders.cache, "postgres.log");
  const output = fs.openSync(logFile, "w", 0o600);
  const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(binaries.postgres, ["-D", folders.data, "-p", "5432", ...options], {
    ...folders.account,
    env: environmentOf(binaries),
    cwd: "/",
    stdio: ["ignore", "ignore", output],
    detached: true,
  });
  fs.closeSync(output);
  let spawnError: Error | undefined;
  child.on("error", (error) => (spawnError = error));
  while (serverState(folders)?.isReady !== true) {
    if (spawnError !== undefined || child.exitCode !== null || child.signalCode !== null) {
      const told = spawnError?.message ?? fs.readFileSync(logFile, "utf8").slice(-2_000);
      throw startFailure(folders.data, told);
    }
    await sleep(embeddedLimits.pollMs);
  }
  child.unref();
  return child.pid!;
}

/** Asks the server to end its sessions and stop ("fast"), and waits for it. */
export async function stopServer(folders: Pick<ServerFolders, "data">): Promise<void> {
  const state = serverState(folders);
  if (state === undefined) return;
  try {
    process.kill(state.pid, "SIGINT");
  } catch {
    return;
  }
  const turns = embeddedLimits.stopDeadlineMs / embeddedLimits.pollMs;
  for (let turn = 0; turn < turns && serverState(folders) !== undefined; turn++) {
    await sleep(embeddedLimits.pollMs);
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

export function readLines(file: string): string[] {
  try {
    return fs.readFileSync(file, "utf8").split("\n");
  } catch {
    return [];
  }
}

function environmentOf({ libraries }: Binaries): Record<string, string> {
  return childEnvironment({
    LC_ALL: "C.UTF-8",
    PGTZ: "UTC",
    LD_LIBRARY_PATH: libraries,
    DYLD_LIBRARY_PATH: libraries,
  });
}

/**
 * A living pid is not enough: it may be a zombie that nobody reaps, or a stranger who got the
 * number after a container started again. The server's working folder is its data folder.
 */
function isServer(pid: number, data: string): boolean {
  if (process.platform !== "linux") return isAlive(pid);
  return workingFolder(String(pid)) === realPath(data);
}

/** After a kill -9 the server's children end by themselves, a moment later. */
async function waitForOrphans(data: string): Promise<void> {
  const turns = embeddedLimits.stopDeadlineMs / embeddedLimits.pollMs;
  for (let turn = 0; turn < turns && isDataInUse(data); turn++) await sleep(embeddedLimits.pollMs);
  if (isDataInUse(data)) throw new Error(`a PostgreSQL without its parent still works on ${data}`);
}

function isDataInUse(data: string): boolean {
  // Elsewhere PostgreSQL's own check of its pid file must do.
  if (process.platform !== "linux") return false;
  const real = realPath(data);
  return fs
    .readdirSync("/proc")
    .some((entry) => /^\d+$/.test(entry) && workingFolder(entry) === real);
}

/** A stale pid file whose number somebody else has by now would keep the server from starting. */
function removeStaleLocks({ data, socket }: ServerFolders): void {
  if (process.platform !== "linux") return;
  const stale = [
    path.join(data, "postmaster.pid"),
    path.join(socket, ".s.PGSQL.5432.lock"),
    path.join(socket, ".s.PGSQL.5432"),
  ];
  for (const file of stale) fs.rmSync(file, { force: true });
}

function workingFolder(pid: string): string | undefined {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function realPath(folder: string): string | undefined {
  try {
    return fs.realpathSync(folder);
  } catch {
    return undefined;
  }
}

function startFailure(data: string, told: string): Error {
  if (/No space left|ENOSPC|could not write|could not extend/i.test(told)) {
    return new Error(`the embedded PostgreSQL found no space left on the disk of ${data}`);
  }
  return new Error(`the embedded PostgreSQL did not start: ${told.trim()}`);
}
