import assert from "node:assert/strict";
import { newId } from "../../src/platform/ids.ts";
import type { Database } from "../../src/platform/postgres.ts";
import { sql } from "../../src/platform/sql.ts";
import type { Answer, Ask, TestCaller } from "./route-table.ts";

interface Options {
  readonly database: Database;
  ask(request: Ask): Promise<Answer>;
}

const RECIPE = {
  name: "Arroz integral",
  instructions: "Lave.\nCozinhe.",
  ingredients: [{ name: "Arroz", quantity: 1, unit: "xícara", position: 0 }],
  nutri_facts: { calories: 500, sodium: { value: 0.1, unit: "g" } },
};

/** Good requests for recipes and meals; their menus are made behind the server's back. */
export function createKitchenRequests({ database, ask }: Options) {
  async function menuId({ id: owner, tenantId }: TestCaller): Promise<string> {
    const [clientId, id] = [newId(), newId()];
    await database.query(sql`
      insert into recipes_catalog.clients (id, tenant_id, author_id, name, sex)
      values (${clientId}, ${tenantId}, ${owner}, 'Walter Álvares', 'masculino')`);
    await database.query(sql`
      insert into recipes_catalog.menus (id, tenant_id, author_id, client_id)
      values (${id}, ${tenantId}, ${owner}, ${clientId})`);
    return id;
  }

  async function made(path: string, body: object, { token }: TestCaller): Promise<string> {
    const answer = await ask({ method: "POST", path, token, body });
    assert.equal(answer.status, 201, `${path}: ${answer.text}`);
    return answer.body.data.id as string;
  }

  async function mealId(caller: TestCaller): Promise<string> {
    const body = { name: "Almoço", menu_id: await menuId(caller), recipes: [RECIPE] };
    return made("/v1/meals", body, caller);
  }

  return {
    menuId,
    mealId,
    async recipeId(caller: TestCaller): Promise<string> {
      return made("/v1/recipes", { ...RECIPE, meal_id: await mealId(caller) }, caller);
    },
    /** A good body where the example names what is not there. */
    async body(label: string, caller: TestCaller): Promise<object | undefined> {
      switch (label) {
        case "POST /v1/recipes":
          return { ...RECIPE, meal_id: await mealId(caller) };
        case "POST /v1/recipes/{recipe_id}/copy":
          return { meal_id: await mealId(caller) };
        case "POST /v1/meals":
          return {
            name: "Almoço",
            menu_id: await menuId(caller),
            menu_meal: { week: 1, weekday: "Segunda", meal_type: "almoço" },
            recipes: [RECIPE],
          };
        case "POST /v1/meals/{meal_id}/copy":
          return { id_of_target_menu: await menuId(caller) };
        default:
          return undefined;
      }
    },
  };
}
