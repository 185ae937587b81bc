import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createRecipesCatalog } from "../../../src/contexts/recipes-catalog/index.ts";
import type { Principal } from "../../../src/http/principal.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import {
  largeTables,
  offeredLists,
  planOf,
  sentBy,
  wholeScans,
  type OfferedList,
  type Plan,
} from "../../support/plans.ts";
import { ANA, MANAGER, serveRecipes } from "./support.ts";

const AUTHORS = 30;
const MEALS = 40;
const { database: db, drop } = await withDatabase({ connections: 6 });
const { database, statements } = sentBy(db);
const PRODUCT = newId();
const options = {
  // Not the same as the product alone: that page would be known.
  similarProducts: async () => [PRODUCT, newId()],
  shopping: {
    findShoppingProducts: async () => [],
    readProductMarks: async () => "",
    drawDocument: async () => new Uint8Array(),
  },
};
const { call, close } = await serveRecipes(database, options);
const LISTS = offeredLists(
  createRecipesCatalog({ database, clock: systemClock, ...options }).routes,
);
let large: ReadonlySet<string>;
const ids: Record<string, string> = {};
after(async () => {
  close();
  await drop();
});

/** Of each of many authors some meals with two recipes, each in a menu of a client of its own. */
before(async () => {
  await db.withTransaction(async (tx) => {
    // Without triggers, which would write the texts five times.
    await tx.query(sql`set local session_replication_role = replica`);
    await tx.query(sql`
      create temporary table seeded on commit drop as
      select a, n, md5('client' || a || '/' || n)::uuid as client_id,
             md5('menu' || a || '/' || n)::uuid as menu_id,
             md5('meal' || a || '/' || n)::uuid as meal_id, case when a % 3 = 1 then ${ANA.tenantId}::uuid else md5('tenant' || a)::uuid end as tenant_id,
             case when a = 1 then ${ANA.userId}::uuid else md5('author' || a)::uuid end as author_id,
             now() - a * n * interval '7 minutes' as at
        from generate_series(1, ${AUTHORS}::int) a, generate_series(1, ${MEALS}::int) n`);
    await tx.query(sql`
      insert into recipes_catalog.clients
             (id, tenant_id, author_id, name, sex, created_at, updated_at)
      select client_id, tenant_id, author_id, 'Cliente ' || md5(client_id::text), 'feminino', at, at
        from seeded`);
    await tx.query(sql`
      insert into recipes_catalog.menus (id, tenant_id, author_id, client_id, created_at)
      select menu_id, tenant_id, author_id, client_id, at from seeded`);
    await tx.query(sql`
      insert into recipes_catalog.meals (id, tenant_id, author_id, menu_id, name, prepared_name,
             created_at, updated_at, "like", calories)
      select meal_id, tenant_id, author_id, menu_id, 'Prato ' || n, 'prato ' || n, at, at, n % 9 = 0, n
        from seeded`);
    await tx.query(sql`
      insert into recipes_catalog.recipes (id, tenant_id, author_id, meal_id, name, prepared_name,
             instructions, created_at, updated_at, privacy, calories, average_taste_rating)
      select md5('recipe' || meal_id || part)::uuid, tenant_id, author_id, meal_id, 'Receita ' || n,
             'receita ' || n, 'Cozinhe.', at, at,
             case when n % 20 = 0 then 'public' else 'private' end, n, n % 6
        from seeded, generate_series(1, 2) part`);
    await tx.query(sql`
      insert into recipes_catalog.ingredients (recipe_id, position, name, quantity, unit, product_id)
      select id, 0, 'Arroz', 1, 'g', case when id::text < '02' then ${PRODUCT}::uuid else md5(id::text)::uuid end
        from recipes_catalog.recipes`);
    await tx.query(sql`
      insert into shared_kernel.tags (tenant_id, author_id, type, key, value)
      select distinct tenant_id, author_id, type, 'key ' || n % 7, 'value ' || n
        from seeded, unnest(array['recipe', 'meal', 'menu', 'client']) as type`);
    for (const [kind, table] of TAGGED) {
      await tx.query(sql`
        insert into ${sql.identifier(`recipes_catalog.${table}_tags`)}
        select p.id, min(t.id)
          from ${sql.identifier(`recipes_catalog.${table}`)} p
          join shared_kernel.tags t on t.author_id = p.author_id and t.type = ${kind}
         group by p.id`);
    }
    await tx.query(sql`
      insert into recipes_catalog.shopping_lists (id, tenant_id, author_id, client_id, request)
      select md5('list' || client_id || n)::uuid, tenant_id, author_id, client_id,
             '{"menu_ids":[],"weeks":null,"exclude_product_ids":[],"pantry":[],"order_by":"shopping_name"}'
        from seeded`);
  });
  await db.query(sql`analyze`);
  await db.query(sql`
    select recipes_catalog.write_recipe_texts(array(select id from recipes_catalog.recipes)),
           recipes_catalog.write_meal_texts(array(select id from recipes_catalog.meals))`);
  await db.query(sql`vacuum analyze`);
  large = await largeTables(db, 500);
  const { rows } = await db.query<Record<string, string>>(sql`
    select c.id as client_id, n.id as menu_id, m.id as meal_id, r.id as recipe_id
      from recipes_catalog.clients c
      join recipes_catalog.menus n on n.client_id = c.id
      join recipes_catalog.meals m on m.menu_id = n.id
      join recipes_catalog.recipes r on r.meal_id = m.id
     where c.author_id = ${ANA.userId} order by c.id limit 1`);
  Object.assign(ids, rows[0]);
});
const TAGGED = [
  ["recipe", "recipes"],
  ["meal", "meals"],
  ["menu", "menus"],
  ["client", "clients"],
] as const;

/** The plans of what a list asks the database. */
async function plansOf(path: string, query: string, as: Principal): Promise<Plan[]> {
  statements.length = 0;
  const { status, body } = await call("GET", `${path}?limit=1&${query}`, { as });
  assert.equal(status, 200, `${path}?${query}: ${JSON.stringify(body)}`);
  return Promise.all(statements.splice(0).map((statement) => planOf(db, statement)));
}

function assertIndexed(label: string, plans: readonly Plan[]): void {
  assert.ok(plans.length > 0, label);
  // All of this one index is what is public, and nothing else.
  const whole = plans
    .flatMap((plan) => wholeScans(plan, large))
    .filter(({ index }) => index !== "recipes_public");
  assert.deepEqual(whole, [], `${label} reads all of ${whole.map(({ table }) => table)}`);
}

const fill = (path: string) => path.replaceAll(/\{([a-z_]+)\}/g, (_, name) => ids[name]!);
const WHO = [
  ["the owner", ANA],
  ["a manager", MANAGER],
] as const;

/** Orders that an index holds, by the list: nothing is sorted for the first page. */
const HELD: Readonly<Record<string, readonly string[]>> = {
  "/v1/recipes/search": ["created_at"],
  "/v1/meals/search": ["created_at"],
  "/v1/clients/search": ["created_at", "updated_at", "name"],
};
const HELD_FOR_OWNERS: Readonly<Record<string, readonly string[]>> = {
  "/v1/meals/search": ["updated_at", "name"],
};

test("no order of any list makes the database read a whole table", async () => {
  assert.deepEqual(LISTS.map(({ path }) => path).toSorted(), LIST_PATHS);
  for (const { path, sorts } of LISTS) {
    assert.ok(sorts.length >= 4, path);
    for (const sort of sorts) {
      for (const [who, as] of WHO) {
        const label = `${path} in the order ${sort} for ${who}`;
        const plans = await plansOf(fill(path), `sort=${sort}`, as);
        assertIndexed(label, plans);
        const held = [...(HELD[path] ?? []), ...(as === ANA ? (HELD_FOR_OWNERS[path] ?? []) : [])];
        if (!held.includes(sort.replace("-", ""))) continue;
        const columns = plans
          .flatMap((plan) => plan.sorts)
          .filter((key) => key.startsWith(aliasOf(path)));
        assert.deepEqual(columns, [], `${label} is sorted`);
      }
    }
  }
});

/** The name that the statements give to what is listed. */
const aliasOf = (path: string) => `${/^\/v1\/(.)/.exec(path)![1]!}.`;

const LIST_PATHS = [
  "/v1/clients/search",
  "/v1/clients/{client_id}/menus",
  "/v1/clients/{client_id}/shopping-lists",
  "/v1/meals/search",
  "/v1/recipes/search",
  "/v1/tags/search",
];

interface Narrowed {
  readonly value: (as: Principal) => string;
  /** One of these narrows the search. */
  readonly by: RegExp;
}
/** What belongs to an owner, or to a tenant: the rows that are looked through for the rest. */
const OWN = /^(?:recipes|meals|clients)_(?:of_author|of_tenant|public)/;
const TAG_INDEX = /_of_tag|_tags_pkey/;
const yesterday = () => new Date(Date.now() - 86_400_000).toISOString();
const FILTERS: Readonly<Record<string, Narrowed>> = {
  id: { value: () => ids["id"]!, by: /_pkey$/ },
  author_id: { value: () => ANA.userId, by: OWN },
  menu_id: { value: () => ids["menu_id"]!, by: /^meals_of_menu|^menus_pkey/ },
  meal_id: { value: () => ids["meal_id"]!, by: /^recipes_of_meal/ },
  name: { value: () => "Receita%201", by: OWN },
  name_contains: { value: () => "cliente%20ab12", by: /^clients_(?:name|of)/ },
  client_name_contains: { value: () => "cliente%20ab12", by: /^clients_(?:name|of)/ },
  products: { value: () => PRODUCT, by: /^ingredients_of_product|^ingredients_pkey/ },
  product_name: { value: () => "arroz", by: /^ingredients_of_product|^ingredients_pkey/ },
  tags: { value: () => "key%201:value%201", by: TAG_INDEX },
  tags_not_exists: { value: () => "key%201:value%201", by: TAG_INDEX },
  created_at_gte: { value: yesterday, by: OWN },
  created_at_lte: { value: yesterday, by: OWN },
  privacy: { value: () => "public", by: OWN },
  like: { value: () => "true", by: OWN },
  average_taste_rating_gte: { value: () => "4", by: OWN },
  average_convenience_rating_gte: { value: () => "4", by: OWN },
  menus: { value: () => "full", by: /^menus_of_client/ },
  key: { value: () => "key%201", by: /^tags_label/ },
  value: { value: () => "value%201", by: /^tags_label/ },
  type: { value: () => "meal", by: /^tags_label/ },
};
const IS_AMOUNT = /^(?!created_at).*_(?:gte|lte)$/;
/** Of a meal, one of its recipes has it. */
const PRIVACY_OF_MEALS = /^recipes_of_meal|^recipes_of_author|^recipes_public/;

function narrowedBy({ path }: OfferedList, filter: string): Narrowed {
  // Tags have an index that begins with their author, whatever else is asked.
  if (path === "/v1/tags/search") {
    const { value } = known(filter);
    return {
      value: (as) => (filter === "author_id" ? as.userId : value(as)),
      by: /^tags_label/,
    };
  }
  if (filter === "privacy" && path.includes("/meals/")) {
    return { value: () => "public", by: PRIVACY_OF_MEALS };
  }
  return known(filter);
}

function known(filter: string): Narrowed {
  const found =
    FILTERS[filter] ?? (IS_AMOUNT.test(filter) ? { value: () => "3", by: OWN } : undefined);
  assert.ok(found, `nobody said which index narrows ${filter}`);
  return found;
}

test("every filter of every list narrows what is read by an index", async () => {
  for (const list of LISTS) {
    const noun = /^\/v1\/([a-z]+)s\/search/.exec(list.path)?.[1];
    ids["id"] = ids[`${noun}_id`] ?? newId();
    for (const filter of list.filters) {
      const { value, by } = narrowedBy(list, filter);
      for (const [who, as] of WHO) {
        const label = `${list.path} narrowed by ${filter} for ${who}`;
        const plans = await plansOf(fill(list.path), `${filter}=${value(as)}`, as);
        assertIndexed(label, plans);
        const indexes = plans.flatMap(({ scans }) => scans.map(({ index }) => index ?? ""));
        assert.ok(
          indexes.some((index) => by.test(index)),
          `${label} uses ${[...new Set(indexes)].join(", ")}`,
        );
      }
    }
  }
});

test("a single row is looked up by its key", async () => {
  const paths = [
    `/v1/recipes/${ids["recipe_id"]}`,
    `/v1/meals/${ids["meal_id"]}`,
    `/v1/clients/${ids["client_id"]}`,
    `/v1/clients/${ids["client_id"]}/menus/${ids["menu_id"]}`,
  ];
  for (const path of paths) {
    statements.length = 0;
    await call("GET", path);
    const plans = await Promise.all(statements.splice(0).map((one) => planOf(db, one)));
    assertIndexed(path, plans);
  }
});
