import { newId } from "../../src/platform/ids.ts";
import type { Database } from "../../src/platform/postgres.ts";
import { sql, type Sql } from "../../src/platform/sql.ts";

/** A tenant in which there is one of everything, or many. */
export interface World {
  readonly size: number;
  readonly tenantId: string;
  readonly userId: string;
  readonly clientId: string;
  readonly formId: number;
  readonly menuIds: readonly string[];
  readonly mealIds: readonly string[];
  readonly userIds: readonly string[];
  /** By the names that paths have for them. */
  readonly ids: Readonly<Record<string, string>>;
  /** Of a path that says only `{id}`. */
  idOf(path: string): string | undefined;
}

/**
 * `size` of everything: clients, menus of the first of them, meals of the first menu, recipes of
 * the first meal, ingredients, ratings and tags of the first recipe, and so on. Made behind the
 * server's back.
 */
export async function insertWorld(db: Database, size: number): Promise<World> {
  const [tenantId, userId] = [newId(), newId()];
  const make = () => Array.from({ length: size }, () => newId());
  const [clients, menus, meals, recipes] = [make(), make(), make(), make()];
  const [lists, users, products] = [make(), make(), make()];
  const classified = await insertProducts(db, products, userId);
  const owner = sql`${tenantId}::uuid, ${userId}::uuid`;
  const at = (ids: readonly string[]) => sql`unnest(${ids}::uuid[]) with ordinality as v (id, n)`;
  await db.query(sql`
    insert into recipes_catalog.clients (id, tenant_id, author_id, name, sex)
    select id, ${owner}, 'client', 'feminino' from ${at(clients)}`);
  await db.query(sql`
    insert into recipes_catalog.menus (id, tenant_id, author_id, client_id)
    select id, ${owner}, ${clients[0]!}::uuid from ${at(menus)}`);
  await db.query(sql`
    insert into recipes_catalog.meals (id, tenant_id, author_id, menu_id, name, prepared_name)
    select id, ${owner}, ${menus[0]!}::uuid, 'Almoço', 'almoco' from ${at(meals)}`);
  await db.query(sql`
    insert into recipes_catalog.menu_meals (menu_id, meal_id, week, weekday, meal_type)
    select ${menus[0]!}::uuid, id, 1, 'Segunda', 'type ' || n from ${at(meals)}`);
  await db.query(sql`
    insert into recipes_catalog.recipes
      (id, tenant_id, author_id, meal_id, name, prepared_name, instructions)
    select id, ${owner}, ${meals[0]!}::uuid, 'Arroz', 'arroz', 'Cozinhe.' from ${at(recipes)}`);
  await db.query(sql`
    insert into recipes_catalog.ingredients (recipe_id, position, name, quantity, unit, product_id)
    select r.id, p.n, 'Arroz', 1, 'g', p.id
      from unnest(${recipes}::uuid[]) r (id), unnest(${products}::uuid[]) with ordinality p (id, n)`);
  await db.query(sql`
    insert into recipes_catalog.ratings (recipe_id, user_id, taste, convenience)
    select ${recipes[0]!}::uuid, id, 5, 5 from ${at(users)}`);
  const tagId = await insertTags(
    db,
    { tenantId, userId, size },
    { clients, menus, meals, recipes },
  );
  const formId = await insertForms(db, { tenantId, userId, size });
  // A client has room for one more.
  await insertLists(db, owner, lists.slice(0, 9), clients[0]!);
  await db.query(sql`
    insert into iam.users (id, issuer, subject, tenant_id)
    select id, 'local', id::text, ${tenantId}::uuid from ${at([userId, ...users])}`);
  return {
    size,
    tenantId,
    userId,
    clientId: clients[0]!,
    formId,
    menuIds: menus,
    mealIds: meals,
    userIds: users,
    ids: {
      client_id: clients[0]!,
      menu_id: menus[0]!,
      meal_id: meals[0]!,
      recipe_id: recipes[0]!,
      product_id: products[0]!,
      tag_id: String(tagId),
      form_id: String(formId),
      shopping_list_id: lists[0]!,
      user_id: userId,
    },
    idOf: (path) => classified[path.split("/").at(-2)!],
  };
}

interface Whose {
  readonly tenantId: string;
  readonly userId: string;
  readonly size: number;
}

/** Products and as many of each kind of classification; one id of each kind, by its word in paths. */
async function insertProducts(db: Database, ids: readonly string[], userId: string) {
  await db.query(sql`
    insert into products_catalog.products (id, source_id, name, prepared_name, is_food)
    select id, '00000000-0000-7000-8000-000000000001', 'Arroz', 'arroz', true
      from unnest(${ids}::uuid[]) id`);
  const found: Record<string, string> = {};
  for (const [word, table, type] of CLASSIFIED) {
    const id = newId();
    found[word] = id;
    const kind = type === undefined ? [sql.empty, sql.empty] : [sql`, type`, sql`, ${type}`];
    await db.query(sql`
      insert into ${sql.identifier(`products_catalog.${table}`)} (id, name, author_id${kind[0]})
      select case when n = 1 then ${id}::uuid else gen_random_uuid() end, 'name ' || ${id}::text || n,
             ${userId}::uuid${kind[1]}
        from generate_series(1, ${ids.length}::int) n`);
  }
  return found;
}

const CLASSIFIED: readonly (readonly [string, string, string?])[] = [
  ["sources", "sources"],
  ["brands", "brands"],
  ["categories", "classifications", "category"],
  ["parent-categories", "classifications", "parent_category"],
  ["food-groups", "classifications", "food_group"],
  ["process-types", "classifications", "process_type"],
];

/** Tags of every kind of parent, all on each of them; the id of one. */
async function insertTags(
  db: Database,
  { tenantId, userId, size }: Whose,
  parents: Readonly<Record<"clients" | "menus" | "meals" | "recipes", readonly string[]>>,
): Promise<number> {
  await db.query(sql`
    insert into shared_kernel.tags (tenant_id, author_id, type, key, value)
    select ${tenantId}::uuid, ${userId}::uuid, type, 'k', 'v' || n
      from unnest(array['client', 'menu', 'meal', 'recipe']) type,
           generate_series(0, ${size - 1}::int) n`);
  for (const [name, ids] of Object.entries(parents)) {
    const type = name.slice(0, -1);
    await db.query(sql`
      insert into ${sql.identifier(`recipes_catalog.${name}_tags`)}
             (${sql.identifier(`${type}_id`)}, tag_id)
      select p.id, t.id from unnest(${ids}::uuid[]) p (id)
        join shared_kernel.tags t on t.author_id = ${userId} and t.type = ${type}`);
  }
  const { rows } = await db.query<{ id: number }>(sql`
    select min(id) as id from shared_kernel.tags where author_id = ${userId}`);
  return rows[0]!.id;
}

async function insertForms(db: Database, { tenantId, userId, size }: Whose): Promise<number> {
  const { rows } = await db.query<{ id: number }>(sql`
    insert into client_onboarding.onboarding_forms
      (tenant_id, user_id, typeform_id, webhook_url, status)
    select ${tenantId}::uuid, ${userId}::uuid, ${userId}::text || n, 'https://example.com', 'active'
      from generate_series(1, ${size}::int) n returning id`);
  const id = rows[0]!.id;
  await db.query(sql`
    insert into client_onboarding.form_responses
      (tenant_id, user_id, form_id, response_id, response_data, submitted_at, processed_at)
    select ${tenantId}::uuid, ${userId}::uuid, ${id}::int, ${userId}::text || n, '{}', now(), now()
      from generate_series(1, ${size}::int) n`);
  return id;
}

async function insertLists(db: Database, owner: Sql, ids: readonly string[], clientId: string) {
  const wishes = { menu_ids: [], weeks: null, exclude_product_ids: [], pantry: [] };
  const request = JSON.stringify({ ...wishes, order_by: "shopping_name" });
  const item = JSON.stringify({
    product_id: null,
    shopping_name: "Arroz",
    unit: "g",
    quantity: 1,
    meals_names: [],
    store_department_name: null,
    recommended_brands_and_products: null,
    substitutes: null,
  });
  await db.query(sql`
    insert into recipes_catalog.shopping_lists (id, tenant_id, author_id, client_id, request)
    select id, ${owner}, ${clientId}::uuid, ${request}::jsonb from unnest(${ids}::uuid[]) id`);
  await db.query(sql`
    insert into recipes_catalog.shopping_items (id, list_id, position, item)
    select gen_random_uuid(), l.id, n, ${item}::jsonb
      from unnest(${ids}::uuid[]) l (id), generate_series(1, ${ids.length}::int) n`);
}
