import assert from "node:assert/strict";
import type { Principal } from "../../../src/http/principal.ts";
import { newId } from "../../../src/platform/ids.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { ANA, insertClient, type serveRecipes } from "./support.ts";

type Call = Awaited<ReturnType<typeof serveRecipes>>["call"];

export const RECIPE = {
  name: "Arroz integral",
  instructions: "Lave.\nCozinhe.",
  ingredients: [
    { name: "Arroz", quantity: 1, unit: "xícara", position: 0 },
    { name: "Água", quantity: 480.5, unit: "ml", position: 1, full_text: "água filtrada" },
  ],
  nutri_facts: { calories: 500, carbohydrate: 60, protein: 20, total_fat: 20 },
  weight_in_grams: 200,
  total_time: 40,
};
export const SLOT = { week: 1, weekday: "Segunda", meal_type: "almoço", hour: "12:30" };

/** A menu of a new client of somebody, made behind the server's back. */
export async function insertMenu(database: Database, owner: Principal = ANA): Promise<string> {
  const clientId = await insertClient(database, owner);
  const id = newId();
  await database.query(sql`
    insert into recipes_catalog.menus (id, tenant_id, author_id, client_id)
    values (${id}, ${owner.tenantId}, ${owner.userId}, ${clientId})`);
  return id;
}

/** What tests ask for again and again; anything but success is a failure. */
export function kitchenOf(database: Database, call: Call) {
  const made = async (path: string, body: object, as: Principal): Promise<string> => {
    const answer = await call("POST", path, { body, as });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body.data.id as string;
  };
  return {
    async meal(body: object = {}, as: Principal = ANA): Promise<string> {
      const menu_id = await insertMenu(database, as);
      return made("/v1/meals", { name: "Almoço", menu_id, ...body }, as);
    },
    recipe: (mealId: string, body: object = {}, as: Principal = ANA) =>
      made("/v1/recipes", { ...RECIPE, meal_id: mealId, ...body }, as),
    async read(path: string, as: Principal = ANA) {
      const answer = await call("GET", path, { as });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer.body.data;
    },
    async status(method: string, path: string, body?: unknown, as: Principal = ANA) {
      return (await call(method, path, { body, as })).status;
    },
    async grid(menuId: string) {
      const { rows } = await database.query<{ meal_id: string; week: number; hour: string }>(sql`
        select meal_id, week, weekday, meal_type, hour::text as hour
          from recipes_catalog.menu_meals where menu_id = ${menuId} order by week, meal_type`);
      return rows;
    },
  };
}
