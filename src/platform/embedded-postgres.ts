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
  syncData,
  type ServerFolders,
} from "./embedded-process.ts";
import type { Presence } from "./embedded-presence.ts";
import { embeddedLimits } from "./limits.ts";
import type { Logger } from "./log.ts";
import { isAway } from "./postgres-errors.ts";

export interface EmbeddedPostgres {
  readonly url: string;
  /** It ran already. */
  readonly reused: boolean;
  /** Ends our use of it; the last process that does so stops it. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  readonly log: Pick<Logger, "info" | "warn" | "error">;
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

/** As `openEmbeddedPostgres`, for who needs only the server. */
export async function startEmbeddedPostgres(
  dataDir: string,
  options: EmbeddedOptions,
): Promise<EmbeddedPostgres> {
  return openEmbeddedPostgres(dataDir, options).opened;
}

/**
 * Starts the PostgreSQL of the data folder, or attaches to the one that runs. Of several processes
 * one starts it and the others wait. Started again if it is killed under us, but not if somebody
 * stopped it. Throws, or rejects with, one sentence when it cannot start.
 */
export function openEmbeddedPostgres(
  dataDir: string,
  options: EmbeddedOptions,
): {
  /** Nothing was there yet: everything has to be made. */
  readonly isFresh: boolean;
  readonly opened: Promise<EmbeddedPostgres>;
} {
  const folders = prepareFolders(dataDir, options.log);
  const isFresh = !fs.existsSync(path.join(folders.data, "PG_VERSION"));
  return { isFresh, opened: start(folders, options) };
}

async function start(folders: ServerFolders, options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { log } = options;
  let isStopped = false;
  let presence: Presence;

  async function enter(): Promise<boolean> {
    const endsAtMs = systemClock.monotonicMs() + embeddedLimits.startDeadlineMs;
    for (;;) {
      // The client is loaded while the server starts.
      const [isReused, { holdPresence }] = await Promise.all([
        startOnce(folders, options),
        import("./embedded-presence.ts"),
      ]);
      try {
        presence = await holdPresence(urlOf(folders), onLost);
        return isReused;
      } catch (error) {
        // It was just being stopped by the last one before us: begin again.
        if (!isAway(error) || systemClock.monotonicMs() > endsAtMs) throw error;
        await sleep(embeddedLimits.pollPeerMs);
      }
    }
  }

  function onLost(isOrderly: boolean): void {
    if (isStopped) return;
    if (isOrderly && serverState(folders)?.isReady !== true) {
      return log.warn("the embedded PostgreSQL was stopped by somebody else");
    }
    log.warn("the embedded PostgreSQL is gone; it is started again");
    enter().catch((error: unknown) => {
      log.error({ error }, "the embedded PostgreSQL could not be started again");
    });
  }

  const reused = await enter();
  return {
    url: urlOf(folders),
    reused,
    async stop() {
      if (isStopped) return;
      isStopped = true;
      // Lost between the two: then there is nothing left to stop.
      const isLast = await presence.withdraw().catch(() => false);
      if (isLast) await stopServer(folders);
      await presence.end().catch(() => {});
    },
  };
}

/** Answers whether it ran already. */
async function startOnce(
  folders: ServerFolders,
  { settings, log }: EmbeddedOptions,
): Promise<boolean> {
  const lock = path.join(folders.cache, "starting");
  if (!(await takeStartLock(lock, folders))) return true;
  try {
    if (serverState(folders)?.isReady === true) return true;
    const binaries = findBinaries(folders.cache, folders.account);
    const isNew = await createData(folders, binaries);
    const all = { ...SETTINGS, unix_socket_directories: folders.socket, ...settings };
    await launchServer(folders, binaries, all);
    if (isNew) syncData(folders, binaries).catch(() => log.warn("the new database is not synced"));
    return false;
  } finally {
    ownLocks.delete(lock);
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

// A container that starts again gets the same process numbers: our own in the file proves nothing.
const ownLocks = new Set<string>();

function isStale(lock: string): boolean {
  const owner = Number(readLines(lock)[0]);
  if (owner === process.pid) return !ownLocks.has(lock);
  if (owner > 0) return !isAlive(owner);
  // Killed between making the file and writing its number into it.
  const madeAtMs = fs.statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
  return systemClock.nowMs() - madeAtMs > embeddedLimits.stopDeadlineMs;
}

/** True: we hold the lock and start it. False: it runs. */
async function takeStartLock(lock: string, folders: ServerFolders): Promise<boolean> {
  const endsAtMs = systemClock.monotonicMs() + embeddedLimits.startDeadlineMs;
  for (;;) {
    if (serverState(folders)?.isReady === true) return false;
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: "wx" });
      ownLocks.add(lock);
      return true;
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    if (isStale(lock)) fs.rmSync(lock, { force: true });
    if (systemClock.monotonicMs() > endsAtMs) {
      throw new Error(`the embedded PostgreSQL is being started by somebody for too long: ${lock}`);
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
