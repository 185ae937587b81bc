import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { SETTINGS } from "../src/platform/settings.ts";
import {
  allErrors,
  doctorTable,
  environmentExample,
  errorsTable,
  settingsTable,
} from "./support/tables.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const RENEW = "renew it: node --import tsx test/support/print-tables.ts";
const readText = (name: string) => readFileSync(join(ROOT, name), "utf8");

function between(marker: string, page = "README.md"): string {
  const found = new RegExp(`<!-- ${marker} -->([\\s\\S]*?)<!-- /${marker} -->`).exec(
    readText(page),
  );
  assert.ok(found !== null, `${page} has a table between <!-- ${marker} --> markers`);
  return found[1]!.trim();
}

/** The first cell of each row, without its backticks. */
const namesIn = (rows: string) =>
  rows
    .split("\n")
    .slice(2)
    .map((row) => /^\| `([^`]+)`/.exec(row)?.[1] ?? row);

test("README names every setting, and none that does not exist", () => {
  const rows = between("settings");
  assert.deepEqual(namesIn(rows).toSorted(), SETTINGS.map((setting) => setting.name).toSorted());
  assert.equal(rows, settingsTable(), RENEW);
});

test("README names every error code, and none that does not exist", async () => {
  const rows = between("errors");
  assert.deepEqual(namesIn(rows).toSorted(), Object.keys(await allErrors()).toSorted());
  assert.equal(rows, await errorsTable(), RENEW);
});

test("docs/doctor.md names every finding with its cause and command", () => {
  assert.equal(between("doctor", "docs/doctor.md"), doctorTable(), RENEW);
});

test(".env.example holds every setting with its default", () => {
  assert.equal(readText(".env.example"), environmentExample(), RENEW);
});

test("every file and folder that README and the guides name is there", () => {
  const pages = ["README.md", ...(existsSync(join(ROOT, "docs")) ? ["docs/architecture.md"] : [])];
  for (const page of pages.filter((name) => existsSync(join(ROOT, name)))) {
    for (const [, name] of readText(page).matchAll(
      /`((?:src|workers|test|docs|bench)\/[\w./-]*)`/g,
    )) {
      const isThere = [name!, `${name}.ts`].some((path) => existsSync(join(ROOT, path)));
      assert.ok(isThere, `${page} names ${name}, which is not there`);
    }
  }
});

test("every script that README tells one to run is there", () => {
  const { scripts } = JSON.parse(readText("package.json")) as { scripts: Record<string, string> };
  for (const [, name] of readText("README.md").matchAll(/npm run ([\w:-]+)/g)) {
    assert.ok(scripts[name!] !== undefined, `npm run ${name}`);
  }
});
