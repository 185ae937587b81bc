import type { Page } from "../../http/paging.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { withAllFacts } from "./facts-text.ts";
import { createBodyMemory, type BodyMemory, type JsonBody } from "./json-body.ts";
import type { Reader } from "./meal-filter.ts";
import { orderBy } from "./meal-query.ts";
import type { Owned } from "./owner.ts";
import type { Privacy } from "./recipe.ts";
import { isVisible, recipeCondition, type RecipeFilter } from "./recipe-filter.ts";
import type { RecipeSort } from "./recipe-query.ts";
import { createTextLists } from "./store-pages.ts";
import { revisionOf } from "./store-revisions.ts";

export interface FoundRecipe extends Owned {
  readonly version: number;
  readonly privacy: Privacy;
  /** As it is answered. */
  readonly json: string;
}

/** Reads recipes. Writing is in `store-recipe-writes.ts`. */
export interface RecipeStore {
  /** A living recipe of any tenant. */
  find(id: string): Promise<FoundRecipe | undefined>;
  list(filter: RecipeFilter, reader: Reader, sort: RecipeSort, page: Page): Promise<JsonBody>;
}

export function createRecipeStore(
  database: Database,
  memory: BodyMemory = createBodyMemory(),
): RecipeStore {
  const listTexts = createTextLists("recipes", database, memory);

  return {
    async find(id) {
      const [row] = await database.read<FoundRecipe>(sql`
        select r.tenant_id, r.author_id, r.version, r.privacy, t.json
          from recipes_catalog.recipes r
          join recipes_catalog.recipe_texts t on t.recipe_id = r.id
         where r.id = ${id} and not r.discarded`);
      return row && { ...row, json: withAllFacts(row.json) };
    },

    list: (filter, reader, sort, page) =>
      listTexts({
        matching: [filter, reader],
        sort,
        page,
        revision: revisionFor(filter, reader),
        found: () => sql`recipes_catalog.recipes r where ${recipeCondition(filter, reader)}`,
        id: sql`r.id`,
        order: orderBy("r", sort),
        shown: sql`
          join recipes_catalog.recipes r on r.id = page.id
          join recipes_catalog.recipe_texts t on t.recipe_id = r.id
         where ${isVisible(reader)}`,
        text: sql`t.json`,
      }),
  };
}

function revisionFor(filter: RecipeFilter, reader: Reader): Sql {
  // A public recipe may stand in a meal of anybody.
  const seesAll = reader.isManager || filter.client_name_contains !== undefined;
  return seesAll ? revisionOf(reader, "tenant") : revisionOf(reader, "author", "public");
}
