import type { Static } from "typebox";
import { hasPermission, type Principal } from "../../http/principal.ts";
import { pageQuery } from "../../http/paging.ts";
import { readInstant, validationFailure } from "../../http/rules.ts";
import { closed, Type } from "../../http/schema.ts";
import type { FieldFault } from "../../platform/errors.ts";
import { mealLimits as limits } from "../../platform/limits.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import {
  AMOUNTS,
  WHOLE_AMOUNTS,
  type Bounds,
  type CommonFilter,
  type MealFilter,
  type Reader,
} from "./meal-filter.ts";
import { callerOf } from "./owner.ts";
import { PRIVACIES } from "./recipe.ts";
import { readTagQuery, tagQuery } from "./tag-filter.ts";

export const ids = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ format: "uuid" }), { description, maxItems: limits.filterValuesMax }),
  );
const instant = Type.Optional(
  Type.String({ description: "ISO 8601 date (midnight UTC) or date and time", maxLength: 40 }),
);

const number = Type.Optional(Type.Number());
const integer = Type.Optional(Type.Integer());
/** `calories_gte`, `calories_lte` … */
const bounds = Object.fromEntries([
  ...AMOUNTS.flatMap((name) => bothBounds(name, number)),
  ...WHOLE_AMOUNTS.flatMap((name) => bothBounds(name, integer)),
]) as Record<keyof Bounds, typeof number>;

function bothBounds(name: string, schema: object) {
  return [`${name}_gte`, `${name}_lte`].map((key) => [key, schema]);
}

/** Filters and paging that both lists have. */
export const commonQuery = {
  id: ids("Ids"),
  name: Type.Optional(Type.String({ description: "The exact name", maxLength: 500 })),
  author_id: ids("Authors"),
  client_name_contains: Type.Optional(
    Type.String({
      description: "A part of the name of the client whose menu the meal is in, your own clients",
      maxLength: limits.mealNameCharactersMax,
    }),
  ),
  products: ids("Products of which one is an ingredient"),
  product_name: Type.Optional(
    Type.String({
      description: `One of the ${limits.similarProductsMax} products with the most similar names is an ingredient`,
      maxLength: 200,
    }),
  ),
  ...tagQuery,
  ...bounds,
  created_at_gte: instant,
  created_at_lte: instant,
  ...pageQuery,
};

const commonSchema = closed(commonQuery);
type CommonQuery = Static<typeof commonSchema>;

/** The products with the names most like one: their ids, best first. */
export type SimilarProducts = (name: string, count: number) => Promise<readonly string[]>;

/**
 * The filter of a query. @throws AppError `validation_failed`
 */
export async function readCommonFilter(
  query: CommonQuery,
  similarProducts: SimilarProducts,
): Promise<CommonFilter> {
  const faults: FieldFault[] = [];
  const createdAtGte = instantOf(query, "created_at_gte", faults);
  const createdAtLte = instantOf(query, "created_at_lte", faults);
  if (faults.length > 0) throw validationFailure(faults);
  const { id, name, author_id, client_name_contains, products, product_name: similar } = query;
  const sets = [
    products,
    similar === undefined ? undefined : await similarProducts(similar, limits.similarProductsMax),
  ];
  const boundEntries = Object.keys(bounds).map((key) => [key, query[key as keyof Bounds]]);
  return given({
    ...(Object.fromEntries(boundEntries) as Bounds),
    id,
    name,
    author_id,
    client_name_contains,
    productSets: sets.filter((set) => set !== undefined),
    createdAtGte,
    createdAtLte,
    ...readTagQuery(query),
  });
}

function instantOf<K extends string>(
  query: { readonly [key in K]?: string },
  key: K,
  faults: FieldFault[],
): Date | undefined {
  const text = query[key];
  if (text === undefined) return undefined;
  const found = readInstant(text);
  if (found === undefined) {
    faults.push({ path: `/query/${key}`, code: "format", message: "must be an ISO 8601 date" });
  }
  return found;
}

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the keys that are undefined. */
export function given<T extends object>(values: T): Given<T> {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Given<T>;
}

/** Who reads a list of recipes or of meals. */
export function readerOf(
  principal: Principal,
  permission: "manage_recipes" | "manage_meals",
): Reader {
  const seesClients = hasPermission(principal, "recipes_catalog", "manage_clients");
  return { ...callerOf(principal, permission), seesClients };
}

// Never null, so that an index serves them in either direction.
const FILLED = ["created_at", "updated_at", "name"] as const;
const COMPARED = [
  "total_time",
  "calories",
  "protein",
  "carbohydrate",
  "total_fat",
  "saturated_fat",
  "trans_fat",
  "dietary_fiber",
  "sodium",
  "sugar",
] as const;
type Sortable = (typeof FILLED)[number] | (typeof COMPARED)[number];

export const sortsOf = <Name extends string>(names: readonly Name[]) =>
  names.flatMap((name) => [name, `-${name}`] as const);

export const COMMON_SORTS = [...FILLED, ...COMPARED] as const satisfies readonly Sortable[];
export const MEAL_SORTS = sortsOf(COMMON_SORTS);
export type MealSort = (typeof MEAL_SORTS)[number];

/** ORDER BY of a column; rows without a value come last, and the id decides between equals. */
export function orderBy(table: "r" | "m", sort: string): Sql {
  const isDescending = sort.startsWith("-");
  const name = isDescending ? sort.slice(1) : sort;
  const isFilled = (FILLED as readonly string[]).includes(name);
  const column = sql`${TABLES[table]}${sql.identifier(name)}`;
  const id = sql`${TABLES[table]}id`;
  const nulls = isFilled ? sql.empty : sql` nulls last`;
  return isDescending ? sql`${column} desc${nulls}, ${id} desc` : sql`${column}${nulls}, ${id}`;
}
const TABLES = { r: sql`r.`, m: sql`m.` } as const;

export const sortQuery = <Sort extends string>(sorts: readonly Sort[]) =>
  Type.Optional(
    Type.Enum([...sorts], {
      default: "-created_at",
      description: "`-` is descending; what has no value comes last",
    }),
  );

export const mealQuery = closed({
  ...commonQuery,
  menu_id: ids("Menus"),
  like: Type.Optional(Type.Boolean()),
  privacy: Type.Optional(Type.Enum([...PRIVACIES], { description: "One of its recipes has it" })),
  sort: sortQuery(MEAL_SORTS),
});

/** @throws AppError `validation_failed` */
export async function readMealFilter(
  query: Static<typeof mealQuery>,
  similarProducts: SimilarProducts,
): Promise<MealFilter> {
  const { menu_id, like, privacy } = query;
  return given({ ...(await readCommonFilter(query, similarProducts)), menu_id, like, privacy });
}
