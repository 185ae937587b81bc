import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { MEASURE_UNITS, type MeasureUnit } from "../../../src/platform/nutrition/nutrients.ts";
import { convert } from "../../../src/platform/nutrition/units.ts";

const PAGE = fileURLToPath(new URL("../../../docs/shopping-lists.md", import.meta.url));

test("every household measure is as large as its page says", () => {
  const rows = [...readFileSync(PAGE, "utf8").matchAll(/^\| (.+?) \| ([\d.]+) (g|ml) \|$/gm)];
  assert.equal(rows.length, 7);
  for (const [, measure, size, unit] of rows) {
    assert.ok(MEASURE_UNITS.some((known) => known === measure));
    assert.equal(convert(1, measure as MeasureUnit, unit as MeasureUnit), Number(size), measure);
  }
});
