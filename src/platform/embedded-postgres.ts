import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { systemClock } from "./clock.ts";
import { canEnter, findBinaries, giveTo, serverAccount } from "./embedded-binaries.ts";
import {
  createData,
  isAlive,
  launchServer,
  readLines,
  serverState,
  sleep,
  stopServer,
  type ServerFolders,
} from "./embedded-process.ts";
import { embeddedLimits } from "./limits.ts";
import type { Logger } from "./log.ts";

export interface EmbeddedPostgres {
  readonly url: string;
  /** It ran already. */
  readonly reused: boolean;
  /** Stops it whoever else uses it: see `closeEmbedded` for the polite way. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  readonly log: Pick<Logger, "info">;
  /** More settings of the server: `fsync` … */
  readonly settings?: Readonly<Record<string, string>>;
}

const SETTINGS = {
  // A socket file in a folder of its account and no port: nobody else on the machine can connect.
  listen_addresses: "",
  shared_buffers: "64MB",
  max_connections: "100",
  log_min_messages: "warning",
};

/**
 * Starts the PostgreSQL of the data folder, or attaches to the one that runs. Of several processes
 * one starts it and the others wait. Throws one sentence when it cannot start.
 */
export async function startEmbeddedPostgres(
  dataDir: string,
  options: EmbeddedOptions,
): Promise<EmbeddedPostgres> {
  const folders = prepareFolders(dataDir, options.log);
  const attach = (reused: boolean): EmbeddedPostgres => ({
    url: urlOf(folders),
    reused,
    stop: () => stopServer(folders),
  });
  const lock = path.join(folders.cache, "starting");
  if (!(await takeStartLock(lock, folders))) return attach(true);
  try {
    if (serverState(folders)?.isReady === true) return attach(true);
    const binaries = findBinaries(folders.cache, folders.account);
    createData(folders, binaries);
    const settings = { ...SETTINGS, unix_socket_directories: folders.socket, ...options.settings };
    await launchServer(folders, binaries, settings);
    return attach(false);
  } finally {
    fs.rmSync(lock, { force: true });
  }
}

/** Stops the server of the data folder; false if none runs. */
export async function stopEmbedded(dataDir: string): Promise<boolean> {
  const folders = locateFolders(dataDir);
  if (serverState(folders) === undefined) return false;
  await stopServer(folders);
  return true;
}

function urlOf({ socket }: ServerFolders): string {
  return `postgres://postgres@/postgres?host=${encodeURIComponent(socket)}&port=5432`;
}

/** True: we hold the lock and start it. False: it runs. */
async function takeStartLock(lock: string, folders: ServerFolders): Promise<boolean> {
  const endsAtMs = systemClock.monotonicMs() + embeddedLimits.startDeadlineMs;
  for (;;) {
    if (serverState(folders)?.isReady === true) return false;
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: "wx" });
      return true;
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    const owner = Number(readLines(lock)[0]);
    if (owner > 0 && !isAlive(owner)) fs.rmSync(lock, { force: true });
    if (systemClock.monotonicMs() > endsAtMs) {
      throw new Error(`the embedded PostgreSQL is being started by process ${owner} for too long`);
    }
    await sleep(embeddedLimits.pollPeerMs);
  }
}

function locateFolders(dataDir: string): ServerFolders & { isElsewhere: boolean } {
  const wanted = path.resolve(dataDir, "postgres");
  const digest = createHash("sha256").update(wanted).digest("hex").slice(0, 12);
  const account = serverAccount();
  // Root's own folders are closed to the server's account: then the data go where it can.
  const isElsewhere = account.uid !== undefined && !canEnter(existingParent(wanted), account);
  // Short, because the path of a socket has at most 107 bytes.
  const cache = path.join(os.tmpdir(), `brigade-pg-${process.getuid?.() ?? "w"}-${digest}`);
  return {
    data: isElsewhere ? `/var/lib/brigade-pg-${digest}` : wanted,
    cache,
    socket: path.join(cache, "s"),
    account,
    isElsewhere,
  };
}

function prepareFolders(dataDir: string, log: Pick<Logger, "info">): ServerFolders {
  const folders = locateFolders(dataDir);
  if (folders.isElsewhere) log.info({ folder: folders.data }, "the database keeps its data here");
  else fs.mkdirSync(path.dirname(folders.data), { recursive: true });
  makeOwnFolder(folders.cache);
  fs.mkdirSync(folders.socket, { recursive: true, mode: 0o700 });
  giveTo(folders.socket, folders.account);
  return folders;
}

/** The name is guessable: a folder that somebody else made or may write to is not taken. */
function makeOwnFolder(folder: string): void {
  fs.mkdirSync(folder, { recursive: true, mode: 0o755 });
  const { uid, mode } = fs.lstatSync(folder);
  const isOurs =
    process.platform === "win32" ||
    (fs.lstatSync(folder).isDirectory() && uid === process.getuid!() && (mode & 0o022) === 0);
  if (!isOurs) throw new Error(`${folder} belongs to somebody else`);
}

function existingParent(folder: string): string {
  let parent = path.dirname(folder);
  while (!fs.existsSync(parent)) parent = path.dirname(parent);
  return parent;
}
