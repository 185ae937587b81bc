import type { Database } from "../../src/platform/postgres.ts";
import { sql, type Sql } from "../../src/platform/sql.ts";
import type { Cook } from "./kitchen.ts";
import type { Shot } from "./mixed-load.ts";
import { FOOD_NAMES as NAMES } from "./food-names.ts";

/** A route that reads, and the requests it is measured with. */
export interface ReadRoute {
  /** `GET /v1/…` as the description of the API has it. */
  readonly label: string;
  /** Of one thing by its id, or of many. */
  readonly isLookUp: boolean;
  readonly shots: readonly Shot[];
}

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly schema: { readonly enum?: readonly unknown[]; readonly type?: string };
}

interface Operation {
  readonly label: string;
  readonly path: string;
  readonly permission: string | undefined;
  readonly parameters: readonly Parameter[];
}

const LIMIT = "limit=20";
/** How many different things are looked up in turn. */
const IDS = 40;
/** Not counted by N5: what makes a page for people, and what asks other servers. */
const LEFT_OUT =
  /^(?:GET \/health|GET \/docs|GET \/auth\/(?!sessions|api-keys|whoami|mfa|trusted))/;

/** Whom it is for depends on more than one permission. */
const MANAGED = /^GET \/v1\/users\/|^POST \/auth\/verify$/;

/** Ids and names that are there, for the paths and filters that want them. */
export async function readStock(database: Database, owner: Cook) {
  const column = async (statement: Sql): Promise<string[]> =>
    (await database.query<{ value: string | number }>(statement)).rows.map(({ value }) =>
      String(value),
    );
  const ids = (table: string) =>
    column(sql`select id as value from ${sql.identifier(table)}
                order by md5(id::text) limit ${IDS}`);
  const classified = (type: string) =>
    column(sql`select id as value from products_catalog.classifications where type = ${type}`);
  const [busy] = await column(sql`
    select menu_id as value from recipes_catalog.menu_meals
     group by menu_id order by count(*) desc limit 1`);
  const pairs = await database.query<{ menu: string; client: string }>(sql`
    select id as menu, client_id as client from recipes_catalog.menus
     where id = ${busy!} or id in (select id from recipes_catalog.menus order by md5(id::text) limit ${IDS})
     order by id = ${busy!} desc`);
  return {
    owner,
    products: await ids("products_catalog.products"),
    sources: await ids("products_catalog.sources"),
    brands: await ids("products_catalog.brands"),
    kinds: {
      categories: await classified("category"),
      "parent-categories": await classified("parent_category"),
      "food-groups": await classified("food_group"),
      "process-types": await classified("process_type"),
    },
    keys: await ids("auth.api_keys"),
    tokens: await column(sql`select token_id as value from auth.revoked_tokens limit ${IDS}`),
    refusals: await column(
      sql`select distinct request_id as value from auth.decisions limit ${IDS}`,
    ),
    recipes: await ids("recipes_catalog.recipes"),
    meals: await ids("recipes_catalog.meals"),
    clients: pairs.rows.map(({ client }) => client),
    menus: pairs.rows.map(({ menu }) => menu),
    tags: await ids("shared_kernel.tags"),
    lists: await ids("recipes_catalog.shopping_lists"),
    listedClients: await column(sql`
      select distinct client_id as value from recipes_catalog.shopping_lists limit ${IDS}`),
    users: await ids("iam.users"),
    used: await column(sql`
      select product_id as value from recipes_catalog.ingredients where product_id is not null
       group by product_id order by product_id limit 3`),
    forms: await ids("client_onboarding.onboarding_forms"),
    responses: await column(sql`
      select response_id as value from client_onboarding.form_responses limit ${IDS}`),
    names: await column(sql`select name as value from recipes_catalog.recipes limit 1`),
  };
}

export type Stock = Awaited<ReturnType<typeof readStock>>;

/** All reading routes of the document; those that no request could be made for are named apart. */
export function readRoutes(document: any, stock: Stock, manager: Cook) {
  const routes: ReadRoute[] = [];
  const left: string[] = [];
  for (const operation of operationsOf(document)) {
    const { label, permission } = operation;
    const isManaged = permission !== undefined || MANAGED.test(label);
    const token = isManaged ? manager.token : stock.owner.token;
    const paths = LEFT_OUT.test(label) ? undefined : pathsOf(operation, stock);
    const bodies = BODIES[label]?.(stock);
    if (paths === undefined || (label.startsWith("POST") && bodies === undefined)) {
      left.push(label);
      continue;
    }
    const method = bodies === undefined ? "GET" : "POST";
    const plain = isPaged(operation) ? paths.map((path) => `${path}?${LIMIT}`) : paths;
    const shots = [...plain, ...queriesOf(operation, stock).map((query) => `${paths[0]!}?${query}`)]
      .filter((path) => path.includes("?") || !isQueryRequired(label))
      .flatMap((path) =>
        (bodies ?? [undefined]).map((body) => ({
          method,
          path,
          token,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })),
      ) as Shot[];
    // Who manages a catalogue reads what is everybody's, which is another plan.
    const others = permission === undefined && /(?<!tags)\/search$/.test(label) ? shots : [];
    routes.push({
      label,
      isLookUp: label.endsWith("}") || label.endsWith("/me") || label.endsWith("/whoami"),
      shots: [...shots, ...others.map((shot) => ({ ...shot, token: manager.token }))],
    });
  }
  return { routes, left };
}

function operationsOf(document: any): Operation[] {
  return Object.entries<any>(document.paths).flatMap(([path, methods]) =>
    Object.entries<any>(methods)
      .filter(([method, { "x-key-scope": scope, security }]) =>
        method === "get" ? security.length > 0 : method === "post" && scope === "read",
      )
      .map(([method, operation]) => ({
        label: `${method.toUpperCase()} ${path}`,
        path,
        permission: operation["x-permission"],
        parameters: operation.parameters ?? [],
      })),
  );
}

function pathsOf({ path }: Operation, stock: Stock): string[] | undefined {
  const wanted = [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => name!);
  if (wanted.length === 0) return [path];
  if (path.endsWith("/clients/{client_id}/shopping-lists")) {
    return stock.listedClients.map((id) => path.replace("{client_id}", id));
  }
  const kind = path.split("/").at(-2)! as keyof Stock["kinds"];
  const sources: Record<string, readonly string[] | undefined> = {
    product_id: stock.products,
    recipe_id: stock.recipes,
    meal_id: stock.meals,
    client_id: stock.clients,
    menu_id: stock.menus,
    tag_id: stock.tags,
    shopping_list_id: stock.lists,
    user_id: stock.users,
    account_id: stock.users,
    api_key_id: stock.keys,
    jti: stock.tokens,
    request_id: stock.refusals,
    tenant_id: [stock.owner.tenantId],
    id: { sources: stock.sources, brands: stock.brands, ...stock.kinds }[kind],
  };
  if (wanted.some((name) => (sources[name] ?? []).length === 0)) return undefined;
  return Array.from({ length: IDS }, (_, at) =>
    wanted.reduce((text, name) => {
      const ids = sources[name]!;
      return text.replace(`{${name}}`, ids[at % ids.length]!);
    }, path),
  );
}

/** A page of a list is of the size that N5 names. */
const isPaged = ({ parameters }: Operation) => parameters.some(({ name }) => name === "limit");

const isQueryRequired = (label: string) => /similar-names|menu-view/.test(label);

/** Every filter alone, every order alone, a far page. @throws for a filter nobody wrote a value for */
function queriesOf({ label, path, parameters }: Operation, stock: Stock): string[] {
  if (label.endsWith("/similar-names"))
    return NAMES.map((name) => `name=${name.replaceAll(" ", "+")}`);
  if (label.endsWith("/menu-view/data")) {
    return stock.menus.map((id) => `menu_ids=${id}`);
  }
  const names = new Set(parameters.filter((one) => one.in === "query").map(({ name }) => name));
  const page = names.has("limit") ? [LIMIT] : [];
  const far = names.has("skip") ? [`skip=${/products\/search/.test(path) ? 60_000 : 1_500}`] : [];
  const queries = [...page, ...far.map((skip) => [skip, ...page].join("&"))];
  for (const { name, in: place, schema } of parameters) {
    if (place !== "query" || ["skip", "limit", "before", "version"].includes(name)) continue;
    for (const value of valuesOf(label, name, schema, stock)) {
      queries.push(
        [...value.map((one) => `${name}=${encodeURIComponent(one)}`), ...page].join("&"),
      );
    }
  }
  return queries;
}

/** Each value is one request; several texts in it are alternatives. */
function valuesOf(
  label: string,
  name: string,
  schema: Parameter["schema"],
  stock: Stock,
): readonly (readonly string[])[] {
  if (schema.enum !== undefined) return schema.enum.map((one) => [String(one)]);
  if (schema.type === "boolean") return [["true"], ["false"]];
  if (name === "id") return [idsOf(label, stock).slice(0, 20)];
  if (name === "name") return [[label.includes("recipes") ? stock.names[0]! : "Arroz integral"]];
  if (name.endsWith("_at_gte") || name === "from") return [[daysAgo(2)], [daysAgo(400)]];
  if (name.endsWith("_at_lte") || name === "to") return [[daysAgo(30)], [daysAgo(0)]];
  if (name.endsWith("_rating_gte")) return [["4"]];
  if (name.endsWith("_gte")) return [["1"], ["100000"]];
  if (name.endsWith("_lte")) return [["60"], ["100000"]];
  const values = texts(stock)[name];
  if (values === undefined) throw new Error(`${label}: no value for the filter ${name}`);
  return values;
}

const texts = (stock: Stock): Readonly<Record<string, readonly (readonly string[])[]>> => ({
  author_id: [[stock.owner.id]],
  menu_id: [[stock.menus[1]!], stock.menus.slice(0, 20)],
  meal_id: [stock.meals.slice(0, 20)],
  client_name_contains: [["ana"], ["lima 1234"]],
  name_contains: [["a"], ["lima 1234"]],
  products: [stock.used.slice(0, 1), stock.used],
  product_name: [["arroz integral"], ["tomate"]],
  tags: [["key 1:value 1"], ["key 1:value 1|value 2,key 4:value 3"], ["nothing"]],
  tags_not_exists: [["key 1:value 1"]],
  source: [["manual"], ["taco"]],
  barcode: [["7890000000019"]],
  brand: [["Serra Azul"]],
  category: [["Frutas"], ["Frutas", "Carnes"]],
  parent_category: [["De origem animal"]],
  food_group: [["Frutas"]],
  process_type: [["In natura"]],
  key: [["key 1"]],
  value: [["value 1"]],
  type: [["meal"]],
  weeks: [["1"], ["1,2"]],
  issuer: [["http://brigade.test"]],
  subject: [[stock.users[0]!]],
  role_name: [["user"]],
  email: [["user1"]],
  username: [["user1"]],
  actor: [[stock.owner.id]],
  action: [["login.success"]],
  session_id: [[stock.owner.id]],
  request_id: [["nothing"]],
  network: [["127.0.0.0/24"]],
  account_id: [[stock.owner.id]],
  tenant_id: [[stock.owner.tenantId]],
  user_id: [[stock.owner.id]],
});

function idsOf(label: string, stock: Stock): readonly string[] {
  const [, noun] = /\/v1\/(products|recipes|meals|clients)\//.exec(label) ?? [];
  return noun === undefined ? stock.users : stock[noun as "products"];
}

const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();

const BODIES: Readonly<Record<string, (stock: Stock) => object[]>> = {
  "POST /v1/client-onboarding/query-responses": ({ owner, forms, responses }) => {
    const user = { user_id: owner.id, limit: 20 };
    return [
      { query_type: "forms_by_user", ...user },
      { query_type: "responses_by_user", ...user },
      { query_type: "responses_by_user", ...user, offset: 7_000 },
      { query_type: "responses_by_form", ...user, form_id: Number(forms[0]) },
      { query_type: "responses_by_form", ...user, limit: 10, form_id: Number(forms[1]) },
      { query_type: "response_by_id", ...user, response_id: responses[0] },
    ];
  },
  "POST /v1/client-onboarding/bulk-query-responses": ({ owner, forms }) => {
    const user = { user_id: owner.id, limit: 20 };
    return [
      {
        user_id: owner.id,
        queries: [
          { query_type: "forms_by_user", ...user },
          { query_type: "responses_by_user", ...user },
          { query_type: "responses_by_form", ...user, form_id: Number(forms[0]) },
        ],
      },
    ];
  },
  "POST /auth/verify": ({ owner }) => [{ token: owner.token }],
  "POST /v1/shopping-lists/preview": ({ menus }) =>
    menus.slice(0, 10).map((id) => ({ menu_ids: [id] })),
};
