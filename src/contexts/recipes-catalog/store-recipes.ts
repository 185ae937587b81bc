import type { Page } from "../../http/paging.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { Reader } from "./meal-filter.ts";
import { orderBy } from "./meal-query.ts";
import type { Owned } from "./owner.ts";
import { recipeCondition, type RecipeFilter } from "./recipe-filter.ts";
import type { RecipeRow } from "./recipe-json.ts";
import type { RecipeSort } from "./recipe-query.ts";
import { tagsOf } from "./store-tags.ts";

/** Reads recipes. Writing is in `store-recipe-writes.ts`. */
export interface RecipeStore {
  /** A living recipe of any tenant. */
  find(id: string): Promise<(RecipeRow & Owned) | undefined>;
  list(
    filter: RecipeFilter,
    reader: Reader,
    sort: RecipeSort,
    page: Page,
  ): Promise<{ readonly recipes: readonly RecipeRow[]; readonly total: number }>;
}

/** An instant as ISO 8601 text. */
export const isoText = (column: Sql) =>
  sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** What `RecipeRow` wants of `recipes r`. */
export const recipeSelection = sql`
  r.id, ${isoText(sql`r.created_at`)} as created_at, ${isoText(sql`r.updated_at`)} as updated_at,
  r.version, r.discarded, r.tenant_id, r.name, r.instructions, r.author_id, r.meal_id,
  r.description, r.utensils, r.total_time, r.notes, r.privacy, r.weight_in_grams, r.image_url,
  r.average_taste_rating, r.average_convenience_rating, r.nutri_facts::text as nutri_facts,
  (select coalesce(json_agg(json_build_object('name', i.name, 'quantity', i.quantity,
            'unit', i.unit, 'position', i.position, 'full_text', i.full_text,
            'product_id', i.product_id) order by i.position), '[]')::text
     from recipes_catalog.ingredients i where i.recipe_id = r.id) as ingredients,
  (select coalesce(json_agg(json_build_object('user_id', g.user_id, 'recipe_id', g.recipe_id,
            'taste', g.taste, 'convenience', g.convenience, 'comment', g.comment)
            order by g.created_at, g.user_id), '[]')::text
     from recipes_catalog.ratings g where g.recipe_id = r.id) as ratings,
  ${tagsOf("recipe", sql`r.id`)}::text as tags`;

export function createRecipeStore(database: Database): RecipeStore {
  return {
    async find(id) {
      const [row] = await database.read<RecipeRow>(sql`
        select ${recipeSelection} from recipes_catalog.recipes r
         where r.id = ${id} and not r.discarded`);
      return row;
    },

    async list(filter, reader, sort, { skip, limit }) {
      const condition = recipeCondition(filter, reader);
      // The ids come first, so that only the rows of the page are put together.
      const statement = sql`
        select ${recipeSelection}
          from unnest(array(
              select r.id from recipes_catalog.recipes r where ${condition}
               order by ${orderBy("r", sort)} offset ${skip} limit ${limit}
            )) with ordinality as page (id, place)
          join recipes_catalog.recipes r on r.id = page.id
         order by page.place`;
      const { rows: recipes } = await database.query<RecipeRow>(sql.unnamed(statement));
      const isLastPage = recipes.length < limit && (recipes.length > 0 || skip === 0);
      if (isLastPage) return { recipes, total: skip + recipes.length };
      const { rows } = await database.query<{ total: number }>(
        sql.unnamed(sql`
          select count(*) as total from recipes_catalog.recipes r where ${condition}`),
      );
      return { recipes, total: rows[0]!.total };
    },
  };
}
