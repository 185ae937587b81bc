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

export const catalogClientLimits = Object.freeze({
  nameCharactersMax: 255,
  addressCharactersMax: 255,
  notesCharactersMax: 10_000,
  phoneCharactersMax: 60,
  emailCharactersMax: 254,
  emailLocalCharactersMax: 64,
  /** Phones of one client, and addresses of mail. */
  contactsMax: 50,
  /** The stored answer to a form, as JSON. */
  onboardingCharactersMax: 200_000,
  onboardingDepthMax: 32,
  responseIdCharactersMax: 255,
  /** How many values one repeatable filter of the list may have. */
  filterValuesMax: 100,
});

export const menuLimits = Object.freeze({
  weeksMax: 10,
  mealTypeCharactersMax: 50,
  descriptionCharactersMax: 10_000,
  /** Of one grid. */
  placesMax: 1_000,
  /** Copies of meals that one change of a grid makes. */
  copiesMax: 100,
  /** Menus that are looked at together, and the meals in them. */
  viewedMax: 20,
  viewedMealsMax: 2_000,
});
