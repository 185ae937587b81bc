import type { Page } from "../../http/paging.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { mealCondition, type MealFilter, type Reader } from "./meal-filter.ts";
import type { MealRow } from "./meal-json.ts";
import { orderBy, type MealSort } from "./meal-query.ts";
import type { RecipeRow } from "./recipe-json.ts";
import { isoText, recipeSelection } from "./store-recipes.ts";
import { tagsOf } from "./store-tags.ts";

export interface MealWithRecipes {
  readonly meal: MealRow;
  readonly recipes: readonly RecipeRow[];
}

/** Reads meals. Writing is in `store-meal-writes.ts`. */
export interface MealStore {
  /** A living meal of any tenant. */
  find(id: string): Promise<MealWithRecipes | undefined>;
  list(
    filter: MealFilter,
    reader: Reader,
    sort: MealSort,
    page: Page,
  ): Promise<{ readonly meals: readonly MealWithRecipes[]; readonly total: number }>;
}

/** What `MealRow` wants of `meals m`. */
const mealSelection = sql`
  m.id, ${isoText(sql`m.created_at`)} as created_at, ${isoText(sql`m.updated_at`)} as updated_at,
  m.version, m.discarded, m.tenant_id, m.name, m.author_id, m.menu_id, m.description, m.notes,
  m."like", m.image_url, m.nutri_facts::text as nutri_facts, m.weight_in_grams,
  m.calorie_density, m.carbo_percentage, m.protein_percentage, m.total_fat_percentage,
  ${tagsOf("meal", sql`m.id`)}::text as tags`;

type Asked = Pick<Database, "query">;

/** The living meals that stand in the grids of the menus, in the caller's transaction. */
export async function mealsOfMenus(
  tx: Asked,
  menuIds: readonly string[],
): Promise<MealWithRecipes[]> {
  const { rows } = await tx.query<MealRow>(sql`
    select ${mealSelection}
      from recipes_catalog.menu_meals p join recipes_catalog.meals m on m.id = p.meal_id
     where p.menu_id = any(${menuIds}::uuid[]) and not m.discarded
     order by m.created_at, m.id`);
  return addRecipes(tx, rows);
}

async function addRecipes(asked: Asked, meals: readonly MealRow[]): Promise<MealWithRecipes[]> {
  if (meals.length === 0) return [];
  const { rows } = await asked.query<RecipeRow>(sql`
    select ${recipeSelection} from recipes_catalog.recipes r
     where r.meal_id = any(${meals.map(({ id }) => id)}::uuid[]) and not r.discarded
     order by r.created_at, r.id`);
  const recipes = new Map<string, RecipeRow[]>(meals.map(({ id }) => [id, []]));
  for (const row of rows) recipes.get(row.meal_id)!.push(row);
  return meals.map((meal) => ({ meal, recipes: recipes.get(meal.id) ?? [] }));
}

export function createMealStore(database: Database): MealStore {
  const withRecipes = (meals: readonly MealRow[]) => addRecipes(database, meals);

  return {
    async find(id) {
      const rows = await database.read<MealRow>(sql`
        select ${mealSelection} from recipes_catalog.meals m
         where m.id = ${id} and not m.discarded`);
      return (await withRecipes(rows))[0];
    },

    async list(filter, reader, sort, { skip, limit }) {
      const condition = mealCondition(filter, reader);
      // The ids come first, so that only the rows of the page are put together.
      const statement = sql`
        select ${mealSelection}
          from unnest(array(
              select m.id from recipes_catalog.meals m where ${condition}
               order by ${orderBy("m", sort)} offset ${skip} limit ${limit}
            )) with ordinality as page (id, place)
          join recipes_catalog.meals m on m.id = page.id
         order by page.place`;
      const { rows } = await database.query<MealRow>(sql.unnamed(statement));
      const meals = await withRecipes(rows);
      const isLastPage = rows.length < limit && (rows.length > 0 || skip === 0);
      if (isLastPage) return { meals, total: skip + rows.length };
      const { rows: counted } = await database.query<{ total: number }>(
        sql.unnamed(sql`
          select count(*) as total from recipes_catalog.meals m where ${condition}`),
      );
      return { meals, total: counted[0]!.total };
    },
  };
}
