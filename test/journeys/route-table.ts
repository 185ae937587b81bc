import assert from "node:assert/strict";
import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import { Pool } from "undici";
import { newId } from "../../src/platform/ids.ts";
import { sql } from "../../src/platform/sql.ts";
import { DEFAULT_TENANT, openCallers, PUBLIC_URL, type Caller } from "../support/callers.ts";
import { withDatabase } from "../support/database.ts";
import { startServer } from "../support/server.ts";
import { startTypeform, withoutPace } from "../support/typeform.ts";
import { insertForm } from "../contexts/client-onboarding/support.ts";
import { createAccountRequests } from "./account-requests.ts";
import { createFactorRequests } from "./factor-requests.ts";
import type { JsonSchema } from "./json-schema.ts";
import { createKitchenRequests } from "./kitchen-requests.ts";
import { createShoppingRequests } from "./shopping-requests.ts";

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly schema: JsonSchema;
}

/** One route as the server itself describes it. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly label: string;
  readonly isPublic: boolean;
  /** `context:permission` */
  readonly permission: string | undefined;
  /** Kinds of principals. */
  readonly callers: readonly string[];
  /** What an API key needs beside its permission; undefined when none is taken. */
  readonly keyScope: "read" | "write" | undefined;
  /** `METHOD /path` */
  readonly aliases: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly body: { readonly schema: JsonSchema; readonly example: any } | undefined;
  readonly statuses: ReadonlySet<number>;
  /** Takes no JSON: a form of a machine client, or bytes that somebody signed. */
  readonly proof: "form" | "signature" | undefined;
  /** What is wrong with an answer, or nothing. */
  faultsOf(answer: Answer): string[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly body: any;
}

export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that should be answered well: what the path names is there. */
export interface GoodRequest {
  readonly path: string;
  readonly body: any;
}

/** Nobody listens there: its users are named, and none of them calls. */
export const ISSUER = "http://127.0.0.1:9";
const LOGIN = { email: "route-table@example.com", password: "four plates of brown rice" };

/** The server, what it says of its routes, and callers to try them with. */
export async function openRouteTable() {
  const database = await withDatabase();
  const callers = await openCallers(database);
  // A test may give the tenant any key, while another registers a form.
  const typeform = await startTypeform({ anyForm: true, anyKey: true });
  await withoutPace(database);
  const server = await startServer({
    databaseUrl: database.url,
    env: {
      PUBLIC_URL,
      RATE_LIMIT_ENABLED: "false",
      TRUSTED_PROXY_HOPS: "1",
      ACCESS_LOG: "off",
      BODY_BYTES_MAX: "300000",
      ...typeform.env,
      ISSUERS: JSON.stringify([{ type: "oidc", issuer: ISSUER, audiences: ["api"] }]),
    },
  });
  const pool = new Pool(server.url, { connections: 8 });
  let asked = 0;

  async function ask({ method, path, token, body, raw, headers }: Ask): Promise<Answer> {
    asked += 1;
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await pool.request({
      method: method as "GET",
      path,
      headers: {
        // The budgets of logins and registrations are another test's business.
        "x-forwarded-for": `10.${asked >> 16}.${(asked >> 8) & 255}.${asked & 255}`,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(sent === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: sent }),
    });
    const text = await response.body.text();
    const isJson = /json/.test(String(response.headers["content-type"])) && text !== "";
    const value: unknown = isJson ? JSON.parse(text) : undefined;
    return { status: response.statusCode, headers: response.headers, text, body: value };
  }

  const document = (await ask({ method: "GET", path: "/openapi.json" })).body;
  const everyOperation = readOperations(document);
  // Forms are answered as RFC 6749 has it (`test/auth/oauth/`), and unsigned bytes are not read
  // (`test/contexts/client-onboarding/`).
  const operations = everyOperation.filter(({ proof }) => proof === undefined);
  const permissions = [...new Set(operations.flatMap(({ permission }) => permission ?? []))];

  /** A caller who may do exactly what is named, with a token. */
  async function makeCaller(names: readonly string[] = [], tenantId = DEFAULT_TENANT) {
    const caller = await callers.makeCaller(tenantId);
    if (names.length > 0) await callers.give(caller, names);
    const { accessToken, refreshToken, sessionId } = await callers.openTokens(caller);
    return { ...caller, token: accessToken, refreshToken, sessionId };
  }
  const administrator = await makeCaller(permissions);
  await ask({ method: "POST", path: "/auth/register", body: LOGIN });

  const made = async (path: string, body: object, token = administrator.token): Promise<string> => {
    const answer = await ask({ method: "POST", path, token, body });
    assert.equal(answer.status, 201, `${path}: ${answer.text}`);
    return answer.body.data.id as string;
  };
  const accounts = await createAccountRequests({ database: database.database, callers, made });
  const factors = createFactorRequests({ database: database.database, callers, ask });
  const kitchen = createKitchenRequests({ database: database.database, ask });
  const shopping = createShoppingRequests(database.database);
  type Maker = (operation: Operation, caller: TestCaller, path: string) => Promise<string>;
  const makers: Record<string, Maker> = {
    meal_id: (_, caller) => kitchen.mealId(caller),
    recipe_id: (_, caller) => kitchen.recipeId(caller),
    product_id: () => made("/v1/products", newProduct()),
    id: ({ path }) => made(path.replace("/{id}", ""), { name: newId() }),
    user_id: async (_, _caller, path) =>
      path.startsWith("/v1/admin/users/")
        ? made("/v1/users", { user_id: newId(), issuer: ISSUER })
        : (await callers.makeCaller()).id,
    account_id: async ({ path }) =>
      path.endsWith("/invite") ? accounts.invited() : (await callers.makeCaller()).id,
    tenant_id: () => accounts.tenantId(),
    passkey_id: (_, caller) => factors.passkeyId(caller),
    device_id: (_, caller) => factors.trustedDeviceId(caller),
    session_id: async (_, caller) => (await callers.openTokens(caller)).sessionId,
    api_key_id: async (_, caller, path) => {
      const [, accountId] = /^\/v1\/admin\/accounts\/([^/]+)/.exec(path) ?? [];
      if (accountId !== undefined) return accounts.apiKeyIdOf(accountId);
      const body = { name: "a key", scopes: ["read"] };
      const { token } = caller;
      const answer = await ask({ method: "POST", path: "/auth/api-keys", token, body });
      return answer.body.api_key.id as string;
    },
    client_id: async ({ path: pattern }, caller) => {
      if (pattern.startsWith("/v1/clients/")) {
        const client = { profile: { name: "Walter Álvares", sex: "masculino" } };
        return made("/v1/clients", client, caller.token);
      }
      const body = { name: "a client", scopes: [] };
      const { token } = administrator;
      const answer = await ask({ method: "POST", path: "/v1/admin/clients", token, body });
      return answer.body.data.client_id as string;
    },
    shopping_list_id: (_, caller) => shopping.shoppingListId(caller),
    jti: async () => {
      const body = { jti: newId(), reason: "a test" };
      const { token } = administrator;
      await ask({ method: "POST", path: "/v1/admin/tokens/revoke", token, body });
      return body.jti;
    },
    request_id: async () => {
      const { body } = await ask({ method: "GET", path: "/users/me" });
      const path = `/v1/audit/decisions/${body.request_id}`;
      const { token } = administrator;
      // Written behind: not at once.
      while ((await ask({ method: "GET", path, token })).status === 404);
      return body.request_id as string;
    },
    menu_id: (_, caller, path) => {
      if (path.startsWith("/v1/menus/")) return shopping.menuId(caller);
      assert.ok(path.endsWith("/menus/{menu_id}"));
      return made(path.replace("/{menu_id}", ""), {}, caller.token);
    },
    tag_id: async (_, { id, tenantId }) => {
      const { rows } = await database.database.query<{ id: number }>(sql`
        insert into shared_kernel.tags (tenant_id, author_id, type, key, value)
        values (${tenantId}, ${id}, 'client', 'group', ${newId()}) returning id`);
      return String(rows[0]!.id);
    },
    form_id: async (_, { id, tenantId }) =>
      String(await insertForm(database.database, newId(), { userId: id, tenantId })),
    response_id: async (_, { id, tenantId }) => {
      const formId = await insertForm(database.database, newId(), { userId: id, tenantId });
      const responseId = newId();
      await database.database.query(sql`
        insert into client_onboarding.form_responses
          (tenant_id, user_id, form_id, response_id, response_data, submitted_at, processed_at)
        values (${tenantId}, ${id}, ${formId}, ${responseId}, '{}', now(), now())`);
      return responseId;
    },
    block_id: () => made("/v1/admin/network-blocks", { network: "203.0.113.0/24" }),
    context: async () => "recipes_catalog",
    name: async ({ method }, _, path) => {
      const name = await emptyRole();
      const [held] = /^\/v1\/users\/[^/]+\/roles/.exec(path) ?? [];
      if (method !== "DELETE" || held === undefined) return name;
      const body = { role: { context: "recipes_catalog", name } };
      await ask({ method: "POST", path: held, token: administrator.token, body });
      return name;
    },
  };

  /** A role that permits nothing: who may give roles may give it, whatever he may do himself. */
  async function emptyRole(): Promise<string> {
    const name = `role_${newId().replaceAll("-", "_")}`;
    const body = { context: "recipes_catalog", name, permissions: [] };
    await ask({ method: "POST", path: "/v1/roles", token: administrator.token, body });
    return name;
  }

  async function goodRequest(operation: Operation, caller: TestCaller): Promise<GoodRequest> {
    let { path } = operation;
    for (const [text, name] of operation.path.matchAll(/\{([a-z_]+)\}/g)) {
      path = path.replace(text, await makers[name!]!(operation, caller, path));
    }
    const required = operation.parameters.filter(({ in: place }) => place === "query");
    if (path.endsWith("similar-names")) path += "?name=arroz";
    if (path.endsWith("/menu-view/data")) path += `?menu_ids=${await kitchen.menuId(caller)}`;
    assert.ok(required.length === 0 || operation.method === "GET" || !path.includes("?"));
    return { path, body: await goodBody(operation, caller) };
  }

  async function goodBody(operation: Operation, caller: TestCaller): Promise<any> {
    const { label } = operation;
    const special =
      (await factors.body(label, caller)) ??
      (await accounts.body(label, caller)) ??
      (await kitchen.body(label, caller)) ??
      (await shopping.body(label, caller));
    if (special !== undefined) return special;
    if (operation.body === undefined) return undefined;
    const { version: _version, ...example } = operation.body.example;
    const id = newId();
    switch (operation.label) {
      case "POST /auth/register":
        return { email: `${id}@example.com`, password: LOGIN.password };
      case "POST /auth/login":
        return LOGIN;
      case "POST /auth/refresh":
        return { refresh_token: (await callers.openTokens(caller)).refreshToken };
      case "POST /auth/logout":
        return { session_id: (await callers.openTokens(caller)).sessionId };
      case "POST /v1/admin/issuers/refresh":
        return { issuer: ISSUER };
      case "POST /auth/verify":
        return { token: caller.token };
      case "PUT /v1/products/{product_id}/votes":
        return { house_id: caller.id, is_food: true };
      case "POST /v1/client-onboarding/forms":
        return { ...example, typeform_url: `https://brigade.typeform.com/to/${id}` };
      case "POST /v1/client-onboarding/query-responses":
        return { ...example, user_id: caller.id };
      case "POST /v1/client-onboarding/bulk-query-responses":
        return { user_id: caller.id, queries: [{ ...example.queries[0], user_id: caller.id }] };
      case "POST /v1/users":
        return { user_id: id };
      case "POST /v1/roles":
        return { ...example, name: `role_${id.replaceAll("-", "_")}`, permissions: [] };
      case "PATCH /v1/roles/{context}/{name}":
        return { permissions: [] };
      case "POST /v1/users/{user_id}/roles":
        return { role: { context: "recipes_catalog", name: await emptyRole() } };
      case "POST /v1/roles/{context}/{name}/users":
        return { user_ids: [(await callers.makeCaller()).id] };
      case "POST /v1/products":
        return newProduct();
      case "POST /v1/clients":
        return { ...example, tags: [{ key: "goal", value: id }] };
      case "PATCH /v1/products/{product_id}":
        return { ...newProduct(), source_id: undefined };
      default:
        return "name" in example ? { ...example, name: `${example.name} ${id}` } : example;
    }
  }

  return {
    database,
    server,
    callers,
    operations,
    everyOperation,
    permissions,
    administrator,
    ask,
    makeCaller,
    goodRequest,
    async close() {
      await pool.close();
      await server.stop();
      await typeform.stop();
      await database.drop();
    },
  };
}

export type RouteTable = Awaited<ReturnType<typeof openRouteTable>>;
export type TestCaller = Caller & { readonly token: string };

function newProduct() {
  return {
    source_id: "00000000-0000-7000-8000-000000000001",
    name: `Feijão ${newId()}`,
    nutri_facts: { calories: 76, protein: 4.8, sodium: { value: 0.002, unit: "g" } },
    score: { final: 10, ingredients: 20, nutrients: 30 },
  };
}

const FORM = "application/x-www-form-urlencoded";

function proofOf(operation: any): Operation["proof"] {
  if (operation["x-signed"] === true) return "signature";
  return operation.requestBody?.content[FORM] === undefined ? undefined : "form";
}

function readOperations(document: any): Operation[] {
  return Object.entries<any>(document.paths).flatMap(([path, methods]) =>
    Object.entries<any>(methods).map(([method, operation]): Operation => {
      const content = operation.requestBody?.content["application/json"];
      const responses = Object.entries<any>(operation.responses).map(([status, response]) => [
        Number(status),
        checkOf(document, response),
      ]);
      const checks = new Map(responses as [number, ReturnType<typeof checkOf>][]);
      const label = `${method.toUpperCase()} ${path}`;
      return {
        method: method.toUpperCase(),
        path,
        label,
        isPublic: operation.security.length === 0,
        permission: operation["x-permission"],
        callers: operation["x-callers"] ?? [],
        keyScope: operation["x-key-scope"],
        aliases: operation["x-aliases"] ?? [],
        parameters: operation.parameters.filter((one: { in: string }) => one.in !== "header"),
        body: content && { schema: content.schema, example: content.example },
        statuses: new Set(checks.keys()),
        proof: proofOf(operation),
        faultsOf(answer) {
          const check = checks.get(answer.status);
          const where = `${label} → ${answer.status}`;
          if (check === undefined) return [`${where} is not documented: ${answer.text}`];
          return check(answer).map((fault) => `${where}: ${fault}: ${answer.text.slice(0, 300)}`);
        },
      };
    }),
  );
}

/** Checks content type and body by what the document says of one status. */
function checkOf(document: any, response: any): (answer: Answer) => string[] {
  const found = response.$ref ? resolve(document, response.$ref) : response;
  const content: Record<string, any> = found.content ?? {};
  const validators = new Map<string, Validator>();
  return ({ headers, body, text }) => {
    if (Object.keys(content).length === 0) return text === "" ? [] : ["a body where none is said"];
    const type = String(headers["content-type"]).split(";")[0]!;
    if (content[type] === undefined) return ["content type"];
    const { schema } = content[type];
    if (schema === undefined) return [];
    const validator =
      validators.get(type) ??
      Compile((schema.$ref ? resolve(document, schema.$ref) : schema) as TSchema);
    validators.set(type, validator);
    if (validator.Check(body)) return [];
    return [JSON.stringify([...validator.Errors(body)].slice(0, 3))];
  };
}

function resolve(document: any, reference: string): any {
  return reference
    .slice(2)
    .split("/")
    .reduce((place, key) => place[key], document);
}
