import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/*
 * The protocols as Promela models, checked in every interleaving. A variant with a guard taken out
 * must fail: a model that cannot fail says nothing.
 */
const MODELS: readonly (readonly [model: string, defines: readonly string[], holds: boolean])[] = [
  // Capture before the slow work; second look at the sequence.
  ["claims-cache", ["EPOCH"], true],
  ["claims-cache", [], false],
  ["claims-cache", ["EPOCH", "NORECHECK"], false],
  // Bump after the commit, never before.
  ["order", [], true],
  ["order", ["BEFORE"], false],
  // Whoever waits for a flight looks at the generations again.
  ["flight", ["RECHECK"], true],
  ["flight", [], false],
  // A slot with owners that die.
  ["slot", [], true],
  ["slot", ["LATE", "WRITERS=2"], false],
  ["slot", ["NORECHECK", "WRITERS=2"], false],
  ["slot", ["BLINDFREE", "WRITERS=2"], false],
  ["slot", ["STEAL", "WRITERS=2"], false],
  ["slot", ["NOFREE", "WRITERS=2"], false],
];

function isInstalled(command: string, option: string): boolean {
  return spawnSync(command, [option], { stdio: "ignore" }).status === 0;
}

const missing = [
  ...(isInstalled("spin", "-V") ? [] : ["spin"]),
  ...(isInstalled("gcc", "--version") ? [] : ["gcc"]),
];
const skip = missing.length > 0 && `not installed: ${missing.join(" and ")}`;

for (const [model, defines, holds] of MODELS) {
  const variant = [model, ...defines].join(" -D");
  test(`the model ${variant} ${holds ? "holds" : "fails"}`, { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), "brigade-model-"));
    try {
      const source = fileURLToPath(new URL(`./${model}.pml`, import.meta.url));
      run("spin", [...defines.map((define) => `-D${define}`), "-a", source], folder);
      run("gcc", ["-O1", "-w", "-DSAFETY", "-DMEMLIM=2048", "-o", "pan", "pan.c"], folder);
      const report = run("./pan", ["-m200000"], folder);
      const errors = Number(/errors: (\d+)/.exec(report)?.[1]);
      assert.ok(!report.includes("max search depth too small"), report);
      assert.equal(errors, holds ? 0 : 1, report);
      if (!holds) assert.match(report, /assertion violated/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

function run(command: string, options: readonly string[], folder: string): string {
  const { status, stdout, stderr } = spawnSync(command, options, { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
  return stdout;
}
