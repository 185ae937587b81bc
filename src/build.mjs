// Compiles `src` and `workers` to `dist`, with everything that is not TypeScript beside it.
// `npm run build` checks the types; `launch.mjs` leaves that out to start quickly.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const FOLDERS = ["src", "workers"];

/** True when `dist` was made after the last change of a source file. */
export function isBuilt() {
  if (!existsSync(join(dist, "src/main.js"))) return false;
  // Made under another name and renamed: the folder's own time is that of the build's end.
  const builtAt = statSync(join(dist, "src/main.js")).mtimeMs;
  return sourceFiles().every((file) => statSync(file).mtimeMs <= builtAt);
}

/** The compiler, if it is installed: a production install may have left it out. */
export function findCompiler() {
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
  const draft = join(root, `dist.new-${process.pid}`);
  const words = ["-p", join(root, "tsconfig.build.json"), "--outDir", draft];
  try {
    execFileSync(process.execPath, [findCompiler(), ...words, ...(check ? [] : ["--noCheck"])], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
    for (const folder of FOLDERS) {
      cpSync(join(root, folder), join(draft, folder), {
        recursive: true,
        filter: (file) => !file.endsWith(".ts"),
      });
    }
    rmSync(dist, { recursive: true, force: true });
    renameSync(draft, dist);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function sourceFiles() {
  // A deployment may carry no sources at all.
  return FOLDERS.map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath ?? entry.path, entry.name)),
    );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) build({ check: true });
