import { closed, instant, Type, uuid } from "../../http/schema.ts";
import {
  nullable,
  nullableText,
  nutriFactsView,
  nutrientInputs,
  optional,
} from "../../http/schema-parts.ts";
import { mealLimits as limits } from "../../platform/limits.ts";
import type { NutriFactsInput } from "../../platform/nutrition/facts.ts";
import { ingredientInput, ingredientView } from "./ingredient.ts";
import { ratingView } from "./rating.ts";
import { PRIVACIES, type Privacy } from "./recipe.ts";
import { tagInputs, tagView } from "./tag.ts";

export const version = Type.Integer({ minimum: 1, maximum: limits.versionMax });

const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });

/** What a writer may say of a recipe beside name and instructions. */
const details = {
  ingredients: Type.Array(ingredientInput, { maxItems: limits.ingredientPositionMax + 1 }),
  description: nullableText(limits.textCharactersMax),
  utensils: nullableText(limits.utensilsCharactersMax),
  total_time: nullable<number>("integer", { minimum: 0, maximum: limits.durationMaxMinutes }),
  notes: nullableText(limits.textCharactersMax),
  tags: tagInputs,
  privacy: Type.Unsafe<Privacy | null>({ enum: [...PRIVACIES, null] }),
  nutri_facts: nullable<NutriFactsInput>("object", nutrientInputs),
  weight_in_grams: nullable<number>("integer", { minimum: 0, maximum: limits.weightMaxGrams }),
  image_url: nullableText(2_083),
};
const required = {
  name: text(limits.recipeNameCharactersMax),
  instructions: text(limits.instructionsCharactersMax),
};

export const newRecipeBody = closed({ ...required, meal_id: uuid, ...optional(details) });

/** What a recipe that was read has beside what can be written: it may be sent back. */
const readOnly = {
  created_at: Type.Unknown(),
  updated_at: Type.Unknown(),
  discarded: Type.Unknown(),
  ratings: Type.Unknown(),
  average_taste_rating: Type.Unknown(),
  average_convenience_rating: Type.Unknown(),
};

/** A partial body, or a whole recipe as it is read. */
export const recipeChangesBody = closed(
  optional({
    ...required,
    ...details,
    version,
    id: uuid,
    author_id: uuid,
    meal_id: uuid,
    ...readOnly,
  }),
);

/**
 * A recipe inside of the body of a meal. Its meal and author are the meal's, whatever it says; the
 * id tells which one is meant.
 */
export const embeddedRecipe = closed(
  optional({
    ...required,
    ...details,
    id: uuid,
    version: Type.Unknown(),
    author_id: Type.Unknown(),
    meal_id: Type.Unknown(),
    ...readOnly,
  }),
);

/** A recipe as it is read. */
export const recipeView = Type.Object({
  id: uuid,
  created_at: instant,
  updated_at: instant,
  version,
  discarded: Type.Boolean(),
  name: Type.String(),
  instructions: Type.String(),
  author_id: uuid,
  meal_id: uuid,
  ingredients: Type.Array(ingredientView),
  description: nullable<string>("string"),
  utensils: nullable<string>("string"),
  total_time: nullable<number>("integer"),
  notes: nullable<string>("string"),
  tags: Type.Array(tagView),
  privacy: Type.Enum([...PRIVACIES]),
  ratings: Type.Array(ratingView),
  nutri_facts: nutriFactsView,
  weight_in_grams: nullable<number>("integer"),
  image_url: nullable<string>("string"),
  average_taste_rating: nullable<number>("number"),
  average_convenience_rating: nullable<number>("number"),
});
