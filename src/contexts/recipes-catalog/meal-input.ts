import type { Static } from "typebox";
import type { FieldFault } from "../../platform/errors.ts";
import { mealLimits as limits } from "../../platform/limits.ts";
import { newId } from "../../platform/ids.ts";
import type { Meal, Place } from "./meal.ts";
import type { mealChangesBody, newMealBody } from "./meal-schemas.ts";
import type { Recipe } from "./recipe.ts";
import { toNewRecipe, withRecipeChanges, type RecipeBody } from "./recipe-input.ts";
import { readImageUrl, readTexts } from "./recipe-texts.ts";
import type { IdentifiedRecipe } from "./store-recipe-rows.ts";
import { readTags, type Tag } from "./tag.ts";

const EMPTY: Meal = { name: "", description: null, notes: null, like: null, image_url: null };
const TEXTS = {
  name: { charactersMax: limits.mealNameCharactersMax, isRequired: true },
  description: { charactersMax: limits.textCharactersMax, hasLines: true },
  notes: { charactersMax: limits.textCharactersMax, hasLines: true },
} as const;
const PLACE_TEXTS = {
  meal_type: { charactersMax: limits.mealTypeCharactersMax, isRequired: true },
} as const;

export type MealChanges = Static<typeof mealChangesBody>;

export function toNewMeal(body: Static<typeof newMealBody>, faults: FieldFault[]): Meal {
  return withMealChanges(EMPTY, body, faults);
}

/** A meal with some fields changed: absent ones stay, null empties. */
export function withMealChanges(
  stored: Meal,
  body: Omit<MealChanges, "menu_id">,
  faults: FieldFault[],
): Meal {
  const imageUrl = readImageUrl(body.image_url, "/body", faults);
  return {
    ...stored,
    ...(readTexts(body, TEXTS, "/body", faults) as Partial<Meal>),
    ...(body.like === undefined ? {} : { like: body.like }),
    ...(imageUrl === undefined ? {} : { image_url: imageUrl }),
  };
}

export function toPlace(
  given: NonNullable<Static<typeof newMealBody>["menu_meal"]>,
  faults: FieldFault[],
): Place {
  const { meal_type } = readTexts(given, PLACE_TEXTS, "/body/menu_meal", faults);
  const { week, weekday, hour = null } = given;
  return { week, weekday, hour, meal_type: meal_type ?? "" };
}

/** A recipe of a meal that is to be written. */
export interface RecipeOfMeal {
  readonly recipe: IdentifiedRecipe;
  readonly isNew: boolean;
  /** Undefined: they stay. */
  readonly tags: readonly Tag[] | undefined;
}

/**
 * The recipes of the body of a meal: an id that the meal has means that recipe, any other a new
 * one, which gets an id of ours.
 */
export function toRecipesOfMeal(
  bodies: readonly RecipeBody[],
  stored: ReadonlyMap<string, Recipe>,
  authorId: string,
  faults: FieldFault[],
): RecipeOfMeal[] {
  const seen = new Set<string>();
  return bodies.map((body, index) => {
    const path = `/body/recipes/${index}`;
    if (body.id !== undefined && seen.has(body.id)) {
      faults.push({ path: `${path}/id`, code: "repeated", message: "must stand there once" });
    }
    if (body.id !== undefined) seen.add(body.id);
    const known = body.id === undefined ? undefined : stored.get(body.id);
    const recipe =
      known === undefined
        ? toNewRecipe(body, path, faults)
        : withRecipeChanges(known, body, path, faults);
    return {
      recipe: { ...recipe, id: known === undefined ? newId() : body.id! },
      isNew: known === undefined,
      tags: body.tags && readTags(tagsWithoutAuthor(body.tags), "recipe", authorId, `${path}/tags`),
    };
  });
}

/** Recipes that were read elsewhere bring the author of that place with them. */
function tagsWithoutAuthor(tags: NonNullable<RecipeBody["tags"]>) {
  return tags.map(({ key, value }) => ({ key, value }));
}
