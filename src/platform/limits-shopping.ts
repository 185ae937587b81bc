/** The limits of shopping lists; imported through `limits.ts`. */
export const shoppingLimits = Object.freeze({
  listsPerClientMax: 10,
  /** Menus that one list may be made of. */
  menusMax: 20,
  /** Weeks of a menu. */
  weeksMax: 10,
  excludedMax: 500,
  pantryMax: 500,
  pantryQuantityMax: 1e9,
  /** Ingredients of all slots together that one list is computed of. */
  ingredientsMax: 20_000,
  /** A computation that took this long lets other requests have a turn. */
  computeTurnMs: 8,
  documentLinesMax: 2_000,
  documentQuantityMax: 1e12,
  documentUnitCharactersMax: 50,
  documentMealsMax: 1_000,
  nameCharactersMax: 500,
  departmentCharactersMax: 200,
  noteCharactersMax: 1_000,
});
