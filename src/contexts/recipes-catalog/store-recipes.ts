import type { Page } from "../../http/paging.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { withAllFacts } from "./facts-text.ts";
import type { Reader } from "./meal-filter.ts";
import { orderBy } from "./meal-query.ts";
import type { Owned } from "./owner.ts";
import { createPageMemory, type PageRow } from "./page-memory.ts";
import type { Privacy } from "./recipe.ts";
import { isVisible, recipeCondition, type RecipeFilter } from "./recipe-filter.ts";
import type { RecipeSort } from "./recipe-query.ts";
import { revisionOf } from "./store-revisions.ts";

export interface FoundRecipe extends Owned {
  readonly version: number;
  readonly privacy: Privacy;
  /** As it is answered. */
  readonly json: string;
}

/** JSON texts with commas between them, and how many there are on all pages. */
export interface TextPage {
  readonly texts: string;
  readonly total: number;
}

/** Reads recipes. Writing is in `store-recipe-writes.ts`. */
export interface RecipeStore {
  /** A living recipe of any tenant. */
  find(id: string): Promise<FoundRecipe | undefined>;
  list(filter: RecipeFilter, reader: Reader, sort: RecipeSort, page: Page): Promise<TextPage>;
}

export function createRecipeStore(database: Database): RecipeStore {
  const memory = createPageMemory();

  return {
    async find(id) {
      const [row] = await database.read<FoundRecipe>(sql`
        select r.tenant_id, r.author_id, r.version, r.privacy, t.json
          from recipes_catalog.recipes r
          join recipes_catalog.recipe_texts t on t.recipe_id = r.id
         where r.id = ${id} and not r.discarded`);
      return row && { ...row, json: withAllFacts(row.json) };
    },

    async list(filter, reader, sort, page) {
      const matching = () => recipeCondition(filter, reader);
      const revision = revisionFor(filter, reader);
      const pageOf = (ids: Sql) => sql`
        select ${revision} as revision, string_agg(page.id::text, ',' order by page.place) as ids,
               string_agg(t.json, ',' order by page.place) as texts
          from unnest(${ids}) with ordinality as page (id, place)
          join recipes_catalog.recipes r on r.id = page.id
          join recipes_catalog.recipe_texts t on t.recipe_id = r.id
         where ${isVisible(reader)}`;
      const { texts, total } = await memory.list({
        matching: [filter, reader],
        sort,
        page,
        read: async (ids) => (await database.read<PageRow>(pageOf(sql`${ids}::uuid[]`)))[0]!,
        find: async () => {
          const found = sql`array(
            select r.id from recipes_catalog.recipes r where ${matching()}
             order by ${orderBy("r", sort)} offset ${page.skip} limit ${page.limit})`;
          return (await database.query<PageRow>(sql.unnamed(pageOf(found)))).rows[0]!;
        },
        count: async () => {
          const { rows } = await database.query<{ revision: number; total: number }>(
            sql.unnamed(sql`
              select ${revision} as revision, count(*) as total
                from recipes_catalog.recipes r where ${matching()}`),
          );
          return rows[0]!;
        },
      });
      return { texts: withAllFacts(texts), total };
    },
  };
}

function revisionFor(filter: RecipeFilter, reader: Reader): Sql {
  // A public recipe may stand in a meal of anybody.
  const seesAll = reader.isManager || filter.client_name_contains !== undefined;
  return seesAll ? revisionOf(reader, "tenant") : revisionOf(reader, "author", "public");
}
