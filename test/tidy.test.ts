import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { faultsOf, MAY_IMPORT } from "./support/tidy-rules.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const sources = ["src", "workers"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .map((name) => posix.join(folder, name))
    .filter((name) => /\.(ts|mjs)$/.test(name)),
);

test("there are sources to look at", () => assert.ok(sources.length > 30));

for (const path of sources) {
  test(`tidy ${path}`, () => {
    assert.deepEqual(faultsOf(path, readFileSync(join(ROOT, path), "utf8")), []);
  });
}

test("no folder has a name that says nothing", () => {
  const folders = new Set(sources.flatMap((path) => path.split("/").slice(0, -1)));
  for (const name of [
    "utils",
    "util",
    "helpers",
    "common",
    "services",
    "shared",
    "types",
    "lib",
    "misc",
  ]) {
    assert.ok(!folders.has(name), name);
  }
});

test("no committed file tells of the place or the way it was made", (t) => {
  const files = trackedFiles();
  if (files === undefined) return t.skip("not a Git checkout");
  // Put together here, so that this file does not hold them.
  const words = [
    ["/wo", "rk/"],
    ["registry.npm", "js.org"],
    ["chat", "gpt"],
    ["open", "ai"],
    ["clau", "de"],
    ["anthro", "pic"],
    ["copi", "lot"],
    ["language", " model"],
    ["artificial", " intelligence"],
  ].map((parts) => parts.join(""));
  const forbidden = new RegExp(`${words.join("|")}|\\b(?:issue|ticket) #?\\d+\\b|\\bAI\\b`, "i");
  for (const path of files) {
    // The lockfile is npm's: it names the registry by itself.
    if (path === "package-lock.json" || !existsSync(join(ROOT, path))) continue;
    if (/\.(csv|json|pml|png|svg|ico)$/.test(path) && !/^(package|knip|railway)/.test(path))
      continue;
    const lines = readFileSync(join(ROOT, path), "utf8").split("\n");
    const line = lines.findIndex((text) => forbidden.test(text) && !/\bai\b/.test(text));
    assert.ok(line < 0, `${path}:${line + 1}: ${lines[line]?.trim()}`);
  }
});

test("every package of the lockfile is pinned by its digest and comes from a registry", () => {
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
    packages: Record<string, { integrity?: string; resolved?: string; link?: boolean }>;
  };
  const packages = Object.entries(lock.packages).filter(([name]) => name !== "");
  assert.ok(packages.length > 100);
  for (const [name, { integrity, resolved }] of packages) {
    assert.match(integrity ?? "", /^sha512-/, name);
    assert.match(resolved ?? "https://", /^https:\/\//, name);
  }
});

test("the versions in package.json are exact", () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Record<
    string,
    Record<string, string>
  >;
  for (const kind of ["dependencies", "devDependencies", "optionalDependencies"]) {
    for (const [name, version] of Object.entries(manifest[kind]!)) {
      assert.match(version.replace(/^npm:[\w-]+@/, ""), /^\d+\.\d+\.\d+(-[\w.]+)?$/, name);
    }
  }
});

test("the rules see what breaks them", () => {
  const broken: [string, string, RegExp][] = [
    ["src/platform/x.ts", 'import { a } from "../auth/index.ts";', /must not import/],
    ["src/http/x.ts", 'import type { A } from "../auth/index.ts";', /must not import/],
    ["src/auth/x.ts", 'export * from "../contexts/iam/index.ts";', /must not import/],
    [
      "src/contexts/iam/x.ts",
      'import { a } from "../products-catalog/index.ts";',
      /another context/,
    ],
    ["src/contexts/iam/x.ts", 'import { a } from "../../auth/index.ts";', /types only/],
    [
      "src/contexts/iam/x.ts",
      'import type { A } from "../../auth/session/store.ts";',
      /types only/,
    ],
    [
      "src/contexts/iam/x.ts",
      'const a = await import("../products-catalog/index.ts");',
      /another context/,
    ],
    ["workers/jwt.ts", 'import { a } from "../src/auth/session/store.ts";', /must not import/],
    ["src/auth/x.ts", "process.env.X", /platform\/config\.ts/],
    ["src/auth/x.ts", 'const { env } = process; process["env"]', /platform\/config\.ts/],
    ["src/auth/x.ts", "const now = Date.now();", /clock/],
    ["src/auth/x.ts", "const now = new Date();", /clock/],
    ["src/auth/x.ts", "Atomics.load(words, 0)", /shared-memory/],
    ["src/auth/x.ts", 'import { App } from "uWebSockets.js";', /uws/],
    ["src/auth/x.ts", 'import { Piscina } from "piscina";', /piscina/],
    ["src/contexts/iam/x.ts", "const pool = new pg.Pool({});", /postgres/],
    ["src/auth/x.ts", "process.exit(1)", /lifecycle/],
    ["src/auth/x.ts", "await fetch(url)", /breaker/],
    ["src/auth/x.ts", "console.log(1)", /cli/],
    ["src/auth/x.ts", "x\n".repeat(301), /300 lines/],
    ["src/auth/x.ts", `export function long() {\n${"  x();\n".repeat(70)}}\n`, /70 lines/],
    ["src/auth/x.ts", "// TODO: later", /unfinished/],
  ];
  for (const [path, text, fault] of broken) {
    assert.match(faultsOf(path, text).join("\n"), fault, `${path}: ${text.slice(0, 60)}`);
  }
  const good: [string, string][] = [
    ["src/contexts/iam/x.ts", 'import type { Invalidate } from "../../auth/index.ts";'],
    [
      "src/contexts/iam/x.ts",
      '// process.env is read elsewhere, and so is Date.now()\nconst a = "process.env";',
    ],
    ["src/auth/x.ts", "const at = new Date(nowMs);"],
    ["src/auth/x.ts", "prefetch(url); this.fetch(url);"],
    ["src/platform/config.ts", "process.env"],
  ];
  for (const [path, text] of good) assert.deepEqual(faultsOf(path, text), [], text);
  assert.deepEqual(MAY_IMPORT["src/platform"], []);
});

function trackedFiles(): string[] | undefined {
  try {
    return execFileSync("git", ["ls-files"], {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    })
      .trim()
      .split("\n");
  } catch {
    return undefined;
  }
}
