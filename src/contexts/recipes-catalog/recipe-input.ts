import type { Static } from "typebox";
import type { FieldFault } from "../../platform/errors.ts";
import { mealLimits as limits } from "../../platform/limits.ts";
import {
  readNutriFacts,
  type NutriFacts,
  type NutriFactsInput,
} from "../../platform/nutrition/facts.ts";
import { NUTRIENTS } from "../../platform/nutrition/nutrients.ts";
import { readIngredients } from "./ingredient.ts";
import { EMPTY_RECIPE, type Recipe } from "./recipe.ts";
import type { embeddedRecipe } from "./recipe-schemas.ts";
import { readImageUrl, readTexts } from "./recipe-texts.ts";

/** Any of the bodies of a recipe, as far as its content goes. */
export type RecipeBody = Static<typeof embeddedRecipe>;

const TEXTS = {
  name: { charactersMax: limits.recipeNameCharactersMax, isRequired: true },
  instructions: {
    charactersMax: limits.instructionsCharactersMax,
    hasLines: true,
    isRequired: true,
  },
  description: { charactersMax: limits.textCharactersMax, hasLines: true },
  utensils: { charactersMax: limits.utensilsCharactersMax, hasLines: true },
  notes: { charactersMax: limits.textCharactersMax, hasLines: true },
} as const;

/** A new recipe from its body. */
export function toNewRecipe(body: RecipeBody, path: string, faults: FieldFault[]): Recipe {
  for (const field of ["name", "instructions"] as const) {
    if (body[field] !== undefined) continue;
    faults.push({ path: `${path}/${field}`, code: "required", message: "is required" });
  }
  return withRecipeChanges(EMPTY_RECIPE, body, path, faults);
}

/**
 * A recipe with some fields changed. Absent fields stay, null empties; ingredients and nutrition
 * facts are replaced as a whole.
 */
export function withRecipeChanges(
  stored: Recipe,
  body: RecipeBody,
  path: string,
  faults: FieldFault[],
): Recipe {
  const imageUrl = readImageUrl(body.image_url, path, faults);
  const { ingredients, total_time, privacy, weight_in_grams, nutri_facts } = body;
  return {
    ...stored,
    ...(readTexts(body, TEXTS, path, faults) as Partial<Recipe>),
    ...(imageUrl === undefined ? {} : { image_url: imageUrl }),
    ...(total_time === undefined ? {} : { total_time }),
    ...(privacy === undefined ? {} : { privacy: privacy ?? "private" }),
    ...(weight_in_grams === undefined ? {} : { weight_in_grams }),
    ...(nutri_facts === undefined ? {} : { nutri_facts: nutri_facts && readFacts(nutri_facts) }),
    ...(ingredients === undefined
      ? {}
      : { ingredients: readIngredients(ingredients, `${path}/ingredients`, faults) }),
  };
}

/** Nutrients that are 0 in their own unit read the same when they are left out. */
function readFacts(input: NutriFactsInput): NutriFacts {
  const facts: Record<string, NutriFacts[keyof NutriFacts]> = readNutriFacts(input);
  for (const [name, unit] of NUTRIENTS) {
    const amount = facts[name];
    if (amount === undefined) continue;
    if (amount.value === 0 && amount.unit === unit) delete facts[name];
  }
  return facts as NutriFacts;
}
