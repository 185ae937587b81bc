import type { Principal } from "../../../src/http/principal.ts";
import { createRecipesCatalog } from "../../../src/contexts/recipes-catalog/index.ts";
import { httpErrors } from "../../../src/http/errors.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { newId } from "../../../src/platform/ids.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { principalOf, startServer } from "../../http/fixture.ts";

type Options = Omit<Parameters<typeof createRecipesCatalog>[0], "database" | "clock">;

const TENANT = "00000000-0000-7000-8000-000000000001";
const OTHER_TENANT = "00000000-0000-7000-8000-000000000002";

/** Two users of a tenant, one who manages everything in it, and a manager of another tenant. */
export const [ANA, BRUNO, MANAGER, STRANGER] = [
  person(TENANT),
  person(TENANT),
  person(TENANT, ["manage_recipes", "manage_meals", "manage_menus", "manage_clients"]),
  person(OTHER_TENANT, ["manage_recipes", "manage_meals", "manage_menus", "manage_clients"]),
] as const;

/** A user with exactly these permissions in recipes_catalog. */
export function person(tenantId: string, permissions: readonly string[] = []): Principal {
  return { ...principalOf(newId(), { recipes_catalog: permissions }), tenantId };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Tests look into bodies of every shape.
  readonly body: any;
}

export interface Call {
  readonly as?: Principal;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The routes of the context on a free port; a token is the user id. */
export async function serveRecipes(database: Database, options: Partial<Options> = {}) {
  const people = new Map<string, Principal>();
  const { routes } = createRecipesCatalog({
    database,
    clock: systemClock,
    similarProducts: async () => [],
    ...options,
  });
  const server = await startServer({
    routes,
    config: { environment: "test", accessLog: false, bodyBytesMax: 1_048_576 },
    authenticate: (token) => people.get(token) ?? httpErrors.rejection("authentication_required"),
  });
  return {
    lines: server.lines,
    close: () => server.close(),
    async call(method: string, path: string, call: Call = {}): Promise<Answer> {
      const { as = ANA, body, headers } = call;
      people.set(as.userId, as);
      const response = await fetch(server.url + path, {
        method,
        headers: {
          authorization: `Bearer ${as.userId}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        // A text is sent as it is: not everything that is JSON can be made from a value.
        ...(body === undefined
          ? {}
          : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const { status } = response;
      return { status, headers: response.headers, body: text === "" ? "" : JSON.parse(text) };
    },
  };
}

/** A client of somebody, made behind the server's back. */
export async function insertClient(database: Database, owner: Principal = ANA): Promise<string> {
  const id = newId();
  await database.query(sql`
    insert into recipes_catalog.clients (id, tenant_id, author_id, name, sex)
    values (${id}, ${owner.tenantId}, ${owner.userId}, 'Walter Álvares', 'masculino')`);
  return id;
}

interface MealOptions {
  readonly name?: string;
  readonly menuId?: string;
  readonly facts?: object;
}

/** A meal without recipes, made behind the server's back. */
export async function insertMeal(
  database: Database,
  { name = "Almoço", menuId, facts }: MealOptions = {},
  owner: Principal = ANA,
): Promise<string> {
  const id = newId();
  await database.query(sql`
    insert into recipes_catalog.meals
      (id, tenant_id, author_id, menu_id, name, prepared_name, nutri_facts)
    values (${id}, ${owner.tenantId}, ${owner.userId}, ${menuId ?? null}, ${name}, ${name},
            ${facts === undefined ? null : JSON.stringify(facts)}::jsonb)`);
  return id;
}
