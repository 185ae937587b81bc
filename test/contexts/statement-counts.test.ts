import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { keyScopeOf, type Route } from "../../src/http/route.ts";
import { newId } from "../../src/platform/ids.ts";
import { watched } from "../auth/accounts-rig.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { fillPath, serveContexts, type Asked } from "./serve.ts";
import { insertWorld, type World } from "./world.ts";

const MANY = 20;
let database: TestDatabase;
let counted: ReturnType<typeof watched>;
let few: World;
let many: World;

before(async () => {
  database = await withDatabase();
  counted = watched(database.database);
  few = await insertWorld(database.database, 1);
  many = await insertWorld(database.database, MANY);
});
after(() => database.drop());

/** Of a process that has just begun: what one has kept would hide what it asked for it. */
async function statementsOf(world: World, asked: Asked): Promise<string[]> {
  const { ask, close } = await serveContexts(counted.database);
  counted.statements.length = 0;
  await ask(world, asked).finally(close);
  return [...counted.statements];
}

/** Twenty times as much costs no statement more. */
async function assertNoGrowth(label: string, asked: (world: World) => Asked): Promise<void> {
  const ofFew = await statementsOf(few, asked(few));
  const ofMany = await statementsOf(many, asked(many));
  assert.ok(ofFew.length > 0, label);
  assert.ok(
    ofMany.length <= ofFew.length,
    `${label}: ${ofFew.length} statements for one, ${ofMany.length} for ${MANY}:\n${ofMany.join("\n")}`,
  );
}

const isReading = (route: Route) =>
  route.method === "GET" || (route.method === "POST" && keyScopeOf(route) === "read");

const BODIES: Readonly<Record<string, (world: World) => object>> = {
  "/v1/client-onboarding/query-responses": ({ userId, formId }) => ({
    query_type: "responses_by_form",
    user_id: userId,
    form_id: formId,
  }),
  "/v1/client-onboarding/bulk-query-responses": ({ userId }) => ({
    user_id: userId,
    queries: [
      { query_type: "forms_by_user", user_id: userId },
      { query_type: "responses_by_user", user_id: userId },
    ],
  }),
  "/v1/shopping-lists/preview": ({ menuIds }) => ({ menu_ids: menuIds }),
};
/** A page is drawn elsewhere, of what the body says. */
const DRAWN = new Set(["/v1/shopping-lists/pdf"]);

test("no route that reads asks the database once for each row", async () => {
  const { routes, close } = await serveContexts(counted.database);
  close();
  const reading = routes.filter((route) => isReading(route) && !DRAWN.has(route.path));
  assert.ok(reading.length > 25, `${reading.length} routes`);
  for (const { method, path } of reading) {
    await assertNoGrowth(`${method} ${path}`, (world) => ({
      method,
      path: fillPath(path, world) + queryOf(path, world),
      body: method === "POST" ? BODIES[path]!(world) : undefined,
    }));
  }
});

function queryOf(path: string, { menuIds, userId }: World): string {
  if (path.endsWith("/similar-names")) return "?name=arroz";
  if (path.endsWith("/menu-view/data")) {
    return `?${menuIds.map((id) => `menu_ids=${id}`).join("&")}`;
  }
  if (path === "/v1/meals/search" || path === "/v1/recipes/search") {
    return `?tags=k:v0&product_name=arroz&client_name_contains=c&author_id=${userId}`;
  }
  return "";
}

const RECIPE = { name: "Arroz", instructions: "Cozinhe." };
const times = <T>(count: number, make: (at: number) => T) =>
  Array.from({ length: count }, (_, at) => make(at));
const tags = (count: number) => times(count, (at) => ({ key: `new ${newId()}`, value: `v ${at}` }));
const ingredients = (count: number) =>
  times(count, (position) => ({ name: "Arroz", quantity: 1, unit: "g", position }));

const WRITES: Readonly<Record<string, (world: World) => Asked>> = {
  "a recipe with its ingredients and tags": ({ size, ids }) => ({
    method: "POST",
    path: "/v1/recipes",
    body: {
      ...RECIPE,
      meal_id: ids["meal_id"],
      ingredients: ingredients(size),
      tags: tags(size),
    },
  }),
  "a client with tags": ({ size }) => ({
    method: "POST",
    path: "/v1/clients",
    body: { profile: { name: "Ana", sex: "feminino" }, tags: tags(size) },
  }),
  "a shopping list that is kept": ({ ids, menuIds }) => ({
    method: "POST",
    path: "/v1/shopping-lists",
    body: { client_id: ids["client_id"], menu_ids: menuIds },
  }),
  "a role for many users": ({ userIds }) => ({
    method: "POST",
    path: "/v1/roles/recipes_catalog/user/users",
    body: { user_ids: userIds },
  }),
  "a meal that is discarded with its recipes": ({ mealIds }) => ({
    method: "DELETE",
    path: `/v1/meals/${mealIds.at(-1)!}`,
  }),
  "a client that is discarded with its menus": ({ ids }) => ({
    method: "DELETE",
    path: `/v1/clients/${ids["client_id"]}`,
  }),
};

for (const [what, asked] of Object.entries(WRITES)) {
  test(`as many statements, however large it is: ${what}`, () => assertNoGrowth(what, asked));
}
