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
  /** Totals of one list that a thread remembers. */
  totalsMax: 500,
  /** Of all answers (a page has about 100 kB) that a thread keeps. */
  keptBytesMax: 48 * 1024 * 1024,
  /** Products of which one kept answer may be made. */
  keptProductsMax: 500,
  /** Of texts of single recipes and meals that a thread keeps, as they are stored and answered. */
  keptCharactersMax: 8 * 1024 * 1024,
});
