import { closed, instant, Type, uuid } from "../../http/schema.ts";
import {
  nullable,
  nullableBoolean,
  nullableText,
  nullableUuid,
  nutriFactsView,
  optional,
} from "../../http/schema-parts.ts";
import { mealLimits as limits } from "../../platform/limits.ts";
import { WEEKDAYS } from "./meal.ts";
import { embeddedRecipe, recipeView, version } from "./recipe-schemas.ts";
import { tagInputs, tagView } from "./tag.ts";

const name = Type.String({ minLength: 1, maxLength: limits.mealNameCharactersMax });

/** A place in the grid. Name and nutrition are the meal's own, whatever it says of them. */
const place = closed({
  week: Type.Integer({ minimum: 1, maximum: 10 }),
  weekday: Type.Enum([...WEEKDAYS]),
  meal_type: Type.String({ minLength: 1, maxLength: limits.mealTypeCharactersMax }),
  hour: Type.Optional(
    nullable<string>("string", { pattern: "^([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d)?$" }),
  ),
  ...optional({ meal_id: Type.Unknown(), meal_name: Type.Unknown(), nutri_facts: Type.Unknown() }),
});

/** What a writer may say of a meal beside its name. */
const details = {
  recipes: Type.Array(embeddedRecipe, { maxItems: limits.recipesMaxCount }),
  tags: tagInputs,
  description: nullableText(limits.textCharactersMax),
  notes: nullableText(limits.textCharactersMax),
  like: nullableBoolean(),
  image_url: nullableText(2_083),
};

export const newMealBody = closed({
  name,
  menu_id: uuid,
  menu_meal: Type.Optional(place),
  ...optional(details),
});

/** A partial body, or a whole meal as it is read. */
export const mealChangesBody = closed(
  optional({
    name,
    menu_id: nullableUuid(),
    ...details,
    version,
    id: uuid,
    author_id: uuid,
    created_at: Type.Unknown(),
    updated_at: Type.Unknown(),
    discarded: Type.Unknown(),
    nutri_facts: Type.Unknown(),
    weight_in_grams: Type.Unknown(),
    calorie_density: Type.Unknown(),
    carbo_percentage: Type.Unknown(),
    protein_percentage: Type.Unknown(),
    total_fat_percentage: Type.Unknown(),
  }),
);

/** Keys that it does not know are ignored. */
export const mealCopyBody = Type.Object({
  id_of_target_menu: uuid,
  ...optional({ id_of_user_coping_meal: uuid, meal_id: uuid, menu_meal: place }),
});

const share = nullable<number>("number", { minimum: 0 });

/** A meal as it is read. */
export const mealView = Type.Object({
  id: uuid,
  created_at: instant,
  updated_at: instant,
  version,
  discarded: Type.Boolean(),
  name: Type.String(),
  author_id: uuid,
  menu_id: Type.Union([uuid, Type.Null()]),
  recipes: Type.Array(recipeView),
  tags: Type.Array(tagView),
  description: nullable<string>("string"),
  notes: nullable<string>("string"),
  like: nullableBoolean(),
  image_url: nullable<string>("string"),
  nutri_facts: nutriFactsView,
  weight_in_grams: Type.Integer(),
  calorie_density: share,
  carbo_percentage: share,
  protein_percentage: share,
  total_fat_percentage: share,
});
