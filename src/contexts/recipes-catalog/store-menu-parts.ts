import { sql, type Sql } from "../../platform/sql.ts";
import { WEEKDAYS } from "./meal.ts";
import { tagsOf } from "./store-tags.ts";

export type MenuDetail = "full" | "summary";

const WEEK = sql`${WEEKDAYS}::text[]`;

/** The places of `menus n`. Name and nutrition are the meal's own, so they are never old. */
const places = sql`(
  select string_agg(
           left(to_json(head)::text, -1) || recipes_catalog.facts_text(l.nutri_facts)
             || substr(to_json(tail)::text, 2), ','
           order by p.week, array_position(${WEEK}, p.weekday), p.hour nulls last, p.meal_type)
    from recipes_catalog.menu_meals p
    join recipes_catalog.meals l on l.id = p.meal_id
   cross join lateral (select p.meal_id, l.name as meal_name) head
   cross join lateral (select p.week, p.weekday, p.hour::text as hour, p.meal_type) tail
   where p.menu_id = n.id)`;

const placesCount = sql`(
  select count(*) from recipes_catalog.menu_meals p where p.menu_id = n.id)`;

const head = sql`(
  select left(to_json(head)::text, -1)
    from (select n.id, recipes_catalog.instant_text(n.created_at) as created_at,
                 recipes_catalog.instant_text(n.updated_at) as updated_at, n.version, n.discarded,
                 n.author_id, n.client_id, n.description, ${tagsOf("menu", sql`n.id`)} as tags
         ) head)`;

const MENU: Readonly<Record<MenuDetail, Sql>> = {
  full: sql`${head} || ',"meals":[' || coalesce(${places}, '') || ']}'`,
  summary: sql`${head} || ',"meals_count":' || ${placesCount} || '}'`,
};

/** JSON text of `menus n`, for a SELECT list; nutrition as `withAllFacts` wants it. */
export function menuText(detail: MenuDetail): Sql {
  return MENU[detail];
}

/** JSON texts of all living menus of a client, with commas between them; null without any. */
export function menuTextsOf(clientId: Sql, detail: MenuDetail): Sql {
  return sql`(
    select string_agg(${MENU[detail]}, ',' order by n.created_at, n.id)
      from recipes_catalog.menus n where n.client_id = ${clientId} and not n.discarded)`;
}

/**
 * Condition: the id is one of those. For a single one it is an equality, whose general plan is as
 * good as one that is made for the values, so it is kept.
 */
export function isOneOf(column: Sql, ids: readonly string[]): Sql {
  return ids.length === 1
    ? sql`${column} = ${ids[0]!}::uuid`
    : sql`${column} = any(${ids}::uuid[])`;
}
