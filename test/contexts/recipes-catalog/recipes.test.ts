import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { kitchenOf, RECIPE } from "./meal-support.ts";
import { ANA, BRUNO, MANAGER, serveRecipes, STRANGER } from "./support.ts";

const { database, drop } = await withDatabase({ connections: 12 });
const { call, close, lines } = await serveRecipes(database);
const kitchen = kitchenOf(database, call);
after(async () => {
  close();
  await drop();
});

test("a recipe reads back as it was sent, under an id and a version of ours", async () => {
  const mealId = await kitchen.meal();
  const productId = newId();
  const body = {
    ...RECIPE,
    meal_id: mealId,
    description: "Solto",
    utensils: "panela, colher",
    notes: "<b>-- data: 10/10</b>; drop table x",
    image_url: "https://example.com/a b.png",
    privacy: null,
    tags: [{ key: "dieta", value: "vegana" }],
    ingredients: [
      { name: "Sal", quantity: 1, unit: "pitada", position: 1, product_id: productId },
      { name: "Sal", quantity: 2, unit: "g", position: 0 },
    ],
  };
  const answer = await call("POST", "/v1/recipes/", { body });
  const { recipe_id: id, version } = answer.body.data;
  assert.deepEqual([answer.status, version, answer.headers.get("etag")], [201, 1, '"1"']);
  const read = await kitchen.read(`/v1/recipes/${id.replaceAll("-", "").toUpperCase()}`);
  const { nutri_facts: facts, created_at, updated_at, ...rest } = read;
  assert.deepEqual(rest, {
    id,
    version: 1,
    discarded: false,
    name: body.name,
    instructions: body.instructions,
    author_id: ANA.userId,
    meal_id: mealId,
    ingredients: [
      { ...body.ingredients[1], full_text: null, product_id: null },
      { ...body.ingredients[0], full_text: null },
    ],
    description: "Solto",
    utensils: "panela, colher",
    total_time: 40,
    notes: body.notes,
    tags: [{ key: "dieta", value: "vegana", author_id: ANA.userId, type: "recipe" }],
    privacy: "private",
    ratings: [],
    weight_in_grams: 200,
    image_url: "https://example.com/a%20b.png",
    average_taste_rating: null,
    average_convenience_rating: null,
  });
  assert.equal(Object.keys(facts).length, 83);
  assert.deepEqual(facts.calories, { unit: "kcal", value: 500 });
  assert.deepEqual(facts.sodium, { unit: "mg", value: 0 });
  assert.equal(created_at, updated_at);
  assert.equal(Object.keys(read).indexOf("ingredients"), 9, "in the order of the contract");
});

test("nutrients keep the unit they were sent in", async () => {
  const mealId = await kitchen.meal();
  const nutri_facts = { sodium: { value: 2, unit: "g" }, protein: { value: 1e-7, unit: "kg" } };
  const id = await kitchen.recipe(mealId, { nutri_facts });
  const read = (await kitchen.read(`/v1/recipes/${id}`)).nutri_facts;
  assert.deepEqual([read.sodium, read.protein], [nutri_facts.sodium, nutri_facts.protein]);
  const found = await kitchen.read(`/v1/recipes/search?sodium_gte=2000&sodium_lte=2000&id=${id}`);
  assert.equal(found.length, 1, "filters compare in the default unit");
});

test("what breaks a rule of a recipe is refused with the place of the fault, and is no harm", async () => {
  const mealId = await kitchen.meal();
  const id = await kitchen.recipe(mealId);
  const line = (position: number, changes: object = {}) => ({
    ...RECIPE.ingredients[0],
    position,
    ...changes,
  });
  const wrong: [object, string][] = [
    [{ ingredients: [line(0), line(2)] }, "/body/ingredients"],
    [{ ingredients: [line(0), line(0)] }, "/body/ingredients"],
    [{ ingredients: [line(0, { quantity: 0 })] }, "/body/ingredients/0/quantity"],
    [{ ingredients: [line(0, { unit: "arroba" })] }, "/body/ingredients/0/unit"],
    [{ ingredients: [line(0, { name: " " })] }, "/body/ingredients/0/name"],
    [{ name: "  " }, "/body/name"],
    [{ instructions: "a\u0007b" }, "/body/instructions"],
    [{ image_url: "javascript:alert(1)" }, "/body/image_url"],
    [{ nutri_facts: { calories: -1 } }, "/body/nutri_facts/calories"],
    [{ nutri_facts: { calories: 1e300 } }, "/body/nutri_facts/calories"],
    [{ nutri_facts: { kalories: 1 } }, "/body/nutri_facts/kalories"],
    [{ weight_in_grams: 1.5 }, "/body/weight_in_grams"],
    [{ total_time: 3e9 }, "/body/total_time"],
    [{ unknown: 1 }, "/body/unknown"],
  ];
  for (const [changes, path] of wrong) {
    for (const [method, target, body] of [
      ["POST", "/v1/recipes", { ...RECIPE, meal_id: mealId, ...changes }],
      ["PATCH", `/v1/recipes/${id}`, changes],
    ] as const) {
      const answer = await call(method, target, { body });
      assert.equal(answer.status, 422, `${path}: ${JSON.stringify(answer.body)}`);
      assert.equal(answer.body.errors[0].path, path);
    }
  }
  const raw = await call("POST", "/v1/recipes", { body: { ...RECIPE, meal_id: newId() } });
  assert.equal(raw.status, 404);
  assert.equal((await kitchen.read(`/v1/recipes/${id}`)).version, 1);
  assert.equal(await kitchen.status("GET", "/v1/recipes/x"), 422);
  assert.equal(await kitchen.status("GET", `/v1/recipes/${newId()}`), 404);
});

test("a change touches only what it names, and a whole recipe may be sent back", async () => {
  const id = await kitchen.recipe(await kitchen.meal(), {
    notes: "n",
    utensils: "u",
    tags: [{ key: "dieta", value: "vegana" }],
  });
  const path = `/v1/recipes/${id}`;
  const before = await kitchen.read(path);
  const same = await call("PATCH", path, { body: before });
  assert.deepEqual([same.status, same.body.data.version], [200, 1], "nothing is new");
  const changes = { notes: null, image_url: "http://example.com", ingredients: [] };
  const answer = await call("PATCH", path, { body: changes });
  assert.deepEqual([answer.status, answer.body.data.version], [200, 2]);
  const { updated_at: _one, ...rest } = await kitchen.read(path);
  const { updated_at: _other, ...unchanged } = before;
  assert.deepEqual(rest, {
    ...unchanged,
    version: 2,
    notes: null,
    image_url: "http://example.com/",
    ingredients: [],
  });
  const cleared = { nutri_facts: null, weight_in_grams: null, total_time: null, privacy: null };
  await call("PATCH", path, { body: cleared });
  const last = await kitchen.read(path);
  assert.deepEqual(
    [last.nutri_facts, last.weight_in_grams, last.total_time, last.privacy, last.utensils],
    [null, null, null, "private", "u"],
  );
});

test("who saw another version changes nothing", async () => {
  const id = await kitchen.recipe(await kitchen.meal());
  const path = `/v1/recipes/${id}`;
  await call("PATCH", path, { body: { name: "Dois" } });
  for (const [method, body, headers, target] of [
    ["PATCH", { name: "x", version: 1 }, {}, path],
    ["PATCH", { name: "x" }, { "if-match": '"1"' }, path],
    ["DELETE", undefined, { "if-match": '"1"' }, path],
    ["DELETE", undefined, {}, `${path}?version=1`],
  ] as const) {
    const answer = await call(method, target, { body, headers });
    assert.deepEqual([answer.status, answer.body.error_code], [409, "version_conflict"]);
  }
  assert.equal((await kitchen.read(path)).name, "Dois");
  const good = await call("PATCH", path, {
    body: { name: "Três" },
    headers: { "if-match": '"2"' },
  });
  assert.equal(good.body.data.version, 3);
});

test("the path alone says which recipe is changed", async () => {
  const mine = await kitchen.recipe(await kitchen.meal());
  const foreign = await kitchen.recipe(await kitchen.meal({}, BRUNO), {}, BRUNO);
  for (const body of [
    { id: foreign, name: "x" },
    { author_id: BRUNO.userId, name: "x" },
    { meal_id: newId(), name: "x" },
  ]) {
    assert.equal(await kitchen.status("PATCH", `/v1/recipes/${mine}`, body), 422);
  }
  assert.equal((await kitchen.read(`/v1/recipes/${foreign}`, BRUNO)).name, RECIPE.name);
  assert.equal((await kitchen.read(`/v1/recipes/${mine}`)).name, RECIPE.name);
});

test("recipes of others: a public one can be read and copied, none can be changed", async () => {
  const mealId = await kitchen.meal({}, BRUNO);
  const hidden = await kitchen.recipe(mealId, {}, BRUNO);
  const open = await kitchen.recipe(mealId, { privacy: "public" }, BRUNO);
  const target = await kitchen.meal();
  const forbidden: [string, string, unknown?][] = [
    ["GET", `/v1/recipes/${hidden}`],
    ["PATCH", `/v1/recipes/${open}`, { name: "x" }],
    ["DELETE", `/v1/recipes/${open}`],
    ["POST", `/v1/recipes/${hidden}/copy`, { meal_id: target }],
    ["POST", `/v1/recipes/${open}/copy`, { meal_id: mealId }],
    ["POST", `/v1/recipes/${hidden}/rate`, { rating: { taste: 1, convenience: 1 } }],
    ["POST", "/v1/recipes", { ...RECIPE, meal_id: mealId }],
  ];
  for (const [method, path, body] of forbidden) {
    assert.equal(await kitchen.status(method, path, body), 403, `${method} ${path}`);
    assert.equal(await kitchen.status(method, path, body, STRANGER), 404, `${method} ${path}`);
  }
  assert.equal(await kitchen.status("GET", `/v1/recipes/${open}`), 200);
  assert.equal(await kitchen.status("GET", `/v1/recipes/${open}`, undefined, STRANGER), 404);
  assert.equal(await kitchen.status("POST", `/v1/recipes/${open}/copy`, { meal_id: target }), 201);
  assert.equal(await kitchen.status("GET", `/v1/recipes/${hidden}`, undefined, MANAGER), 200);
  const change = { name: "Do gerente" };
  assert.equal(await kitchen.status("PATCH", `/v1/recipes/${hidden}`, change, MANAGER), 200);
  const added = await kitchen.recipe(mealId, {}, MANAGER);
  assert.equal((await kitchen.read(`/v1/recipes/${added}`, BRUNO)).author_id, BRUNO.userId);
});

test("lists hold one's own recipes, the public ones of the tenant, and all for a manager", async () => {
  const name = `Receita ${newId()}`;
  const mealId = await kitchen.meal({}, BRUNO);
  await kitchen.recipe(mealId, { name }, BRUNO);
  await kitchen.recipe(mealId, { name, privacy: "public" }, BRUNO);
  await kitchen.recipe(await kitchen.meal(), { name });
  await kitchen.recipe(await kitchen.meal({}, STRANGER), { name, privacy: "public" }, STRANGER);
  const count = async (as: typeof ANA, query = "") =>
    (await call("GET", `/v1/recipes/search?name=${encodeURIComponent(name)}${query}`, { as })).body
      .pagination.total;
  assert.deepEqual([await count(ANA), await count(BRUNO)], [2, 2]);
  assert.deepEqual([await count(MANAGER), await count(STRANGER)], [3, 1]);
  assert.equal(await count(ANA, `&author_id=${BRUNO.userId}`), 1);
  assert.equal(await count(ANA, "&privacy=private"), 1);
});

test("a discarded recipe is gone for everybody, and its tags stay where else they are", async () => {
  const mealId = await kitchen.meal();
  const tags = [{ key: "comum", value: "sim" }];
  const [one, other] = [
    await kitchen.recipe(mealId, { tags }),
    await kitchen.recipe(mealId, { tags }),
  ];
  const answer = await call("DELETE", `/v1/recipes/${one}`);
  assert.deepEqual([answer.status, answer.body.data.id], [200, one]);
  assert.equal(await kitchen.status("GET", `/v1/recipes/${one}`), 404);
  assert.equal(await kitchen.status("DELETE", `/v1/recipes/${one}`), 404);
  assert.equal(await kitchen.status("PATCH", `/v1/recipes/${one}`, { name: "x" }), 404);
  assert.equal((await kitchen.read(`/v1/recipes/${other}`)).tags.length, 1);
  const { rows } = await database.query<{ discarded: boolean }>(sql`
    select discarded from recipes_catalog.recipes where id = ${one}`);
  assert.deepEqual(rows, [{ discarded: true }], "the row is still there");
  const meal = await kitchen.read(`/v1/meals/${mealId}`);
  assert.deepEqual(
    [meal.recipes.map(({ id }: { id: string }) => id), meal.nutri_facts.calories.value],
    [[other], 500],
  );
});

test("a copy is the owner's of its new meal: private, unrated, with a new id", async () => {
  const tags = [{ key: "dieta", value: "vegana" }];
  const source = await kitchen.recipe(
    await kitchen.meal({}, BRUNO),
    { privacy: "public", tags },
    BRUNO,
  );
  await call("POST", `/v1/recipes/${source}/rate`, {
    body: { rating: { taste: 5, convenience: 5 } },
  });
  const mealId = await kitchen.meal();
  const body = { meal_id: mealId, recipe_id: source, user_id: ANA.userId };
  const answer = await call("POST", `/v1/recipes/${source}/copy`, { body });
  const { recipe_id: id, version } = answer.body.data;
  assert.deepEqual([answer.status, version], [201, 1]);
  const copy = await kitchen.read(`/v1/recipes/${id}`);
  const original = await kitchen.read(`/v1/recipes/${source}`);
  assert.deepEqual(
    { ...copy, created_at: 0, updated_at: 0 },
    {
      ...original,
      id,
      created_at: 0,
      updated_at: 0,
      author_id: ANA.userId,
      meal_id: mealId,
      privacy: "private",
      ratings: [],
      average_taste_rating: null,
      average_convenience_rating: null,
      tags: [{ ...tags[0], author_id: ANA.userId, type: "recipe" }],
    },
  );
  assert.equal((await kitchen.read(`/v1/meals/${mealId}`)).nutri_facts.calories.value, 500);
  const others: [object, number][] = [
    [{ ...body, user_id: BRUNO.userId }, 403],
    [{ ...body, recipe_id: newId() }, 422],
    [{ ...body, meal_id: newId() }, 404],
  ];
  for (const [wrong, status] of others) {
    assert.equal(await kitchen.status("POST", `/v1/recipes/${source}/copy`, wrong), status);
  }
});

test("whoever may see a recipe rates it once, and the means are over all ratings", async () => {
  const id = await kitchen.recipe(await kitchen.meal(), { privacy: "public" });
  const path = `/v1/recipes/${id}/rate`;
  const rate = (rating: object, as = ANA) => call("POST", path, { body: { rating }, as });
  await rate({ taste: 0, convenience: 5, comment: "sem sal" });
  await rate({ taste: 5, convenience: 4, user_id: BRUNO.userId, recipe_id: id }, BRUNO);
  const again = await rate({ taste: 4, convenience: 5 });
  assert.equal(again.status, 200);
  const read = await kitchen.read(`/v1/recipes/${id}`);
  assert.deepEqual([read.average_taste_rating, read.average_convenience_rating], [4.5, 4.5]);
  assert.deepEqual(
    read.ratings.map(({ user_id, taste, comment }: any) => [user_id, taste, comment]),
    [
      [BRUNO.userId, 5, null],
      [ANA.userId, 4, null],
    ],
  );
  assert.equal(read.version, 1, "nobody's version is old because somebody rated");
  const wrong: [object, number][] = [
    [{ taste: 6, convenience: 0 }, 422],
    [{ taste: 1.5, convenience: 0 }, 422],
    [{ taste: 1 }, 422],
    [{ taste: 1, convenience: 1, user_id: BRUNO.userId }, 403],
    [{ taste: 1, convenience: 1, recipe_id: newId() }, 422],
  ];
  for (const [rating, status] of wrong) assert.equal((await rate(rating)).status, status);
  await Promise.all([1, 2, 3, 4].map((taste) => rate({ taste, convenience: 0 }, MANAGER)));
  assert.equal((await kitchen.read(`/v1/recipes/${id}`)).ratings.length, 3);
});

test("no request of this file was an error of the server", () => {
  assert.deepEqual(
    lines.filter(({ level }) => level === "error"),
    [],
  );
});
