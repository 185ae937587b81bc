import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Reader } from "../../../src/contexts/recipes-catalog/meal-filter.ts";
import { createPageMemory } from "../../../src/contexts/recipes-catalog/page-memory.ts";
import { createClientStore } from "../../../src/contexts/recipes-catalog/store-clients.ts";
import { createMealStore } from "../../../src/contexts/recipes-catalog/store-meals.ts";
import { createRecipeStore } from "../../../src/contexts/recipes-catalog/store-recipes.ts";
import type { Principal } from "../../../src/http/principal.ts";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { watched } from "../../auth/accounts-rig.ts";
import { withDatabase } from "../../support/database.ts";
import { insertMenu, kitchenOf, RECIPE } from "./meal-support.ts";
import { ANA, BRUNO, insertClient, MANAGER, serveRecipes } from "./support.ts";

const { database: db, drop } = await withDatabase({ connections: 6 });
const { database, statements } = watched(db);
const RICE = newId();
const { call, close } = await serveRecipes(db, { similarProducts: async () => [RICE] });
const kitchen = kitchenOf(db, call);
after(async () => {
  close();
  await drop();
});

const storesOf = (of: typeof db) => ({
  recipes: createRecipeStore(of),
  meals: createMealStore(of),
  clients: createClientStore(of),
});
type Stores = ReturnType<typeof storesOf>;
/** Stores of another process than the one that writes. */
const reading = storesOf(database);

const LIGHT = { key: "dieta", value: "leve" };
const tags = [{ key: "dieta", values: ["leve"] }];
const first = { skip: 0, limit: 1 };
const BOTH = [
  { privacy: "public" },
  { tagsNotExists: tags },
  { client_name_contains: "walter" },
  { calories_gte: 100 },
] as const;
const OF_RECIPES = [...BOTH, { average_taste_rating_gte: 3, tags, productSets: [[RICE]] }];
const OF_MEALS = [...BOTH, { tags, productSets: [[RICE]] }];
const LISTS: readonly ((stores: Stores, reader: Reader) => Promise<unknown>)[] = [
  ...OF_RECIPES.map(
    (filter) => (stores: Stores, reader: Reader) =>
      stores.recipes.list(filter, reader, "-updated_at", first),
  ),
  ...OF_MEALS.map(
    (filter) => (stores: Stores, reader: Reader) =>
      stores.meals.list(filter, reader, "-calories", first),
  ),
  (stores, reader) => stores.recipes.list({}, reader, "name", { skip: 1, limit: 2 }),
  (stores, reader) =>
    stores.clients.list(reader, { filter: { tags }, sort: "name", page: first, menus: "full" }),
];
const READERS: readonly Reader[] = [ANA, BRUNO, MANAGER].map(({ userId, tenantId }) => {
  const isManager = userId === MANAGER.userId;
  return { userId, tenantId, isManager, seesClients: userId !== ANA.userId };
});

/** Whoever remembers reads what somebody reads who has just begun. */
async function assertTrue(what: string): Promise<void> {
  for (const reader of READERS) {
    for (const [at, list] of LISTS.entries()) {
      const [seen, known] = await Promise.all([list(reading, reader), list(storesOf(db), reader)]);
      assert.deepEqual(seen, known, `${what}: list ${at}`);
    }
  }
}

const WITH_RICE = { ingredients: [{ ...RECIPE.ingredients[0]!, product_id: RICE }] };
const IS_LIGHT = { tags: [LIGHT] };

test("every write is seen by the next list of another process, whatever that remembers", async () => {
  const write = async (method: string, path: string, body?: object, as: Principal = ANA) => {
    const answer = await call(method, path, { body, as });
    assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    await assertTrue(`${method} ${path} ${JSON.stringify(body ?? {}).slice(0, 80)}`);
    return answer.body.data;
  };
  await assertTrue("nothing");
  const [clientId, menuId] = [await insertClient(db), await insertMenu(db)];
  const { id: mealId } = await write("POST", "/v1/meals", { name: "Almoço", menu_id: menuId });
  const meal = `/v1/meals/${mealId}`;
  await write("PATCH", meal, { name: "Jantar" });
  await write("PATCH", meal, { like: true, ...IS_LIGHT });
  const { id } = await write("POST", "/v1/recipes", { ...RECIPE, meal_id: mealId });
  const recipe = `/v1/recipes/${id}`;
  await write("PATCH", recipe, WITH_RICE);
  await write("PATCH", recipe, IS_LIGHT);
  await write("PATCH", recipe, { nutri_facts: { calories: 90 } });
  await write("PATCH", recipe, { privacy: "public" });
  await write("POST", `${recipe}/rate`, { rating: { taste: 4, convenience: 2 } }, BRUNO);
  const [bruno, brunosMeal] = [await insertMenu(db, BRUNO), await kitchen.meal({}, BRUNO)];
  await write("POST", `${recipe}/copy`, { meal_id: brunosMeal }, BRUNO);
  await write("PATCH", `/v1/meals/${brunosMeal}`, { menu_id: bruno }, BRUNO);
  await write("PATCH", recipe, { privacy: "private" });
  await write("POST", `${meal}/copy`, { id_of_target_menu: menuId });
  await write("PATCH", meal, { recipes: [{ ...RECIPE, ...IS_LIGHT }] });
  await write("PATCH", meal, { menu_id: null });
  await write("POST", "/v1/clients", { profile: { name: "Zoé", sex: "feminino" }, ...IS_LIGHT });
  await write("PATCH", `/v1/clients/${clientId}`, IS_LIGHT);
  await write("PATCH", `/v1/clients/${clientId}`, { profile: { name: "Abel" } });
  const added = await write("POST", `/v1/clients/${clientId}/menus`, { description: "leve" });
  await write("DELETE", `/v1/clients/${clientId}/menus/${added.menu_id}`);
  await write("DELETE", meal);
  await write("DELETE", `/v1/clients/${clientId}`);
});

test("the texts are those that would be written now", async () => {
  const texts = async () => [
    (await db.query(sql`select * from recipes_catalog.recipe_texts order by recipe_id`)).rows,
    (await db.query(sql`select * from recipes_catalog.meal_texts order by meal_id`)).rows,
  ];
  await db.query(sql`update shared_kernel.tags set value = 'outra' where value = 'leve'`);
  const written = await texts();
  assert.ok(written.every((rows) => rows.length >= 3));
  await db.query(sql`delete from recipes_catalog.recipe_texts`);
  await db.query(sql`delete from recipes_catalog.meal_texts`);
  await db.query(sql`
    select recipes_catalog.write_recipe_texts(array(select id from recipes_catalog.recipes)),
           recipes_catalog.write_meal_texts(array(select id from recipes_catalog.meals))`);
  assert.deepEqual(await texts(), written);
});

const ana = READERS[0]!;
const list = () => reading.recipes.list({}, ana, "-updated_at", first);

test("a page that is known asks one statement, which searches nothing", async () => {
  await list();
  statements.length = 0;
  await list();
  assert.equal(statements.length, 1);
  assert.doesNotMatch(statements[0]!, /count\(|limit/);
});

test("what became invisible is on no page, though the revision says nothing of it", async () => {
  const id = await kitchen.recipe(await kitchen.meal());
  assert.equal(JSON.parse((await list()).texts).id, id);
  await db.withTransaction(async (tx) => {
    // No trigger runs.
    await tx.query(sql`set local session_replication_role = replica`);
    await tx.query(sql`update recipes_catalog.recipes set discarded = true where id = ${id}`);
  });
  assert.notEqual(JSON.parse((await list()).texts).id, id);
});

/** A list of one page, and what was asked of it. */
function listOf(state: { revision: number; ids: string | null; total: number }) {
  const asked: string[] = [];
  const read = (what: string) => async () => {
    asked.push(what);
    return { revision: state.revision, ids: state.ids, texts: state.ids };
  };
  return {
    asked,
    list: {
      matching: "all",
      sort: "name",
      page: { skip: 0, limit: 1 },
      read: read("known"),
      find: read("found"),
      count: async () => {
        asked.push("count");
        return { revision: state.revision, total: state.total };
      },
    },
  };
}

test("a page is found and counted once for a revision", async () => {
  const memory = createPageMemory();
  const state = { revision: 1, ids: "a", total: 5 };
  const { asked, list } = listOf(state);
  assert.deepEqual(await memory.list(list), { texts: "a", total: 5 });
  assert.deepEqual(await memory.list(list), { texts: "a", total: 5 });
  assert.deepEqual(asked.splice(0), ["known", "found", "count", "known"]);
  Object.assign(state, { revision: 2, total: 6 });
  assert.deepEqual(await memory.list(list), { texts: "a", total: 6 });
  assert.deepEqual(asked.splice(0), ["known", "found", "count"]);
  await memory.list({ ...list, sort: "-name" });
  assert.deepEqual(asked.splice(0), ["known", "found"], "the total is that of every order");
});

test("a count of another moment is answered, and the page is not remembered with it", async () => {
  const memory = createPageMemory();
  const { asked, list } = listOf({ revision: 1, ids: "a", total: 5 });
  const later = { ...list, count: async () => ({ revision: 2, total: 6 }) };
  assert.equal((await memory.list(later)).total, 6);
  asked.length = 0;
  await memory.list(later);
  assert.deepEqual(asked, ["known", "found"]);
});

test("only so many pages are remembered; the one not asked for the longest goes first", async () => {
  const memory = createPageMemory(2);
  const { asked, list } = listOf({ revision: 1, ids: "a", total: 5 });
  for (const sort of ["a", "b", "a", "c"]) await memory.list({ ...list, sort });
  assert.equal(memory.size().pages, 2);
  asked.length = 0;
  await memory.list({ ...list, sort: "a" });
  assert.deepEqual(asked, ["known"]);
  await memory.list({ ...list, sort: "b" });
  assert.deepEqual(asked, ["known", "known", "found"]);
});
