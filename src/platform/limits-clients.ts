/** The limits of clients, menus and tags; imported through `limits.ts`. */
export const tagLimits = Object.freeze({
  keyCharactersMax: 100,
  valueCharactersMax: 200,
  /** Of one recipe, meal, menu or client. */
  tagsOfParentMax: 100,
  pageItemsMax: 500,
  filterCharactersMax: 1_000,
  /** How many values one repeatable filter of the list may have. */
  filterValuesMax: 100,
  addAttemptsMax: 5,
});
