import { readPage } from "../../http/paging.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { expectedVersion, validationFailure } from "../../http/rules.ts";
import { closed, uuid } from "../../http/schema.ts";
import { enveloped, listed } from "../../http/schema-parts.ts";
import type { Clock } from "../../platform/clock.ts";
import type { FieldFault } from "../../platform/errors.ts";
import {
  toNewMeal,
  toPlace,
  toRecipesOfMeal,
  withMealChanges,
  type MealChanges,
} from "./meal-input.ts";
import { mealQuery, readerOf, readMealFilter, type SimilarProducts } from "./meal-query.ts";
import {
  bodyReply,
  oneReply,
  READ_ONE,
  versionQuery,
  written,
  writtenReply,
} from "./meal-reply.ts";
import { mealChangesBody, mealCopyBody, mealView, newMealBody } from "./meal-schemas.ts";
import { assertSameIds, callerOf, owned } from "./owner.ts";
import { denyOther, EXAMPLE_ID, EXAMPLE_RECIPE } from "./routes-recipes.ts";
import { CONTEXT } from "./routes-tags.ts";
import type { MealStore } from "./store-meals.ts";
import type { MealWriter, WrittenMeal } from "./store-meal-writes.ts";
import { readTags } from "./tag.ts";

export interface MealRouteOptions {
  readonly meals: MealStore;
  readonly writer: MealWriter;
  readonly similarProducts: SimilarProducts;
  readonly clock: Clock;
}

const ID = closed({ meal_id: uuid });
const TAKEN = { 409: { description: "Another meal stands in that place, or another version" } };
const EXAMPLE_MEAL = {
  name: "Almoço de segunda",
  menu_id: EXAMPLE_ID,
  menu_meal: { week: 1, weekday: "Segunda", hour: "12:30", meal_type: "almoço" },
  recipes: [EXAMPLE_RECIPE],
  tags: [{ key: "refeição", value: "leve" }],
};

/** Searching, reading, writing and copying meals. */
export function createMealRoutes(options: MealRouteOptions): Route[] {
  return [...readRoutes(options), ...createRoutes(options), ...changeRoutes(options)];
}

function readRoutes({ meals, similarProducts }: MealRouteOptions): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/v1/meals/search",
      summary: "List meals that match all filters",
      description: "Your own; all of the tenant with `manage_meals`.",
      tag: CONTEXT,
      access: AUTHENTICATED,
      query: mealQuery,
      responses: { 200: { description: "A page of meals", schema: listed(mealView) } },
      async handler({ query, principal }) {
        const page = readPage(query);
        const filter = await readMealFilter(query, similarProducts);
        const reader = readerOf(principal, "manage_meals");
        const sort = query.sort ?? "-created_at";
        return bodyReply(await meals.list(filter, reader, sort, page));
      },
    }),
    defineRoute({
      method: "GET",
      path: "/v1/meals/{meal_id}",
      summary: "Read a meal with its recipes",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: ID,
      responses: { 200: { description: "The meal", schema: enveloped(mealView) }, ...READ_ONE },
      async handler({ params, principal }) {
        const found = await meals.find(params.meal_id);
        const meal = owned(found, callerOf(principal, "manage_meals"));
        return oneReply(meal);
      },
    }),
  ];
}

function createRoutes({ writer, clock }: MealRouteOptions): Route[] {
  const now = () => new Date(clock.nowMs());
  return [
    defineRoute({
      method: "POST",
      path: "/v1/meals",
      summary: "Make a meal in a menu, with its recipes and its place in the grid",
      description: "Recipes in the body are copied. The meal belongs to the author of the menu.",
      tag: CONTEXT,
      access: AUTHENTICATED,
      body: newMealBody,
      bodyExample: EXAMPLE_MEAL,
      responses: {
        201: { description: "It was made", schema: written("meal_id") },
        ...READ_ONE,
        ...TAKEN,
      },
      async handler({ body, principal }) {
        const place = readAll((faults) => body.menu_meal && toPlace(body.menu_meal, faults));
        const meal = readAll((faults) => toNewMeal(body, faults));
        const write = (authorId: string): WrittenMeal => ({
          meal,
          tags: readTags(body.tags ?? [], "meal", authorId),
          recipes: readAll((faults) =>
            toRecipesOfMeal(body.recipes ?? [], new Map(), authorId, faults),
          ),
        });
        const caller = callerOf(principal, "manage_meals");
        const made = await writer.insert(caller, body.menu_id, place, write, now());
        return writtenReply(201, "Meal created successfully", made, { meal_id: made.id });
      },
    }),
    defineRoute({
      method: "POST",
      path: "/v1/meals/{meal_id}/copy",
      summary: "Copy a meal with its recipes into a menu",
      description:
        "The copy belongs to the author of the menu. Without `menu_meal` it has no place in the grid.",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: ID,
      body: mealCopyBody,
      bodyExample: { id_of_target_menu: EXAMPLE_ID },
      responses: {
        201: { description: "The copy", schema: written("original_meal_id", "meal_id") },
        ...READ_ONE,
        ...TAKEN,
      },
      async handler({ params, body, principal }) {
        const { meal_id: mealId } = params;
        const { id_of_user_coping_meal: userId, id_of_target_menu: menuId } = body;
        assertSameIds(body, { meal_id: mealId });
        const caller = callerOf(principal, "manage_meals");
        if (userId !== undefined && userId !== caller.userId && !caller.isManager) denyOther();
        const assertTarget = (authorId: string) => {
          if (userId !== undefined && userId !== caller.userId && userId !== authorId) denyOther();
        };
        const place = readAll((faults) => body.menu_meal && toPlace(body.menu_meal, faults));
        const copy = await writer.copy(caller, mealId, menuId, place, assertTarget, now());
        const further = { original_meal_id: mealId, meal_id: copy.id };
        return writtenReply(201, "Meal copied successfully", copy, further);
      },
    }),
  ];
}

function changeRoutes({ writer, clock }: MealRouteOptions): Route[] {
  const now = () => new Date(clock.nowMs());
  return [
    defineRoute({
      method: "PATCH",
      path: "/v1/meals/{meal_id}",
      summary: "Change a meal; what is absent stays, null empties",
      description:
        "`recipes` are all that it has from now on: those it had and that are not among them are discarded, an id that it has not is a new recipe.",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: ID,
      body: mealChangesBody,
      bodyExample: { name: "Almoço de terça", like: true },
      responses: {
        200: { description: "It was changed", schema: written() },
        ...READ_ONE,
        ...TAKEN,
      },
      async handler(request) {
        const { params, body, principal } = request;
        const { meal_id: id } = params;
        assertSameIds(body, { id });
        const seen = expectedVersion(request.header("if-match"), body.version);
        const caller = callerOf(principal, "manage_meals");
        const changed = await writer.change(caller, id, seen, body.menu_id, changeOf(body), now());
        return writtenReply(200, "Meal updated successfully", changed);
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/v1/meals/{meal_id}",
      summary: "Discard a meal with its recipes and its place in the grid",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: ID,
      query: versionQuery,
      responses: {
        200: { description: "It was discarded", schema: written() },
        409: { description: "Another version" },
        ...READ_ONE,
      },
      async handler(request) {
        const { params, query, principal } = request;
        const seen = expectedVersion(request.header("if-match"), query.version);
        const caller = callerOf(principal, "manage_meals");
        const discarded = await writer.discard(caller, params.meal_id, seen, now());
        return writtenReply(200, "Meal deleted successfully", discarded);
      },
    }),
  ];
}

function changeOf(body: MealChanges): Parameters<MealWriter["change"]>[4] {
  return ({ meal, recipes, author_id }) => {
    assertSameIds(body, { author_id });
    return {
      meal: readAll((faults) => withMealChanges(meal, body, faults)),
      tags: body.tags && readTags(body.tags, "meal", author_id),
      recipes:
        body.recipes &&
        readAll((faults) => toRecipesOfMeal(body.recipes!, recipes, author_id, faults)),
    };
  };
}

/** @throws AppError `validation_failed` with all faults that reading finds */
function readAll<T>(read: (faults: FieldFault[]) => T): T {
  const faults: FieldFault[] = [];
  const value = read(faults);
  if (faults.length > 0) throw validationFailure(faults);
  return value;
}
