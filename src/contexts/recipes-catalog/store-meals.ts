import type { Page } from "../../http/paging.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { withAllFacts } from "./facts-text.ts";
import { createBodyMemory, type BodyMemory, type JsonBody } from "./json-body.ts";
import { isOwnMeal, mealCondition, type MealFilter, type Reader } from "./meal-filter.ts";
import { orderBy, type MealSort } from "./meal-query.ts";
import type { Owned } from "./owner.ts";
import { createTextLists } from "./store-pages.ts";
import { revisionOf } from "./store-revisions.ts";

export interface FoundMeal extends Owned {
  readonly version: number;
  /** As it is answered, with its recipes. */
  readonly json: string;
}

/** Reads meals. Writing is in `store-meal-writes.ts`. */
export interface MealStore {
  /** A living meal of any tenant. */
  find(id: string): Promise<FoundMeal | undefined>;
  list(filter: MealFilter, reader: Reader, sort: MealSort, page: Page): Promise<JsonBody>;
}

/** JSON text of `meals m` with its texts `t`, for a SELECT list. */
const mealText = sql`
  t.head || coalesce((
    select string_agg(recipe.json, ',' order by r.created_at, r.id)
      from recipes_catalog.recipes r
      join recipes_catalog.recipe_texts recipe on recipe.recipe_id = r.id
     where r.meal_id = m.id and not r.discarded), '') || t.tail`;

/** JSON texts of the living meals that stand in the grids of menus, for a SELECT list. */
export const mealTextsOfMenus = (isOfMenus: Sql) => sql`(
  select string_agg(${mealText}, ',' order by m.created_at, m.id)
    from recipes_catalog.menu_meals p
    join recipes_catalog.meals m on m.id = p.meal_id
    join recipes_catalog.meal_texts t on t.meal_id = m.id
   where ${isOfMenus} and not m.discarded)`;

export function createMealStore(
  database: Database,
  memory: BodyMemory = createBodyMemory(),
): MealStore {
  const listTexts = createTextLists("meals", database, memory);

  return {
    async find(id) {
      const [row] = await database.read<FoundMeal>(sql`
        select m.tenant_id, m.author_id, m.version, ${mealText} as json
          from recipes_catalog.meals m
          join recipes_catalog.meal_texts t on t.meal_id = m.id
         where m.id = ${id} and not m.discarded`);
      return row && { ...row, json: withAllFacts(row.json) };
    },

    list(filter, reader, sort, page) {
      const seesAll = reader.isManager || filter.client_name_contains !== undefined;
      return listTexts({
        matching: [filter, reader],
        sort,
        page,
        revision: revisionOf(reader, seesAll ? "tenant" : "author"),
        found: () => sql`recipes_catalog.meals m where ${mealCondition(filter, reader)}`,
        id: sql`m.id`,
        order: orderBy("m", sort),
        shown: sql`
          join recipes_catalog.meals m on m.id = page.id
          join recipes_catalog.meal_texts t on t.meal_id = m.id
         where ${isOwnMeal(reader)}`,
        text: mealText,
      });
    },
  };
}
