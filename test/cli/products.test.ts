import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase } from "../support/database.ts";
import { createBrigade, createInlineBrigade } from "./support.ts";

const { url, database, drop } = await withDatabase();
after(drop);
const folder = mkdtempSync(join(tmpdir(), "brigade-import-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const env = { DATABASE_URL: url };
const brigade = createInlineBrigade(env);

async function productCount(): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    sql`SELECT count(*) AS count FROM products_catalog.products`,
  );
  return rows[0]!.count;
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("import products reads a file, names bad rows on standard error, and again changes nothing", async () => {
  const path = write(
    "foods.jsonl",
    '{"name":"Pão de queijo","barcode":"7891000100103"}\n{"name":\n{"name":"Café coado"}\n',
  );
  const before = await productCount();
  const words = ["import", "products", "--format", "jsonl", path];
  const first = await createBrigade(env)(words);
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout, "2 inserted, 0 unchanged, 1 rejected\n");
  assert.match(first.stderr, /^line 2: [^\n]+$/m);
  assert.equal(await productCount(), before + 2);
  const second = await brigade([...words, "--json"]);
  assert.deepEqual(JSON.parse(second.stdout), { inserted: 0, unchanged: 2, rejected: 1 });
  assert.equal(await productCount(), before + 2);
});

test("a csv needs its map", async () => {
  const path = write("foods.csv", "nome,kcal\nTapioca,240\n");
  const map = write("map.json", JSON.stringify({ nome: "name", kcal: "calories" }));
  const words = ["import", "products", "--format", "csv", path];
  const bare = await brigade(words);
  assert.deepEqual(
    [bare.code, bare.stderr],
    [2, "brigade: --map is missing (see brigade --help)\n"],
  );
  const mapped = await brigade([...words, "--map", map]);
  assert.equal(mapped.code, 0, mapped.stderr);
  assert.match(mapped.stdout, /^1 inserted/);
});

test("what cannot be read ends with 1 and one sentence", async () => {
  for (const [format, path] of [
    ["jsonl", join(folder, "missing.jsonl")],
    ["taco", folder],
  ] as const) {
    const ran = await brigade(["import", "products", "--format", format, path]);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /^brigade: [^\n]+\n$/);
  }
});

test("seed adds as many products as are missing", async () => {
  const before = await productCount();
  assert.equal((await brigade(["seed", "--products", "30"])).stdout, "30 added\n");
  assert.equal((await brigade(["seed", "--products", "40"])).stdout, "10 added\n");
  assert.equal(await productCount(), before + 40);
});

test("seed makes up clients and recipes with true totals, as many as are missing", async () => {
  const seed = (...words: string[]) => brigade(["seed", ...words]);
  assert.equal((await seed("--recipes", "9", "--clients", "2")).stdout, "11 added\n");
  assert.equal((await seed("--recipes", "9", "--clients", "2")).stdout, "0 added\n");
  const { rows } = await database.query<{ meals: number; placed: number; wrong: number }>(sql`
    select count(*) as meals, count(g.meal_id) as placed, count(*) filter (where abs(
        m.calories - (select sum(r.calories) from recipes_catalog.recipes r where r.meal_id = m.id)
      ) > 1e-6) as wrong
      from recipes_catalog.meals m left join recipes_catalog.menu_meals g on g.meal_id = m.id`);
  assert.deepEqual(rows, [{ meals: 5, placed: 5, wrong: 0 }]);
  for (const words of [[], ["--recipes", "0"], ["--clients", "1", "--author", "me"]]) {
    assert.equal((await seed(...words)).code, 2);
  }
});
