import { sql, type Sql } from "../../platform/sql.ts";
import type { Caller } from "./owner.ts";
import type { Privacy } from "./recipe.ts";
import { hasTags } from "./store-tags.ts";
import type { TagFilter } from "./tag-filter.ts";

/** Derived amounts that have a lowest and a highest value in both lists. */
export const AMOUNTS = [
  "calories",
  "protein",
  "carbohydrate",
  "total_fat",
  "saturated_fat",
  "trans_fat",
  "sugar",
  "sodium",
  "calorie_density",
  "carbo_percentage",
  "protein_percentage",
  "total_fat_percentage",
] as const;
/** The same for whole numbers. */
export const WHOLE_AMOUNTS = ["total_time", "weight_in_grams"] as const;

type Bound<Name extends string> = `${Name}_gte` | `${Name}_lte`;
export type Bounds = {
  readonly [K in Bound<(typeof AMOUNTS)[number] | (typeof WHOLE_AMOUNTS)[number]>]?: number;
};

/** What lists of recipes and of meals have in common. Lists of values are alternatives. */
export interface CommonFilter extends Bounds {
  readonly id?: readonly string[];
  readonly name?: string;
  readonly author_id?: readonly string[];
  /** Of each set, one product is an ingredient. */
  readonly productSets?: readonly (readonly string[])[];
  readonly client_name_contains?: string;
  readonly createdAtGte?: Date;
  readonly createdAtLte?: Date;
  readonly tags?: TagFilter;
  readonly tagsNotExists?: TagFilter;
}

export interface MealFilter extends CommonFilter {
  readonly menu_id?: readonly string[];
  readonly like?: boolean;
  /** One of its recipes has it. */
  readonly privacy?: Privacy;
}

/** Who reads a list. */
export interface Reader extends Caller {
  /** Manages clients, so that those of others have names for him. */
  readonly seesClients: boolean;
}

export const AND = sql` and `;
const COLUMNS = { recipe: sql`r.`, meal: sql`m.` } as const;

/** Conditions over `recipes r` or `meals m`. */
export function commonConditions(
  kind: "recipe" | "meal",
  filter: CommonFilter,
  userId: string,
): Sql[] {
  const column = (name: string) => sql`${COLUMNS[kind]}${sql.identifier(name)}`;
  const parts: Sql[] = [];
  const { id, name, author_id: authorId, createdAtGte, createdAtLte } = filter;
  if (id !== undefined) parts.push(sql`${column("id")} = any(${id}::uuid[])`);
  if (name !== undefined) parts.push(sql`${column("name")} = ${name}`);
  if (authorId !== undefined) parts.push(sql`${column("author_id")} = any(${authorId}::uuid[])`);
  for (const [names, type] of [
    [AMOUNTS, sql`float8`],
    [WHOLE_AMOUNTS, sql`bigint`],
  ] as const) {
    for (const one of names) {
      const { [`${one}_gte` as const]: least, [`${one}_lte` as const]: most } = filter;
      if (least !== undefined) parts.push(sql`${column(one)} >= ${least}::${type}`);
      if (most !== undefined) parts.push(sql`${column(one)} <= ${most}::${type}`);
    }
  }
  const created = column("created_at");
  if (createdAtGte !== undefined) parts.push(sql`${created} >= ${createdAtGte}::timestamptz`);
  if (createdAtLte !== undefined) parts.push(sql`${created} <= ${createdAtLte}::timestamptz`);
  const { tags, tagsNotExists: absent } = filter;
  if (tags !== undefined) parts.push(hasTags(kind, column("id"), tags, userId));
  if (absent !== undefined) parts.push(sql`not ${hasTags(kind, column("id"), absent, userId)}`);
  return parts;
}

/**
 * Condition over `meals m`: it is in a menu of a client whose name contains the text. Names of the
 * clients of others are nobody's business, so a public recipe is not found by them.
 */
export function isClientNamed(text: string, caller: Reader): Sql {
  const pattern = `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  const mine = caller.seesClients ? sql`true` : sql`c.author_id = ${caller.userId}`;
  return sql`m.menu_id in (
    select u.id from recipes_catalog.menus u
      join recipes_catalog.clients c on c.id = u.client_id
     where c.tenant_id = ${caller.tenantId} and ${mine} and not c.discarded and not u.discarded
       and lower(c.name) like lower(${pattern}::text collate "und-x-icu"))`;
}

/** Condition over `meals m`: one's own, and the tenant's for who manages meals. */
export function isOwnMeal(caller: Reader): Sql {
  const isThere = sql`not m.discarded and m.tenant_id = ${caller.tenantId}`;
  return caller.isManager ? isThere : sql`${isThere} and m.author_id = ${caller.userId}`;
}

/** The WHERE of a list over `meals m`. */
export function mealCondition(filter: MealFilter, caller: Reader): Sql {
  const parts = [isOwnMeal(caller), ...commonConditions("meal", filter, caller.userId)];
  const { menu_id: menuId, like, privacy, client_name_contains: clientName } = filter;
  if (menuId !== undefined) parts.push(sql`m.menu_id = any(${menuId}::uuid[])`);
  if (like !== undefined) parts.push(sql`m."like" = ${like}`);
  if (privacy !== undefined) {
    parts.push(sql`exists (
      select from recipes_catalog.recipes r
       where r.meal_id = m.id and not r.discarded and r.privacy = ${privacy})`);
  }
  for (const products of filter.productSets ?? []) {
    parts.push(sql`exists (
      select from recipes_catalog.recipes r
        join recipes_catalog.ingredients i on i.recipe_id = r.id
       where r.meal_id = m.id and not r.discarded and i.product_id = any(${products}::uuid[]))`);
  }
  if (clientName !== undefined) parts.push(isClientNamed(clientName, caller));
  return sql.join(parts, AND);
}
