import { defineErrors } from "../../platform/errors.ts";

/** Refusals of the recipes catalogue. */
export const recipeErrors = defineErrors({
  place_taken: { status: 409, title: "Another meal stands in this place of the menu" },
});
