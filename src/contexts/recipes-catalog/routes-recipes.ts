import type { Static } from "typebox";
import { httpErrors } from "../../http/errors.ts";
import { readPage } from "../../http/paging.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { expectedVersion, validationFailure } from "../../http/rules.ts";
import { closed, Type, uuid } from "../../http/schema.ts";
import { enveloped, listed } from "../../http/schema-parts.ts";
import type { Clock } from "../../platform/clock.ts";
import type { FieldFault } from "../../platform/errors.ts";
import { mealLimits as limits } from "../../platform/limits.ts";
import {
  bodyReply,
  oneReply,
  READ_ONE,
  versionQuery,
  written,
  writtenReply,
} from "./meal-reply.ts";
import { readerOf, type SimilarProducts } from "./meal-query.ts";
import { assertSameIds, callerOf } from "./owner.ts";
import { ratingInput, type Rating } from "./rating.ts";
import { toNewRecipe, withRecipeChanges, type RecipeBody } from "./recipe-input.ts";
import { readRecipeFilter, recipeQuery } from "./recipe-query.ts";
import { newRecipeBody, recipeChangesBody, recipeView } from "./recipe-schemas.ts";
import { readTexts } from "./recipe-texts.ts";
import { CONTEXT } from "./routes-tags.ts";
import type { RatingWriter } from "./store-ratings.ts";
import { assertMaySee, type RecipeWriter, type WrittenRecipe } from "./store-recipe-writes.ts";
import type { RecipeStore } from "./store-recipes.ts";
import { readTags } from "./tag.ts";

export interface RecipeRouteOptions {
  readonly recipes: RecipeStore;
  readonly writer: RecipeWriter;
  readonly ratings: RatingWriter;
  readonly similarProducts: SimilarProducts;
  readonly clock: Clock;
}

const ID = closed({ recipe_id: uuid });
export const EXAMPLE_ID = "019a5d2e-0000-7000-8000-000000000001";
export const EXAMPLE_RECIPE = {
  name: "Arroz integral",
  instructions: "Lave o arroz.\nCozinhe com o dobro de água.",
  ingredients: [
    { name: "Arroz integral", quantity: 1, unit: "xícara", position: 0 },
    { name: "Água", quantity: 480, unit: "ml", position: 1 },
  ],
  total_time: 40,
  weight_in_grams: 500,
  nutri_facts: { calories: 620, protein: 13, carbohydrate: 129, total_fat: 5 },
};

/** Searching, reading, writing, copying and rating recipes. */
export function createRecipeRoutes(options: RecipeRouteOptions): Route[] {
  return [...readRoutes(options), ...writeRoutes(options), ...otherRoutes(options)];
}

function readRoutes({ recipes, similarProducts }: RecipeRouteOptions): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/v1/recipes/search",
      summary: "List recipes that match all filters",
      description:
        "Your own and the public ones of your tenant; all of the tenant with `manage_recipes`.",
      tag: CONTEXT,
      access: AUTHENTICATED,
      query: recipeQuery,
      responses: { 200: { description: "A page of recipes", schema: listed(recipeView) } },
      async handler({ query, principal }) {
        const page = readPage(query);
        const filter = await readRecipeFilter(query, similarProducts);
        const reader = readerOf(principal, "manage_recipes");
        const sort = query.sort ?? "-created_at";
        return bodyReply(await recipes.list(filter, reader, sort, page));
      },
    }),
    defineRoute({
      method: "GET",
      path: "/v1/recipes/{recipe_id}",
      summary: "Read a recipe of your own or a public one",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: ID,
      responses: {
        200: { description: "The recipe", schema: enveloped(recipeView) },
        ...READ_ONE,
      },
      async handler({ params, principal }) {
        const caller = callerOf(principal, "manage_recipes");
        const row = assertMaySee(await recipes.find(params.recipe_id), caller);
        return oneReply(row);
      },
    }),
  ];
}

function writeRoutes({ writer, clock }: RecipeRouteOptions): Route[] {
  const now = () => new Date(clock.nowMs());
  return [
    defineRoute({
      method: "POST",
      path: "/v1/recipes",
      summary: "Add a recipe to a meal; it belongs to the meal's author",
      tag: CONTEXT,
      access: AUTHENTICATED,
      body: newRecipeBody,
      bodyExample: { ...EXAMPLE_RECIPE, meal_id: EXAMPLE_ID },
      responses: {
        201: { description: "It was added", schema: written("recipe_id") },
        ...READ_ONE,
      },
      async handler({ body, principal }) {
        const { meal_id: mealId, ...content } = body;
        const recipe = toRecipe((faults) => toNewRecipe(content, "/body", faults));
        const write = (authorId: string): WrittenRecipe => ({
          recipe,
          tags: readTags(body.tags ?? [], "recipe", authorId),
        });
        const caller = callerOf(principal, "manage_recipes");
        const added = await writer.insert(caller, mealId, write, now());
        return writtenReply(201, "Recipe created successfully", added, { recipe_id: added.id });
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/v1/recipes/{recipe_id}",
      summary: "Change a recipe; what is absent stays, null empties",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: ID,
      body: recipeChangesBody,
      bodyExample: { name: "Arroz integral com alho", ingredients: EXAMPLE_RECIPE.ingredients },
      responses: {
        200: { description: "It was changed", schema: written() },
        409: { description: "Another version" },
        ...READ_ONE,
      },
      async handler(request) {
        const { params, body, principal } = request;
        const { recipe_id: id } = params;
        assertSameIds(body, { id });
        const seen = expectedVersion(request.header("if-match"), body.version);
        const caller = callerOf(principal, "manage_recipes");
        const changed = await writer.change(caller, id, seen, changeOf(body), now());
        return writtenReply(200, "Recipe updated successfully", changed);
      },
    }),
    discardRoute({ writer, clock }),
  ];
}

function discardRoute({ writer, clock }: Pick<RecipeRouteOptions, "writer" | "clock">): Route {
  return defineRoute({
    method: "DELETE",
    path: "/v1/recipes/{recipe_id}",
    summary: "Discard a recipe",
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
      const caller = callerOf(principal, "manage_recipes");
      const now = new Date(clock.nowMs());
      const discarded = await writer.discard(caller, params.recipe_id, seen, now);
      return writtenReply(200, "Recipe deleted successfully", discarded);
    },
  });
}

function changeOf(body: Static<typeof recipeChangesBody>): Parameters<RecipeWriter["change"]>[3] {
  return ({ recipe, author_id, meal_id }) => {
    assertSameIds(body, { author_id, meal_id });
    return {
      recipe: toRecipe((faults) => withRecipeChanges(recipe, body as RecipeBody, "/body", faults)),
      tags: body.tags && readTags(body.tags, "recipe", author_id),
    };
  };
}

/** @throws AppError `validation_failed` with all faults that reading finds */
function toRecipe<T>(read: (faults: FieldFault[]) => T): T {
  const faults: FieldFault[] = [];
  const recipe = read(faults);
  if (faults.length > 0) throw validationFailure(faults);
  return recipe;
}

const copyBody = closed({
  meal_id: uuid,
  recipe_id: Type.Optional(uuid),
  user_id: Type.Optional(uuid),
});
const ratingBody = closed({ rating: ratingInput });
const COMMENT = { comment: { charactersMax: limits.textCharactersMax, hasLines: true } } as const;

function otherRoutes({ writer, ratings, clock }: RecipeRouteOptions): Route[] {
  const now = () => new Date(clock.nowMs());
  return [
    defineRoute({
      method: "POST",
      path: "/v1/recipes/{recipe_id}/copy",
      summary: "Copy a recipe that you may see into a meal",
      description: "The copy belongs to the meal's author. It is private and has no ratings.",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: ID,
      body: copyBody,
      bodyExample: { meal_id: EXAMPLE_ID },
      responses: { 201: { description: "The copy", schema: written("recipe_id") }, ...READ_ONE },
      async handler({ params, body, principal }) {
        assertSameIds(body, { recipe_id: params.recipe_id });
        const caller = callerOf(principal, "manage_recipes");
        const { user_id: userId = undefined } = body;
        if (userId !== undefined && userId !== caller.userId && !caller.isManager) denyOther();
        const assertTarget = (authorId: string) => {
          if (userId !== undefined && userId !== caller.userId && userId !== authorId) denyOther();
        };
        const copy = await writer.copy(caller, params.recipe_id, body.meal_id, assertTarget, now());
        return writtenReply(201, "Recipe copied successfully", copy, { recipe_id: copy.id });
      },
    }),
    defineRoute({
      method: "POST",
      path: "/v1/recipes/{recipe_id}/rate",
      summary: "Rate a recipe that you may see, in place of what you said before",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: ID,
      body: ratingBody,
      bodyExample: { rating: { taste: 5, convenience: 3, comment: "Fica bom com alho." } },
      responses: {
        200: { description: "The new means", schema: rated },
        ...READ_ONE,
      },
      async handler({ params, body, principal }) {
        const { recipe_id: recipeId } = params;
        const rating = readRating(body.rating, recipeId, principal.userId);
        const caller = callerOf(principal, "manage_recipes");
        const { id, version, ...means } = await ratings.rate(caller, recipeId, rating, now());
        return writtenReply(200, "Recipe rated successfully", { id, version }, means);
      },
    }),
  ];
}

const rated = written("average_taste_rating", "average_convenience_rating");

/** @throws AppError `permission_denied` in the name of somebody else; `validation_failed` */
function readRating(given: Static<typeof ratingInput>, recipeId: string, userId: string): Rating {
  if (given.user_id !== undefined && given.user_id !== userId) denyOther();
  const faults: FieldFault[] = [];
  if (given.recipe_id !== undefined && given.recipe_id !== recipeId) {
    const message = "must be left out, or be what the address says";
    faults.push({ path: "/body/rating/recipe_id", code: "contradiction", message });
  }
  const { comment = null } = readTexts(given, COMMENT, "/body/rating", faults);
  if (faults.length > 0) throw validationFailure(faults);
  return { userId, taste: given.taste, convenience: given.convenience, comment };
}

export function denyOther(): never {
  throw httpErrors.failure("permission_denied", { detail: "Nobody acts as another user" });
}
