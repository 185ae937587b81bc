import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { transform } from "esbuild";
import * as authCache from "../../../src/auth/cache/auth-cache.ts";
import * as claimsTable from "../../../src/auth/cache/claims-table.ts";
import { guards, type CacheSource } from "./guards.ts";

/*
 * Who guards the guards: each line that makes the protocol safe is taken out of a copy of the
 * source, and the check that is there for it must then fail.
 */
interface Mutant {
  readonly without: string;
  readonly file: string;
  readonly line: string;
  readonly becomes: string;
  readonly caughtBy: keyof typeof guards;
}

const MUTANTS: readonly Mutant[] = [
  {
    without: "the comparison of the captured generations",
    file: "claims-table.ts",
    line: "const isCurrent = generations.current(indexes, captured);",
    becomes: "const isCurrent = true;",
    caughtBy: "a fill that began before an invalidation gives no principal",
  },
  {
    without: "the captured generations (the current ones are stored)",
    file: "auth-cache.ts",
    line: "captured: entry.captured,",
    becomes: "captured: options.generations.capture(entry.indexes),",
    caughtBy: "a first-level fill keeps what was captured, not what is current",
  },
  {
    without: "the comparison of the generations in the first level",
    file: "auth-cache.ts",
    line: "else if (generations.current(indexes, captured)) {",
    becomes: "else if (captured.length > 0) {",
    caughtBy: "a first-level fill keeps what was captured, not what is current",
  },
  {
    without: "the generations that the claims were verified under",
    file: "auth-cache.ts",
    line: "generations.recapture(claimsOnly.indexes, claimsOnly.captured);",
    becomes: "generations.capture(claimsOnly.indexes);",
    caughtBy: "an issuer's key that is withdrawn during a look-up is not forgotten",
  },
  {
    without: "the second look at the sequence",
    file: "slot-reader.ts",
    line: "if (Atomics.load(words, at + SEQUENCE) !== sequence) return false;",
    becomes: "",
    caughtBy: "a slot that is rewritten while it is copied is never believed",
  },
  {
    without: "the full-key compare",
    file: "slot-reader.ts",
    line: "if (scratch[KEY + word] !== key[word]) return false;",
    becomes: "",
    caughtBy: "a digest that differs in any word finds nothing",
  },
  {
    without: "the clocks",
    file: "claims-table.ts",
    line: "if (isPast(reader.expiresAt(), reader.deadlineTicks(), nowSeconds, nowTicks)) continue;",
    becomes: "",
    caughtBy: "an entry is gone at its end on either clock",
  },
  {
    without: "the refused compare-exchange",
    file: "claims-table.ts",
    line: "if (before !== sequence) continue;",
    becomes: "",
    caughtBy: "a slot that another thread took first is left alone",
  },
  {
    without: "the odd sequence while a slot is written",
    file: "slot.ts",
    line: "return (spawn << 1) | 1;",
    becomes: "return 2;",
    caughtBy: "two threads never write one slot at a time",
  },
];

const SOURCE = new URL("../../../src/auth/cache/", import.meta.url);
let folder = "";
before(() => (folder = mkdtempSync(join(tmpdir(), "brigade-mutants-"))));
after(() => rmSync(folder, { recursive: true, force: true }));

for (const [name, guard] of Object.entries(guards)) {
  test(name, () => guard({ ...claimsTable, ...authCache }));
}

for (const [index, mutant] of MUTANTS.entries()) {
  test(`without ${mutant.without} a check fails`, async () => {
    const mutated = await load(mutant, join(folder, String(index)));
    assert.throws(() => guards[mutant.caughtBy](mutated), assert.AssertionError);
    // The copy itself is sound: other checks still pass.
    const others = Object.entries(guards).filter(([name]) => name !== mutant.caughtBy);
    assert.ok(others.some(([, guard]) => passes(() => guard(mutated))));
  });
}

function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

/** A neighbour of the sources as whoever runs this test has loaded them; there is no such file. */
const NEIGHBOUR = "../../../src/auth/cache/x.js";
const outside = (path: string) => new URL(path, import.meta.resolve(NEIGHBOUR));

/** Copies the folder with one line changed; what it imports from elsewhere stays the source. */
async function load(mutant: Mutant, target: string): Promise<CacheSource> {
  mkdirSync(target);
  // Where the copy lies, nobody says that it is an ES module.
  writeFileSync(join(target, "package.json"), '{"type":"module"}');
  for (const file of readdirSync(SOURCE)) {
    let text = readFileSync(new URL(file, SOURCE), "utf8");
    if (file === mutant.file) {
      assert.equal(text.split(mutant.line).length, 2, `${file} has this line once: ${mutant.line}`);
      text = text.replace(mutant.line, mutant.becomes);
    }
    const { code } = await transform(text, { loader: "ts", format: "esm" });
    const linked = code
      .replaceAll(/from "(\.\.?\/[^"]+)\.ts"/g, 'from "$1.js"')
      .replaceAll(/from "(\.\.\/[^"]+)"/g, (_, path: string) => `from "${outside(path)}"`)
      .replaceAll('from "msgpackr"', `from "${import.meta.resolve("msgpackr")}"`);
    writeFileSync(join(target, file.replace(/\.ts$/u, ".js")), linked);
  }
  const from = (file: string) => import(pathToFileURL(join(target, file)).href);
  return { ...(await from("claims-table.js")), ...(await from("auth-cache.js")) };
}
