import assert from "node:assert/strict";
import { newId } from "../../src/platform/ids.ts";
import { sql } from "../../src/platform/sql.ts";
import { PUBLIC_URL } from "../support/callers.ts";
import type { Caller } from "./authorisation-callers.ts";
import type { JsonSchema } from "./json-schema.ts";
import type { GoodRequest, Operation, RouteTable } from "./route-table.ts";

/** Places of ids in the body and the query of a route: `/meals/0/meal_id`, `?menu_ids`. */
export function idPlacesOf({ body, parameters }: Operation): string[] {
  const places = new Set<string>();
  const isId = (name: string, { format }: JsonSchema) =>
    format === "uuid" || /(^|_)ids?$|^jti$/.test(name);
  const walk = (schema: JsonSchema, path: string) => {
    const name = /([a-z_]+)(\/0)?$/.exec(path)?.[1] ?? "";
    if (schema.items !== undefined) return walk(schema.items, `${path}/0`);
    for (const one of schema.anyOf ?? []) walk(one, path);
    for (const [key, value] of Object.entries(schema.properties ?? {})) {
      walk(value, `${path}/${key}`);
    }
    const isLeaf = schema.properties === undefined && schema.anyOf === undefined;
    if (isLeaf && path !== "" && isId(name, schema)) places.add(path);
  };
  if (body !== undefined) walk(body.schema, "");
  for (const { name, in: place, schema } of parameters) {
    if (place === "query" && isId(name, schema)) places.add(`?${name}`);
  }
  return [...places];
}

export type Kind =
  | "user"
  | "session"
  | "token"
  | "client"
  | "menu"
  | "meal"
  | "recipe"
  | "list"
  | "item"
  | "form"
  | "typeform"
  | "response"
  | "product";
export type Ids = Readonly<Record<Kind, string | number>>;

/** Ids of nothing. */
export const nothing = (): Ids => {
  const id = newId();
  const texts = ["user", "session", "token", "client", "menu", "meal", "recipe", "list", "item"];
  const all = [...texts, "typeform", "response", "product"].map((kind) => [kind, id]);
  return { ...(Object.fromEntries(all) as Ids), form: 2_000_000_000 };
};

/** Somebody's things, one of each kind. */
export async function furnishVictim(table: RouteTable, owner: Caller): Promise<Ids> {
  const good = async (label: string) => {
    const operation = table.operations.find((one) => one.label === label);
    assert.ok(operation, label);
    const { path, body } = await table.goodRequest(operation, owner);
    return { ids: path.split("/").slice(3), body };
  };
  const kept = await good("PATCH /v1/shopping-lists/{shopping_list_id}");
  const form = Number((await good("PATCH /v1/client-onboarding/forms/{form_id}")).ids[1]);
  const response = newId();
  const { database } = table.database;
  const { rows } = await database.query<{ typeform_id: string }>(sql`
    insert into client_onboarding.form_responses
      (tenant_id, user_id, form_id, response_id, response_data, submitted_at, processed_at)
    values (${owner.tenantId}, ${owner.id}, ${form}, ${response}, '{}', now(), now())
    returning (select typeform_id from client_onboarding.onboarding_forms where id = ${form})`);
  const claims = JSON.parse(Buffer.from(owner.token.split(".")[1]!, "base64url").toString());
  return {
    user: owner.id,
    session: owner.sessionId,
    token: claims.jti,
    client: (await good("GET /v1/clients/{client_id}")).ids[0]!,
    menu: (await good("POST /v1/meals")).body.menu_id,
    meal: (await good("GET /v1/meals/{meal_id}")).ids[0]!,
    recipe: (await good("GET /v1/recipes/{recipe_id}")).ids[0]!,
    list: kept.ids[0]!,
    item: kept.body.item_id,
    form,
    typeform: rows[0]!.typeform_id,
    response,
    product: newId(),
  };
}

const RECIPE = { name: "Arroz", instructions: "Cozinhe.", ingredients: [] };
/** What stands around an id in a body that has not got it. */
const AROUND: Readonly<Record<string, object>> = {
  tags: { key: "goal", value: "health" },
  recipes: RECIPE,
  ingredients: { name: "Arroz", quantity: 1, unit: "g", position: 0 },
  meals: { week: 1, weekday: "Terça", meal_type: "almoço" },
  menu_meal: { week: 1, weekday: "Terça", meal_type: "almoço" },
  pantry: { quantity: 1, unit: "g" },
};

/** A good request with one id put into it. */
export function withId({ path, body }: GoodRequest, place: string, id: string | number) {
  if (place.startsWith("?")) {
    const bare = path.split("?")[0]!;
    return { path: `${bare}${place}=${id}`, body };
  }
  // Of another issuer any text is somebody.
  if (path === "/v1/users") return { path, body: { user_id: id, issuer: PUBLIC_URL } };
  if (place === "/shopping_list_id") return { path, body: { shopping_list_id: id } };
  const copy = structuredClone(body ?? {});
  const names = place.slice(1).split("/");
  const last = names.pop()!;
  let target = copy;
  for (const [index, name] of names.entries()) {
    const isList = names[index + 1] === "0" || (index === names.length - 1 && last === "0");
    target[name] ??= isList
      ? []
      : structuredClone(AROUND[name === "0" ? names[index - 1]! : name] ?? {});
    target = target[name];
  }
  target[last] = id;
  // What a question of onboarding is about decides which id it reads.
  if (last === "form_id" && "query_type" in target) target.query_type = "responses_by_form";
  if (last === "response_id" && "query_type" in target) target.query_type = "response_by_id";
  return { path, body: copy };
}

/** Rows of the business contexts, to see what a request writes. */
export async function openRows({ database: { database } }: RouteTable) {
  const { rows: tables } = await database.query<{ schema: string; name: string }>(sql`
    select table_schema as schema, table_name as name from information_schema.tables
     where table_schema in ('recipes_catalog', 'shared_kernel', 'client_onboarding', 'iam')
       and table_type = 'BASE TABLE' and table_name <> 'typeform_pace' order by 1, 2`);
  const parts = (since: number) =>
    tables.map(
      ({ schema, name }) => sql`
        select ${name}::text as name, count(*) as count,
               coalesce(array_agg(to_jsonb(t)::text)
                          filter (where xmin::text::bigint >= ${since}), '{}') as rows
          from ${sql.identifier(schema)}.${sql.identifier(name)} t`,
    );
  async function read(since: number) {
    const statement = sql.unnamed(sql.join(parts(since), sql` union all `));
    return (await database.query<{ name: string; count: number; rows: string[] }>(statement)).rows;
  }
  return {
    /** All of them that mention one of the texts. */
    async mentioning(texts: readonly string[]): Promise<string[]> {
      const all = (await read(0)).flatMap(({ rows }) => rows);
      return all.filter((row) => texts.some((text) => row.includes(text))).toSorted();
    },
    /** What is written between this call and the one of what it answers. */
    async watch() {
      const { rows } = await database.query<{ xid: number }>(
        sql`select pg_current_xact_id()::text::bigint as xid`,
      );
      const since = rows[0]!.xid;
      const counted = await read(since);
      return async () => {
        const found = await read(since);
        const gone = found.filter(({ count }, index) => count < counted[index]!.count);
        return {
          written: found.flatMap(({ rows: changed }) => changed),
          emptied: gone.map(({ name }) => name),
        };
      };
    },
  };
}
