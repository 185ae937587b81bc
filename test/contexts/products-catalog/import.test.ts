import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { importProducts, loadDemoCatalogue } from "../../../src/contexts/products-catalog/index.ts";
import type { ImportOptions } from "../../../src/contexts/products-catalog/import/import-products.ts";
import { DEMO_FOODS } from "../../../src/contexts/products-catalog/demo-foods.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { openCatalog, TACO } from "./support.ts";

const { database, drop } = await withDatabase();
const call = openCatalog(database);
const folder = await mkdtemp(join(tmpdir(), "brigade-import-"));
after(async () => {
  await drop();
  await rm(folder, { recursive: true });
});

const root = fileURLToPath(new URL("../../..", import.meta.url));
const SAMPLE = join(root, "src/contexts/products-catalog/import/sample");
const TABLE = join(root, "../shared/data/taco");

async function file(name: string, text: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

async function run(options: Omit<ImportOptions, "database">, on: Database = database) {
  const rejected: string[] = [];
  const outcome = await importProducts({
    ...options,
    database: on,
    onRejected: ({ line, reason }) => rejected.push(`${line}: ${reason}`),
  });
  return { ...outcome, rejected };
}

async function named(name: string) {
  const { body } = await call("GET", `/v1/products/search?name=${encodeURIComponent(name)}`);
  return body.data;
}

test("the sample of the food table is read with categories, units and gaps", async () => {
  const first = await run({ format: "taco", path: SAMPLE });
  assert.deepEqual(first, { inserted: 20, unchanged: 0, rejected: [] });
  const again = await run({ format: "taco", path: SAMPLE });
  assert.deepEqual(again, { inserted: 0, unchanged: 20, rejected: [] });
  const [sardine] = await named("Sardinha, conserva em óleo");
  assert.equal(sardine.source_id, TACO);
  assert.equal(sardine.is_food, true);
  const facts = sardine.nutri_facts;
  const value = (nutrient: string) => `${facts[nutrient].value} ${facts[nutrient].unit}`;
  assert.equal(value("calories"), "285 kcal");
  assert.equal(value("total_fat"), "24 g");
  assert.equal(value("cholesterol"), "62 mg");
  assert.equal(value("ashes"), "3.4 g");
  assert.equal(value("epa"), "450 mg");
  assert.equal(value("dha"), "500 mg");
  assert.equal(value("arachidonic_acid"), "0.05 g");
  assert.equal(value("linolenic_acid"), "1.2 g");
  assert.equal(value("trans_fat"), "0.01 g");
  assert.equal(value("vitamin_c"), "0 mg");
  const category = await call("GET", `/v1/products/categories/${sardine.category_id}`);
  assert.equal(category.body.data.name, "Pescados e frutos do mar");
  const [cheese] = await named("Queijo, minas, frescal");
  assert.equal(cheese.nutri_facts.trans_fat.value, 0.69);
  assert.equal(cheese.nutri_facts.phenylalanine.value, 0.85);
  const { rows } = await database.query<{ retinol: number | null }>(sql`
    select retinol from products_catalog.products where name = 'Alface, crespa, crua'`);
  assert.equal(rows[0]!.retinol, null, "a cell with a blank was not measured");
});

const skip = existsSync(TABLE) ? false : "the food composition table is not beside the repository";
test("the whole food composition table is read: 597 foods, once", { skip }, async () => {
  const own = await withDatabase();
  after(own.drop);
  const first = await run({ format: "taco", path: TABLE }, own.database);
  assert.deepEqual(first, { inserted: 597, unchanged: 0, rejected: [] });
  const second = await run({ format: "taco", path: TABLE }, own.database);
  assert.deepEqual(second, { inserted: 0, unchanged: 597, rejected: [] });
  const { rows } = await own.database.query<Record<string, unknown>>(sql`
    select p.name, c.name as category, calories, trans_fat, dha, thiamine, vitamin_c, retinol
      from products_catalog.products p
      join products_catalog.classifications c on c.id = p.category_id
     where p.name in ('Biscoito, doce, maisena', 'Arroz, integral, cozido') order by p.name`);
  assert.deepEqual(rows, [
    {
      name: "Arroz, integral, cozido",
      category: "Cereais e derivados",
      calories: 124,
      trans_fat: null,
      dha: null,
      thiamine: 0.08,
      vitamin_c: null,
      retinol: null,
    },
    {
      name: "Biscoito, doce, maisena",
      category: "Cereais e derivados",
      calories: 443,
      trans_fat: 1.58,
      dha: null,
      thiamine: 1.01,
      vitamin_c: 6.2,
      retinol: null,
    },
  ]);
});

test("an imported product that was changed or discarded since is left as it is", async () => {
  const text = ["Mudado", "Apagado"].map((name) => JSON.stringify({ name })).join("\n");
  const path = await file("kept.jsonl", text);
  await run({ format: "jsonl", path });
  const [changed] = await named("Mudado");
  const [discarded] = await named("Apagado");
  await call("PATCH", `/v1/products/${changed.id}`, { body: { name: "Outro nome" } });
  await call("DELETE", `/v1/products/${discarded.id}`);
  assert.deepEqual(await run({ format: "jsonl", path }), {
    inserted: 0,
    unchanged: 2,
    rejected: [],
  });
  assert.deepEqual(await named("Mudado"), []);
  assert.deepEqual(await named("Apagado"), []);
});

test("bad lines are told with their reason and skipped, the others are stored", async () => {
  const lines = [
    '{"name":"Boa linha","category":"Grãos","nutri_facts":{"sodium":{"value":1,"unit":"g"}}}',
    "",
    "not json",
    '{"nome":"x"}',
    '{"name":"Negativa","nutri_facts":{"iron":-1}}',
    '{"name":"Controle\\u0007"}',
    '{"name":"Duas vezes","barcode":"99"}',
    '{"name":"Outro nome, mesmo código","barcode":"99"}',
    '{"name":"De outra fonte","barcode":"99","source":"gs1"}',
    '["name"]',
    '{"name":"Não é comida","is_food":false,"score":{"final":7}}',
  ];
  const outcome = await run({ format: "jsonl", path: await file("bad.jsonl", lines.join("\r\n")) });
  assert.equal(outcome.inserted, 4);
  assert.equal(outcome.unchanged, 1);
  assert.deepEqual(
    outcome.rejected.map((text) => text.slice(0, 30)),
    [
      "3: the line is not JSON",
      "4: name is missing; nome is no",
      "5: nutri_facts/iron must be >=",
      "6: name must not contain contr",
      "10: must be object",
    ],
  );
  const [good] = await named("Boa linha");
  assert.deepEqual(good.nutri_facts.sodium, { unit: "g", value: 1 });
  const [other] = await named("Não é comida");
  assert.equal(other.is_food, false);
  assert.equal(other.nutri_facts, null);
  assert.equal(other.score.final, 7);
});

test("a csv file is read by its map, with its own separator and unit", async () => {
  const map = await file(
    "map.json",
    JSON.stringify({
      Nome: "name",
      Grupo: "category",
      Marca: "brand",
      "Energia (kcal)": "calories",
      "Sódio (g)": "sodium:g",
      Nota: "score.final",
      Peso: "package_size",
      Comida: "is_food",
    }),
  );
  const text =
    "\uFEFFCódigo;Nome;Grupo;Marca;Energia (kcal);Sódio (g);Nota;Peso;Comida\r\n" +
    '1;"Pão; ""da casa""";Pães;Boa;295,5;0,6;80;0,5;true\r\n' +
    "2;Só o nome;;;;;;;\r\n" +
    "3;Curta;;\r\n" +
    "4;Ruim;;;muito;;;;\r\n" +
    '5;"Aspas"x;;;;;;;\r\n' +
    "6;Última;;;1;;;;sim";
  const path = await file("foods.csv", text);
  const outcome = await run({ format: "csv", path, mapPath: map, source: "private" });
  assert.equal(outcome.inserted, 2);
  assert.deepEqual(
    outcome.rejected.map((reason) => reason.split(":")[0]),
    ["4", "5", "6", "7"],
  );
  const [bread] = await named('Pão; "da casa"');
  assert.equal(bread.nutri_facts.calories.value, 295.5);
  assert.deepEqual(bread.nutri_facts.sodium, { unit: "g", value: 0.6 });
  assert.equal(bread.package_size, 0.5);
  assert.equal(bread.score.final, 80);
  assert.equal((await named("Só o nome"))[0].category_id, null);
  assert.equal((await run({ format: "csv", path, mapPath: map, source: "private" })).unchanged, 2);
});

test("an import that cannot be done at all says why", async () => {
  const csv = await file("one.csv", "a,b\n1,2\n");
  const map = (fields: unknown) => file("other-map.json", JSON.stringify(fields));
  const failing: readonly (readonly [Omit<ImportOptions, "database">, RegExp])[] = [
    [{ format: "jsonl", path: join(folder, "absent") }, /cannot be read/],
    [{ format: "taco", path: folder }, /categories\.csv cannot be read/],
    [{ format: "csv", path: csv }, /needs a map/],
    [{ format: "csv", path: csv, mapPath: await map({ c: "name" }) }, /no column c/],
    [{ format: "csv", path: csv, mapPath: await file("list.json", '["a"]') }, /must be an object/],
    [{ format: "csv", path: csv, mapPath: await file("kcal.json", '{"a":"kcal"}') }, /no field/],
    [{ format: "csv", path: csv, mapPath: join(folder, "absent") }, /cannot be read as JSON/],
  ];
  for (const [options, reason] of failing) {
    await assert.rejects(run(options), (error: Error & { code: string }) => {
      assert.equal(error.code, "import_failed");
      assert.match(error.message, reason);
      return true;
    });
  }
});

test("a run that ends half-way keeps whole batches, and the next one completes it", async () => {
  const lines = Array.from({ length: 2_500 }, (_, index) =>
    JSON.stringify({ name: `Lote ${index}` }),
  );
  const path = await file("long.jsonl", lines.join("\n"));
  const seen: number[] = [];
  const stop = new Error("killed");
  const broken = run({
    format: "jsonl",
    path,
    onProgress(done) {
      seen.push(done);
      if (done === 2_000) throw stop;
    },
  });
  await assert.rejects(broken, stop);
  assert.deepEqual(seen, [1_000, 2_000]);
  assert.deepEqual(await run({ format: "jsonl", path }), {
    inserted: 500,
    unchanged: 2_000,
    rejected: [],
  });
});

test("two imports of one file at the same moment store each product once", async () => {
  const lines = Array.from({ length: 300 }, (_, index) =>
    JSON.stringify({ name: `Ao mesmo tempo ${index}`, brand: `Marca ${index % 7}` }),
  );
  const path = await file("twice.jsonl", lines.join("\n"));
  const outcomes = await Promise.all([1, 2, 3].map(() => run({ format: "jsonl", path })));
  assert.equal(
    outcomes.reduce((sum, { inserted }) => sum + inserted, 0),
    300,
  );
});

test("the demonstration has at least 120 foods, each of them once", async () => {
  const own = await withDatabase();
  after(own.drop);
  const count = Object.values(DEMO_FOODS).join("").trim().split("\n").length;
  const foods = await loadDemoCatalogue(own.database, silentLog);
  assert.ok(foods >= 120);
  assert.ok(Math.abs(foods - count) <= Object.keys(DEMO_FOODS).length);
  assert.equal(await loadDemoCatalogue(own.database, silentLog), 0);
  const { rows } = await own.database.query<{ bad: number }>(sql`
    select count(*) as bad from products_catalog.products
     where calories is null or vitamin_c is null or category_id is null or not is_food
        or abs(4 * protein + 4 * carbohydrate + 9 * total_fat - calories) > 25 + calories * 0.3`);
  assert.equal(rows[0]!.bad, 0);
});
