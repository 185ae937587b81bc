import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { insertMenu, kitchenOf, RECIPE, SLOT } from "./meal-support.ts";
import { ANA, BRUNO, MANAGER, serveRecipes, STRANGER } from "./support.ts";

const { database, drop } = await withDatabase({ connections: 12 });
const { call, close, lines } = await serveRecipes(database);
const kitchen = kitchenOf(database, call);
after(async () => {
  close();
  await drop();
});
const names = (meal: any) => meal.recipes.map(({ name }: { name: string }) => name);

test("a meal is made with its recipes, tags and place, and tells its totals", async () => {
  const menu_id = await insertMenu(database);
  const forged = { user_id: BRUNO.userId, taste: 5, convenience: 5, comment: "!" };
  const body = {
    name: "Almoço de segunda",
    menu_id,
    menu_meal: { ...SLOT, meal_name: "Outro", nutri_facts: { calories: 9999 } },
    recipes: [
      { ...RECIPE, id: newId(), author_id: BRUNO.userId, meal_id: newId(), ratings: [forged] },
      { ...RECIPE, name: "Feijão", nutri_facts: { calories: { value: 100 } }, total_time: 90 },
      { ...RECIPE, name: "Água", nutri_facts: null, weight_in_grams: null, total_time: null },
    ],
    tags: [{ key: "refeição", value: "leve" }],
    description: "d",
    notes: "n",
    like: true,
  };
  const answer = await call("POST", "/v1/meals", { body });
  assert.deepEqual([answer.status, answer.body.data.version], [201, 1]);
  const id = answer.body.data.meal_id as string;
  const meal = await kitchen.read(`/v1/meals/${id}`);
  const { recipes, nutri_facts: facts, created_at: _at, updated_at: _later, ...rest } = meal;
  assert.deepEqual(rest, {
    id,
    version: 1,
    discarded: false,
    name: body.name,
    author_id: ANA.userId,
    menu_id,
    tags: [{ key: "refeição", value: "leve", author_id: ANA.userId, type: "meal" }],
    description: "d",
    notes: "n",
    like: true,
    image_url: null,
    weight_in_grams: 400,
    calorie_density: 150,
    carbo_percentage: 60,
    protein_percentage: 20,
    total_fat_percentage: 20,
  });
  assert.deepEqual(facts.calories, { unit: "kcal", value: 600 });
  assert.deepEqual(names(meal), [RECIPE.name, "Feijão", "Água"]);
  for (const recipe of recipes) {
    assert.deepEqual([recipe.author_id, recipe.meal_id, recipe.ratings], [ANA.userId, id, []]);
  }
  assert.notEqual(recipes[0].id, body.recipes[0]!["id" as never]);
  const [place] = await kitchen.grid(menu_id);
  assert.deepEqual(place, { meal_id: id, ...SLOT, hour: "12:30:00" });
  const found = await call("GET", `/v1/meals/search?id=${id}&total_time_gte=90&total_time_lte=90`);
  assert.equal(found.body.pagination.total, 1, "the longest time counts");
});

test("a place holds one meal: whoever comes second is told and leaves nothing behind", async () => {
  const menu_id = await insertMenu(database);
  const post = (name: string, menu_meal: object = SLOT) =>
    call("POST", "/v1/meals", { body: { name, menu_id, menu_meal, recipes: [RECIPE] } });
  assert.equal((await post("Um")).status, 201);
  const second = await post("Dois");
  assert.deepEqual([second.status, second.body.error_code], [409, "place_taken"]);
  assert.equal((await post("Três", { ...SLOT, meal_type: "jantar" })).status, 201);
  const found = await kitchen.read(`/v1/meals/search?menu_id=${menu_id}&sort=name`);
  assert.deepEqual(
    found.map(({ name }: { name: string }) => name),
    ["Três", "Um"],
  );
  const { rows } = await database.query<{ version: number }>(sql`
    select version from recipes_catalog.menus where id = ${menu_id}`);
  assert.deepEqual(rows, [{ version: 3 }], "the grid is a part of the menu");
});

test("meals live in menus of their author, whatever a body says", async () => {
  const [mine, foreign] = [await insertMenu(database), await insertMenu(database, BRUNO)];
  const mealId = await kitchen.meal({ recipes: [RECIPE] });
  const theirs = await kitchen.meal({ recipes: [RECIPE] }, BRUNO);
  const forbidden: [string, string, unknown?][] = [
    ["POST", "/v1/meals", { name: "x", menu_id: foreign }],
    ["PATCH", `/v1/meals/${mealId}`, { menu_id: foreign }],
    ["POST", `/v1/meals/${mealId}/copy`, { id_of_target_menu: foreign }],
    ["POST", `/v1/meals/${theirs}/copy`, { id_of_target_menu: mine }],
    ["GET", `/v1/meals/${theirs}`],
    ["PATCH", `/v1/meals/${theirs}`, { name: "x", recipes: [] }],
    ["DELETE", `/v1/meals/${theirs}`],
  ];
  for (const [method, path, body] of forbidden) {
    assert.equal(await kitchen.status(method, path, body), 403, `${method} ${path}`);
    assert.equal(await kitchen.status(method, path, body, STRANGER), 404, `${method} ${path}`);
  }
  for (const body of [
    { id: theirs, recipes: [] },
    { author_id: BRUNO.userId, recipes: [] },
  ]) {
    assert.equal(await kitchen.status("PATCH", `/v1/meals/${mealId}`, body), 422);
  }
  assert.equal((await kitchen.read(`/v1/meals/${theirs}`, BRUNO)).recipes.length, 1);
  assert.equal((await kitchen.read(`/v1/meals/${mealId}`)).recipes.length, 1);
  const byManager = await kitchen.meal({ menu_id: foreign }, MANAGER);
  assert.equal((await kitchen.read(`/v1/meals/${byManager}`, BRUNO)).author_id, BRUNO.userId);
  const theft = { menu_id: mine };
  assert.equal(await kitchen.status("PATCH", `/v1/meals/${byManager}`, theft, MANAGER), 403);
  const search = async (as = ANA) =>
    (await call("GET", "/v1/meals/search", { as })).body.data.map((meal: any) => meal.author_id);
  assert.deepEqual([...new Set(await search())], [ANA.userId]);
  assert.deepEqual(new Set(await search(MANAGER)), new Set([ANA.userId, BRUNO.userId]));
  assert.deepEqual(await search(STRANGER), []);
});

test("the recipes of a change are all that the meal has from then on", async () => {
  const foreign = await kitchen.recipe(await kitchen.meal({}, BRUNO), {}, BRUNO);
  const id = await kitchen.meal({
    recipes: [
      { ...RECIPE, name: "fica", tags: [{ key: "k", value: "v" }] },
      { ...RECIPE, name: "muda" },
      { ...RECIPE, name: "some" },
    ],
  });
  const before = await kitchen.read(`/v1/meals/${id}`);
  await call("POST", `/v1/recipes/${before.recipes[0].id}/rate`, {
    body: { rating: { taste: 3, convenience: 3 } },
  });
  const recipes = [
    { ...before.recipes[0], ratings: [], average_taste_rating: 5 },
    { id: before.recipes[1].id, name: "mudou", nutri_facts: null },
    { ...RECIPE, id: foreign, name: "nova" },
  ];
  const answer = await call("PATCH", `/v1/meals/${id}`, { body: { recipes } });
  assert.deepEqual([answer.status, answer.body.data.version], [200, 2]);
  const meal = await kitchen.read(`/v1/meals/${id}`);
  assert.deepEqual(names(meal), ["fica", "mudou", "nova"]);
  assert.deepEqual(meal.recipes[0].average_taste_rating, 3, "ratings are not written here");
  assert.equal(meal.recipes[0].tags.length, 1);
  assert.deepEqual(
    meal.recipes.map(({ id: one }: { id: string }) => one).slice(0, 2),
    before.recipes.map(({ id: one }: { id: string }) => one).slice(0, 2),
  );
  assert.notEqual(meal.recipes[2].id, foreign);
  assert.equal(meal.nutri_facts.calories.value, 1000);
  assert.equal((await kitchen.read(`/v1/recipes/${foreign}`, BRUNO)).meal_id !== id, true);
  assert.equal(await kitchen.status("GET", `/v1/recipes/${before.recipes[2].id}`), 404);
  const twice = { recipes: [{ id: recipes[0]!.id }, { id: recipes[0]!.id }] };
  const refused = await call("PATCH", `/v1/meals/${id}`, { body: twice });
  assert.deepEqual([refused.status, refused.body.errors[0].path], [422, "/body/recipes/1/id"]);
  assert.equal(await kitchen.status("PATCH", `/v1/meals/${id}`, { recipes: [{ name: "x" }] }), 422);
});

test("a whole meal may be sent back, and like is stored and answered", async () => {
  const id = await kitchen.meal({ recipes: [RECIPE], tags: [{ key: "a", value: "b" }] });
  const path = `/v1/meals/${id}`;
  const before = await kitchen.read(path);
  assert.equal(before.like, null);
  const answer = await call("PATCH", path, { body: { ...before, like: false } });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  const read = await kitchen.read(path);
  assert.deepEqual(
    { ...read, updated_at: 0 },
    { ...before, updated_at: 0, like: false, version: 2 },
    "the recipes are the same ones, in the same version",
  );
  assert.equal((await kitchen.read("/v1/meals/search?like=false")).length, 1);
  assert.equal(
    await kitchen.status("PATCH", path, { ...before, like: true }),
    409,
    "it is old now",
  );
  const nothing = await call("PATCH", path, { body: { like: false, tags: read.tags } });
  assert.equal(nothing.body.data.version, 2, "nothing is new");
});

test("a meal takes its place along to another menu, and gives it up when it goes nowhere", async () => {
  const [from, to] = [await insertMenu(database), await insertMenu(database)];
  const id = await kitchen.meal({ menu_id: from, menu_meal: SLOT });
  const blocker = await kitchen.meal({ menu_id: to, menu_meal: SLOT });
  const path = `/v1/meals/${id}`;
  const refused = await call("PATCH", path, { body: { menu_id: to } });
  assert.deepEqual([refused.status, refused.body.error_code], [409, "place_taken"]);
  assert.equal((await kitchen.grid(from)).length, 1);
  assert.equal(await kitchen.status("DELETE", `/v1/meals/${blocker}`), 200);
  assert.deepEqual(await kitchen.grid(to), [], "who is discarded has no place");
  assert.equal(await kitchen.status("PATCH", path, { menu_id: to }), 200);
  assert.deepEqual([(await kitchen.grid(from)).length, (await kitchen.grid(to)).length], [0, 1]);
  assert.equal(await kitchen.status("PATCH", path, { menu_id: null }), 200);
  assert.deepEqual(await kitchen.grid(to), []);
  assert.equal((await kitchen.read(path)).menu_id, null);
});

test("a discarded meal is gone with its recipes", async () => {
  const id = await kitchen.meal({ recipes: [RECIPE] });
  const [recipe] = (await kitchen.read(`/v1/meals/${id}`)).recipes;
  assert.equal(await kitchen.status("DELETE", `/v1/meals/${id}?version=7`), 409);
  assert.equal(await kitchen.status("DELETE", `/v1/meals/${id}`), 200);
  for (const path of [`/v1/meals/${id}`, `/v1/recipes/${recipe.id}`]) {
    for (const method of ["GET", "DELETE"]) assert.equal(await kitchen.status(method, path), 404);
  }
  const body = { ...RECIPE, meal_id: id };
  assert.equal(await kitchen.status("POST", "/v1/recipes", body), 404);
});

test("a copied meal is the target owner's, whole, and placed when a place is named", async () => {
  const source = await kitchen.meal({
    recipes: [{ ...RECIPE, privacy: "public", tags: [{ key: "r", value: "1" }] }, RECIPE],
    tags: [{ key: "m", value: "1" }],
    notes: "n",
    like: true,
  });
  const target = await insertMenu(database, BRUNO);
  const body = { id_of_target_menu: target, meal_id: source, menu_meal: SLOT, other: 1 };
  const answer = await call("POST", `/v1/meals/${source}/copy`, { body, as: MANAGER });
  const { meal_id: id, original_meal_id, version } = answer.body.data;
  assert.deepEqual([answer.status, original_meal_id, version], [201, source, 1]);
  const [copy, original] = [
    await kitchen.read(`/v1/meals/${id}`, BRUNO),
    await kitchen.read(`/v1/meals/${source}`),
  ];
  assert.deepEqual([copy.author_id, copy.menu_id, copy.like], [BRUNO.userId, target, null]);
  assert.deepEqual(names(copy), names(original));
  assert.deepEqual(copy.nutri_facts, original.nutri_facts);
  assert.deepEqual([copy.notes, copy.weight_in_grams], ["n", 400]);
  for (const recipe of copy.recipes) {
    assert.deepEqual([recipe.author_id, recipe.privacy], [BRUNO.userId, "private"]);
    assert.equal(recipe.ingredients.length, 2);
  }
  assert.deepEqual(
    [copy.tags[0].author_id, copy.recipes[0].tags[0].author_id],
    [BRUNO.userId, BRUNO.userId],
  );
  assert.equal((await kitchen.grid(target))[0]?.meal_id, id);
  const again = await call("POST", `/v1/meals/${source}/copy`, { body, as: MANAGER });
  assert.deepEqual([again.status, again.body.error_code], [409, "place_taken"]);
  const mine = await insertMenu(database);
  const others: [object, number][] = [
    [{ id_of_target_menu: mine, id_of_user_coping_meal: BRUNO.userId }, 403],
    [{ id_of_target_menu: mine, meal_id: newId() }, 422],
    [{ id_of_target_menu: newId() }, 404],
    [{}, 422],
    [{ id_of_target_menu: mine, id_of_user_coping_meal: ANA.userId }, 201],
  ];
  for (const [wrong, status] of others) {
    assert.equal(await kitchen.status("POST", `/v1/meals/${source}/copy`, wrong), status);
  }
  assert.deepEqual(await kitchen.grid(mine), [], "without a place it stands nowhere");
});

test("what breaks a rule of a meal is refused with the place of the fault", async () => {
  const menu_id = await insertMenu(database);
  const wrong: [object, string][] = [
    [{ name: " " }, "/body/name"],
    [{ name: "x".repeat(256) }, "/body/name"],
    [{ menu_meal: { ...SLOT, week: 11 } }, "/body/menu_meal/week"],
    [{ menu_meal: { ...SLOT, weekday: "Seg" } }, "/body/menu_meal/weekday"],
    [{ menu_meal: { ...SLOT, hour: "24:00" } }, "/body/menu_meal/hour"],
    [{ menu_meal: { ...SLOT, meal_type: " " } }, "/body/menu_meal/meal_type"],
    [{ recipes: [{ ...RECIPE, name: "" }] }, "/body/recipes/0/name"],
    [{ recipes: [{ name: "x" }] }, "/body/recipes/0/instructions"],
    [{ nutri_facts: { calories: 1 } }, "/body/nutri_facts"],
    [{ tags: [{ key: "", value: "x" }] }, "/body/tags/0/key"],
  ];
  for (const [changes, path] of wrong) {
    const body = { name: "x", menu_id, ...changes };
    const answer = await call("POST", "/v1/meals", { body });
    assert.deepEqual([answer.status, answer.body.errors?.[0].path], [422, path]);
  }
  const many = { recipes: Array.from({ length: 101 }, () => RECIPE) };
  assert.equal(await kitchen.status("POST", "/v1/meals", { name: "x", menu_id, ...many }), 422);
});

test("no request of this file was an error of the server", () => {
  assert.deepEqual(
    lines.filter(({ level }) => level === "error"),
    [],
  );
});
