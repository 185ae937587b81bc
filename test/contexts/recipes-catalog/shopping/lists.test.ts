import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newId } from "../../../../src/platform/ids.ts";
import { sql } from "../../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../../support/database.ts";
import { ANA, BRUNO, insertClient, MANAGER, person, STRANGER } from "../support.ts";
import {
  insertMeal,
  insertMenu,
  insertProduct,
  serveShopping,
  type ShoppingServer,
} from "./support.ts";

let db: TestDatabase;
let server: ShoppingServer;
before(async () => {
  db = await withDatabase({ connections: 12 });
  server = await serveShopping(db.database);
});
after(async () => {
  server.close();
  await db.drop();
});

const PATH = "/v1/shopping-lists";
const names = ["Abacate", "Beterraba", "Couve"];

/** A client with a menu whose list has three lines. */
async function newClient(owner = ANA) {
  const clientId = await insertClient(db.database, owner);
  const menuId = await insertMenu(db.database, clientId, owner);
  const ingredients = names.map((name) => ({ name, quantity: 10, unit: "g" }));
  await insertMeal(db.database, menuId, ingredients, { owner });
  return { clientId, menuId, body: { client_id: clientId, menu_ids: [menuId] } };
}

async function newList(owner = ANA) {
  const client = await newClient(owner);
  const made = await server.call("POST", PATH, { body: client.body, as: owner });
  assert.equal(made.status, 201, made.text);
  const path = `${PATH}/${made.body.data.id}`;
  return { ...client, id: made.body.data.id as string, path };
}

const read = async (path: string, as = ANA) => (await server.call("GET", path, { as })).body.data;

test("a list is kept as it was computed, whatever happens to the menu", async () => {
  const { menuId, clientId, body } = await newClient();
  const productId = await insertProduct(db.database, { name: "Damasco", edible_yield: 0.5 });
  const { recipeId } = await insertMeal(db.database, menuId, [
    { productId, quantity: 100, unit: "g" },
  ]);
  const wishes = {
    ...body,
    weeks: [2, 1],
    exclude_product_ids: [newId()],
    pantry: [{ product_id: productId, quantity: 50, unit: "g" }],
    order_by: "shopping_name",
  };
  const computed = await server.call("POST", `${PATH}/preview`, {
    body: { ...wishes, client_id: undefined },
  });
  const made = await server.call("POST", PATH, { body: wishes });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get("etag"), '"1"');
  const { id, ...rest } = made.body.data;
  assert.deepEqual(rest, { message: "Shopping list created successfully", version: 1 });
  await db.database.query(
    sql`delete from recipes_catalog.ingredients where recipe_id = ${recipeId}`,
  );
  const list = await read(`${PATH}/${id}`);
  const { created_at, updated_at, shopping_items, ...head } = list;
  assert.equal(created_at, updated_at);
  assert.deepEqual(head, {
    id,
    client_id: clientId,
    author_id: ANA.userId,
    version: 1,
    menu_ids: [menuId],
    weeks: [1, 2],
    exclude_product_ids: wishes.exclude_product_ids,
    pantry: wishes.pantry,
    order_by: "shopping_name",
  });
  assert.deepEqual(
    shopping_items.map(({ id: _id, checked, ...item }: any) => {
      assert.equal(checked, false);
      return item;
    }),
    computed.body.data.shopping_items,
  );
  assert.deepEqual(
    shopping_items.map((item: any) => item.shopping_name),
    [...names, "Damasco"],
  );
});

test("a menu of another client of one's own is refused with its place", async () => {
  const [one, other] = [await newClient(), await newClient()];
  const body = { ...one.body, menu_ids: [one.menuId, other.menuId] };
  const answer = await server.call("POST", PATH, { body });
  assert.equal(answer.status, 422);
  assert.equal(answer.body.errors[0].path, "/body/menu_ids/1");
});

test("of sixteen lists made at once for a client ten are kept, and the others told why", async () => {
  const { clientId, body } = await newClient();
  const answers = await Promise.all(
    Array.from({ length: 16 }, () => server.call("POST", PATH, { body })),
  );
  const statuses = answers.map(({ status }) => status).toSorted();
  assert.deepEqual(statuses, [...Array(10).fill(201), ...Array(6).fill(409)]);
  const refused = answers.find(({ status }) => status === 409)!;
  assert.equal(refused.body.error_code, "shopping_lists_full");
  const listed = await server.call("GET", `/v1/clients/${clientId}/shopping-lists`);
  assert.equal(listed.body.pagination.total, 10);
  await server.call("DELETE", `${PATH}/${listed.body.data[3].id}`);
  assert.equal((await server.call("POST", PATH, { body })).status, 201);
  assert.equal((await server.call("POST", PATH, { body })).status, 409);
});

test("lines ticked off at the same moment all stay ticked off", async () => {
  const { path } = await newList();
  const list = await read(path);
  const answers = await Promise.all(
    list.shopping_items.map((item: any) =>
      server.call("PATCH", path, { body: { item_id: item.id, checked: true } }),
    ),
  );
  assert.deepEqual(answers.map((answer) => answer.body.data.version).toSorted(), [2, 3, 4]);
  const done = await read(path);
  assert.deepEqual(
    done.shopping_items.map((item: any) => item.checked),
    [true, true, true],
  );
  assert.equal(done.version, 4);
  assert.ok(done.updated_at >= list.updated_at);
  const [first] = done.shopping_items;
  const undone = { item_id: first.id, checked: false };
  assert.equal((await server.call("PATCH", path, { body: undone })).status, 200);
  assert.equal((await read(path)).shopping_items[0].checked, false);
});

test("ticking off what is ticked off makes no new version, and tells the one there is", async () => {
  const { path } = await newList();
  const [item] = (await read(path)).shopping_items;
  const tick = (checked: boolean) =>
    server.call("PATCH", path, { body: { item_id: item.id, checked } });
  assert.equal((await tick(false)).body.data.version, 1);
  assert.equal((await tick(true)).body.data.version, 2);
  const ticked = await read(path);
  const again = await tick(true);
  assert.deepEqual([again.status, again.headers.get("etag")], [200, '"2"']);
  assert.deepEqual(await read(path), ticked);
});

test("a list that was read before shows what another process did to it", async () => {
  const { path, clientId } = await newList();
  const other = await serveShopping(db.database);
  after(() => other.close());
  const first = await server.call("GET", path);
  const again = await server.call("GET", path);
  assert.equal(again.text, first.text);
  assert.equal(again.headers.get("etag"), first.headers.get("etag"));
  const [line] = first.body.data.shopping_items;
  for (const checked of [true, false]) {
    await other.call("PATCH", path, { body: { item_id: line.id, checked } });
    const { body, headers, text } = await server.call("GET", path);
    assert.equal(body.data.shopping_items[0].checked, checked);
    assert.equal(headers.get("etag"), `"${body.data.version}"`);
    assert.equal(text, (await other.call("GET", path)).text);
  }
  assert.equal((await server.call("GET", path, { as: BRUNO })).status, 404, "though it is known");
  await db.database.query(sql`
    update recipes_catalog.clients set discarded = true where id = ${clientId}`);
  assert.equal((await server.call("GET", path)).status, 404);
});

test("a version that is not the last one changes and removes nothing", async () => {
  const { path } = await newList();
  const [item] = (await read(path)).shopping_items;
  const body = { item_id: item.id, checked: true };
  const tick = (version: number) => server.call("PATCH", path, { body: { ...body, version } });
  assert.equal((await tick(1)).headers.get("etag"), '"2"');
  for (const stale of [1, 3]) {
    const answer = await tick(stale);
    assert.deepEqual([answer.status, answer.body.error_code], [409, "version_conflict"]);
  }
  const headers = { "if-match": '"1"' };
  assert.equal((await server.call("PATCH", path, { body, headers })).status, 409);
  assert.equal((await server.call("DELETE", path, { headers })).status, 409);
  assert.equal((await server.call("DELETE", `${path}?version=1`)).status, 409);
  assert.equal((await read(path)).version, 2);
  const untick = () =>
    server.call("PATCH", path, { body: { ...body, checked: false, version: 2 } });
  const outcomes = await Promise.all([untick(), untick()]);
  assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), [200, 409]);
  const removed = await server.call("DELETE", `${path}?version=3`);
  assert.equal(removed.status, 200);
  assert.equal((await server.call("GET", path)).status, 404);
  assert.equal((await server.call("DELETE", path)).status, 404);
});

test("an item of another list is none of this one", async () => {
  const [one, other] = [await newList(), await newList()];
  const [item] = (await read(other.path)).shopping_items;
  const answer = await server.call("PATCH", one.path, {
    body: { item_id: item.id, checked: true },
  });
  assert.deepEqual([answer.status, answer.body.errors[0].path], [422, "/body/item_id"]);
  assert.equal((await read(other.path)).shopping_items[0].checked, false);
  assert.equal((await read(one.path)).version, 1);
});

test("a client's lists are paged in a stable order, with how far each has got", async () => {
  const { clientId, body } = await newClient();
  const ids: string[] = [];
  for (let count = 0; count < 4; count++) {
    ids.push((await server.call("POST", PATH, { body })).body.data.id);
  }
  const first = `${PATH}/${ids[0]}`;
  const [item] = (await read(first)).shopping_items;
  await server.call("PATCH", first, { body: { item_id: item.id, checked: true } });
  const path = `/v1/clients/${clientId}/shopping-lists`;
  const page = async (query: string) => {
    const answer = await server.call("GET", `${path}?${query}`);
    return [answer.body.data.map(({ id }: any) => ids.indexOf(id)), answer.body.pagination];
  };
  const pagination = { page: 1, limit: 10, total: 4, pages: 1 };
  assert.deepEqual(await page(""), [[3, 2, 1, 0], pagination]);
  assert.deepEqual(await page("sort=created_at"), [[0, 1, 2, 3], pagination]);
  assert.deepEqual((await page("sort=-updated_at"))[0][0], 0);
  assert.deepEqual(await page("skip=2&limit=1&sort=created_at"), [
    [2],
    { page: 3, limit: 1, total: 4, pages: 4 },
  ]);
  assert.deepEqual(await page("skip=9"), [[], { page: 1, limit: 10, total: 4, pages: 1 }]);
  const { body: all } = await server.call("GET", `${path}?sort=created_at`);
  assert.deepEqual([all.data[0].item_count, all.data[0].checked_count], [3, 1]);
  assert.deepEqual([all.data[1].item_count, all.data[1].checked_count], [3, 0]);
  assert.equal(all.data[0].shopping_items, undefined);
  for (const query of ["sort=name", "limit=0", "skip=-1", "author_id=x"]) {
    assert.equal((await server.call("GET", `${path}?${query}`)).status, 422, query);
  }
  const empty = await newClient();
  const none = await server.call("GET", `/v1/clients/${empty.clientId}/shopping-lists`);
  assert.deepEqual([none.body.data, none.body.pagination.total], [[], 0]);
});

test("lists of others are not there; managers of the tenant have them", async () => {
  const { path, clientId, body, menuId } = await newList();
  const [item] = (await read(path)).shopping_items;
  const tick = { item_id: item.id, checked: true };
  const attempts: [string, string, object?][] = [
    ["GET", path],
    ["PATCH", path, tick],
    ["DELETE", path],
    ["GET", `/v1/clients/${clientId}/shopping-lists`],
    ["POST", PATH, body],
    ["POST", `${PATH}/pdf`, { shopping_list_id: path.slice(PATH.length + 1) }],
  ];
  const others = person(ANA.tenantId, ["manage_meals", "manage_recipes"]);
  for (const as of [BRUNO, STRANGER, others]) {
    for (const [method, target, sent] of attempts) {
      const answer = await server.call(method, target, { as, body: sent });
      assert.equal(answer.status, 404, `${method} ${target}`);
    }
  }
  assert.equal((await read(path)).version, 1);
  const menus = person(ANA.tenantId, ["manage_menus"]);
  for (const as of [MANAGER, menus]) {
    for (const [method, target, sent] of attempts.filter(([name]) => name !== "DELETE")) {
      const answer = await server.call(method, target, { as, body: sent });
      assert.ok(answer.status < 300, `${method} ${target}: ${answer.text.slice(0, 200)}`);
    }
  }
  // A client of one's own does not open the menus of others.
  const own = await newClient(BRUNO);
  const stolen = { client_id: own.clientId, menu_ids: [menuId] };
  assert.equal((await server.call("POST", PATH, { body: stolen, as: BRUNO })).status, 404);
  assert.equal((await server.call("DELETE", path, { as: MANAGER })).status, 200);
});

test("the lists of a client who is gone are gone with him", async () => {
  const { path, clientId, body } = await newList();
  await db.database.query(
    sql`update recipes_catalog.clients set discarded = true where id = ${clientId}`,
  );
  assert.equal((await server.call("GET", path)).status, 404);
  assert.equal((await server.call("POST", PATH, { body })).status, 404);
  const listed = await server.call("GET", `/v1/clients/${clientId}/shopping-lists`);
  assert.equal(listed.status, 404);
});

test("an empty list can be kept and read", async () => {
  const clientId = await insertClient(db.database);
  const menuId = await insertMenu(db.database, clientId);
  const body = { client_id: clientId, menu_ids: [menuId] };
  const made = await server.call("POST", PATH, { body });
  assert.deepEqual((await read(`${PATH}/${made.body.data.id}`)).shopping_items, []);
});
