import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  findProductTexts,
  readProductMarks,
} from "../../../src/contexts/products-catalog/index.ts";
import { watched } from "../../auth/accounts-rig.ts";
import { withDatabase } from "../../support/database.ts";
import { insertClient, insertMeal, serveRecipes } from "./support.ts";
import { RECIPE } from "./meal-support.ts";

const db = await withDatabase();
const { database, statements } = watched(db.database);
const { call, close } = await serveRecipes(database, {
  products: { findProductTexts, readProductMarks },
});
after(async () => {
  close();
  await db.drop();
});

/** How many statements a request is worth. */
async function countOf(method: string, path: string, body?: object): Promise<number> {
  const before = statements.length;
  const { status, body: answer } = await call(method, path, { body });
  assert.ok(status < 300, `${method} ${path}: ${JSON.stringify(answer)}`);
  return statements.length - before;
}

const WEEKDAYS = ["Segunda", "Terça", "Quarta", "Quinta", "Sexta", "Sábado", "Domingo"];
const tagsOf = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ key: "dieta", value: `número ${at}` }));

function recipes(count: number, parts = count) {
  const ingredients = Array.from({ length: parts }, (_, position) => ({
    name: `Parte ${position}`,
    quantity: 10,
    unit: "g",
    position,
  }));
  return Array.from({ length: count }, () => ({ ...RECIPE, ingredients, tags: tagsOf(parts) }));
}

const clientId = await insertClient(db.database);
const { body } = await call("POST", `/v1/clients/${clientId}/menus`, { body: {} });
const menuId = body.data.menu_id as string;
const menuPath = `/v1/clients/${clientId}/menus/${menuId}`;

async function makeMeal(size: number): Promise<string> {
  const meal = { name: "Almoço", menu_id: menuId, tags: tagsOf(size), recipes: recipes(size) };
  const answer = await call("POST", "/v1/meals", { body: meal });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body.data.id;
}

const small = await makeMeal(1);
const large = await makeMeal(8);

test("no list asks more of the database because it has more rows, or larger ones", async () => {
  const lists = [
    "/v1/recipes/search",
    "/v1/meals/search",
    "/v1/clients/search",
    `/v1/clients/${clientId}/menus`,
    "/v1/tags/search",
    `/v1/menu-view/data?menu_ids=${menuId}`,
  ];
  // What is kept is read anew after a write.
  for (const path of lists) await countOf("GET", path);
  await makeMeal(1);
  const before: number[] = [];
  for (const path of lists) before.push(await countOf("GET", path));
  for (let count = 0; count < 5; count++) {
    await makeMeal(3);
    await insertClient(db.database);
    await call("POST", `/v1/clients/${clientId}/menus`, { body: {} });
  }
  for (const [at, path] of lists.entries()) {
    assert.equal(await countOf("GET", path), before[at], path);
    assert.ok(before[at]! <= 10, `${path} asks ${before[at]} statements`);
  }
});

test("reading, writing and copying a meal asks the same, however large it is", async () => {
  const requests: [string, (mealId: string) => string, (size: number) => object | undefined][] = [
    ["GET", (id) => `/v1/meals/${id}`, () => undefined],
    ["PATCH", (id) => `/v1/meals/${id}`, (size) => ({ recipes: recipes(size, size + 1) })],
    ["POST", (id) => `/v1/meals/${id}/copy`, () => ({ id_of_target_menu: menuId })],
  ];
  for (const [method, path, bodyOf] of requests) {
    const counts = [
      await countOf(method, path(small), bodyOf(1)),
      await countOf(method, path(large), bodyOf(8)),
    ];
    assert.equal(counts[0], counts[1], `${method} ${path("{id}")}: ${counts}`);
  }
  const made = [1, 8].map((size) => ({ name: "Jantar", menu_id: menuId, recipes: recipes(size) }));
  const counts = [
    await countOf("POST", "/v1/meals", made[0]),
    await countOf("POST", "/v1/meals", made[1]),
  ];
  assert.equal(counts[0], counts[1], `POST /v1/meals: ${counts}`);
});

test("a grid of many places asks what a grid of one asks", async () => {
  const places = async (count: number) => {
    const meals = [];
    for (const weekday of WEEKDAYS.slice(0, count)) {
      const meal_id = await insertMeal(db.database, { menuId });
      meals.push({ meal_id, week: 1, weekday, meal_type: "almoço" });
    }
    return countOf("PATCH", menuPath, { meals });
  };
  const [one, many] = [await places(1), await places(7)];
  assert.equal(many, one, `${one} for one place, ${many} for seven`);
});
