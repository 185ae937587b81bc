// Compiles `src` and `workers` to `dist`, with everything that is not TypeScript beside it.
// `npm run build` checks the types; `launch.mjs` leaves that out to start quickly.
import { execFileSync } from "node:child_process";
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const FOLDERS = ["src", "workers"];

/** True when `dist` was made after the last change of a source file. */
export function isBuilt() {
  if (!existsSync(join(dist, "src/main.js"))) return false;
  const builtAt = statSync(join(dist, "src/main.js")).mtimeMs;
  return sourcePaths().every((path) => statSync(path).mtimeMs <= builtAt);
}

/** False without a compiler, as after a production install, and where nothing may be written. */
export function canBuild() {
  try {
    accessSync(root, constants.W_OK);
    return findCompiler() !== undefined;
  } catch {
    return false;
  }
}

/** The compiler, if it is installed. */
function findCompiler() {
  try {
    const home = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
    return join(home, "bin/tsc");
  } catch {
    return undefined;
  }
}

/**
 * Builds beside `dist` and renames: whoever starts meanwhile finds the old build or the new one,
 * never half of one, and no file of a source that is gone.
 */
export function build({ check }) {
  const compiler = findCompiler();
  if (compiler === undefined) throw new Error("TypeScript is not installed (npm ci brings it)");
  const draft = join(root, `dist.new-${process.pid}`);
  mkdirSync(draft, { recursive: true });
  const readAt = statSync(draft).mtime;
  const words = ["-p", join(root, "tsconfig.build.json"), "--outDir", draft];
  try {
    execFileSync(process.execPath, [compiler, ...words, ...(check ? [] : ["--noCheck"])], {
      cwd: root,
      // Standard output belongs to the command that asked for the build.
      stdio: ["ignore", 2, 2],
    });
    for (const folder of FOLDERS) {
      cpSync(join(root, folder), join(draft, folder), {
        recursive: true,
        filter: (file) => !file.endsWith(".ts"),
      });
    }
    // The time of what was read: a source that changed meanwhile is newer.
    utimesSync(join(draft, "src/main.js"), readAt, readAt);
    rmSync(dist, { recursive: true, force: true });
    renameSync(draft, dist);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Folders too: a file that comes or goes changes its folder's time, and perhaps no file's. */
function sourcePaths() {
  // A deployment may carry no sources at all.
  return FOLDERS.map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => [
      folder,
      ...readdirSync(folder, { recursive: true }).map((name) => join(folder, name)),
    ]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    build({ check: true });
  } catch (error) {
    // The compiler has named its faults.
    if (error.status === undefined) process.stderr.write(`the build failed: ${error.message}\n`);
    process.exitCode = 1;
  }
}
