import type { Route } from "../../http/route.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Database } from "../../platform/postgres.ts";
import type { SimilarProducts } from "./meal-query.ts";
import { createMealRoutes } from "./routes-meals.ts";
import { createRecipeRoutes } from "./routes-recipes.ts";
import { createTagRoutes } from "./routes-tags.ts";
import { createShopping, type ShoppingPorts } from "./shopping/index.ts";
import { createMealStore } from "./store-meals.ts";
import { createMealWriter } from "./store-meal-writes.ts";
import { createRatingWriter } from "./store-ratings.ts";
import { createRecipeStore } from "./store-recipes.ts";
import { createRecipeWriter } from "./store-recipe-writes.ts";
import type { FindFormResponse } from "./client-form.ts";
import { createClientWriteRoutes } from "./routes-client-writes.ts";
import { createClientRoutes } from "./routes-clients.ts";
import { createMenuWriteRoutes } from "./routes-menu-writes.ts";
import { createMenuRoutes } from "./routes-menus.ts";
import { createClientWriter } from "./store-client-writes.ts";
import { createClientStore } from "./store-clients.ts";
import { createMenuWriter } from "./store-menu-writes.ts";
import { createMenuStore } from "./store-menus.ts";
import { createMenuViewRoutes } from "./routes-menu-view.ts";
import { createBodyMemory } from "./json-body.ts";
import { createProductAnswers } from "./product-answers.ts";
import type { ProductPorts } from "./ports.ts";
import { createTagList } from "./store-tag-list.ts";

export { seedRecipes } from "./seed.ts";

export interface RecipesCatalogOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly similarProducts: SimilarProducts;
  /** Answers to forms, of which clients can be made. */
  readonly findFormResponse?: FindFormResponse;
  /** Products of ingredients, for whoever looks at whole menus; without them nobody can. */
  readonly products?: ProductPorts;
  /** What shopping lists need; without it there are none. */
  readonly shopping?: ShoppingPorts;
}

/** The recipes_catalog context: recipes, meals, clients, menus, and the tags on them. */
export function createRecipesCatalog(options: RecipesCatalogOptions): { routes: Route[] } {
  const { database, clock, similarProducts, findFormResponse, products, shopping } = options;
  const memory = createBodyMemory();
  return {
    routes: [
      ...createTagRoutes(createTagList(database)),
      ...createRecipeRoutes({
        recipes: createRecipeStore(database, memory),
        writer: createRecipeWriter(database),
        ratings: createRatingWriter(database),
        similarProducts,
        clock,
      }),
      ...createMealRoutes({
        meals: createMealStore(database, memory),
        writer: createMealWriter(database),
        similarProducts,
        clock,
      }),
      ...createClientRoutes(createClientStore(database, memory)),
      ...createClientWriteRoutes({
        writer: createClientWriter(database),
        clock,
        findFormResponse,
      }),
      ...createMenuRoutes(createMenuStore(database, memory)),
      ...(products === undefined
        ? []
        : createMenuViewRoutes(
            createProductAnswers("menu view", database, products.readProductMarks, memory),
            products.findProductTexts,
          )),
      ...createMenuWriteRoutes({ writer: createMenuWriter(database), clock }),
      ...(shopping === undefined ? [] : createShopping({ database, clock, memory, ...shopping })),
    ],
  };
}
