// Bundles `src` and `workers` into `dist`, with everything that is not TypeScript beside them: a
// process and each of its threads then load a few files in place of hundreds, which halves the
// time to `ready`. `npm run build` checks the types too; `launch.mjs` leaves that out.
import { execFileSync } from "node:child_process";
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const FOLDERS = ["src", "workers"];
/** What a process starts with, and what a thread does: each with the files that it alone loads. */
const ENTRIES = [
  ["src/main.ts", "src/cli.ts"],
  ["workers/http.ts"],
  ["workers/jwt.ts"],
  ["workers/password.ts"],
  ["workers/document.ts"],
  // What other programs import.
  ["src/providers.ts"],
];
/** Packages that are bundled too: hundreds of small files, of which we use few. */
const BUNDLED = new Set(["typebox", "jose"]);

/** True when `dist` was made after the last change of a source file. */
export function isBuilt() {
  if (!existsSync(join(dist, "src/main.js"))) return false;
  const builtAt = statSync(join(dist, "src/main.js")).mtimeMs;
  return sourcePaths().every((path) => statSync(path).mtimeMs <= builtAt);
}

/** False where the bundler is not installed or nothing may be written. */
export function canBuild() {
  try {
    accessSync(root, constants.W_OK);
    createRequire(import.meta.url).resolve("esbuild");
    return true;
  } catch {
    return false;
  }
}

/**
 * Builds beside `dist` and renames: whoever starts meanwhile finds the old build or the new one,
 * never half of one, and no file of a source that is gone. Throws when the bundler or the compiler
 * finds faults, after they have named them on standard error.
 */
export async function build({ check }) {
  if (check) checkTypes();
  const { build: bundle } = await import("esbuild");
  const draft = join(root, `dist.new-${process.pid}`);
  mkdirSync(draft, { recursive: true });
  const readAt = statSync(draft).mtime;
  try {
    await Promise.all(ENTRIES.map((entryPoints) => bundle(optionsOf(entryPoints, draft))));
    for (const folder of FOLDERS) {
      cpSync(join(root, folder), join(draft, folder), {
        recursive: true,
        filter: (file) => statSync(file).isDirectory() || !file.endsWith(".ts"),
      });
    }
    if (check) writeTypes(join(draft, "types"));
    // The time of what was read: a source that changed meanwhile is newer.
    utimesSync(join(draft, "src/main.js"), readAt, readAt);
    rmSync(dist, { recursive: true, force: true });
    renameSync(draft, dist);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function optionsOf(entryPoints, outdir) {
  return {
    absWorkingDir: root,
    entryPoints,
    outdir,
    outbase: root,
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    // What is imported when it is needed stays a file of its own.
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: true,
    // The sources lie beside it, and the map is read with the file.
    sourcesContent: false,
    logLevel: "warning",
    plugins: [ownPlaces, packagesOutside],
  };
}

/**
 * A source's `import.meta.url` stays that of its own file, wherever its code ends up: all outputs
 * lie one folder deep in `dist`.
 */
const ownPlaces = {
  name: "own-places",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      if (!text.includes("import.meta.url")) return undefined;
      const name = relative(root, path).replaceAll("\\", "/").replace(/\.ts$/u, ".js");
      const own = `new URL(${JSON.stringify(`../${name}`)}, import.meta.url).href`;
      return { loader: "ts", contents: text.replaceAll("import.meta.url", own) };
    });
  },
};

/** Packages are loaded from node_modules: some bring native code, and some look for their files. */
const packagesOutside = {
  name: "packages-outside",
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
      if (kind === "entry-point" || BUNDLED.has(path.split("/")[0])) return undefined;
      return { path, external: true };
    });
  },
};

function checkTypes() {
  compile("-p", "tsconfig.build.json");
}

/** Declarations of what other programs import. */
function writeTypes(outDir) {
  compile("-p", "tsconfig.types.json", "--outDir", outDir);
}

function compile(...options) {
  const home = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  // Each of several checkers looks at what they share by itself: too dear for a small machine.
  const words = availableParallelism() <= 2 ? ["--singleThreaded", ...options] : options;
  execFileSync(process.execPath, [join(home, "bin/tsc"), ...words], {
    cwd: root,
    // Standard output belongs to the command that asked for the build.
    stdio: ["ignore", 2, 2],
  });
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
    await build({ check: true });
  } catch (error) {
    // The compiler and the bundler have named their faults.
    if (error.status === undefined && error.errors === undefined) {
      process.stderr.write(`the build failed: ${error.message}\n`);
    }
    process.exitCode = 1;
  }
}
