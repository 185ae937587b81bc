import { sql, type Sql } from "../../platform/sql.ts";
import {
  AND,
  commonConditions,
  isClientNamed,
  type CommonFilter,
  type Reader,
} from "./meal-filter.ts";
import type { Privacy } from "./recipe.ts";

/** What a list of recipes may be narrowed by. */
export interface RecipeFilter extends CommonFilter {
  readonly meal_id?: readonly string[];
  readonly privacy?: Privacy;
  readonly average_taste_rating_gte?: number;
  readonly average_convenience_rating_gte?: number;
}

/**
 * Condition over `recipes r`: one's own, the public ones of the tenant, and everything of the
 * tenant for who manages recipes.
 */
export function isVisible(caller: Reader): Sql {
  const isThere = sql`not r.discarded and r.tenant_id = ${caller.tenantId}`;
  if (caller.isManager) return isThere;
  return sql`${isThere} and (r.author_id = ${caller.userId} or r.privacy = 'public')`;
}

/** The WHERE of a list over `recipes r`. */
export function recipeCondition(filter: RecipeFilter, caller: Reader): Sql {
  const parts = [isVisible(caller), ...commonConditions("recipe", filter, caller.userId)];
  const { meal_id, privacy, client_name_contains: clientName, productSets = [] } = filter;
  if (meal_id !== undefined) parts.push(sql`r.meal_id = any(${meal_id}::uuid[])`);
  if (privacy !== undefined) parts.push(sql`r.privacy = ${privacy}`);
  if (filter.average_taste_rating_gte !== undefined) {
    parts.push(sql`r.average_taste_rating >= ${filter.average_taste_rating_gte}::float8`);
  }
  if (filter.average_convenience_rating_gte !== undefined) {
    parts.push(
      sql`r.average_convenience_rating >= ${filter.average_convenience_rating_gte}::float8`,
    );
  }
  for (const products of productSets) {
    parts.push(sql`exists (
      select from recipes_catalog.ingredients i
       where i.recipe_id = r.id and i.product_id = any(${products}::uuid[]))`);
  }
  if (clientName !== undefined) {
    parts.push(sql`r.meal_id in (
      select m.id from recipes_catalog.meals m where ${isClientNamed(clientName, caller)})`);
  }
  return sql.join(parts, AND);
}
