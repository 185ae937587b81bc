/**
 * Runs the tests: all of `test/**` + `.test.ts`, or those whose path holds one of the words given.
 *   node --import tsx test/run.ts [--long] [--no-coverage | --coverage] [word …]
 * One PostgreSQL serves the whole run. Node 20 would call an empty list of files a success.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { SETTINGS } from "../src/platform/settings.ts";
import {
  ensureTemplate,
  SERVER_URL_VARIABLE,
  startTestServer,
  TEMPLATE_VARIABLE,
} from "./support/database.ts";
import { groupFiles } from "./support/groups.ts";
import { testSeed } from "./support/size.ts";
import { transpileProject } from "./support/transpile.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const COVERAGE = join(ROOT, "coverage");
const TRANSPILED = join(ROOT, ".test-build");
const LINES_PERCENT_MIN = 90;
/** Where every line must have been run. */
const FULLY_COVERED = ["src/auth/token/", "src/auth/cache/"];
/** The first of the lines that count. */
const CLOSING = /^(?:\u001B\[\d+m)*ℹ tests \d/mu;
/** More than there are cores: a test waits for its server, its database or a clock half of the time. */
const PROCESSES_AT_A_TIME = 3;
/** Of one process, which may have several files. */
const TIMEOUT_MS = 10 * 60_000;
const TIMEOUT_LONG_MS = 60 * 60_000;

const { values: options, positionals: words } = parseArgs({
  options: { long: { type: "boolean" }, coverage: { type: "boolean" } },
  allowPositionals: true,
  allowNegative: true,
});

const files = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" })
  .map((name) => join("test", name))
  .filter((name) => name.endsWith(".test.ts"))
  .filter(
    (name) =>
      words.length === 0 || words.some((word) => name.includes(relative(ROOT, join(ROOT, word)))),
  )
  .toSorted();
if (files.length === 0) {
  console.error("no test files found");
  process.exit(1);
}
const withCoverage = options.coverage ?? words.length === 0;

// Tests say themselves what their settings are; the developer's own must not decide.
for (const { name } of SETTINGS) delete process.env[name];
const seed = testSeed();
process.env["BRIGADE_TEST_SEED"] = String(seed);
if (options.long === true) process.env["BRIGADE_TEST_LONG"] = "1";
if (withCoverage) {
  rmSync(COVERAGE, { recursive: true, force: true });
  process.env["NODE_V8_COVERAGE"] = join(COVERAGE, "tmp");
}

// Servers under test run what `npm start` runs: it starts faster than the sources do.
const built = spawnSync(process.execPath, ["src/build.mjs"], { cwd: ROOT, stdio: "inherit" });
if (built.status !== 0) process.exit(1);
process.env["BRIGADE_TEST_BUILT"] = "1";
await transpileProject(ROOT, TRANSPILED);

const folder = join(tmpdir(), `brigade-test-run-${process.pid}`);
mkdirSync(folder, { mode: 0o755 });
const server = await startTestServer(folder);
const cleanUp = async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
};
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
}
process.env[TEMPLATE_VARIABLE] = await ensureTemplate(server.url);
process.env[SERVER_URL_VARIABLE] = server.url;

console.log(`${files.length} files, seed ${seed}${options.long === true ? ", long sizes" : ""}`);
const held = await runFiles();
await cleanUp();
if (withCoverage && !checkCoverage()) process.exitCode = 1;
// Last, so that whoever reads the end of the output reads the counts.
process.stdout.write(held);

/** Runs the files and prints what they say, but for the closing lines, which it answers. */
async function runFiles(): Promise<string> {
  // They inherit the flags of this process, tsx's loader among them.
  process.execArgv = ["--enable-source-maps"];
  const events = run({
    files: groupFiles(ROOT, TRANSPILED, files).map(({ script }) => script),
    concurrency: PROCESSES_AT_A_TIME,
    timeout: options.long === true ? TIMEOUT_LONG_MS : TIMEOUT_MS,
  });
  events.on("test:fail", () => (process.exitCode = 1));
  let closing = "";
  for await (const chunk of events.compose(new spec()) as AsyncIterable<Buffer | string>) {
    const text = String(chunk);
    const closesAt = closing === "" ? text.search(CLOSING) : 0;
    process.stdout.write(closesAt < 0 ? text : text.slice(0, closesAt));
    if (closesAt >= 0) closing += text.slice(closesAt);
  }
  // Failures are told after the counts: turned round.
  const failuresAt = closing.search(/^.*✖ failing tests:/mu);
  if (failuresAt < 0) return closing;
  process.stdout.write(closing.slice(failuresAt));
  return `\n${closing.slice(0, failuresAt).trimEnd()}\n`;
}

/** Prints the summary; false when too little was run. */
function checkCoverage(): boolean {
  delete process.env["NODE_V8_COVERAGE"];
  const c8 = join(ROOT, "node_modules", "c8", "bin", "c8.js");
  const { status } = spawnSync(process.execPath, [c8, "report"], { cwd: ROOT, stdio: "inherit" });
  if (status !== 0) return false;
  const summary = JSON.parse(
    readFileSync(join(COVERAGE, "coverage-summary.json"), "utf8"),
  ) as Record<string, { lines: { pct: number } }>;
  const faults: string[] = [];
  const { total, ...byFile } = summary;
  if (!(total!.lines.pct >= LINES_PERCENT_MIN)) {
    faults.push(
      `${total!.lines.pct} % of all lines were run, ${LINES_PERCENT_MIN} % are asked for`,
    );
  }
  for (const [file, { lines }] of Object.entries(byFile)) {
    const name = relative(ROOT, file);
    const mustBeFull = FULLY_COVERED.some((folderName) => name.startsWith(folderName));
    if (mustBeFull && lines.pct < 100)
      faults.push(`${name}: ${lines.pct} % of its lines were run, 100 % are asked for`);
  }
  for (const fault of faults) console.error(`coverage: ${fault}`);
  return faults.length === 0;
}
