import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  findProductTexts,
  findShoppingProducts,
  readProductMarks,
} from "../../../src/contexts/products-catalog/index.ts";
import { drawShoppingList } from "../../../src/platform/documents/shopping-list-document.ts";
import { newId } from "../../../src/platform/ids.ts";
import { withDatabase } from "../../support/database.ts";
import { kitchenOf, RECIPE, SLOT } from "./meal-support.ts";
import { ANA, BRUNO, MANAGER, serveRecipes } from "./support.ts";

// What holds along the chain of client, menu, meal and recipe, seen through every route at once.
const { database, drop } = await withDatabase({ connections: 8 });
const { call, close, lines } = await serveRecipes(database, {
  products: { findProductTexts, readProductMarks },
  shopping: {
    findShoppingProducts,
    readProductMarks,
    drawDocument: ({ list }) => drawShoppingList(list),
  },
});
const kitchen = kitchenOf(database, call);
after(async () => {
  close();
  await drop();
});

const RESOURCES = ["client", "menu", "meal", "recipe"] as const;

/** A client with a menu with a meal with a public recipe that was rated, each with a tag. */
async function makeChain() {
  const tags = [{ key: "corrente", value: newId() }];
  const post = async (path: string, body: object) => {
    const answer = await call("POST", path, { body });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body.data.id as string;
  };
  const name = `Corrente ${newId()}`;
  const client = await post("/v1/clients", { profile: { name, sex: "feminino" }, tags });
  const menu = await post(`/v1/clients/${client}/menus`, { tags });
  const meal = await post("/v1/meals", { name, menu_id: menu, menu_meal: SLOT, tags });
  const recipe = await post("/v1/recipes", {
    ...RECIPE,
    name,
    meal_id: meal,
    privacy: "public",
    tags,
  });
  const list = await post("/v1/shopping-lists", { client_id: client, menu_ids: [menu] });
  const rating = { taste: 3, convenience: 3 };
  assert.equal(await kitchen.status("POST", `/v1/recipes/${recipe}/rate`, { rating }, BRUNO), 200);
  const paths = {
    client: `/v1/clients/${client}`,
    menu: `/v1/clients/${client}/menus/${menu}`,
    meal: `/v1/meals/${meal}`,
    recipe: `/v1/recipes/${recipe}`,
    list: `/v1/shopping-lists/${list}`,
  };
  return { client, menu, meal, recipe, list, name, tags, paths };
}
type Chain = Awaited<ReturnType<typeof makeChain>>;

/** Which of the chain can still be read, each by its own address. */
async function readable({ paths }: Chain): Promise<string[]> {
  const found: string[] = [];
  for (const [name, path] of Object.entries(paths)) {
    const status = await kitchen.status("GET", path, undefined, MANAGER);
    assert.ok(status === 200 || status === 404, `${path}: ${status}`);
    if (status === 200) found.push(name);
  }
  return found;
}

/** Which of the chain are in a list of anybody. */
async function listed({ client, menu, meal, recipe, tags }: Chain): Promise<string[]> {
  const tag = `tags=corrente:${tags[0]!.value}`;
  const searches: [string, string, string][] = [
    ["client", client, `/v1/clients/search?${tag}`],
    ["client", client, `/v1/clients/search?id=${client}&menu_id=${menu}`],
    ["menu", menu, `/v1/clients/${client}/menus`],
    ["meal", meal, `/v1/meals/search?${tag}`],
    ["meal", meal, `/v1/meals/search?menu_id=${menu}&id=${meal}`],
    ["recipe", recipe, `/v1/recipes/search?${tag}`],
    ["recipe", recipe, `/v1/recipes/search?meal_id=${meal}&privacy=public`],
  ];
  const found = new Set<string>();
  for (const [kind, id, path] of searches) {
    for (const as of [ANA, BRUNO, MANAGER]) {
      const { status, body } = await call("GET", path, { as });
      if (status === 200 && body.data.some((row: any) => row.id === id)) found.add(kind);
      if (status === 200) assert.equal(body.pagination.total, body.data.length, path);
    }
  }
  return [...found].toSorted();
}

test("what is discarded takes along all that hangs on it, and nothing above it", async () => {
  for (const [depth, discarded] of RESOURCES.entries()) {
    const chain = await makeChain();
    assert.deepEqual(await listed(chain), [...RESOURCES].toSorted());
    const answer = await call("DELETE", chain.paths[discarded]);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const left = RESOURCES.slice(0, depth);
    // A kept list is the client's, and stays as it was computed.
    const read = discarded === "client" ? [] : [...left, "list"];
    assert.deepEqual(await readable(chain), read, discarded);
    assert.deepEqual(await listed(chain), [...left].toSorted(), discarded);
    for (const gone of RESOURCES.slice(depth)) {
      for (const as of [ANA, MANAGER]) {
        const body = { tags: [] };
        assert.equal(await kitchen.status("PATCH", chain.paths[gone], body, as), 404, gone);
        assert.equal(await kitchen.status("DELETE", chain.paths[gone], undefined, as), 404, gone);
      }
    }
    await assertNothingIsMadeIn(chain, depth);
  }
});

/** Nothing can be put into, copied from or computed of what is gone. */
async function assertNothingIsMadeIn(chain: Chain, depth: number): Promise<void> {
  const { client, menu, meal, recipe } = chain;
  const other = await makeChain();
  const rating = { rating: { taste: 1, convenience: 1 } };
  const place = { ...SLOT, meal_id: meal };
  const attempts: [number, string, string, object?][] = [
    [0, "POST", `/v1/clients/${client}/menus`, {}],
    [0, "POST", "/v1/shopping-lists", { client_id: client, menu_ids: [other.menu] }],
    [1, "POST", "/v1/meals", { name: "x", menu_id: menu }],
    [1, "PATCH", other.paths.meal, { menu_id: menu }],
    [1, "POST", `${other.paths.meal}/copy`, { id_of_target_menu: menu }],
    [1, "GET", `/v1/menu-view/data?menu_ids=${menu}`],
    [1, "GET", `/v1/menus/${menu}/shopping-list`],
    [1, "POST", "/v1/shopping-lists/preview", { menu_ids: [other.menu, menu] }],
    [2, "POST", "/v1/recipes", { ...RECIPE, meal_id: meal }],
    [2, "POST", `${other.paths.recipe}/copy`, { meal_id: meal }],
    [2, "POST", `/v1/meals/${meal}/copy`, { id_of_target_menu: other.menu }],
    [2, "PATCH", other.paths.menu, { meals: [place] }],
    [3, "POST", `/v1/recipes/${recipe}/copy`, { meal_id: other.meal }],
    [3, "POST", `/v1/recipes/${recipe}/rate`, rating],
  ];
  for (const [level, method, path, body] of attempts) {
    if (level < depth) continue;
    assert.equal(await kitchen.status(method, path, body), 404, `${method} ${path}`);
  }
  assert.deepEqual((await readable(other)).length, 5, "and the other one has lost nothing");
}

test("tags of what is discarded stay known to their author, and leave with the last who has them", async () => {
  const [one, other] = [await makeChain(), await makeChain()];
  const find = async (value: string) => (await call("GET", `/v1/tags/search?value=${value}`)).body;
  const { value } = one.tags[0]!;
  assert.equal(await kitchen.status("PATCH", other.paths.recipe, { tags: one.tags }), 200);
  assert.equal(await kitchen.status("DELETE", one.paths.client), 200);
  const known = await find(value);
  assert.deepEqual(known.data.map(({ type }: { type: string }) => type).toSorted(), [
    "client",
    "meal",
    "menu",
    "recipe",
  ]);
  assert.equal((await kitchen.read(other.paths.recipe)).tags.length, 1);
  assert.equal(
    (await find(other.tags[0]!.value)).pagination.total,
    3,
    "the recipe has another one now",
  );
});

test("the grid shows what recipes and names are now, in every answer that has it", async () => {
  const { client, menu, meal, recipe, paths } = await makeChain();
  const seen = async () => {
    const slots = [
      (await kitchen.read(paths.menu)).meals[0],
      (await kitchen.read(paths.client)).menus[0].meals[0],
      (await kitchen.read(`/v1/clients/${client}/menus?menus=full`))[0].meals[0],
      (await kitchen.read(`/v1/menu-view/data?menu_ids=${menu}`)).menus[0].meals[0],
    ];
    const told = slots.map((slot) => [slot.meal_name, slot.nutri_facts?.calories.value ?? null]);
    for (const one of told) assert.deepEqual(one, told[0]);
    const totals = (await kitchen.read(paths.meal)).nutri_facts?.calories.value ?? null;
    assert.equal(told[0]![1], totals, "the slot and the meal say the same");
    return told[0]!;
  };
  const [name] = await seen();
  assert.deepEqual(await seen(), [name, 500]);
  const second = await kitchen.recipe(meal, { nutri_facts: { calories: { value: 100 } } });
  assert.deepEqual(await seen(), [name, 600]);
  await call("PATCH", `/v1/recipes/${second}`, { body: { nutri_facts: { calories: 50 } } });
  assert.deepEqual(await seen(), [name, 550]);
  assert.equal(await kitchen.status("POST", `/v1/recipes/${recipe}/copy`, { meal_id: meal }), 201);
  assert.deepEqual(await seen(), [name, 1050]);
  await call("DELETE", paths.recipe);
  assert.deepEqual(await seen(), [name, 550]);
  await call("PATCH", paths.meal, { body: { name: "Novo nome", recipes: [RECIPE] } });
  assert.deepEqual(await seen(), ["Novo nome", 500]);
  await call("PATCH", paths.meal, { body: { recipes: [] } });
  assert.deepEqual(await seen(), ["Novo nome", null]);
  const copy = await call("POST", `${paths.meal}/copy`, {
    body: { id_of_target_menu: menu, menu_meal: { ...SLOT, meal_type: "ceia" } },
  });
  await kitchen.recipe(copy.body.data.meal_id);
  const grid = (await kitchen.read(paths.menu)).meals;
  assert.deepEqual(
    grid.map((slot: any) => [slot.meal_type, slot.nutri_facts?.calories.value]),
    [
      ["almoço", undefined],
      ["ceia", 500],
    ],
  );
});

test("every address takes any spelling of its ids, with and without a slash, and tells its version", async () => {
  const { client, menu, paths } = await makeChain();
  const spellings = (id: string) => [
    id.toUpperCase(),
    id.replaceAll("-", ""),
    encodeURIComponent(`{${id}}`),
    `urn:uuid:${id}`,
  ];
  const addresses = [
    ...Object.values(paths),
    `/v1/clients/${client}/menus`,
    `/v1/clients/${client}/shopping-lists`,
    `/v1/menus/${menu}/shopping-list`,
  ];
  for (const path of addresses) {
    const plain = await call("GET", path);
    assert.equal(plain.status, 200, path);
    if (Object.values(paths).includes(path)) {
      assert.equal(plain.headers.get("etag"), `"${plain.body.data.version}"`, path);
    }
    const id = /[0-9a-f]{8}-[-0-9a-f]{27}/g;
    const ways = spellings(path.match(id)!.at(-1)!).map((way) =>
      path.replace(path.match(id)!.at(-1)!, way),
    );
    for (const way of [...ways, `${path}/`]) {
      const answer = await call("GET", way);
      assert.deepEqual([answer.status, answer.body], [200, plain.body], way);
    }
    assert.equal(await kitchen.status("GET", `${path}?unbekannt=1`), 422, path);
    assert.equal(await kitchen.status("GET", path.replace(id, "1")), 422, path);
  }
  const braced = `{${client.toUpperCase()}}`;
  const found = await kitchen.read(
    `/v1/clients/search?id=${encodeURIComponent(braced)}/`.slice(0, -1),
  );
  assert.equal(found[0].id, client);
  const body = { client_id: `urn:uuid:${client}`, menu_ids: [menu.toUpperCase(), menu] };
  const made = await call("POST", "/v1/shopping-lists/", { body });
  const list = await kitchen.read(`/v1/shopping-lists/${made.body.data.id}`);
  assert.deepEqual([list.client_id, list.menu_ids], [client, [menu]]);
});

test("two ingredients of one name poison nothing, and numbers beyond all bounds are refused", async () => {
  const { meal, paths, menu } = await makeChain();
  const salt = { name: "Sal", quantity: 1, unit: "g" };
  const ingredients = [0, 1, 2].map((position) => ({ ...salt, position }));
  const twice = await kitchen.recipe(meal, { ingredients });
  assert.equal((await kitchen.read(paths.meal)).recipes[1].ingredients.length, 3);
  for (const path of [
    `/v1/recipes/search?id=${twice}`,
    `/v1/meals/search?id=${meal}`,
    `/v1/menu-view/data?menu_ids=${menu}`,
  ]) {
    assert.equal(await kitchen.status("GET", path), 200, path);
  }
  const { shopping_items: items } = await kitchen.read(`/v1/menus/${menu}/shopping-list`);
  assert.deepEqual(
    items.filter((item: any) => item.shopping_name === "Sal").map((item: any) => item.quantity),
    [3],
  );
  const huge = [
    '{"nutri_facts":{"calories":1e999}}',
    '{"nutri_facts":{"sodium":{"value":1e999,"unit":"g"}}}',
    '{"weight_in_grams":1e999}',
    '{"ingredients":[{"name":"a","quantity":1e999,"unit":"g","position":0}]}',
    '{"nutri_facts":{"calories":NaN}}',
  ];
  for (const body of huge) {
    const { status } = await call("PATCH", `/v1/recipes/${twice}`, { body });
    assert.equal(status, body.includes("NaN") ? 400 : 422, body);
  }
});

test("meals are found by their tags and by the client whose menu they are in now", async () => {
  const [one, other] = [await makeChain(), await makeChain()];
  const total = async (query: string) =>
    (await call("GET", `/v1/meals/search?id=${one.meal}&${query}`)).body.pagination.total;
  const tag = `corrente:${one.tags[0]!.value}`;
  assert.deepEqual([await total(`tags=${tag}`), await total(`tags_not_exists=${tag}`)], [1, 0]);
  assert.equal(await total(`tags=corrente:${other.tags[0]!.value}|${one.tags[0]!.value}`), 1);
  assert.equal(await total(`tags=${tag},outra:x`), 0);
  const named = (chain: Chain) =>
    total(`client_name_contains=${encodeURIComponent(chain.name.toUpperCase())}`);
  assert.deepEqual([await named(one), await named(other)], [1, 0]);
  const away = { menu_id: other.menu };
  assert.equal(await kitchen.status("DELETE", other.paths.meal), 200);
  assert.equal(await kitchen.status("PATCH", one.paths.meal, away), 200);
  assert.deepEqual([await named(one), await named(other)], [0, 1]);
  assert.equal(await kitchen.status("PATCH", one.paths.meal, { menu_id: null }), 200);
  assert.deepEqual([await named(one), await named(other)], [0, 0]);
});

test("no request of this file was an error of the server", () => {
  assert.deepEqual(
    lines.filter(({ level }) => level === "error"),
    [],
  );
});
