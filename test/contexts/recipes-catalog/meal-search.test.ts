import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { AMOUNTS, WHOLE_AMOUNTS } from "../../../src/contexts/recipes-catalog/meal-filter.ts";
import { MEAL_SORTS } from "../../../src/contexts/recipes-catalog/meal-query.ts";
import { RECIPE_SORTS } from "../../../src/contexts/recipes-catalog/recipe-query.ts";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { kitchenOf, RECIPE } from "./meal-support.ts";
import { ANA, BRUNO, MANAGER, serveRecipes } from "./support.ts";

const { database, drop } = await withDatabase({ connections: 8 });
const [RICE, BEANS] = [newId(), newId()];
const similarProducts = async (name: string) => (name === "arroz" ? [RICE, newId()] : []);
const { call, close, lines } = await serveRecipes(database, { similarProducts });
const kitchen = kitchenOf(database, call);
after(async () => {
  close();
  await drop();
});

const NUTRIENTS = AMOUNTS.slice(0, 8);
let recipes: any[] = [];
let meals: any[] = [];

before(async () => {
  for (let index = 0; index < 9; index++) {
    const facts = Object.fromEntries(
      NUTRIENTS.map((name, at) => [name, (index * 7 + at * 3) % 11]),
    );
    const mealId = await kitchen.meal({
      like: [true, false, null][index % 3],
      name: `${index % 4}`,
    });
    for (const part of [0, 1]) {
      await kitchen.recipe(mealId, {
        name: `Receita ${index % 5}`,
        nutri_facts: index % 4 === 3 ? null : facts,
        weight_in_grams: index % 3 === 2 ? null : 100 + index * 10 + part,
        total_time: index % 5 === 4 ? null : index * 5 + part,
        privacy: part === 0 ? "public" : "private",
        tags: index % 2 === 0 ? [{ key: "dieta", value: index % 4 === 0 ? "vegana" : "leve" }] : [],
        ingredients: [{ ...RECIPE.ingredients[0], product_id: index % 2 === 0 ? RICE : BEANS }],
      });
    }
  }
  recipes = (await call("GET", "/v1/recipes/search")).body.data;
  meals = (await call("GET", "/v1/meals/search")).body.data;
  for (const [index, { id }] of recipes.entries()) {
    if (index % 2 === 0) continue;
    const rating = { taste: index % 6, convenience: (index * 5) % 6 };
    await call("POST", `/v1/recipes/${id}/rate`, { body: { rating } });
  }
  recipes = (await call("GET", "/v1/recipes/search")).body.data;
});

/** What a row has by the name of a filter or a sort. */
function valueOf(row: any, name: string): number | string | boolean | null {
  if (name in row && (row[name] === null || typeof row[name] !== "object")) return row[name];
  if (name === "total_time") {
    const times = row.recipes.flatMap(({ total_time: time }: any) => time ?? []);
    return times.length === 0 ? null : Math.max(...times);
  }
  if (row.nutri_facts === null) return null;
  if (row.nutri_facts[name] !== undefined) return row.nutri_facts[name].value;
  const { calories, carbohydrate, protein, total_fat: fat } = row.nutri_facts;
  const sum = carbohydrate.value + protein.value + fat.value;
  if (name === "calorie_density") {
    return row.weight_in_grams ? (calories.value / row.weight_in_grams) * 100 : null;
  }
  if (!name.endsWith("_percentage") || sum === 0) return null;
  const part = name.replace("_percentage", "").replace("carbo", "carbohydrate");
  return (row.nutri_facts[part].value / sum) * 100;
}

async function search(path: string, query: string, as = ANA) {
  const answer = await call("GET", `${path}?${query}`, { as });
  assert.equal(answer.status, 200, `${query}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}
const idsOf = (rows: readonly any[]) => rows.map(({ id }) => id).toSorted();

test("ranges hold what lies in them and nothing without a value", async () => {
  const lists = [
    ["/v1/recipes/search", () => recipes],
    ["/v1/meals/search", () => meals],
  ] as const;
  const bound = fc.record({
    name: fc.constantFrom(...AMOUNTS, ...WHOLE_AMOUNTS),
    suffix: fc.constantFrom("gte", "lte"),
    pick: fc.nat(20),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...lists),
      fc.uniqueArray(bound, { maxLength: 3, selector: ({ name, suffix }) => name + suffix }),
      async ([path, rows], bounds) => {
        // A bound is mostly the value of some row: the edge counts.
        const limits = bounds.map(({ name, suffix, pick }) => {
          const value = Number(valueOf(rows()[pick % rows().length], name) ?? pick);
          return { name, suffix, value: Math.round(value) };
        });
        const query = limits.map(({ name, suffix, value }) => `${name}_${suffix}=${value}`);
        const wanted = rows().filter((row) =>
          limits.every(({ name, suffix, value }) => {
            const own = valueOf(row, name);
            if (own === null) return false;
            return suffix === "gte" ? Number(own) >= value : Number(own) <= value;
          }),
        );
        const { data, pagination } = await search(path, query.join("&"));
        assert.deepEqual(idsOf(data), idsOf(wanted), query.join("&"));
        assert.equal(pagination.total, wanted.length);
      },
    ),
    { seed: testSeed(), numRuns: testSize(60, 500) },
  );
});

test("every order is that of the values, without a value last, and pages fit together", async () => {
  for (const [path, sorts, rows] of [
    ["/v1/recipes/search", RECIPE_SORTS, recipes],
    ["/v1/meals/search", MEAL_SORTS, meals],
  ] as const) {
    for (const sort of sorts) {
      const name = sort.replace("-", "");
      const { data: found } = await search(path, `sort=${sort}`);
      assert.deepEqual(idsOf(found), idsOf(rows), sort);
      const values: unknown[] = found.map((row: any) => valueOf(row, name));
      const known = values.filter((value) => value !== null);
      assert.deepEqual(values.slice(known.length), Array(values.length - known.length).fill(null));
      const ordered = known.toSorted((one: any, other: any) => (one < other ? -1 : +(one > other)));
      assert.deepEqual(known, sort.startsWith("-") ? ordered.toReversed() : ordered, sort);
      const pages = [];
      for (let skip = 0; skip < rows.length; skip += 4) {
        const { data, pagination } = await search(path, `sort=${sort}&skip=${skip}&limit=4`);
        assert.equal(pagination.total, rows.length);
        pages.push(...data.map(({ id }: any) => id));
      }
      assert.deepEqual(
        pages,
        found.map(({ id }: any) => id),
        sort,
      );
    }
  }
});

test("recipes are found by name, ids, meal, privacy, ratings, tags, products and time", async () => {
  const total = async (query: string) =>
    (await search("/v1/recipes/search", query)).pagination.total;
  const count = (holds: (row: any) => boolean) => recipes.filter(holds).length;
  const [{ id, meal_id: mealId, created_at: at }] = recipes;
  assert.equal(
    await total("name=Receita%202"),
    count(({ name }) => name === "Receita 2"),
  );
  assert.equal(await total(`id=${id}&id=${newId()}`), 1);
  assert.equal(await total(`meal_id=${mealId}`), 2);
  assert.equal(await total("privacy=public"), 9);
  for (const kind of ["taste", "convenience"]) {
    const rated = count((row) => (row[`average_${kind}_rating`] ?? -1) >= 3);
    assert.ok(rated > 0);
    assert.equal(await total(`average_${kind}_rating_gte=3`), rated);
  }
  assert.equal(
    await total("tags=dieta:vegana|leve"),
    count(({ tags }) => tags.length > 0),
  );
  assert.equal(await total("tags_not_exists=dieta:vegana"), 12);
  assert.equal(await total(`products=${RICE}`), 10);
  assert.equal(await total(`products=${RICE}&products=${BEANS}`), 18);
  assert.equal(await total("product_name=arroz"), 10);
  assert.equal(await total(`product_name=arroz&products=${BEANS}`), 0);
  assert.equal(await total("product_name=nada"), 0);
  assert.equal(
    await total(`created_at_gte=${at}`),
    count((row) => row.created_at >= at),
  );
  assert.equal(
    await total(`created_at_lte=${at}`),
    count((row) => row.created_at <= at),
  );
  assert.equal(await total("created_at_gte=2100-01-01"), 0);
});

test("meals are found by menu, liking, products and the privacy of their recipes", async () => {
  const total = async (query: string) => (await search("/v1/meals/search", query)).pagination.total;
  assert.equal(await total(`menu_id=${meals[0].menu_id}&menu_id=${newId()}`), 1);
  assert.deepEqual([await total("like=true"), await total("like=false")], [3, 3]);
  assert.equal(await total(`products=${BEANS}`), 4);
  assert.equal(await total("product_name=arroz"), 5);
  assert.equal(await total("name=0"), 3);
  for (const privacy of ["public", "private"]) {
    const of = recipes.filter((row) => row.privacy === privacy).map(({ meal_id: id }) => id);
    const found = await search("/v1/meals/search", `privacy=${privacy}`);
    assert.deepEqual(found.data.map(({ id }: any) => id).toSorted(), [...new Set(of)].toSorted());
    assert.equal(found.pagination.total, new Set(of).size);
  }
});

test("the names of somebody else's clients find nothing", async () => {
  await database.query(sql`update recipes_catalog.clients set name = 'João 100% ÁLVARES'`);
  const total = async (path: string, text: string, as = ANA) =>
    (await search(path, `client_name_contains=${encodeURIComponent(text)}`, as)).pagination.total;
  for (const text of ["joão", "álvares", "100%", " "]) {
    assert.equal(await total("/v1/recipes/search", text), 18, text);
    assert.equal(await total("/v1/meals/search", text), 9, text);
  }
  for (const text of ["%%", "_", "jo_o", "\\"]) {
    assert.equal(await total("/v1/recipes/search", text), 0, text);
  }
  assert.equal(await total("/v1/recipes/search", "joão", BRUNO), 0, "although nine are public");
  assert.equal(await total("/v1/recipes/search", "joão", MANAGER), 18);
});

test("filters that make no sense are refused", async () => {
  for (const query of [
    "skip=-1",
    "limit=0",
    "limit=x",
    "sort=password",
    "sort=-id",
    "average_taste_rating_gte=6",
    "average_taste_rating_gte=-1",
    "tags=dieta:",
    "tags_not_exists=:x",
    "created_at_gte=ontem",
    "calories_gte=muito",
    "total_time_gte=1.5",
    "id=1",
    "privacy=secret",
    "discarded=true",
    "calories=1",
  ]) {
    const answer = await call("GET", `/v1/recipes/search?${query}`);
    assert.equal(answer.status, 422, `${query}: ${JSON.stringify(answer.body).slice(0, 200)}`);
  }
  const { pagination } = await search("/v1/recipes/search", "limit=5000&skip=10");
  assert.deepEqual(pagination, { page: 1, limit: 100, total: 18, pages: 1 });
  const beyond = await search("/v1/meals/search", "skip=500&limit=2");
  assert.deepEqual([beyond.data, beyond.pagination.total], [[], 9]);
  assert.equal((await search("/v1/recipes/search", "total_time_gte=999999999999")).data.length, 0);
});

test("no request of this file was an error of the server", () => {
  assert.deepEqual(
    lines.filter(({ level }) => level === "error"),
    [],
  );
});
