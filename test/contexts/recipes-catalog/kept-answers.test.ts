import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Reader } from "../../../src/contexts/recipes-catalog/meal-filter.ts";
import { createBodyMemory } from "../../../src/contexts/recipes-catalog/json-body.ts";
import { createProductAnswers } from "../../../src/contexts/recipes-catalog/product-answers.ts";
import { createClientStore } from "../../../src/contexts/recipes-catalog/store-clients.ts";
import { createMealStore } from "../../../src/contexts/recipes-catalog/store-meals.ts";
import { readMenuView } from "../../../src/contexts/recipes-catalog/store-menu-view.ts";
import { createMenuStore } from "../../../src/contexts/recipes-catalog/store-menus.ts";
import { createRecipeStore } from "../../../src/contexts/recipes-catalog/store-recipes.ts";
import {
  findProductTexts,
  readProductMarks,
} from "../../../src/contexts/products-catalog/index.ts";
import type { Principal } from "../../../src/http/principal.ts";
import { mealLimits } from "../../../src/platform/limits.ts";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { watched } from "../../auth/accounts-rig.ts";
import { withDatabase } from "../../support/database.ts";
import { insertMenu, kitchenOf, RECIPE } from "./meal-support.ts";
import { ANA, BRUNO, insertClient, MANAGER, serveRecipes } from "./support.ts";

const { database: db, drop } = await withDatabase({ connections: 6 });
const { database, statements } = watched(db);
const RICE = newId();
await db.query(sql`
  insert into products_catalog.products (id, source_id, name, prepared_name)
  values (${RICE}, '00000000-0000-7000-8000-000000000001', 'Arroz', 'arroz')`);
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
  menus: createMenuStore(of),
  answers: createProductAnswers("menu view", of, readProductMarks, createBodyMemory()),
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
/** What the look-ups of the test are about. */
const at = { client: newId(), menu: newId() };
const READS: readonly ((stores: Stores, reader: Reader) => Promise<unknown>)[] = [
  ...OF_RECIPES.map(
    (filter) => (stores: Stores, reader: Reader) =>
      stores.recipes.list(filter, reader, "-updated_at", first),
  ),
  ...OF_MEALS.map(
    (filter) => (stores: Stores, reader: Reader) =>
      stores.meals.list(filter, reader, "-calories", first),
  ),
  (stores, reader) => stores.recipes.list({}, reader, "name", { skip: 1, limit: 2 }),
  ...(["full", "summary"] as const).map(
    (menus) =>
      ({ clients }: Stores, reader: Reader) =>
        clients.list(reader, { filter: { tags }, sort: "name", page: first, menus }),
  ),
  ({ clients }) => clients.find(at.client, "full").then(bodyOf),
  ({ menus }) => menus.find(at.client, at.menu).then(bodyOf),
  ({ answers }, reader) =>
    answers(reader, at.menu, (tx) => readMenuView(tx, reader, [at.menu], findProductTexts)).catch(
      (error: Error) => error.message,
    ),
];
const bodyOf = (found: { readonly body: Uint8Array } | undefined) => found?.body;
const READERS: readonly Reader[] = [ANA, BRUNO, MANAGER].map(({ userId, tenantId }) => {
  const isManager = userId === MANAGER.userId;
  return { userId, tenantId, isManager, seesClients: userId !== ANA.userId };
});

/** Whoever remembers reads what somebody reads who has just begun. */
async function assertTrue(what: string): Promise<void> {
  for (const reader of READERS) {
    for (const [place, read] of READS.entries()) {
      const [seen, known] = await Promise.all([read(reading, reader), read(storesOf(db), reader)]);
      assert.equal(String(seen), String(known), `${what}: read ${place}`);
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
  const clientId = await insertClient(db);
  const { menu_id: menuId } = await write("POST", `/v1/clients/${clientId}/menus`, IS_LIGHT);
  Object.assign(at, { client: clientId, menu: menuId });
  await assertTrue("other things are looked up");
  const { id: mealId } = await write("POST", "/v1/meals", {
    name: "Almoço",
    menu_id: menuId,
    menu_meal: { week: 1, weekday: "Segunda", meal_type: "almoço" },
  });
  const meal = `/v1/meals/${mealId}`;
  await write("PATCH", meal, { name: "Jantar" });
  await write("PATCH", meal, { like: true, ...IS_LIGHT });
  const { id } = await write("POST", "/v1/recipes", { ...RECIPE, meal_id: mealId });
  const recipe = `/v1/recipes/${id}`;
  await write("PATCH", recipe, WITH_RICE);
  for (const name of ["Arroz", "Arroz integral"]) {
    await db.query(sql`update products_catalog.products set name = ${name} where id = ${RICE}`);
    await assertTrue(`the product is named ${name}`);
  }
  await write("PATCH", recipe, IS_LIGHT);
  await write("PATCH", recipe, { nutri_facts: { calories: 90 } });
  await write("PATCH", recipe, { privacy: "public" });
  await write("POST", `${recipe}/rate`, { rating: { taste: 4, convenience: 2 } }, BRUNO);
  const [bruno, brunosMeal] = [await insertMenu(db, BRUNO), await kitchen.meal({}, BRUNO)];
  await write("POST", `${recipe}/copy`, { meal_id: brunosMeal }, BRUNO);
  await write("PATCH", `/v1/meals/${brunosMeal}`, { menu_id: bruno }, BRUNO);
  for (const value of ["forte", "leve"]) {
    await db.query(sql`update shared_kernel.tags set value = ${value}
       where key = 'dieta' and author_id = ${ANA.userId}`);
    await assertTrue(`the tag is ${value}`);
  }
  await write("PATCH", recipe, { privacy: "private" });
  await write("POST", `${meal}/copy`, { id_of_target_menu: menuId });
  await write("PATCH", meal, { recipes: [{ ...RECIPE, ...IS_LIGHT }] });
  await write("PATCH", meal, { menu_id: null });
  await write("POST", "/v1/clients", { profile: { name: "Zoé", sex: "feminino" }, ...IS_LIGHT });
  await write("PATCH", `/v1/clients/${clientId}`, IS_LIGHT);
  await write("PATCH", `/v1/clients/${clientId}`, { profile: { name: "Abel" } });
  await write("PATCH", `/v1/clients/${clientId}/menus/${menuId}`, { description: "leve" });
  await write("PATCH", `/v1/clients/${clientId}/menus/${menuId}`, { meals: [] });
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

test("what is known asks for its revision, and for the marks of its products", async () => {
  const menu = await insertMenu(db);
  const { rows } = await db.query<{ client_id: string }>(sql`
    select client_id from recipes_catalog.menus where id = ${menu}`);
  Object.assign(at, { client: rows[0]!.client_id, menu });
  await kitchen.recipe(await kitchen.meal({ menu_id: menu }), WITH_RICE);
  for (const read of READS) {
    const first = await read(reading, ana);
    statements.length = 0;
    assert.equal(String(await read(reading, ana)), String(first));
    assert.ok(statements.length <= 2, statements.join("; "));
    for (const statement of statements) assert.match(statement, /^select (coalesce|string_agg)/);
  }
});

test("a revision that was raised never comes back, not even in a database restored from a copy", async () => {
  const page = () => list().then(String);
  const rename = (name: string) =>
    db.query(
      sql`update recipes_catalog.recipes set name = ${name} where author_id = ${ana.userId}`,
    );
  await rename("Antes");
  const { rows } = await db.query<{ revision: number }>(sql`
    select revision from recipes_catalog.revisions
     where scope = 'author' and whose = ${ana.userId}`);
  await rename("Depois");
  assert.match(await page(), /Depois/);
  // As the copy had it.
  await db.query(sql`
    update recipes_catalog.revisions set revision = ${rows[0]!.revision}
     where scope = 'author' and whose = ${ana.userId}`);
  await rename("Outra vez");
  assert.match(await page(), /Outra vez/);
});

test("an answer of more products than the limit is made anew each time", async () => {
  const answers = createProductAnswers("many", db, readProductMarks, createBodyMemory());
  for (const [more, made] of [
    [0, 1],
    [1, 2],
  ] as const) {
    const productIds = Array.from({ length: mealLimits.keptProductsMax + more }, newId);
    let reads = 0;
    const read = async () => {
      reads += 1;
      return { productIds, write: () => Buffer.from("{}") };
    };
    for (let time = 0; time < 2; time++) await answers(ana, more, read);
    assert.equal(reads, made);
  }
});
