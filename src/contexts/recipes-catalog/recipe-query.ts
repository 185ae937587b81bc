import type { Static } from "typebox";
import { closed, Type } from "../../http/schema.ts";
import {
  COMMON_SORTS,
  commonQuery,
  given,
  ids,
  readCommonFilter,
  sortQuery,
  sortsOf,
  type SimilarProducts,
} from "./meal-query.ts";
import type { RecipeFilter } from "./recipe-filter.ts";
import { PRIVACIES } from "./recipe.ts";

export const RECIPE_SORTS = sortsOf([
  ...COMMON_SORTS,
  "average_taste_rating",
  "average_convenience_rating",
  "privacy",
]);
export type RecipeSort = (typeof RECIPE_SORTS)[number];

const points = Type.Optional(Type.Number({ minimum: 0, maximum: 5 }));

export const recipeQuery = closed({
  ...commonQuery,
  meal_id: ids("Meals"),
  privacy: Type.Optional(Type.Enum([...PRIVACIES])),
  average_taste_rating_gte: points,
  average_convenience_rating_gte: points,
  sort: sortQuery(RECIPE_SORTS),
});

/** @throws AppError `validation_failed` */
export async function readRecipeFilter(
  query: Static<typeof recipeQuery>,
  similarProducts: SimilarProducts,
): Promise<RecipeFilter> {
  const { meal_id, privacy, average_taste_rating_gte, average_convenience_rating_gte } = query;
  return given({
    ...(await readCommonFilter(query, similarProducts)),
    meal_id,
    privacy,
    average_taste_rating_gte,
    average_convenience_rating_gte,
  });
}
