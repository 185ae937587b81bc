import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import type { Principal } from "../../../src/http/principal.ts";
import { withDatabase } from "../../support/database.ts";
import {
  ANA,
  BRUNO,
  insertClient,
  insertMeal,
  MANAGER,
  person,
  serveRecipes,
  STRANGER,
} from "./support.ts";

const { database, drop } = await withDatabase({ connections: 8 });
const { call, close } = await serveRecipes(database);
after(async () => {
  close();
  await drop();
});

const anasClient = await insertClient(database);
const brunosClient = await insertClient(database, BRUNO);

async function make(clientId = anasClient, body: object = {}, as: Principal = ANA) {
  const answer = await call("POST", `/v1/clients/${clientId}/menus`, { as, body });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body.data.menu_id as string;
}
const pathOf = (menuId: string, clientId = anasClient) => `/v1/clients/${clientId}/menus/${menuId}`;
const read = async (menuId: string, clientId = anasClient) =>
  (await call("GET", pathOf(menuId, clientId), { as: MANAGER })).body.data;
const put = (menuId: string, meals: object[], as = ANA) =>
  call("PATCH", pathOf(menuId), { as, body: { meals } });
const place = (meal_id: string, changes: object = {}) => ({
  meal_id,
  week: 1,
  weekday: "Segunda",
  meal_type: "almoço",
  ...changes,
});
async function mealRow(id: string) {
  const { rows } = await database.query<{ menu_id: string | null; discarded: boolean }>(
    sql`select menu_id, discarded from recipes_catalog.meals where id = ${id}`,
  );
  return rows[0]!;
}

test("a menu belongs to the author of its client, whoever makes it", async () => {
  const body = { description: "Duas semanas", tags: [{ key: "phase", value: "first" }] };
  const id = await make(brunosClient, body, MANAGER);
  const { created_at: _c, updated_at: _u, ...rest } = await read(id, brunosClient);
  assert.deepEqual(rest, {
    id,
    version: 1,
    discarded: false,
    author_id: BRUNO.userId,
    client_id: brunosClient,
    description: "Duas semanas",
    tags: [{ key: "phase", value: "first", author_id: BRUNO.userId, type: "menu" }],
    meals: [],
  });
});

test("menus are made for clients that one may act on, and ids of bodies must agree", async () => {
  const ask = async (as: Principal, clientId: string, body: object = {}) =>
    (await call("POST", `/v1/clients/${clientId}/menus`, { as, body })).status;
  assert.equal(await ask(ANA, brunosClient), 403);
  assert.equal(await ask(STRANGER, brunosClient), 404);
  assert.equal(await ask(ANA, newId()), 404);
  assert.equal(await ask(ANA, anasClient, { client_id: brunosClient }), 422);
  assert.equal(await ask(ANA, anasClient, { author_id: BRUNO.userId }), 422);
  assert.equal(await ask(person(ANA.tenantId, ["manage_menus"]), anasClient), 201);
  assert.equal(await ask(person(ANA.tenantId, ["manage_clients"]), anasClient), 201);
  assert.equal(await ask(person(ANA.tenantId, ["manage_meals"]), anasClient), 403);
});

test("a menu is there under its own client only", async () => {
  const [mine, others] = [await make(), await make(brunosClient, {}, BRUNO)];
  for (const [as, path, expected] of [
    [ANA, pathOf(mine), 200],
    [ANA, pathOf(others), 404],
    [ANA, pathOf(others, brunosClient), 403],
    [MANAGER, pathOf(others), 404],
    [MANAGER, pathOf(others, brunosClient), 200],
    [STRANGER, pathOf(others, brunosClient), 404],
  ] as const) {
    assert.equal((await call("GET", path, { as })).status, expected);
    assert.equal((await call("PATCH", path, { as, body: { description: "x" } })).status, expected);
    if (expected !== 200) assert.equal((await call("DELETE", path, { as })).status, expected);
  }
  const body = { id: others, description: "y" };
  assert.equal((await call("PATCH", pathOf(mine), { body })).status, 422);
  assert.equal((await read(others, brunosClient)).description, "x");
});

test("the grid is the complete new set, in the order of the week, with what the meals say", async () => {
  const menu = await make();
  const facts = { calories: { value: 500, unit: "kcal" } };
  const [lunch, dinner, other] = [
    await insertMeal(database, { name: "Almoço da casa", facts }),
    await insertMeal(database, { name: "Jantar" }),
    await insertMeal(database, { name: "Ceia" }),
  ];
  const first = await put(menu, [
    place(dinner, { weekday: "Domingo", hour: "19:30" }),
    place(lunch, { meal_name: "Forged", nutri_facts: { calories: 9999 }, hour: "12:00:00" }),
    place(other, { meal_type: "ceia" }),
  ]);
  assert.equal(first.status, 200, JSON.stringify(first.body));
  const { meals, version } = await read(menu);
  assert.equal(version, 2);
  assert.deepEqual(
    meals.map((one: any) => [one.meal_name, one.weekday, one.hour, one.meal_type]),
    [
      ["Almoço da casa", "Segunda", "12:00:00", "almoço"],
      ["Ceia", "Segunda", null, "ceia"],
      ["Jantar", "Domingo", "19:30:00", "almoço"],
    ],
  );
  assert.deepEqual(meals[0].nutri_facts.calories, { value: 500, unit: "kcal" });
  assert.equal(Object.keys(meals[0].nutri_facts).length, 83);
  assert.equal(meals[1].nutri_facts, null);

  // As it was read it can be sent back; what the meals say later is seen at once.
  const same = await call("PATCH", pathOf(menu), { body: await read(menu) });
  assert.deepEqual([same.status, same.body.data.version], [200, 2], "nothing is new");
  await database.query(sql`update recipes_catalog.meals set name = 'Novo' where id = ${lunch}`);
  assert.equal((await read(menu)).meals[0].meal_name, "Novo");

  assert.equal((await put(menu, [place(dinner)])).status, 200);
  assert.deepEqual(await mealRow(dinner), { menu_id: menu, discarded: false });
  for (const id of [lunch, other]) {
    assert.deepEqual(await mealRow(id), { menu_id: null, discarded: false });
  }
});

test("a meal in two places stays in the first, and each further place gets a copy of it", async () => {
  const menu = await make();
  const meal = await insertMeal(database, { name: "Café" });
  await database.query(sql`
    insert into recipes_catalog.recipes (
        id, tenant_id, author_id, meal_id, name, prepared_name, instructions)
    values (${newId()}, ${ANA.tenantId}, ${ANA.userId}, ${meal}, 'Pão', 'pao', 'Assar')`);
  const days = ["Terça", "Segunda", "Domingo"];
  const answer = await put(
    menu,
    days.map((weekday) => place(meal, { weekday })),
  );
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  const { meals } = await read(menu);
  assert.deepEqual(
    meals.map((one: any) => one.meal_name),
    ["Café", "Café", "Café"],
  );
  assert.equal(meals[1].meal_id, meal, "the first place of the body is Tuesday");
  assert.equal(new Set(meals.map((one: any) => one.meal_id)).size, 3);
  for (const { meal_id: id } of meals) {
    assert.deepEqual(await mealRow(id), { menu_id: menu, discarded: false });
    const { rows } = await database.query<{ author_id: string }>(
      sql`select author_id from recipes_catalog.recipes where meal_id = ${id}`,
    );
    assert.deepEqual(rows, [{ author_id: ANA.userId }]);
  }
  const again = await call("PATCH", pathOf(menu), { body: await read(menu) });
  assert.equal(again.status, 200);
  assert.deepEqual((await read(menu)).meals, meals, "what was read makes no copies");
  const many = Array.from({ length: 102 }, (_, at) => place(meal, { meal_type: `m${at}` }));
  assert.equal((await put(menu, many)).status, 422);
});

test("a meal that comes from another menu leaves that one's grid", async () => {
  const [from, to] = [await make(), await make()];
  const meal = await insertMeal(database);
  await put(from, [place(meal)]);
  await put(to, [place(meal)]);
  assert.deepEqual([(await read(from)).meals, (await read(from)).version], [[], 3]);
  assert.equal((await mealRow(meal)).menu_id, to);
});

test("meals that are foreign, discarded or not there cannot be attached", async () => {
  const menu = await make();
  const [brunos, strangers] = [
    await insertMeal(database, {}, BRUNO),
    await insertMeal(database, {}, STRANGER),
  ];
  const gone = await insertMeal(database);
  await database.query(sql`update recipes_catalog.meals set discarded = true where id = ${gone}`);
  assert.equal((await put(menu, [place(brunos)])).status, 403);
  assert.equal((await put(menu, [place(brunos)], MANAGER)).status, 403);
  for (const id of [strangers, gone, newId()]) {
    assert.equal((await put(menu, [place(id)])).status, 404);
  }
  assert.equal((await mealRow(brunos)).menu_id, null);
  assert.deepEqual([(await read(menu)).meals, (await read(menu)).version], [[], 1]);
});

test("places that are none, and two meals in one place, are refused", async () => {
  const menu = await make();
  const [one, other] = [await insertMeal(database), await insertMeal(database)];
  for (const meals of [
    [place(one), place(other, { meal_type: " almoço " })],
    [place(one, { week: 0 })],
    [place(one, { week: 11 })],
    [place(one, { weekday: "Seg" })],
    [place(one, { hour: "24:00" })],
    [place(one, { hour: "9:00" })],
    [place(one, { meal_type: " " })],
    [place(one, { meal_type: "a\u0000b" })],
    [place(one, { what: 1 })],
    [place("none")],
  ]) {
    assert.equal((await put(menu, meals)).status, 422, JSON.stringify(meals));
  }
  const twice = await put(menu, [place(one), place(other)]);
  assert.deepEqual(
    twice.body.errors.map(({ path }: { path: string }) => path),
    ["/body/meals/1"],
  );
});

test("a stale version is refused, and parallel changes of one grid all arrive", async () => {
  const menu = await make();
  const meals = await Promise.all(Array.from({ length: 8 }, () => insertMeal(database)));
  const answers = await Promise.all(meals.map((meal) => put(menu, [place(meal)])));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const found = await read(menu);
  assert.equal(found.version, 9);
  for (const meal of meals) {
    assert.equal((await mealRow(meal)).menu_id, found.meals[0].meal_id === meal ? menu : null);
  }
  const stale = await call("PATCH", pathOf(menu), { body: { description: "x", version: 3 } });
  assert.equal(stale.body.error_code, "version_conflict");
  const headers = { "if-match": '"3"' };
  assert.equal((await call("DELETE", pathOf(menu), { headers })).status, 409);
});

test("grids that exchange their meals at the same time end in one of both states", async () => {
  const [a, b] = [await make(), await make()];
  const [one, other] = [await insertMeal(database), await insertMeal(database)];
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all([
      put(a, [place(one), place(other, { week: 2 })]),
      put(b, [place(other), place(one, { week: 2 })]),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
    const counts = [(await read(a)).meals.length, (await read(b)).meals.length];
    assert.deepEqual(counts.toSorted(), [0, 2]);
  }
});

test("discarding a menu discards its meals and recipes, placed or not", async () => {
  const menu = await make();
  const [placed, unplaced, elsewhere] = [
    await insertMeal(database),
    await insertMeal(database, { menuId: menu }),
    await insertMeal(database),
  ];
  await put(menu, [place(placed)]);
  const answer = await call("DELETE", pathOf(menu));
  assert.equal(answer.body.data.message, "Menu deleted successfully");
  assert.equal(answer.body.data.version, 3);
  assert.ok((await mealRow(placed)).discarded && (await mealRow(unplaced)).discarded);
  assert.ok(!(await mealRow(elsewhere)).discarded);
  assert.equal((await call("GET", pathOf(menu))).status, 404);
  assert.equal((await call("DELETE", pathOf(menu))).status, 404);
});

test("no menu can be made for a client that is being discarded", async () => {
  for (let round = 0; round < 8; round++) {
    const client = await insertClient(database);
    const [made] = await Promise.all([
      call("POST", `/v1/clients/${client}/menus`, { body: {} }),
      call("DELETE", `/v1/clients/${client}`),
    ]);
    assert.ok(made.status === 201 || made.status === 404);
    const { rowCount } = await database.query(sql`
      select from recipes_catalog.menus where client_id = ${client} and not discarded`);
    assert.equal(rowCount, 0);
  }
});

test("the menus of a client are listed with their number of meals, or whole", async () => {
  const client = await insertClient(database);
  const [first, second, gone] = [await make(client), await make(client), await make(client)];
  await call("DELETE", pathOf(gone, client));
  const meal = await insertMeal(database);
  const body = { meals: [place(meal)] };
  assert.equal((await call("PATCH", pathOf(first, client), { body })).status, 200);
  const list = async (query = "") =>
    (await call("GET", `/v1/clients/${client}/menus${query}`)).body;
  const plain = await list("?sort=created_at");
  assert.deepEqual(
    plain.data.map((one: any) => [one.id, one.meals_count, one.meals]),
    [
      [first, 1, undefined],
      [second, 0, undefined],
    ],
  );
  assert.equal((await list("?menus=full&sort=created_at")).data[0].meals[0].meal_id, meal);
  const page = await list("?sort=-created_at&limit=1");
  assert.deepEqual([page.data[0].id, page.pagination.total], [second, 2]);
  assert.equal((await list("?skip=9")).pagination.total, 2);
  assert.equal((await call("GET", `/v1/clients/${client}/menus`, { as: BRUNO })).status, 403);
  assert.equal((await call("GET", `/v1/clients/${newId()}/menus`)).status, 404);
  assert.equal((await call("GET", `/v1/clients/${client}/menus?sort=x`)).status, 422);
});
