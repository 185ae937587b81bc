import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { withDatabase } from "../../support/database.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { createDatabase } from "../../../src/platform/postgres.ts";
import { silentLog } from "../../support/log.ts";
import { insertMenu, kitchenOf, RECIPE, SLOT } from "./meal-support.ts";
import { serveRecipes } from "./support.ts";

// Two servers, each with its own connections, as two processes have them.
const { database, url, drop } = await withDatabase({ connections: 6 });
const second = createDatabase({ url, connections: 6, applicationName: "test", log: silentLog });
const servers = [await serveRecipes(database), await serveRecipes(second)];
const kitchen = kitchenOf(database, servers[0]!.call);
after(async () => {
  for (const server of servers) server.close();
  await second.end();
  await drop();
});

const ask = (index: number, method: string, path: string, body?: unknown) =>
  servers[index % 2]!.call(method, path, { body });

/** What the meal should tell, by its recipes. */
async function assertTotals(mealId: string, expectedCount: number): Promise<any> {
  const meal = await kitchen.read(`/v1/meals/${mealId}`);
  assert.equal(meal.recipes.length, expectedCount);
  const calories = meal.recipes.map((recipe: any) => recipe.nutri_facts?.calories.value ?? 0);
  const sum = calories.reduce((one: number, other: number) => one + other, 0);
  assert.equal(meal.nutri_facts?.calories.value ?? 0, sum);
  const weights = meal.recipes.map((recipe: any) => recipe.weight_in_grams ?? 0);
  assert.equal(
    meal.weight_in_grams,
    weights.reduce((one: number, other: number) => one + other, 0),
  );
  return meal;
}

test("eight parallel recipes of one meal are all there, and the totals are theirs", async () => {
  const mealId = await kitchen.meal();
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => {
      const nutri_facts = { calories: 2 ** index };
      const body = { ...RECIPE, name: `${index}`, meal_id: mealId, nutri_facts };
      return ask(index, "POST", "/v1/recipes", body);
    }),
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    Array.from({ length: 8 }, () => 201),
  );
  const meal = await assertTotals(mealId, 8);
  assert.deepEqual([meal.nutri_facts.calories.value, meal.version], [255, 9]);
});

test("of eight parallel changes of one version one counts, and the others are told", async () => {
  const id = await kitchen.recipe(await kitchen.meal());
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      ask(index, "PATCH", `/v1/recipes/${id}`, { name: `nome ${index}`, version: 1 }),
    ),
  );
  const statuses = answers.map(({ status }) => status).toSorted();
  assert.deepEqual(statuses, [200, ...Array.from({ length: 7 }, () => 409)]);
  const winner = answers.findIndex(({ status }) => status === 200);
  const read = await kitchen.read(`/v1/recipes/${id}`);
  assert.deepEqual([read.name, read.version], [`nome ${winner}`, 2]);
});

test("of eight parallel meals for one place one stands in it, and the others are nowhere", async () => {
  const menu_id = await insertMenu(database);
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      ask(index, "POST", "/v1/meals", { name: `${index}`, menu_id, menu_meal: SLOT }),
    ),
  );
  assert.equal(answers.filter(({ status }) => status === 201).length, 1);
  assert.equal(answers.filter(({ status }) => status === 409).length, 7);
  const found = await kitchen.read(`/v1/meals/search?menu_id=${menu_id}`);
  assert.equal(found.length, 1);
});

const step = fc.oneof(
  fc.record({ kind: fc.constant("add"), calories: fc.integer({ min: 0, max: 1000 }) }),
  fc.record({
    kind: fc.constant("change"),
    at: fc.nat(5),
    calories: fc.integer({ min: 0, max: 9 }),
  }),
  fc.record({ kind: fc.constant("discard"), at: fc.nat(5) }),
  fc.record({ kind: fc.constant("copy"), at: fc.nat(5) }),
  fc.record({ kind: fc.constant("replace"), keep: fc.nat(5) }),
  fc.record({ kind: fc.constant("copy meal") }),
  fc.record({ kind: fc.constant("move") }),
);

test("whatever is done to two meals at once, no answer is an error and the sums are right", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 10 }), async (steps) => {
      const menuId = await insertMenu(database);
      const meals = [
        await kitchen.meal({ recipes: [RECIPE, RECIPE, RECIPE], menu_id: menuId, menu_meal: SLOT }),
        await kitchen.meal({ recipes: [RECIPE, RECIPE, RECIPE] }),
      ];
      const states = await Promise.all(meals.map((id) => kitchen.read(`/v1/meals/${id}`)));
      const ids: string[] = states.flatMap((meal) => meal.recipes.map(({ id }: any) => id));
      const request = (one: (typeof steps)[number], index: number) => {
        const mealId = meals[index % 2]!;
        const recipe = `/v1/recipes/${ids["at" in one ? one.at : 0]}`;
        const nutri_facts = "calories" in one ? { calories: one.calories } : {};
        switch (one.kind) {
          case "add":
            return ask(index, "POST", "/v1/recipes", { ...RECIPE, nutri_facts, meal_id: mealId });
          case "change":
            return ask(index, "PATCH", recipe, { nutri_facts });
          case "discard":
            return ask(index, "DELETE", recipe);
          case "copy":
            return ask(index, "POST", `${recipe}/copy`, { meal_id: mealId });
          case "replace": {
            const own = states[index % 2].recipes.slice("keep" in one ? one.keep % 3 : 0);
            const recipes = own.map(({ id }: any) => ({ id, name: "x", instructions: "y" }));
            return ask(index, "PATCH", `/v1/meals/${mealId}`, { recipes });
          }
          case "copy meal": {
            const body = { id_of_target_menu: menuId };
            return ask(index, "POST", `/v1/meals/${mealId}/copy`, body);
          }
          default:
            return ask(index, "PATCH", `/v1/meals/${mealId}`, { menu_id: menuId });
        }
      };
      const answers = await Promise.all(steps.map(request));
      for (const { status, body } of answers) {
        assert.ok([200, 201, 404, 409, 422].includes(status), JSON.stringify(body));
      }
      for (const id of meals) {
        const { recipes } = await kitchen.read(`/v1/meals/${id}`);
        await assertTotals(id, recipes.length);
      }
    }),
    { seed: testSeed(), numRuns: testSize(12, 100) },
  );
});

test("no request of this file was an error of the server", () => {
  for (const { lines } of servers) {
    assert.deepEqual(
      lines.filter(({ level }) => level === "error"),
      [],
    );
  }
});
