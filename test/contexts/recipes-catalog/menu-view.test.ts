import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  findProductTexts,
  readProductMarks,
} from "../../../src/contexts/products-catalog/index.ts";
import { menuLimits } from "../../../src/platform/limits.ts";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import {
  ANA,
  BRUNO,
  insertClient,
  insertMeal,
  MANAGER,
  serveRecipes,
  STRANGER,
  type Call,
} from "./support.ts";

const { database, drop } = await withDatabase({ connections: 8 });
let statements = 0;
const counted: typeof findProductTexts = async (tx, ids) => {
  statements++;
  return findProductTexts(tx, ids);
};
const { call, close } = await serveRecipes(database, {
  products: { findProductTexts: counted, readProductMarks },
});
after(async () => {
  close();
  await drop();
});

const productId = newId();
await database.query(sql`
  insert into products_catalog.products (id, source_id, name, prepared_name)
  values (${productId}, '00000000-0000-7000-8000-000000000001', 'Arroz', 'arroz')`);

/** A menu of Ana with one meal in it, which has one recipe of rice and of something unknown. */
async function makeMenu(clientId: string) {
  const made = await call("POST", `/v1/clients/${clientId}/menus`, { body: {} });
  const menuId = made.body.data.menu_id as string;
  const mealId = await insertMeal(database, { name: `Almoço ${newId()}` });
  const place = { meal_id: mealId, week: 1, weekday: "Segunda", meal_type: "almoço" };
  const path = `/v1/clients/${clientId}/menus/${menuId}`;
  assert.equal((await call("PATCH", path, { body: { meals: [place] } })).status, 200);
  const recipe = {
    name: "Arroz branco",
    instructions: "Cozinhe.",
    meal_id: mealId,
    ingredients: [
      { name: "arroz", quantity: 100, unit: "g", position: 0, product_id: productId },
      { name: "sal", quantity: 1, unit: "pitada", position: 1, product_id: newId() },
    ],
  };
  assert.equal((await call("POST", "/v1/recipes", { body: recipe })).status, 201);
  return { menuId, mealId };
}

const view = (menuIds: readonly string[], options: Call = {}) =>
  call("GET", `/v1/menu-view/data?${menuIds.map((id) => `menu_ids=${id}`).join("&")}`, options);
const idsOf = (rows: { id: string }[]) => rows.map(({ id }) => id);

test("menus are shown with their client, meals, recipes and products, and with nothing else", async () => {
  const clientId = await insertClient(database);
  const [one, two, unasked] = [
    await makeMenu(clientId),
    await makeMenu(clientId),
    await makeMenu(clientId),
  ];
  statements = 0;
  const { status, body } = await view([two.menuId, one.menuId, two.menuId]);
  assert.equal(status, 200, JSON.stringify(body));
  const { clients, menus, meals, products } = body.data;
  assert.deepEqual(idsOf(menus), [two.menuId, one.menuId]);
  assert.deepEqual(idsOf(meals), [one.mealId, two.mealId]);
  assert.deepEqual(
    meals.map(({ recipes }: { recipes: { name: string }[] }) => recipes.map(({ name }) => name)),
    [["Arroz branco"], ["Arroz branco"]],
  );
  assert.deepEqual(idsOf(products), [productId]);
  assert.equal(statements, 1, "products are asked for once");
  assert.deepEqual(idsOf(clients), [clientId]);
  // A client comes with the menus that were asked for alone.
  assert.deepEqual(idsOf(clients[0].menus).toSorted(), [one.menuId, two.menuId].toSorted());
  assert.ok(!JSON.stringify(body).includes(unasked.menuId));
});

test("menus of others are not there, except for who manages them in the tenant", async () => {
  const { menuId } = await makeMenu(await insertClient(database));
  assert.equal((await view([menuId], { as: BRUNO })).status, 404);
  assert.equal((await view([menuId], { as: STRANGER })).status, 404);
  assert.equal((await view([menuId], { as: MANAGER })).status, 200);
  // One that is not there hides all of them: nobody learns which.
  assert.equal((await view([menuId, newId()], { as: ANA })).status, 404);
});

test("what was discarded is not shown", async () => {
  const clientId = await insertClient(database);
  const { menuId, mealId } = await makeMenu(clientId);
  assert.equal((await call("DELETE", `/v1/meals/${mealId}`)).status, 200);
  const { body } = await view([menuId]);
  assert.deepEqual(body.data.meals, []);
  assert.deepEqual(body.data.products, []);
  assert.equal((await call("DELETE", `/v1/clients/${clientId}`)).status, 200);
  assert.equal((await view([menuId])).status, 404);
});

test("a number of menus is looked at together, and ids are ids", async () => {
  assert.equal((await call("GET", "/v1/menu-view/data")).status, 422);
  assert.equal((await view(["x"])).status, 422);
  const many = Array.from({ length: menuLimits.viewedMax + 1 }, newId);
  assert.equal((await view(many)).status, 422);
});
