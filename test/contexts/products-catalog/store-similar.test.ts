import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { seedProducts } from "../../../src/contexts/products-catalog/index.ts";
import { prepareName } from "../../../src/platform/name-preparation.ts";
import {
  rankCandidates,
  type Candidate,
} from "../../../src/contexts/products-catalog/similar-names.ts";
import {
  createSimilarNames,
  firstWordStatement,
  trigramStatement,
} from "../../../src/contexts/products-catalog/store-similar.ts";
import { productLimits } from "../../../src/platform/limits.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { testSize } from "../../support/size.ts";
import { AUTO, newProduct, openCatalog } from "./support.ts";

const { database, drop } = await withDatabase();
after(drop);
const call = openCatalog(database);
const similar = createSimilarNames(database);
const COUNT = testSize(5_000, 100_000);

before(async () => {
  assert.equal(await seedProducts(database, COUNT), COUNT);
  assert.equal(await seedProducts(database, COUNT), 0);
});

async function namesLike(text: string): Promise<string[]> {
  return (await similar.search(prepareName(text))).map(({ name }) => name);
}

/** Ranks the whole catalogue by its definition, without any index. */
async function rankedAll(query: string): Promise<Candidate[]> {
  const { rows } = await database.query<Candidate>(sql`
    select id, name, prepared_name as prepared, similarity(prepared_name, ${query}) as similarity
      from products_catalog.products where is_food and not discarded and barcode is null`);
  return rankCandidates(query, rows, 20);
}

for (const name of [
  "arroz integral",
  "Queijo minas light",
  "Leite",
  "Pão francês congelado",
  "banana em pó Vila Rica",
]) {
  test(`the answer to "${name}" is that of ranking all products`, async () => {
    const query = prepareName(name);
    assert.deepEqual(await similar.search(query), await rankedAll(query));
  });
}

test("a name with a slip of the pen is found", async () => {
  assert.match((await namesLike("aroz integral"))[0]!, /^Arroz integral /);
  assert.match((await namesLike("qeijo minas"))[0]!, /^Queijo minas /);
  assert.match((await namesLike("abobrna"))[0]!, /^Abobrinha /);
});

test("what is like nothing finds nothing, and so does an empty name", async () => {
  assert.deepEqual(await namesLike("xyzzy"), []);
  for (const name of ["", "%20%20", "%09", "de", ",%20,"]) {
    const { status, body } = await call("GET", `/v1/products/search/similar-names?name=${name}`);
    assert.equal(status, 200, name);
    assert.deepEqual(body, { data: [] });
  }
});

test("a name is required, and not endless", async () => {
  const path = "/v1/products/search/similar-names";
  assert.equal((await call("GET", path)).status, 422);
  assert.equal((await call("GET", `${path}?name=${"x".repeat(201)}`)).status, 422);
  assert.equal((await call("GET", `${path}?name=a&limit=3`)).status, 422);
  const long = Array.from({ length: 60 }, (_, index) => `p${index % 9}`).join("%20");
  assert.equal((await call("GET", `${path}?name=${long}`)).status, 200);
});

test("the answer holds whole products in the order of the ranking", async () => {
  const path = "/v1/products/search/similar-names?name=Arroz%20integral";
  const { body } = await call("GET", path);
  assert.deepEqual(
    body.data.map(({ name }: { name: string }) => name),
    await namesLike("Arroz integral"),
  );
  assert.equal(body.data.length, 20);
  assert.equal(Object.keys(body.data[0].nutri_facts).length, 83);
});

test("words that only begin alike are told apart, and the longest name has room", async () => {
  const alike = "y".repeat(64);
  const widest = "\u{1F95D}".repeat(productLimits.nameCharactersMax / 2);
  for (const name of [`${alike}a`, `${alike}b`, alike, widest, `z ${"字".repeat(498)}`]) {
    const answer = await call("POST", "/v1/products", { body: newProduct({ name }) });
    assert.equal(answer.status, 201, answer.text);
  }
  const beginning = async (name: string) =>
    (await database.query<Candidate>(firstWordStatement(name))).rows.map(
      ({ prepared }) => prepared,
    );
  for (const word of [`${alike}a`, `${alike}b`, alike]) {
    assert.deepEqual(await beginning(word), [word]);
  }
  assert.deepEqual(await beginning(widest), [widest]);
});

test("products with a barcode, discarded ones and non-foods are not found", async () => {
  const create = async (changes: object) => {
    const answer = await call("POST", "/v1/products", { body: newProduct(changes) });
    return answer.body.data.id as string;
  };
  const name = "Jenipapo silvestre";
  await create({ name, barcode: "1" });
  const discarded = await create({ name });
  await call("DELETE", `/v1/products/${discarded}`);
  const other = await create({ name });
  await call("PATCH", `/v1/products/${other}`, { body: { is_food: false } });
  assert.deepEqual(await namesLike(name), []);
  await create({ name, source_id: AUTO });
  assert.deepEqual(await namesLike(name), [name]);
});

/** How often a statement read the table as a whole, and how often one of its indexes. */
function scansOf(statement: Sql, index: string): Promise<{ table: number; index: number }> {
  return database.withTransaction(async (tx) => {
    const read = async () => {
      const { rows } = await tx.query<{ table: number; index: number }>(sql`
        select pg_stat_get_xact_numscans('products_catalog.products'::regclass)::integer as table,
               pg_stat_get_xact_numscans(${index}::regclass)::integer as index`);
      return rows[0]!;
    };
    const before = await read();
    await tx.query(statement);
    const after = await read();
    return { table: after.table - before.table, index: after.index - before.index };
  });
}

test("both searches read their index and never the whole table", async () => {
  for (const query of ["arroz", "arroz integral", "pao frances congelado"]) {
    const scans = await scansOf(firstWordStatement(query), "products_catalog.products_first_words");
    assert.deepEqual(scans, { table: 0, index: 1 }, query);
  }
  for (const least of [0.8, 0.6, 0.4, 0.3]) {
    const scans = await scansOf(
      trigramStatement("aroz integral", least),
      "products_catalog.products_similar_names",
    );
    assert.deepEqual(scans, { table: 0, index: 1 }, `${least}`);
  }
});

test("the threshold is the statement's own and does not stay in the connection", async () => {
  const rows = async (least: number) =>
    (await database.query(trigramStatement("aroz integral", least))).rowCount;
  const [few, many] = [await rows(0.8), await rows(0.3)];
  assert.ok(few < many, `${few} < ${many}`);
  const { rows: settings } = await database.query<{ value: string }>(
    sql`select current_setting('pg_trgm.word_similarity_threshold') as value`,
  );
  assert.equal(settings[0]!.value, "0.6");
});
