import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { withDatabase } from "../../support/database.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { createDatabase } from "../../../src/platform/postgres.ts";
import { silentLog } from "../../support/log.ts";
import { insertMenu, kitchenOf, RECIPE, SLOT } from "./meal-support.ts";
import { ANA, BRUNO, person, serveRecipes, type Answer } from "./support.ts";

// Two servers, each with its own connections, as two processes have them.
const { database, url, drop } = await withDatabase({ connections: 8 });
const second = createDatabase({ url, connections: 8, applicationName: "test", log: silentLog });
const servers = [await serveRecipes(database), await serveRecipes(second)];
const kitchen = kitchenOf(database, servers[0]!.call);
after(async () => {
  for (const server of servers) server.close();
  await second.end();
  await drop();
});

/** A meal of eight recipes in a menu, another menu of the same author, and a meal there. */
async function makeScene() {
  const [menuId, otherMenu] = [await insertMenu(database), await insertMenu(database)];
  const recipes = Array.from({ length: 8 }, (_, index) => ({
    ...RECIPE,
    name: `${index}`,
    privacy: "public",
    tags: [{ key: "de", value: `${index % 2}` }],
  }));
  const mealId = await kitchen.meal({ menu_id: menuId, menu_meal: SLOT, recipes });
  const otherMeal = await kitchen.meal({ menu_id: otherMenu, recipes: [RECIPE] });
  const meal = await kitchen.read(`/v1/meals/${mealId}`);
  const recipeIds: string[] = meal.recipes.map(({ id }: { id: string }) => id);
  const [{ client_id: clientId }] = await menuRows(menuId);
  return { menuId, otherMenu, mealId, otherMeal, recipeIds, clientId };
}
type Scene = Awaited<ReturnType<typeof makeScene>>;

async function menuRows(menuId: string) {
  const { rows } = await database.query<{ client_id: string }>({
    text: "select client_id from recipes_catalog.menus where id = $1",
    values: [menuId],
  });
  return rows as [{ client_id: string }];
}

interface Write {
  readonly kind: string;
  request(scene: Scene, at: number): [string, string, object?, typeof ANA?];
  /** What has to be seen afterwards when the answer was good. */
  holds?(scene: Scene, at: number, answer: Answer): Promise<void>;
}

const recipesOf = async (mealId: string): Promise<any[]> =>
  (await kitchen.read(`/v1/meals/${mealId}`)).recipes;
const isThere = async (mealId: string, id: string) =>
  assert.ok((await recipesOf(mealId)).some((recipe) => recipe.id === id));
const recipePath = ({ recipeIds }: Scene, at: number) => `/v1/recipes/${recipeIds[at]}`;

/** No two of them contradict each other, so whatever was answered with success must be seen. */
const WRITES: readonly Write[] = [
  {
    kind: "create a recipe",
    request: ({ mealId }, at) => [
      "POST",
      "/v1/recipes",
      { ...RECIPE, name: `n${at}`, meal_id: mealId },
    ],
    holds: ({ mealId }, _at, { body }) => isThere(mealId, body.data.recipe_id),
  },
  {
    kind: "change a recipe",
    request: (scene, at) => [
      "PATCH",
      recipePath(scene, at),
      { notes: "x", nutri_facts: { calories: at } },
    ],
    async holds(scene, at) {
      const { notes, nutri_facts: facts } = await kitchen.read(recipePath(scene, at));
      assert.deepEqual([notes, facts.calories.value], ["x", at]);
    },
  },
  {
    kind: "discard a recipe",
    request: (scene, at) => ["DELETE", recipePath(scene, at)],
    async holds(scene, at) {
      assert.equal(await kitchen.status("GET", recipePath(scene, at)), 404);
    },
  },
  {
    kind: "copy a recipe into the meal",
    request: (scene, at) => ["POST", `${recipePath(scene, at)}/copy`, { meal_id: scene.mealId }],
    holds: ({ mealId }, _at, { body }) => isThere(mealId, body.data.recipe_id),
  },
  {
    kind: "copy a recipe out of the meal",
    request: (scene, at) => ["POST", `${recipePath(scene, at)}/copy`, { meal_id: scene.otherMeal }],
    holds: ({ otherMeal }, _at, { body }) => isThere(otherMeal, body.data.recipe_id),
  },
  {
    kind: "rate a recipe",
    request: (scene, at) => [
      "POST",
      `${recipePath(scene, at)}/rate`,
      { rating: { taste: 4, convenience: 2 } },
      BRUNO,
    ],
    async holds(scene, at) {
      const recipe = await kitchen.read(recipePath(scene, at));
      assert.deepEqual([recipe.ratings.length, recipe.average_taste_rating], [1, 4]);
    },
  },
  {
    kind: "change the meal",
    request: ({ mealId }, at) => ["PATCH", `/v1/meals/${mealId}`, { description: `d${at}` }],
    async holds({ mealId }) {
      assert.match((await kitchen.read(`/v1/meals/${mealId}`)).description, /^d\d$/);
    },
  },
  {
    kind: "tag the meal",
    request: ({ mealId }, at) => [
      "PATCH",
      `/v1/meals/${mealId}`,
      { tags: [{ key: "de", value: `${at}` }] },
    ],
    async holds({ mealId }) {
      assert.equal((await kitchen.read(`/v1/meals/${mealId}`)).tags.length, 1);
    },
  },
  {
    kind: "move the meal to the other menu",
    request: ({ mealId, otherMenu }) => ["PATCH", `/v1/meals/${mealId}`, { menu_id: otherMenu }],
  },
  {
    kind: "move the meal back",
    request: ({ mealId, menuId }) => ["PATCH", `/v1/meals/${mealId}`, { menu_id: menuId }],
  },
  {
    kind: "place the meal anew",
    request: ({ mealId, menuId, clientId }, at) => [
      "PATCH",
      `/v1/clients/${clientId}/menus/${menuId}`,
      { meals: [{ ...SLOT, meal_id: mealId, week: 1 + (at % 4) }] },
    ],
  },
  {
    kind: "copy the meal",
    request: ({ mealId, otherMenu }, at) => [
      "POST",
      `/v1/meals/${mealId}/copy`,
      { id_of_target_menu: otherMenu, menu_meal: { ...SLOT, meal_type: `cópia ${at}` } },
    ],
    async holds(_scene, _at, { body }) {
      await assertTrue(body.data.meal_id);
    },
  },
  {
    kind: "make another meal in the menu",
    request: ({ menuId }, at) => [
      "POST",
      "/v1/meals",
      { name: "m", menu_id: menuId, menu_meal: { ...SLOT, meal_type: `outra ${at}` } },
    ],
    async holds(_scene, _at, { body }) {
      await assertTrue(body.data.meal_id);
    },
  },
];

/** Its totals are those of its recipes, and its place is in the menu that it names. */
async function assertTrue(mealId: string): Promise<void> {
  const meal = await kitchen.read(`/v1/meals/${mealId}`);
  const sum = (read: (recipe: any) => number) =>
    meal.recipes.reduce((total: number, recipe: any) => total + read(recipe), 0);
  assert.equal(
    meal.nutri_facts?.calories.value ?? 0,
    sum((one) => one.nutri_facts?.calories.value ?? 0),
  );
  assert.equal(
    meal.weight_in_grams,
    sum((one) => one.weight_in_grams ?? 0),
  );
  const { rows } = await database.query<{ menu_id: string }>({
    text: "select menu_id from recipes_catalog.menu_meals where meal_id = $1",
    values: [mealId],
  });
  assert.ok(rows.length <= 1);
  if (rows.length === 1) assert.equal(rows[0]!.menu_id, meal.menu_id);
}

async function writeAtOnce(scene: Scene, writes: readonly Write[]): Promise<number[]> {
  const answers = await Promise.all(
    writes.map((write, at) => {
      const [method, path, body, as = ANA] = write.request(scene, at);
      return servers[at % 2]!.call(method, path, { body, as });
    }),
  );
  for (const [at, answer] of answers.entries()) {
    const { kind, holds } = writes[at]!;
    const said = `${kind}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 300)}`;
    assert.ok(answer.status === 200 || answer.status === 201 || answer.status === 409, said);
    if (answer.status !== 409) await holds?.(scene, at, answer);
  }
  await assertTrue(scene.mealId);
  await assertTrue(scene.otherMeal);
  return answers.map(({ status }) => status);
}

test("eight writers of any kinds at once all succeed or are told of a conflict, and none is lost", async () => {
  const eight = fc.array(fc.constantFrom(...WRITES), { minLength: 8, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(eight, async (writes) => {
      await writeAtOnce(await makeScene(), writes);
    }),
    { seed: testSeed(), numRuns: testSize(8, 150), endOnFailure: true },
  );
});

test("eight writers of one kind at once succeed, whichever kind it is", async () => {
  for (const write of WRITES) {
    const statuses = await writeAtOnce(
      await makeScene(),
      Array.from({ length: 8 }, () => write),
    );
    // Nothing was said of a version, and no place is wanted twice: there is nothing to conflict.
    assert.ok(
      statuses.every((status) => status < 300),
      `${write.kind}: ${statuses.join()}`,
    );
  }
});

test("eight people who rate one recipe at once are all in its means", async () => {
  const { recipeIds } = await makeScene();
  for (const id of recipeIds.slice(0, 3)) {
    const answers = await Promise.all(
      [0, 0, 1, 2, 3, 4, 5, 5].map((taste, at) => {
        const body = { rating: { taste, convenience: 5 } };
        const as = person(ANA.tenantId);
        return servers[at % 2]!.call("POST", `/v1/recipes/${id}/rate`, { body, as });
      }),
    );
    for (const { status, body } of answers) assert.equal(status, 200, JSON.stringify(body));
    const { ratings, average_taste_rating: mean } = await kitchen.read(`/v1/recipes/${id}`);
    assert.deepEqual([ratings.length, mean], [8, 2.5]);
  }
});

test("of writers that all name the version they saw, one of each kind is the first", async () => {
  const scene = await makeScene();
  const { mealId, recipeIds } = scene;
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, at) => {
      const headers = { "if-match": '"1"' };
      const [path, body] =
        at % 2 === 0
          ? [`/v1/meals/${mealId}`, { notes: `n${at}` }]
          : [`/v1/recipes/${recipeIds[0]}`, { notes: `n${at}` }];
      return servers[at % 2]!.call("PATCH", path, { body, headers });
    }),
  );
  const statuses = (isMeal: boolean) =>
    answers.filter((_, at) => (at % 2 === 0) === isMeal).map(({ status }) => status);
  assert.deepEqual(statuses(false).toSorted(), [200, 409, 409, 409]);
  // A recipe that changes is a change of its meal: it may have made the meal's version stale.
  const mealStatuses = statuses(true).toSorted();
  assert.ok(mealStatuses.filter((status) => status === 200).length <= 1, mealStatuses.join());
  assert.ok(mealStatuses.every((status) => status === 200 || status === 409));
  await assertTrue(mealId);
});

test("no request of this file was an error of the server", () => {
  for (const { lines } of servers) {
    assert.deepEqual(
      lines.filter(({ level }) => level === "error"),
      [],
    );
  }
});
