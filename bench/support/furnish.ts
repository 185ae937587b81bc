import type { Database } from "../../src/platform/postgres.ts";
import { sql, type Sql } from "../../src/platform/sql.ts";

type Asked = Pick<Database, "query">;

export interface Whose {
  readonly tenantId: string;
  readonly authorId: string;
}

const KEYS = 8;
const VALUES = 12;
const USERS = 2_000;
const FORMS = 40;
const RESPONSES = 8_000;
const LISTED_CLIENTS = 200;
const LISTS_OF_CLIENT = 3;
const ITEMS_OF_LIST = 25;
/** A whole week of four meals a day, five times. */
const FULL_MENU_MEALS = 140;

/** Adds to a seeded kitchen what people leave in it. To be done once. */
export async function furnish(database: Database, whose: Whose): Promise<void> {
  await spreadOverTime(database);
  await addTags(database, whose);
  await addRatings(database);
  await fillOneMenu(database);
  await addShoppingLists(database, whose);
  await addUsers(database, whose);
  // The last: they tell that the others are there.
  await addForms(database, whose);
}

/** A seed is made within seconds; what people make has days between. */
async function spreadOverTime(tx: Asked): Promise<void> {
  for (const table of ["clients", "menus", "meals", "recipes"]) {
    await tx.query(sql`
      update ${sql.identifier(`recipes_catalog.${table}`)} set created_at = age.at, updated_at = age.at
        from (select id, now() - row_number() over (order by id) * interval '7 minutes' as at
                from ${sql.identifier(`recipes_catalog.${table}`)}) age
       where age.id = ${sql.identifier(table)}.id`);
  }
}

async function addTags(tx: Asked, { tenantId, authorId }: Whose): Promise<void> {
  for (const [type, parents, table, column] of TAGGED) {
    await tx.query(sql`
      insert into shared_kernel.tags (tenant_id, author_id, type, key, value)
      select ${tenantId}::uuid, ${authorId}::uuid, ${type}::text, 'key ' || k, 'value ' || v
        from generate_series(1, ${KEYS}::int) k, generate_series(1, ${VALUES}::int) v`);
    await tx.query(sql`
      insert into ${table} (${column}, tag_id)
      select p.id, t.id
        from (select id, row_number() over (order by id) as n from ${parents}) p
       cross join lateral (values
         ('key ' || p.n % ${KEYS}::int + 1, 'value ' || p.n % ${VALUES}::int + 1),
         ('key ' || (p.n + 3) % ${KEYS}::int + 1, 'value ' || p.n % 7 + 1)) l (key, value)
        join shared_kernel.tags t on t.type = ${type} and t.author_id = ${authorId}
         and t.key = l.key and t.value = l.value`);
  }
}

const TAGGED: readonly (readonly [string, Sql, Sql, Sql])[] = [
  ["recipe", sql`recipes_catalog.recipes`, sql`recipes_catalog.recipes_tags`, sql`recipe_id`],
  ["meal", sql`recipes_catalog.meals`, sql`recipes_catalog.meals_tags`, sql`meal_id`],
  ["menu", sql`recipes_catalog.menus`, sql`recipes_catalog.menus_tags`, sql`menu_id`],
  ["client", sql`recipes_catalog.clients`, sql`recipes_catalog.clients_tags`, sql`client_id`],
];

async function addRatings(tx: Asked): Promise<void> {
  await tx.query(sql`
    insert into recipes_catalog.ratings (recipe_id, user_id, taste, convenience, comment)
    select r.id, gen_random_uuid(), (r.n + g) % 6, (r.n + 2 * g) % 6, 'Fica melhor no dia seguinte.'
      from (select id, row_number() over (order by id) as n from recipes_catalog.recipes) r,
           generate_series(1, 3) g
     where r.n % 5 = 0`);
  await tx.query(sql`
    update recipes_catalog.recipes r
       set average_taste_rating = means.taste, average_convenience_rating = means.convenience
      from (select recipe_id, avg(taste) as taste, avg(convenience) as convenience
              from recipes_catalog.ratings group by recipe_id) means
     where means.recipe_id = r.id`);
}

/** The first menu gets meals of others until five weeks are full. */
async function fillOneMenu(tx: Asked): Promise<void> {
  await tx.query(sql`
    with busy as (select min(id::text)::uuid as id from recipes_catalog.menus),
    moved as (
      select p.meal_id, row_number() over (order by p.meal_id) - 1 as n
        from recipes_catalog.menu_meals p, busy where p.menu_id <> busy.id
       order by p.meal_id limit ${FULL_MENU_MEALS}
    ), freed as (
      delete from recipes_catalog.menu_meals p using busy where p.menu_id = busy.id
    ), placed as (
      update recipes_catalog.menu_meals p
         set menu_id = busy.id, week = moved.n / 28 + 1,
             weekday = (array['Segunda', 'Terça', 'Quarta', 'Quinta', 'Sexta', 'Sábado',
                              'Domingo'])[moved.n / 4 % 7 + 1],
             meal_type = 'refeição ' || moved.n % 4
        from moved, busy where p.meal_id = moved.meal_id
    )
    update recipes_catalog.meals m set menu_id = busy.id from moved, busy
     where m.id = moved.meal_id`);
}

async function addForms(tx: Asked, { tenantId, authorId }: Whose): Promise<void> {
  await tx.query(sql`
    insert into client_onboarding.onboarding_forms
      (tenant_id, user_id, typeform_id, webhook_url, status, created_at)
    select ${tenantId}::uuid, ${authorId}::uuid, 'form' || n, 'https://example.com/hook', 'active',
           now() - n * interval '1 day'
      from generate_series(1, ${FORMS}::int) n`);
  const answers = Array.from({ length: 12 }, (_, index) => ({
    type: "text",
    text: "Gosto de arroz, feijão e salada; não como carne de porco.",
    field: { id: `field${index}`, ref: `ref-${index}`, type: "short_text" },
  }));
  const data = JSON.stringify({ form_response: { answers, hidden: {} } });
  await tx.query(sql`
    insert into client_onboarding.form_responses
      (tenant_id, user_id, form_id, response_id, response_data, client_identifiers, submitted_at,
       processed_at)
    select ${tenantId}::uuid, ${authorId}::uuid, f.id, 'response' || n, ${data}::jsonb,
           jsonb_build_object('email', 'client' || n || '@example.com'),
           now() - n * interval '1 hour', now()
      from generate_series(1, ${RESPONSES}::int) n
      join client_onboarding.onboarding_forms f on f.typeform_id = 'form' || (n % ${FORMS} + 1)`);
}

async function addShoppingLists(tx: Asked, { tenantId, authorId }: Whose): Promise<void> {
  const wishes = { menu_ids: [], weeks: null, exclude_product_ids: [], pantry: [] };
  const request = JSON.stringify({ ...wishes, order_by: "shopping_name" });
  const item = JSON.stringify({
    product_id: null,
    shopping_name: "Arroz integral",
    unit: "g",
    quantity: 500,
    meals_names: ["Almoço: arroz com feijão", "Jantar: arroz ao forno"],
    store_department_name: "Mercearia",
    recommended_brands_and_products: null,
    substitutes: null,
  });
  await tx.query(sql`
    with lists as (
      insert into recipes_catalog.shopping_lists (id, tenant_id, author_id, client_id, request)
      select gen_random_uuid(), ${tenantId}::uuid, ${authorId}::uuid, c.id, ${request}::jsonb
        from (select id from recipes_catalog.clients order by id limit ${LISTED_CLIENTS}) c,
             generate_series(1, ${LISTS_OF_CLIENT}::int)
      returning id
    )
    insert into recipes_catalog.shopping_items (id, list_id, position, item)
    select gen_random_uuid(), lists.id, n, ${item}::jsonb
      from lists, generate_series(0, ${ITEMS_OF_LIST - 1}::int) n`);
}

async function addUsers(tx: Asked, { tenantId }: Whose): Promise<void> {
  await tx.query(sql`
    insert into auth.accounts (id, tenant_id, email, name)
    select gen_random_uuid(), ${tenantId}::uuid, 'user' || n || '@example.com', 'User ' || n
      from generate_series(1, ${USERS}::int) n`);
  await tx.query(sql`
    insert into iam.users (id, issuer, subject, tenant_id)
    select id, 'local', id::text, tenant_id from auth.accounts
     where email like 'user%@example.com'`);
  await tx.query(sql`
    insert into iam.user_role_association (user_id, role_context, role_name)
    select a.id, r.context, r.name from auth.accounts a, iam.roles r
     where a.email like 'user%@example.com' and r.name = 'user'
       and r.tenant_id = '00000000-0000-0000-0000-000000000000'`);
}
