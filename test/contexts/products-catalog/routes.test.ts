import assert from "node:assert/strict";
import { after, test } from "node:test";
import { withDatabase } from "../../support/database.ts";
import { AUTO, MANUAL, newProduct, openCatalog, READER, TACO } from "./support.ts";

const { database, drop } = await withDatabase();
after(drop);
const call = openCatalog(database);

async function create(changes: object = {}): Promise<string> {
  const answer = await call("POST", "/v1/products", { body: newProduct(changes) });
  assert.equal(answer.status, 201, answer.text);
  return answer.body.data.id as string;
}

test("a new product is read back as it was sent", async () => {
  const { status, body, headers } = await call("POST", "/v1/products", {
    body: newProduct({
      name: "  Pão <b>de</b> queijo; drop table  ",
      nutri_facts: {
        calories: 295,
        sodium: { value: 2, unit: "g" },
        protein: null,
        iron: { unit: "mg" },
      },
      barcode: " 7891234567895 ",
      ingredients: "polvilho,\n\tqueijo",
      package_size: 0.4,
      package_size_unit: "kg",
      score: { final: 71.5, nutrients: 0 },
      image_url: "https://example.org",
      json_data: '{"a":1}',
      shopping_name: "   ",
      unknown_key: 1,
    }),
  });
  assert.equal(status, 201);
  assert.equal(headers["etag"], '"1"');
  assert.equal(body.data.message, "Product created successfully");
  assert.equal(body.data.version, 1);
  const read = await call("GET", `/v1/products/${body.data.id}`, { as: READER });
  assert.equal(read.status, 200);
  const {
    nutri_facts: facts,
    created_at: createdAt,
    updated_at: updatedAt,
    ...rest
  } = read.body.data;
  assert.match(createdAt, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(updatedAt, createdAt);
  assert.equal(Object.keys(facts).length, 83);
  assert.deepEqual(facts.calories, { unit: "kcal", value: 295 });
  assert.deepEqual(facts.sodium, { unit: "g", value: 2 });
  assert.deepEqual(facts.protein, { unit: "g", value: 0 });
  assert.deepEqual(facts.iron, { unit: "mg", value: 0 });
  assert.deepEqual(rest, {
    id: body.data.id,
    version: 1,
    discarded: false,
    source_id: MANUAL,
    name: "Pão <b>de</b> queijo; drop table",
    is_food: true,
    shopping_name: null,
    store_department_name: null,
    recommended_brands_and_products: null,
    edible_yield: 1,
    kg_per_unit: null,
    liters_per_kg: null,
    nutrition_group: null,
    cooking_factor: null,
    conservation_days: null,
    substitutes: null,
    barcode: "7891234567895",
    brand_id: null,
    category_id: null,
    parent_category_id: null,
    score: { final: 71.5, ingredients: null, nutrients: 0 },
    food_group_id: null,
    process_type_id: null,
    ingredients: "polvilho,\n\tqueijo",
    package_size: 0.4,
    package_size_unit: "kg",
    image_url: "https://example.org/",
    json_data: '{"a":1}',
    is_food_votes: {
      acceptance_line: { "0.0": null, "3.0": 1, "5.0": 0.7 },
      is_food_houses: [],
      is_not_food_houses: [],
    },
    is_food_houses_choice: null,
  });
});

test("writing needs manage_products, reading does not", async () => {
  const id = await create();
  const as = READER;
  assert.equal((await call("POST", "/v1/products", { as, body: newProduct() })).status, 403);
  assert.equal((await call("PATCH", `/v1/products/${id}`, { as, body: {} })).status, 403);
  assert.equal((await call("DELETE", `/v1/products/${id}`, { as })).status, 403);
  assert.equal((await call("GET", `/v1/products/${id}`, { as })).status, 200);
  assert.equal((await call("GET", "/v1/products/search", { as })).status, 200);
});

const REFUSED: readonly (readonly [string, object, string])[] = [
  ["an empty name", { name: "   " }, "/body/name"],
  ["a name of 501 characters", { name: "x".repeat(501) }, "/body/name"],
  ["a control character", { name: "a\u0007b" }, "/body/name"],
  ["a line end in a name", { name: "a\nb" }, "/body/name"],
  ["a bell in its label", { ingredients: "a\u0007" }, "/body/ingredients"],
  ["an unknown nutrient", { nutri_facts: { kcal: 1 } }, "/body/nutri_facts/kcal"],
  ["a negative nutrient", { nutri_facts: { iron: -1 } }, "/body/nutri_facts/iron"],
  [
    "an unknown unit",
    { nutri_facts: { iron: { value: 1, unit: "oz" } } },
    "/body/nutri_facts/iron/unit",
  ],
  ["a nutrient as text", { nutri_facts: { iron: "1" } }, "/body/nutri_facts/iron"],
  ["a nutrient as truth value", { nutri_facts: { iron: true } }, "/body/nutri_facts/iron"],
  ["a key beside value and unit", { nutri_facts: { iron: { v: 1 } } }, "/body/nutri_facts/iron/v"],
  ["no nutrition facts", { nutri_facts: null }, "/body/nutri_facts"],
  ["a score above 100", { score: { final: 101 } }, "/body/score/final"],
  ["an edible yield of 0", { edible_yield: 0 }, "/body/edible_yield"],
  ["an edible yield above 1", { edible_yield: 1.01 }, "/body/edible_yield"],
  ["half a day of conservation", { conservation_days: 0.5 }, "/body/conservation_days"],
  ["an unknown package unit", { package_size_unit: "percentual" }, "/body/package_size_unit"],
  ["an address of another scheme", { image_url: "javascript:alert(1)" }, "/body/image_url"],
  ["a source that is no id", { source_id: "taco" }, "/body/source_id"],
  ["a source that is not there", { source_id: crypto.randomUUID() }, "/body/source_id"],
  ["a category that is not there", { category_id: crypto.randomUUID() }, "/body/category_id"],
  ["a category of another kind", { category_id: MANUAL }, "/body/category_id"],
];
for (const [what, changes, path] of REFUSED) {
  test(`a new product with ${what} is refused`, async () => {
    const { status, body } = await call("POST", "/v1/products", { body: newProduct(changes) });
    assert.equal(status, 422);
    assert.equal(body.error_code, "validation_failed");
    assert.deepEqual(
      body.errors.map((fault: { path: string }) => fault.path),
      [path],
    );
  });
}

test("two products of a source cannot share a barcode, at the same moment either", async () => {
  const body = () => newProduct({ barcode: "0012345678" });
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => call("POST", "/v1/products", { body: body() })),
  );
  assert.deepEqual(
    answers.map(({ status }) => status).sort(),
    [201, 409, 409, 409, 409, 409, 409, 409],
  );
  const refused = answers.find(({ status }) => status === 409)!;
  assert.equal(refused.body.error_code, "barcode_taken");
  await create({ barcode: "0012345678", source_id: TACO });
  const other = await create();
  const moved = await call("PATCH", `/v1/products/${other}`, { body: { barcode: "0012345678" } });
  assert.equal(moved.body.error_code, "barcode_taken");
  const first = answers.find(({ status }) => status === 201)!.body.data.id as string;
  assert.equal((await call("DELETE", `/v1/products/${first}`)).status, 200);
  await create({ barcode: "0012345678" });
});

test("a change touches what it names and nothing else", async () => {
  const id = await create({
    nutri_facts: { calories: 10, sodium: { value: 1, unit: "g" }, iron: 3 },
    score: { final: 50, nutrients: 40 },
    substitutes: "outro",
    barcode: "555",
  });
  const changed = await call("PATCH", `/v1/products/${id}`, {
    body: {
      name: "Novo nome",
      nutri_facts: { calories: 20, iron: null, zinc: { value: 5, unit: "mcg" } },
      score: { nutrients: null },
      is_food: false,
    },
  });
  assert.equal(changed.status, 200, changed.text);
  assert.equal(changed.body.data.version, 2);
  const { data } = (await call("GET", `/v1/products/${id}`)).body;
  assert.equal(data.name, "Novo nome");
  assert.equal(data.is_food, false);
  assert.equal(data.substitutes, "outro");
  assert.equal(data.barcode, "555");
  assert.deepEqual(data.score, { final: 50, ingredients: null, nutrients: null });
  assert.deepEqual(data.nutri_facts.calories, { unit: "kcal", value: 20 });
  assert.deepEqual(data.nutri_facts.sodium, { unit: "g", value: 1 });
  assert.deepEqual(data.nutri_facts.iron, { unit: "mg", value: 0 });
  assert.deepEqual(data.nutri_facts.zinc, { unit: "mcg", value: 5 });
  assert.equal(data.version, 2);
});

test("a product as it was read is a good change that changes nothing", async () => {
  const id = await create({
    nutri_facts: { sodium: { value: 1, unit: "g" } },
    score: { final: 1 },
  });
  const before = (await call("GET", `/v1/products/${id}`)).body.data;
  const answer = await call("PATCH", `/v1/products/${id}`, { body: before });
  assert.equal(answer.status, 200, answer.text);
  const {
    version,
    updated_at: _then,
    ...after
  } = (await call("GET", `/v1/products/${id}`)).body.data;
  const { version: _one, updated_at: _before, ...rest } = before;
  assert.deepEqual(after, rest);
  assert.equal(version, 2);
});

test("a stale version is refused, in the body and in If-Match", async () => {
  const id = await create();
  const target = `/v1/products/${id}`;
  const patch = (body: object, headers = {}) => call("PATCH", target, { body, headers });
  assert.equal((await patch({ version: 1 })).body.data.version, 2);
  assert.equal((await patch({ version: 1 })).body.error_code, "version_conflict");
  assert.equal((await patch({}, { "if-match": '"1"' })).status, 409);
  assert.equal((await patch({}, { "if-match": '"2"' })).headers["etag"], '"3"');
  assert.equal((await patch({ version: 3 }, { "if-match": "4" })).status, 422);
  assert.equal((await patch({}, { "if-match": "*" })).status, 200);
  assert.equal((await call("DELETE", target, { headers: { "if-match": "3" } })).status, 409);
  assert.equal((await call("DELETE", `${target}?version=3`)).status, 409);
  assert.equal((await call("DELETE", `${target}?version=4`)).status, 200);
});

test("of concurrent changes of one version exactly one succeeds", async () => {
  const id = await create();
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, index) =>
      call("PATCH", `/v1/products/${id}`, { body: { version: 1, substitutes: `${index}` } }),
    ),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409, 409, 409]);
});

test("a discarded product is gone for readers and writers", async () => {
  const id = await create();
  assert.equal((await call("DELETE", `/v1/products/${id}`)).status, 200);
  assert.equal((await call("GET", `/v1/products/${id}`)).status, 404);
  assert.equal((await call("PATCH", `/v1/products/${id}`, { body: {} })).status, 404);
  assert.equal((await call("DELETE", `/v1/products/${id}`)).status, 404);
  assert.deepEqual((await call("GET", `/v1/products/search?id=${id}`)).body.data, []);
});

test("an id may be spelled in any way, and nothing else is an id", async () => {
  const id = await create();
  for (const spelling of [id.replaceAll("-", ""), id.toUpperCase(), `%7B${id}%7D`]) {
    assert.equal((await call("GET", `/v1/products/${spelling}`)).body.data.id, id);
  }
  assert.equal((await call("GET", "/v1/products/42")).status, 422);
  assert.equal((await call("GET", `/v1/products/${crypto.randomUUID()}`)).status, 404);
});

test("a change of the source is refused where an unknown one is named", async () => {
  const id = await create({ source_id: AUTO });
  const body = { source_id: crypto.randomUUID() };
  assert.equal((await call("PATCH", `/v1/products/${id}`, { body })).status, 422);
});
