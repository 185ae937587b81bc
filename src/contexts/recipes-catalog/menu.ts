import { nullable, nullableText, nutriFactsView, optional } from "../../http/schema-parts.ts";
import { closed, Type, uuid } from "../../http/schema.ts";
import { menuLimits as limits } from "../../platform/limits.ts";
import { WEEKDAYS } from "./meal.ts";
import { tagInputs, tagView } from "./tag.ts";

const placeRules = {
  week: Type.Integer({ minimum: 1, maximum: limits.weeksMax }),
  weekday: Type.Enum([...WEEKDAYS]),
  hour: Type.Optional(
    nullable<string>("string", { pattern: "^(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?$" }),
  ),
  meal_type: Type.String({ minLength: 1, maxLength: limits.mealTypeCharactersMax }),
};

/** Name and nutrition are the meal's own: what a body says of them is not looked at. */
const placeInput = closed({
  meal_id: uuid,
  ...placeRules,
  meal_name: Type.Optional(Type.Unknown()),
  nutri_facts: Type.Optional(Type.Unknown()),
});

const description = nullableText(limits.descriptionCharactersMax);

export const newMenuBody = closed(
  optional({ client_id: uuid, author_id: uuid, description, tags: tagInputs }),
);

/** A partial body, or a whole menu as it is read. */
export const menuChangesBody = closed(
  optional({
    meals: Type.Array(placeInput, { maxItems: limits.placesMax }),
    description,
    tags: tagInputs,
    version: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }),
    id: uuid,
    author_id: uuid,
    client_id: uuid,
    created_at: Type.Unknown(),
    updated_at: Type.Unknown(),
    discarded: Type.Unknown(),
  }),
);

const base = {
  id: uuid,
  created_at: Type.String({ format: "date-time" }),
  updated_at: Type.String({ format: "date-time" }),
  version: Type.Integer({ minimum: 1 }),
  discarded: Type.Boolean(),
  author_id: uuid,
  client_id: uuid,
  description: nullable<string>("string"),
  tags: Type.Array(tagView),
};
const place = closed({
  meal_id: uuid,
  meal_name: Type.String(),
  nutri_facts: nutriFactsView,
  week: Type.Integer(),
  weekday: Type.Enum([...WEEKDAYS]),
  hour: nullable<string>("string"),
  meal_type: Type.String(),
});
export const menuView = closed({ ...base, meals: Type.Array(place) });
export const menuSummaryView = closed({ ...base, meals_count: Type.Integer({ minimum: 0 }) });

export const MENU_SORTS = ["-created_at", "created_at", "-updated_at", "updated_at"] as const;
export type MenuSort = (typeof MENU_SORTS)[number];

/** How much of the menus is shown. */
export const menusDetail = (usual: "full" | "summary") =>
  Type.Optional(
    Type.Enum(["full", "summary"], {
      default: usual,
      description: "Menus with all their places, or only how many meals each has",
    }),
  );
