import assert from "node:assert/strict";
import { after, test } from "node:test";
import { withDatabase } from "../support/database.ts";
import { startServer } from "../support/server.ts";

const db = await withDatabase();
const server = await startServer({ databaseUrl: db.url, env: { RATE_LIMIT_ENABLED: "false" } });
const document: any = await (await fetch(`${server.url}/openapi.json`)).json();
after(async () => {
  await server.stop();
  await db.drop();
});

const PRODUCTS = "products_catalog:manage_products";
const USERS = "iam:manage_users";
const ROLES = "iam:manage_roles";
/** Whoever is logged in; what is whose is looked at closer. */
const CALLER = "caller";
const NOBODY = "nobody";

/** Method, path, whom it asks for, and the status of success, of all that the contract names. */
const NAMED = `
GET    /health                                              ${NOBODY} 200
GET    /health/ready                                        ${NOBODY} 200
GET    /v1/products/search                                  ${CALLER} 200
POST   /v1/products                                         ${PRODUCTS} 201
GET    /v1/products/search/similar-names                    ${CALLER} 200
GET    /v1/products/sources                                 ${CALLER} 200
GET    /v1/products/sources/{source_id}                     ${CALLER} 200
GET    /v1/products/{product_id}                            ${CALLER} 200
GET    /v1/recipes/search                                   ${CALLER} 200
GET    /v1/recipes/{recipe_id}                              ${CALLER} 200
POST   /v1/recipes                                          ${CALLER} 201
PATCH  /v1/recipes/{recipe_id}                              ${CALLER} 200
DELETE /v1/recipes/{recipe_id}                              ${CALLER} 200
POST   /v1/recipes/{recipe_id}/copy                         ${CALLER} 201
POST   /v1/recipes/{recipe_id}/rate                         ${CALLER} 200
GET    /v1/meals/search                                     ${CALLER} 200
GET    /v1/meals/{meal_id}                                  ${CALLER} 200
POST   /v1/meals                                            ${CALLER} 201
PATCH  /v1/meals/{meal_id}                                  ${CALLER} 200
DELETE /v1/meals/{meal_id}                                  ${CALLER} 200
POST   /v1/meals/{meal_id}/copy                             ${CALLER} 201
GET    /v1/clients/search                                   ${CALLER} 200
GET    /v1/clients/{client_id}                              ${CALLER} 200
POST   /v1/clients                                          ${CALLER} 201
PATCH  /v1/clients/{client_id}                              ${CALLER} 200
DELETE /v1/clients/{client_id}                              ${CALLER} 200
POST   /v1/clients/{client_id}/menus                        ${CALLER} 201
PATCH  /v1/clients/{client_id}/menus/{menu_id}              ${CALLER} 200
DELETE /v1/clients/{client_id}/menus/{menu_id}              ${CALLER} 200
GET    /v1/tags/search                                      ${CALLER} 200
GET    /v1/tags/{tag_id}                                    ${CALLER} 200
GET    /v1/menu-view/data                                   ${CALLER} 200
POST   /v1/client-onboarding/forms                          ${CALLER} 201
PATCH  /v1/client-onboarding/forms/{form_id}                ${CALLER} 200
DELETE /v1/client-onboarding/forms/{form_id}                ${CALLER} 200
POST   /v1/client-onboarding/webhook                        ${NOBODY} 200
POST   /v1/client-onboarding/query-responses                ${CALLER} 200
POST   /v1/client-onboarding/bulk-query-responses           ${CALLER} 200
POST   /v1/users                                            ${USERS} 201
POST   /v1/users/{user_id}/roles                            ${ROLES} 200
GET    /v1/clients/{client_id}/menus                        ${CALLER} 200
GET    /v1/clients/{client_id}/menus/{menu_id}              ${CALLER} 200
GET    /v1/menus/{menu_id}/shopping-list                    ${CALLER} 200
POST   /v1/shopping-lists/preview                           ${CALLER} 200
POST   /v1/shopping-lists                                   ${CALLER} 201
GET    /v1/shopping-lists/{shopping_list_id}                ${CALLER} 200
PATCH  /v1/shopping-lists/{shopping_list_id}                ${CALLER} 200
DELETE /v1/shopping-lists/{shopping_list_id}                ${CALLER} 200
POST   /v1/shopping-lists/pdf                               ${CALLER} 201
GET    /v1/client-onboarding/forms                          ${CALLER} 200
POST   /v1/client-onboarding/forms/{form_id}/pause          ${CALLER} 200
POST   /v1/client-onboarding/forms/{form_id}/resume         ${CALLER} 200
PATCH  /v1/products/{product_id}                            ${PRODUCTS} 200
DELETE /v1/products/{product_id}                            ${PRODUCTS} 200
PUT    /v1/products/{product_id}/votes                      ${CALLER} 200
GET    /v1/users                                            ${USERS} 200
GET    /v1/users/{user_id}                                  ${CALLER} 200
DELETE /v1/users/{user_id}                                  ${USERS} 204
DELETE /v1/users/{user_id}/roles/{context}/{name}           ${ROLES} 200
GET    /v1/roles                                            ${ROLES} 200
POST   /v1/roles                                            ${ROLES} 201
PATCH  /v1/roles/{context}/{name}                           ${ROLES} 200
POST   /v1/roles/{context}/{name}/users                     ${ROLES} 200
GET    /v1/audit                                            iam:view_audit_log 200`;

const CLASSIFICATIONS = [
  "sources",
  "brands",
  "categories",
  "parent-categories",
  "food-groups",
  "process-types",
].flatMap((kind) => {
  const id = `{${{ sources: "source_id" }[kind] ?? "id"}}`;
  const path = `/v1/products/${kind}`;
  return [
    `GET ${path} ${CALLER} 200`,
    `POST ${path} ${PRODUCTS} 201`,
    `GET ${path}/${id} ${CALLER} 200`,
    `PATCH ${path}/${id} ${PRODUCTS} 200`,
    `DELETE ${path}/${id} ${PRODUCTS} 200`,
  ];
});

const rows = [...NAMED.trim().split("\n"), ...CLASSIFICATIONS].map((line) => {
  const [method, path, access, status] = line.split(/ +/) as [string, string, string, string];
  return { method, path, access, status, label: `${method} ${path}` };
});

/** Parameters of paths go by any name. */
const shape = (path: string) => path.replaceAll(/\{[a-z_]+\}/g, "{}");

const operations = Object.entries<any>(document.paths).flatMap(([path, methods]) =>
  Object.entries<any>(methods).map(([method, operation]) => ({
    path,
    label: `${method.toUpperCase()} ${path}`,
    key: `${method.toUpperCase()} ${shape(path)}`,
    operation,
  })),
);
const find = (method: string, path: string) =>
  operations.find(({ key }) => key === `${method} ${shape(path)}`)?.operation;

test("every endpoint that the contract names is served, to whom it says, with its status", () => {
  const faults: string[] = [];
  for (const { method, path, access, status, label } of rows) {
    const operation = find(method, path);
    if (operation === undefined) {
      faults.push(`${label} is missing`);
      continue;
    }
    const asked = operation.security.length === 0 ? NOBODY : (operation["x-permission"] ?? CALLER);
    if (asked !== access) faults.push(`${label} asks for ${asked}, not ${access}`);
    if (operation.responses[status] === undefined) faults.push(`${label} never answers ${status}`);
  }
  assert.deepEqual(faults, []);
});

test("of the business nothing is open to strangers but the door for signed deliveries", () => {
  const open = operations.filter(
    ({ path, operation }) => path.startsWith("/v1/") && operation.security.length === 0,
  );
  assert.deepEqual(
    open.map(({ label }) => label),
    ["POST /v1/client-onboarding/webhook"],
  );
  assert.equal(open[0]?.operation["x-signed"], true);
});

function schemaOf(response: any): any {
  const content = response?.content?.["application/json"];
  return resolve(content?.schema);
}

function resolve(schema: any): any {
  if (schema?.$ref === undefined) return schema;
  const place = String(schema.$ref).slice(2).split("/");
  return place.reduce((part: any, key) => part[key], document);
}

const OF_BUSINESS = operations.filter(({ path }) =>
  rows.some((row) => row.path.startsWith("/v1/") && shape(row.path) === shape(path)),
);

test("success is one envelope, and every list tells its place and the true total", () => {
  // All but those of health.
  assert.equal(
    OF_BUSINESS.length,
    new Set(rows.map(({ method, path }) => method + shape(path))).size - 2,
  );
  const faults: string[] = [];
  // At most twenty by likeness, and what a menu view was asked for: nothing to page through.
  const whole = new Set(["GET /v1/products/search/similar-names", "GET /v1/menu-view/data"]);
  for (const { label, operation } of OF_BUSINESS) {
    for (const [status, response] of Object.entries<any>(operation.responses)) {
      const schema = schemaOf(response);
      if (!status.startsWith("2") || schema === undefined) continue;
      const data = resolve(schema.properties?.data);
      if (data === undefined) faults.push(`${label} ${status} has no data`);
      const isList = data?.type === "array" && !whole.has(label);
      const { page, limit, total, pages, next } =
        resolve(schema.properties?.pagination)?.properties ?? {};
      if (isList && !((page && limit && total && pages) || (limit && next))) {
        faults.push(`${label} ${status} has no pagination`);
      }
    }
  }
  assert.deepEqual(faults, []);
});

test("whatever is made or copied is answered with its id and version", () => {
  const faults: string[] = [];
  for (const { label, operation } of OF_BUSINESS) {
    const schema = schemaOf(operation.responses["201"]);
    if (schema === undefined || label.endsWith("/pdf")) continue;
    const made = resolve(schema.properties.data)?.properties ?? {};
    const data = { ...made, ...resolve(made.details)?.properties };
    const hasId = "id" in data || Object.keys(data).some((name) => name.endsWith("_id"));
    // A role is known by its context and name.
    if (!hasId && !("context" in data && "name" in data)) faults.push(`${label}: no id`);
    if (!("version" in data)) faults.push(`${label}: no version`);
  }
  assert.deepEqual(faults, []);
});

test("every failure that can be met is described, in the one form of problems", () => {
  const faults: string[] = [];
  for (const { label, operation } of OF_BUSINESS) {
    const statuses = Object.keys(operation.responses);
    const needed = ["422", "429", "500", ...(operation.security.length > 0 ? ["401", "403"] : [])];
    for (const status of needed) {
      if (!statuses.includes(status)) faults.push(`${label} says nothing of ${status}`);
    }
    for (const status of statuses.filter((one) => Number(one) >= 400)) {
      const response = operation.responses[status];
      const types = Object.keys(resolve(response)?.content ?? {});
      if (types.join() !== "application/problem+json") faults.push(`${label} ${status}: ${types}`);
    }
  }
  assert.deepEqual(faults, []);
});

test("a change takes a part, and no body asks for the id that its path has", () => {
  const faults: string[] = [];
  for (const { label, operation } of OF_BUSINESS) {
    const body = resolve(operation.requestBody?.content?.["application/json"]?.schema);
    const required: string[] = body?.required ?? [];
    const inPath = operation.parameters
      .filter((one: any) => one.in === "path")
      .map(({ name }: any) => name);
    for (const name of required) if (inPath.includes(name)) faults.push(`${label}: ${name} twice`);
    if (!label.startsWith("PATCH")) continue;
    // A role is nothing but its permissions, a webhook its address, a tick its item.
    const whole = /\/roles\/|\/forms\/|\/shopping-lists\//.test(label);
    if (!whole && required.length > 0) faults.push(`${label} asks for ${required}`);
  }
  assert.deepEqual(faults, []);
});

/** Names of all members in a piece of the document. */
function membersOf(part: unknown): string[] {
  if (typeof part !== "object" || part === null) return [];
  const own = "properties" in part ? Object.keys(part.properties ?? {}) : [];
  return [...own, ...Object.values(part).flatMap(membersOf)];
}

test("no public name is misspelt", () => {
  const names = new Set([
    ...operations.flatMap(({ path, operation: { parameters, responses } }) => [
      path,
      ...parameters.map(({ name }: any) => name),
      ...membersOf(responses),
    ]),
    ...membersOf(document.components),
  ]);
  assert.ok(names.size > 300);
  const misspelt = /departament|coping|enviroment|recieve|adress|seperat/i;
  assert.deepEqual(
    [...names].filter((name) => misspelt.test(name)),
    [],
  );
});

const AMOUNTS = [
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
  "weight_in_grams",
  "total_time",
  "created_at",
].flatMap((name) => [`${name}_gte`, `${name}_lte`]);
const DISHES = [
  ...["id", "name", "author_id", "client_name_contains", "products", "product_name"],
  ...["tags", "tags_not_exists", "privacy", "skip", "limit", "sort"],
  ...AMOUNTS,
];
const FILTERS: Record<string, readonly string[]> = {
  "/v1/products/search": [
    ...["id", "source", "name", "is_food", "barcode", "brand", "category", "parent_category"],
    ...["food_group", "process_type", "skip", "limit", "sort", "created_at_gte", "created_at_lte"],
  ],
  "/v1/products/sources": [
    ...["name", "author_id", "created_at_gte", "created_at_lte", "skip", "limit", "sort"],
  ],
  "/v1/recipes/search": [
    ...DISHES,
    ...["meal_id", "average_taste_rating_gte", "average_convenience_rating_gte"],
  ],
  "/v1/meals/search": [...DISHES, "menu_id", "like"],
  "/v1/clients/search": [
    ...["id", "menu_id", "created_at_gte", "created_at_lte", "skip", "limit", "sort"],
    ...["author_id", "tags", "tags_not_exists"],
  ],
  "/v1/tags/search": ["key", "value", "author_id", "type", "skip", "limit", "sort"],
};

for (const [path, filters] of Object.entries(FILTERS)) {
  test(`${path} takes every filter that the contract names`, () => {
    const known = find("GET", path).parameters.map(({ name }: any) => name);
    assert.deepEqual(
      filters.filter((name) => !known.includes(name)),
      [],
    );
  });
}
