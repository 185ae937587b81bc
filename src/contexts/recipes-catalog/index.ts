import type { Route } from "../../http/route.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Database } from "../../platform/postgres.ts";
import { createTagRoutes } from "./routes-tags.ts";
import { createTagList } from "./store-tag-list.ts";

export interface RecipesCatalogOptions {
  readonly database: Database;
  readonly clock: Clock;
}

/** The recipes_catalog context: recipes, meals, clients, menus, and the tags on them. */
export function createRecipesCatalog({ database }: RecipesCatalogOptions): { routes: Route[] } {
  return { routes: [...createTagRoutes(createTagList(database))] };
}
