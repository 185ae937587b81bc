import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createManualClock } from "../../support/clock.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { AUTO, MANUAL, newProduct, openCatalog, TACO } from "./support.ts";

const { database, drop } = await withDatabase();
after(drop);
const clock = createManualClock(Date.parse("2026-03-01T00:00:00.000Z"));
const call = openCatalog(database, clock);
const ids: string[] = [];

async function create(changes: object): Promise<string> {
  const answer = await call("POST", "/v1/products", { body: newProduct(changes) });
  assert.equal(answer.status, 201, answer.text);
  return answer.body.data.id as string;
}

async function make(kind: string, name: string): Promise<string> {
  const answer = await call("POST", `/v1/products/${kind}`, { body: { name } });
  assert.equal(answer.status, 201, answer.text);
  return answer.body.data.id as string;
}

async function names(query: string): Promise<string[]> {
  const answer = await call("GET", `/v1/products/search?${query}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.data.map((found: { name: string }) => found.name);
}

before(async () => {
  const grains = await make("categories", "Grãos");
  const fruit = await make("categories", "Frutas");
  const brand = await make("brands", "Serra");
  const more = {
    parent_category_id: await make("parent-categories", "Secos"),
    food_group_id: await make("food-groups", "Cereais"),
    process_type_id: await make("process-types", "In natura"),
  };
  const products: object[] = [
    { name: "Arroz", category_id: grains, brand_id: brand, barcode: "11", ...more },
    { name: "Banana", category_id: fruit, source_id: TACO },
    { name: "Ábaco", source_id: TACO, barcode: "22" },
    { name: "Zimbro", category_id: fruit },
    { name: "Undecided", source_id: AUTO },
  ];
  for (const changes of products) {
    ids.push(await create(changes));
    clock.advanceMs(86_400_000);
  }
  await call("PATCH", `/v1/products/${ids[3]}`, { body: { is_food: false } });
});

const FILTERS: readonly (readonly [string, readonly string[]])[] = [
  ["", ["Arroz", "Banana", "Ábaco", "Zimbro"]],
  ["source=manual", ["Arroz", "Zimbro"]],
  ["source=manual&source=taco", ["Arroz", "Banana", "Ábaco", "Zimbro"]],
  ["source=auto", ["Undecided"]],
  ["source=auto&source=taco", ["Banana", "Ábaco", "Undecided"]],
  ["source=nowhere", []],
  ["name=Banana", ["Banana"]],
  ["name=banana", []],
  ["name=Banana&name=Arroz", ["Arroz", "Banana"]],
  ["is_food=false", ["Zimbro"]],
  ["is_food=true", ["Arroz", "Banana", "Ábaco"]],
  ["barcode=11", ["Arroz"]],
  ["barcode=11&barcode=22", ["Arroz", "Ábaco"]],
  ["brand=Serra", ["Arroz"]],
  ["brand=Other", []],
  ["category=Frutas", ["Banana", "Zimbro"]],
  ["category=Frutas&category=Gr%C3%A3os", ["Arroz", "Banana", "Zimbro"]],
  ["category=Frutas&source=taco", ["Banana"]],
  ["parent_category=Secos", ["Arroz"]],
  ["food_group=Cereais", ["Arroz"]],
  ["process_type=In%20natura", ["Arroz"]],
  ["process_type=Cereais", []],
  ["created_at_gte=2026-03-02", ["Banana", "Ábaco", "Zimbro"]],
  ["created_at_lte=2026-03-02", ["Arroz", "Banana"]],
  ["created_at_gte=2026-03-02T00:00:00.001Z&created_at_lte=2026-03-03", ["Ábaco"]],
  ["created_at_lte=2026-03-02T02:59:59%2B03:00", ["Arroz"]],
];
for (const [query, expected] of FILTERS) {
  test(`the list with "${query}" has exactly its matches, and their number`, async () => {
    const { body } = await call("GET", `/v1/products/search?sort=created_at&${query}`);
    assert.deepEqual(
      body.data.map((found: { name: string }) => found.name),
      expected,
    );
    assert.equal(body.pagination.total, expected.length);
  });
}

test("several ids are alternatives", async () => {
  const found = await names(`id=${ids[1]}&id=${ids[0]!.replaceAll("-", "")}&sort=name`);
  assert.deepEqual(found, ["Arroz", "Banana"]);
});

test("each sort has its order; names are sorted as people do", async () => {
  assert.deepEqual(await names("sort=name"), ["Ábaco", "Arroz", "Banana", "Zimbro"]);
  assert.deepEqual(await names("sort=-name"), ["Zimbro", "Banana", "Arroz", "Ábaco"]);
  assert.deepEqual(await names("sort=-created_at"), ["Zimbro", "Ábaco", "Banana", "Arroz"]);
  assert.deepEqual(await names("sort=-date"), ["Zimbro", "Ábaco", "Banana", "Arroz"]);
  assert.deepEqual(await names("sort=updated_at"), ["Arroz", "Banana", "Ábaco", "Zimbro"]);
  assert.deepEqual(await names(""), ["Zimbro", "Ábaco", "Banana", "Arroz"]);
});

const BAD = [
  "limit=0",
  "limit=-1",
  "limit=ten",
  "limit=NaN",
  "limit=",
  "skip=-1",
  "sort=price",
  "sort=",
  "colour=red",
  "id=42",
  "is_food=yes",
  "created_at_gte=yesterday",
  "created_at_lte=2026-02-30",
  "created_at_lte=2026-13-01",
  "brand=a&brand=b",
];
for (const query of BAD) {
  test(`the list refuses ${query.slice(0, 40)}`, async () => {
    const { status, body } = await call("GET", `/v1/products/search?${query}`);
    assert.equal(status, 422);
    assert.equal(body.error_code, "validation_failed");
  });
}

test("a page has its numbers; a larger limit is capped", async () => {
  const page = async (query: string) =>
    (await call("GET", `/v1/products/search?${query}`)).body.pagination;
  assert.deepEqual(await page(""), { page: 1, limit: 200, total: 4, pages: 1 });
  assert.deepEqual(await page("limit=1000"), { page: 1, limit: 200, total: 4, pages: 1 });
  assert.deepEqual(await page("limit=3"), { page: 1, limit: 3, total: 4, pages: 2 });
  assert.equal((await names("limit=3")).length, 3);
  assert.deepEqual(await page("limit=3&skip=3"), { page: 2, limit: 3, total: 4, pages: 2 });
  assert.deepEqual(await page("limit=3&skip=30"), { page: 11, limit: 3, total: 4, pages: 2 });
  assert.deepEqual(await page("limit=3&name=nobody"), { page: 1, limit: 3, total: 0, pages: 0 });
});

test("pages of equal sort keys are disjoint and complete", async () => {
  await database.query(sql`
    insert into products_catalog.products (id, source_id, name, prepared_name, created_at, updated_at)
    select gen_random_uuid(), ${MANUAL}, 'Same', 'same', '2020-01-01', '2020-01-01'
      from generate_series(1, 50)`);
  for (const sort of ["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]) {
    const seen = new Set<string>();
    for (let skip = 0; skip < 50; skip += 7) {
      const { body } = await call(
        "GET",
        `/v1/products/search?name=Same&sort=${sort}&limit=7&skip=${skip}`,
      );
      assert.equal(body.pagination.total, 50);
      for (const { id } of body.data) seen.add(id as string);
    }
    assert.equal(seen.size, 50, sort);
  }
  await database.query(sql`delete from products_catalog.products where name = 'Same'`);
});

test("a total is true after every kind of change", async () => {
  const total = async (query = "") =>
    (await call("GET", `/v1/products/search?limit=1&${query}`)).body.pagination.total as number;
  assert.equal(await total(), 4);
  const id = await create({ name: "Fifth" });
  assert.equal(await total(), 5);
  assert.equal(await total("source=taco"), 2);
  await call("PATCH", `/v1/products/${id}`, { body: { source_id: TACO } });
  assert.equal(await total("source=taco"), 3);
  assert.equal(await total("category=Frutas"), 2);
  const { body } = await call("GET", "/v1/products/categories?name=Frutas");
  await call("PATCH", `/v1/products/categories/${body.data[0].id}`, { body: { name: "Pomar" } });
  assert.equal(await total("category=Frutas"), 0);
  assert.equal(await total("category=Pomar"), 2);
  for (const house_id of ["a", "b", "c"]) {
    await call("PUT", `/v1/products/${ids[4]}/votes`, { body: { house_id, is_food: true } });
  }
  assert.equal(await total(), 6);
  await call("DELETE", `/v1/products/${id}`);
  assert.equal(await total(), 5);
});
