import type { Database } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { Caller, Owned } from "./owner.ts";
import type { Rating } from "./rating.ts";
import type { Versioned } from "./recipe.ts";
import { assertMaySee } from "./store-recipe-writes.ts";

export interface Rated extends Versioned {
  readonly average_taste_rating: number;
  readonly average_convenience_rating: number;
}

/** Ratings of recipes, one of each user. They are no change of the recipe: its version stays. */
export interface RatingWriter {
  /**
   * Gives a recipe the caller's rating in place of the one he gave before.
   * @throws AppError `not_found`; `permission_denied` when he may not see it
   */
  rate(caller: Caller, recipeId: string, rating: Rating, now: Date): Promise<Rated>;
}

export function createRatingWriter(database: Database): RatingWriter {
  return {
    rate: (caller, recipeId, { userId, taste, convenience, comment }, now) =>
      database.withTransaction(async (tx) => {
        // Locked, so that the means of parallel ratings are those of all of them.
        const { rows } = await tx.query<Owned & { privacy: string }>(sql`
          select tenant_id, author_id, privacy from recipes_catalog.recipes
           where id = ${recipeId} and not discarded for no key update`);
        assertMaySee(rows[0], caller);
        await tx.query(sql`
          insert into recipes_catalog.ratings
            (recipe_id, user_id, taste, convenience, comment, created_at)
          values (${recipeId}, ${userId}, ${taste}, ${convenience}, ${comment}, ${now})
          on conflict (recipe_id, user_id) do update
             set taste = excluded.taste, convenience = excluded.convenience,
                 comment = excluded.comment, created_at = excluded.created_at`);
        const { rows: rated } = await tx.query<Rated>(sql`
          update recipes_catalog.recipes r
             set average_taste_rating = means.taste, average_convenience_rating = means.convenience
            from (select avg(taste)::float8 as taste, avg(convenience)::float8 as convenience
                    from recipes_catalog.ratings where recipe_id = ${recipeId}) means
           where r.id = ${recipeId}
          returning r.id, r.version, r.average_taste_rating, r.average_convenience_rating`);
        return rated[0]!;
      }),
  };
}
