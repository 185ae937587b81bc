import type { Principal } from "../../../../src/http/principal.ts";
import { createRecipesCatalog } from "../../../../src/contexts/recipes-catalog/index.ts";
import {
  findShoppingProducts,
  readProductMarks,
} from "../../../../src/contexts/products-catalog/index.ts";
import { httpErrors } from "../../../../src/http/errors.ts";
import { systemClock } from "../../../../src/platform/clock.ts";
import type { DrawDocument } from "../../../../src/platform/documents/document-task.ts";
import { drawShoppingList } from "../../../../src/platform/documents/shopping-list-document.ts";
import { newId } from "../../../../src/platform/ids.ts";
import type { Database } from "../../../../src/platform/postgres.ts";
import { sql } from "../../../../src/platform/sql.ts";
import { startServer } from "../../../http/fixture.ts";
import { ANA } from "../support.ts";

export interface Call {
  readonly as?: Principal;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The routes of shopping lists on a free port; a token is the user id. */
export async function serveShopping(
  database: Database,
  drawDocument: DrawDocument = ({ list }) => drawShoppingList(list),
) {
  const people = new Map<string, Principal>();
  const shopping = { findShoppingProducts, readProductMarks, drawDocument };
  const { routes } = createRecipesCatalog({
    database,
    clock: systemClock,
    similarProducts: () => Promise.resolve([]),
    shopping,
  });
  const server = await startServer({
    routes,
    config: { environment: "test", accessLog: false, bodyBytesMax: 1_048_576 },
    authenticate: (token) => people.get(token) ?? httpErrors.rejection("authentication_required"),
  });
  return {
    close: () => server.close(),
    async call(method: string, path: string, { as = ANA, body, headers }: Call = {}) {
      people.set(as.userId, as);
      const response = await fetch(server.url + path, {
        method,
        headers: {
          authorization: `Bearer ${as.userId}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const bytes = new Uint8Array(await response.arrayBuffer());
      const text = Buffer.from(bytes).toString();
      const isJson = /json/.test(response.headers.get("content-type") ?? "");
      // Tests look into bodies of every shape.
      const json: any = isJson ? JSON.parse(text) : undefined;
      return { status: response.status, headers: response.headers, bytes, text, body: json };
    },
  };
}
export type ShoppingServer = Awaited<ReturnType<typeof serveShopping>>;

/** A product that is there. */
export async function insertProduct(database: Database, fields: object = {}): Promise<string> {
  const product = {
    id: newId(),
    source_id: "00000000-0000-7000-8000-000000000001",
    name: "Produto",
    prepared_name: "produto",
    is_food: true,
    ...fields,
  };
  await database.query(sql`
    insert into products_catalog.products
      (id, source_id, name, prepared_name, is_food, shopping_name, store_department_name,
       recommended_brands_and_products, substitutes, edible_yield, cooking_factor, kg_per_unit,
       liters_per_kg, discarded)
    select id, source_id, name, prepared_name, is_food, shopping_name, store_department_name,
           recommended_brands_and_products, substitutes, edible_yield, cooking_factor, kg_per_unit,
           liters_per_kg, coalesce(discarded, false)
      from jsonb_populate_record(null::products_catalog.products, ${JSON.stringify(product)})`);
  return product.id;
}

export async function insertMenu(
  database: Database,
  clientId: string,
  owner: Principal = ANA,
): Promise<string> {
  const id = newId();
  await database.query(sql`
    insert into recipes_catalog.menus (id, tenant_id, author_id, client_id)
    values (${id}, ${owner.tenantId}, ${owner.userId}, ${clientId})`);
  return id;
}

export interface NewIngredient {
  readonly name?: string;
  readonly quantity: number;
  readonly unit: string;
  readonly productId?: string | null;
}

/** A meal of one recipe in a slot of a menu. */
export async function insertMeal(
  database: Database,
  menuId: string,
  ingredients: readonly NewIngredient[],
  {
    name = "Almoço",
    week = 1,
    owner = ANA,
  }: { name?: string; week?: number; owner?: Principal } = {},
): Promise<{ mealId: string; recipeId: string }> {
  const [mealId, recipeId] = [newId(), newId()];
  const { tenantId, userId } = owner;
  await database.query(sql`
    insert into recipes_catalog.meals (id, tenant_id, author_id, menu_id, name, prepared_name)
    values (${mealId}, ${tenantId}, ${userId}, ${menuId}, ${name}, ${name})`);
  await database.query(sql`
    insert into recipes_catalog.menu_meals (menu_id, meal_id, week, weekday, meal_type)
    values (${menuId}, ${mealId}, ${week}, 'Segunda', ${newId()})`);
  await database.query(sql`
    insert into recipes_catalog.recipes
      (id, tenant_id, author_id, meal_id, name, prepared_name, instructions)
    values (${recipeId}, ${tenantId}, ${userId}, ${mealId}, 'Receita', 'receita', 'Cozinhe.')`);
  await database.query(sql`
    insert into recipes_catalog.ingredients (recipe_id, position, name, quantity, unit, product_id)
    select ${recipeId}, v.place - 1, v.name, v.quantity, v.unit, v.product_id
      from unnest(${ingredients.map((one) => one.name ?? "Ingrediente")}::text[],
                  ${ingredients.map((one) => one.quantity)}::float8[],
                  ${ingredients.map((one) => one.unit)}::text[],
                  ${ingredients.map((one) => one.productId ?? null)}::uuid[])
           with ordinality as v (name, quantity, unit, product_id, place)`);
  return { mealId, recipeId };
}
