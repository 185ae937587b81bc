import { sql, type Sql } from "../../platform/sql.ts";
import { WEEKDAYS } from "./meal.ts";
import { isoText } from "./store-recipes.ts";
import { tagsOf } from "./store-tags.ts";

export type MenuDetail = "full" | "summary";

// Written in the text and not a parameter: the list never changes.
const WEEK = sql`array[${sql.join(WEEKDAYS.map((day) => sql.literal(day)))}]`;

/** The places of `menus n`. Name and nutrition are the meal's own, so they are never old. */
const places = sql`(
  select coalesce(json_agg(json_build_object(
           'meal_id', p.meal_id, 'meal_name', l.name, 'nutri_facts', l.nutri_facts,
           'week', p.week, 'weekday', p.weekday, 'hour', p.hour::text, 'meal_type', p.meal_type)
           order by p.week, array_position(${WEEK}, p.weekday), p.hour nulls last, p.meal_type), '[]')
    from recipes_catalog.menu_meals p join recipes_catalog.meals l on l.id = p.meal_id
   where p.menu_id = n.id)`;

const placesCount = sql`(
  select count(*) from recipes_catalog.menu_meals p where p.menu_id = n.id)`;

const HEAD = sql`
  'id', n.id, 'created_at', ${isoText(sql`n.created_at`)},
  'updated_at', ${isoText(sql`n.updated_at`)}, 'version', n.version, 'discarded', n.discarded,
  'author_id', n.author_id, 'client_id', n.client_id, 'description', n.description,
  'tags', ${tagsOf("menu", sql`n.id`)}`;

const MENU: Readonly<Record<MenuDetail, Sql>> = {
  full: sql`json_build_object(${HEAD}, 'meals', ${places})`,
  summary: sql`json_build_object(${HEAD}, 'meals_count', ${placesCount})`,
};

/** JSON of `menus n`, for a SELECT list. */
export function menuJson(detail: MenuDetail): Sql {
  return MENU[detail];
}

/** JSON of all living menus of a client, for a SELECT list. */
export function menusOfClient(clientId: Sql, detail: MenuDetail): Sql {
  return sql`(
    select coalesce(json_agg(${MENU[detail]} order by n.created_at, n.id), '[]')
      from recipes_catalog.menus n where n.client_id = ${clientId} and not n.discarded)`;
}
