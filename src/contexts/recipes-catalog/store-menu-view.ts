import { platformErrors } from "../../platform/errors.ts";
import { menuLimits as limits } from "../../platform/limits.ts";
import type { Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { writeAllFacts } from "./facts-text.ts";
import type { Caller } from "./owner.ts";
import type { FindProductTexts } from "./ports.ts";
import type { AnswerBasis } from "./product-answers.ts";
import { clientHead, clientTail } from "./store-clients.ts";
import { mealTextsOfMenus } from "./store-meals.ts";
import { isOneOf, menuText } from "./store-menu-parts.ts";

/**
 * The answer with all that stands in menus, in a transaction that sees everything as it was at one
 * moment.
 * @throws AppError `not_found` unless every menu is there and the caller's to read;
 *   `validation_failed` for more meals than are shown together
 */
export async function readMenuView(
  tx: Transaction,
  caller: Caller,
  menuIds: readonly string[],
  findProductTexts: FindProductTexts,
): Promise<AnswerBasis> {
  const menus = await readMenus(tx, caller, menuIds);
  const clients = await readClients(tx, menus);
  const { meals, productIds } = await readMeals(tx, menuIds);
  const products = await findProductTexts(tx, productIds);
  const texts = [
    `{"data":{"clients":[${clients.join(",")}]`,
    `"menus":[${menus.map(({ json }) => json).join(",")}]`,
    `"meals":[${meals}]`,
  ].join(",");
  const write = () => Buffer.from(`${writeAllFacts(texts)},"products":[${products.join(",")}]}}`);
  return { productIds, write };
}

interface ViewedMenu {
  readonly client_id: string;
  readonly json: string;
}

async function readMenus(
  tx: Transaction,
  caller: Caller,
  menuIds: readonly string[],
): Promise<ViewedMenu[]> {
  const isMine = caller.isManager ? sql`true` : sql`n.author_id = ${caller.userId}`;
  // Texts are made only of what is not too much.
  const { rows } = await tx.query<ViewedMenu & { all_places: number }>(sql`
    with wanted as materialized (
      select n.*, sum(grid.places) over () as all_places
        from recipes_catalog.menus n
        join recipes_catalog.clients c on c.id = n.client_id
       cross join lateral (
          select count(*)::int as places from recipes_catalog.menu_meals p where p.menu_id = n.id) grid
       where ${isOneOf(sql`n.id`, menuIds)} and n.tenant_id = ${caller.tenantId}
         and not n.discarded and not c.discarded and ${isMine}
    )
    select n.client_id, n.all_places,
           case when n.all_places <= ${limits.viewedMealsMax} then ${menuText("full")} end as json
      from wanted n order by array_position(${menuIds}::uuid[], n.id)`);
  if (rows.length < menuIds.length) throw platformErrors.failure("not_found");
  if (rows[0]!.all_places > limits.viewedMealsMax) {
    throw platformErrors.failure("validation_failed", {
      errors: [
        {
          path: "/query/menu_ids",
          code: "too_many_meals",
          message: `must not name menus with more than ${limits.viewedMealsMax} meals together`,
        },
      ],
    });
  }
  return rows;
}

/** Each with those of its menus that were asked for, and no other. */
async function readClients(tx: Transaction, menus: readonly ViewedMenu[]): Promise<string[]> {
  const ids = [...new Set(menus.map(({ client_id: id }) => id))];
  const { rows } = await tx.query<{ id: string; head: string; tail: string }>(sql`
    select c.id, ${clientHead} as head, ${clientTail} as tail
      from recipes_catalog.clients c where ${isOneOf(sql`c.id`, ids)} order by c.name, c.id`);
  return rows.map(({ id, head, tail }) => {
    const own = menus.filter(({ client_id: clientId }) => clientId === id);
    return head + own.map(({ json }) => json).join(",") + tail;
  });
}

/** The meals in the grids, and the products of which they are made. */
async function readMeals(tx: Transaction, menuIds: readonly string[]) {
  const isOfMenus = isOneOf(sql`p.menu_id`, menuIds);
  const { rows } = await tx.query<{ meals: string | null; products: string | null }>(sql`
    select ${mealTextsOfMenus(isOfMenus)} as meals,
           (select string_agg(distinct i.product_id::text, ',')
              from recipes_catalog.menu_meals p
              join recipes_catalog.meals m on m.id = p.meal_id and not m.discarded
              join recipes_catalog.recipes r on r.meal_id = m.id and not r.discarded
              join recipes_catalog.ingredients i on i.recipe_id = r.id
             where ${isOfMenus}) as products`);
  const { meals, products } = rows[0]!;
  return { meals: meals ?? "", productIds: products === null ? [] : products.split(",") };
}
