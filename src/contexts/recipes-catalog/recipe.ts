import type { NutriFacts } from "../../platform/nutrition/facts.ts";
import type { Ingredient } from "./ingredient.ts";

export const PRIVACIES = ["private", "public"] as const;
export type Privacy = (typeof PRIVACIES)[number];

/** What the author of a recipe decides. */
export interface Recipe {
  readonly name: string;
  readonly instructions: string;
  readonly description: string | null;
  readonly utensils: string | null;
  readonly total_time: number | null;
  readonly notes: string | null;
  readonly privacy: Privacy;
  readonly image_url: string | null;
  readonly weight_in_grams: number | null;
  readonly nutri_facts: NutriFacts | null;
  readonly ingredients: readonly Ingredient[];
}

/** A recipe with everything at its default. */
export const EMPTY_RECIPE: Recipe = Object.freeze({
  name: "",
  instructions: "",
  description: null,
  utensils: null,
  total_time: null,
  notes: null,
  privacy: "private",
  image_url: null,
  weight_in_grams: null,
  nutri_facts: null,
  ingredients: [],
});

/** The meal that recipes are written into. */
export interface MealOf {
  readonly id: string;
  readonly tenantId: string;
  readonly authorId: string;
}

/** What a write answers: the new version is the next `If-Match`. */
export interface Versioned {
  readonly id: string;
  readonly version: number;
}
