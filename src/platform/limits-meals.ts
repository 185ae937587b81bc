/** The limits of recipes and meals; imported through `limits.ts`. */
export const nutritionLimits = Object.freeze({
  /** Of a nutrient, a weight, a factor; sums and conversions stay finite. */
  amountMax: 1e12,
});

export const mealLimits = Object.freeze({
  pageItemsMax: 100,
  mealNameCharactersMax: 255,
  recipeNameCharactersMax: 500,
  instructionsCharactersMax: 15_000,
  textCharactersMax: 1_000,
  utensilsCharactersMax: 500,
  ingredientNameCharactersMax: 255,
  mealTypeCharactersMax: 50,
  /** The places 0 to 100. */
  ingredientPositionMax: 100,
  quantityMax: 10_000,
  /** Living recipes of one meal. */
  recipesMaxCount: 100,
  /** So that the sum of a meal's recipes fits into the column. */
  weightMaxGrams: 10_000_000,
  durationMaxMinutes: 2_147_483_647,
  versionMax: 2_147_483_647,
  /** How many values one repeatable filter of a list may have. */
  filterValuesMax: 100,
  /** Names of products that a list is searched by. */
  similarProductsMax: 3,
  /** Meals of one transaction of a seed. */
  seedBatchCount: 200,
  /** Pages of one list whose ids (at most 4 kB) a thread remembers, and as many totals. */
  pagesMax: 500,
  /** Of answers (a page has about 100 kB) that a thread keeps for texts that it reads again. */
  keptCharactersMax: 24 * 1024 * 1024,
});
