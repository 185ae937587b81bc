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
