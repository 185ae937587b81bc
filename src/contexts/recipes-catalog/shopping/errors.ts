import { defineErrors } from "../../../platform/errors.ts";
import { shoppingLimits as limits } from "../../../platform/limits.ts";

/** Refusals of shopping lists. */
export const shoppingErrors = defineErrors({
  shopping_lists_full: {
    status: 409,
    title: `The client has ${limits.listsPerClientMax} shopping lists already`,
  },
  shopping_list_too_large: { status: 422, title: "The menus have too many ingredients for a list" },
});
