import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../../src/platform/ids.ts";
import { insertForm } from "../contexts/client-onboarding/support.ts";
import { DEFAULT_TENANT, openCallers, PUBLIC_URL } from "../support/callers.ts";
import { withDatabase } from "../support/database.ts";
import { startServer } from "../support/server.ts";
import { signDelivery, TYPEFORM_KEY, WEBHOOK_SECRET } from "../support/typeform.ts";

/*
 * What went wrong in the service before this one, tried on a whole server with few connections,
 * that logs everything and is told to let everybody in.
 */
const db = await withDatabase();
const callers = await openCallers(db);
const server = await startServer({
  databaseUrl: db.url,
  env: {
    PUBLIC_URL,
    RATE_LIMIT_ENABLED: "false",
    LOG_LEVEL: "debug",
    DATABASE_CONNECTIONS: "7",
    TYPEFORM_API_KEY: TYPEFORM_KEY,
    TYPEFORM_API_URL: "http://127.0.0.1:9",
    TYPEFORM_WEBHOOK_SECRET: WEBHOOK_SECRET,
    DEV_MODE_AUTH_BYPASS: "true",
    DEV_USER_ID: "dev-user-123",
    DEV_USER_ROLES: "admin,user",
    CORS_ORIGINS: "http://app.example",
  },
});
after(async () => {
  await server.stop();
  await db.drop();
});

const ana = await callers.makeCaller();
await callers.give(ana, ["products_catalog:manage_products"]);
const { accessToken: token } = await callers.openTokens(ana);

interface Asked {
  readonly body?: unknown;
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function ask(method: string, path: string, { body, raw, headers }: Asked = {}) {
  const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(sent === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(sent === undefined ? {} : { body: sent }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: (text === "" ? undefined : JSON.parse(text)) as any,
  };
}

async function make(path: string, body: object): Promise<any> {
  const answer = await ask("POST", path, { body });
  assert.equal(answer.status, 201, `${path}: ${answer.text}`);
  return answer.body.data;
}

const ingredient = (position: number, more: object = {}) => ({
  name: "Arroz",
  quantity: 100,
  unit: "g",
  position,
  ...more,
});
const recipe = (more: object = {}) => ({
  name: "Arroz de festa",
  instructions: "Cozinhe.",
  ingredients: [ingredient(0), ingredient(1)],
  ...more,
});
const PRODUCT = {
  source_id: "00000000-0000-7000-8000-000000000001",
  name: "Arroz da casa",
  nutri_facts: { calories: 130 },
};
const client = await make("/v1/clients", { profile: { name: "Zoé", sex: "feminino" } });
const menu = await make(`/v1/clients/${client.id}/menus`, {});
const meal = await make("/v1/meals", {
  name: "Almoço",
  menu_id: menu.id,
  recipes: [recipe(), recipe({ nutri_facts: { sodium: { value: 2, unit: "g" } } })],
});

await make("/v1/products", PRODUCT);

test("no setting of the environment lets a made-up token in", async () => {
  for (const bearer of ["dev-token-1", "dev-user-123", "anything", "", "undefined"]) {
    const headers = { authorization: `Bearer ${bearer}` };
    for (const path of ["/users/me", "/v1/products/search", "/v1/users", "/v1/clients/search"]) {
      assert.equal((await ask("GET", path, { headers })).status, 401, `${bearer} ${path}`);
    }
  }
});

test("a page of another origin is told nothing, with or without a token", async () => {
  for (const origin of ["http://evil.example", "null", "http://app.example.evil.example"]) {
    for (const [method, path] of [
      ["GET", "/users/me"],
      ["OPTIONS", "/v1/meals"],
    ] as const) {
      const { headers } = await ask(method, path, {
        headers: { origin, "access-control-request-method": "POST" },
      });
      assert.equal(headers.get("access-control-allow-origin"), null, `${method} ${origin}`);
      assert.equal(headers.get("access-control-allow-credentials"), null);
    }
  }
});

test("two ingredients of one name are both kept, and no list breaks on them", async () => {
  const { body } = await ask("GET", `/v1/meals/${meal.id}`);
  for (const found of body.data.recipes) {
    assert.deepEqual(
      found.ingredients.map(({ name, position }: any) => [name, position]),
      [
        ["Arroz", 0],
        ["Arroz", 1],
      ],
    );
  }
  for (const list of ["meals", "recipes"]) {
    assert.equal((await ask("GET", `/v1/${list}/search`)).status, 200);
  }
});

test("numbers without end are refused wherever a number is asked for", async () => {
  const endless = (body: object) => JSON.stringify(body).replaceAll('"∞"', "1e400");
  const bodies: [string, string, object, string][] = [
    ["POST", "/v1/products", { ...PRODUCT, nutri_facts: { sodium: "∞" } }, "sodium"],
    ["POST", "/v1/products", { ...PRODUCT, package_size: "∞" }, "package_size"],
    [
      "POST",
      "/v1/recipes",
      recipe({ meal_id: meal.id, nutri_facts: { iron: { value: "∞", unit: "mg" } } }),
      "iron",
    ],
    [
      "POST",
      "/v1/recipes",
      recipe({ meal_id: meal.id, ingredients: [ingredient(0, { quantity: "∞" })] }),
      "quantity",
    ],
    ["PATCH", `/v1/recipes/${newId()}`, { weight_in_grams: "∞" }, "weight_in_grams"],
    ["POST", "/v1/shopping-lists/preview", { menu_ids: [menu.id], weeks: ["∞"] }, "weeks"],
  ];
  for (const [method, path, body, place] of bodies) {
    const answer = await ask(method, path, { raw: endless(body) });
    assert.equal(answer.status, 422, `${path} ${place}: ${answer.text}`);
    assert.match(answer.body.errors[0].path, new RegExp(place));
  }
});

const LISTS = {
  "/v1/products/search": [],
  "/v1/products/sources": [],
  "/v1/products/brands": [],
  "/v1/recipes/search": ["tags=key:", "average_taste_rating_gte=6", "products=x"],
  "/v1/meals/search": ["tags=key:", "menu_id=x", "like=maybe"],
  "/v1/clients/search": ["tags=key:", "menu_id=x"],
  "/v1/tags/search": ["type=nothing"],
  "/v1/client-onboarding/forms": [],
};
for (const [path, more] of Object.entries(LISTS)) {
  test(`${path} refuses what it cannot answer, and answers the rest`, async () => {
    const wrong = ["skip=-1", "limit=0", "limit=ten", "sort=nothing", "colour=red", ...more];
    for (const query of wrong) {
      const answer = await ask("GET", `${path}?${query}`);
      assert.equal(answer.status, 422, `${query}: ${answer.text.slice(0, 200)}`);
      const [key] = query.split("=");
      assert.equal(answer.body.errors[0].path.split("/")[2], key, answer.text);
    }
    assert.equal((await ask("GET", `${path}?limit=100000&skip=0`)).status, 200);
  });
}

test("a search for nothing finds nothing", async () => {
  for (const name of ["%20", "%09%20", ",", ""]) {
    const answer = await ask("GET", `/v1/products/search/similar-names?name=${name}`);
    assert.deepEqual([answer.status, answer.body.data], [200, []], name);
  }
});

test("what is not there is told in the same words, whatever it is", async () => {
  const answers = await Promise.all(
    ["products", "products/sources", "recipes", "meals", "clients"].map((kind) =>
      ask("GET", `/v1/${kind}/${newId()}`),
    ),
  );
  const told = answers.map(({ status, body }) => {
    const { instance: _, request_id: __, timestamp: ___, ...rest } = body;
    return { status, rest };
  });
  for (const one of told) assert.deepEqual(one, told[0]);
  assert.equal(told[0]?.rest.error_code, "not_found");
});

test("more callers than connections are all served, and nothing stays taken", async () => {
  const form = newId();
  await insertForm(db.database, form, { userId: ana.id, tenantId: DEFAULT_TENANT });
  const query = { query_type: "forms_by_user", user_id: ana.id };
  const requests = [
    () => ask("GET", `/v1/menu-view/data?menu_ids=${menu.id}`),
    () => ask("POST", "/v1/client-onboarding/query-responses", { body: query }),
    () =>
      ask("POST", "/v1/client-onboarding/bulk-query-responses", {
        body: { user_id: ana.id, queries: Array.from({ length: 5 }, () => query) },
      }),
    () => ask("GET", "/v1/meals/search"),
  ];
  for (let round = 0; round < 2; round++) {
    const answers = await Promise.all(
      Array.from({ length: 80 }, (_, at) => requests[at % requests.length]!()),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  }
  const { rows } = await db.database.query<{ open: number }>({
    text: `SELECT count(*)::int AS open FROM pg_stat_activity
            WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
    values: [],
  });
  assert.equal(rows[0]?.open, 0);
});

const SECRETS = {
  name: "Canary Silveira",
  email: "canary-7731@example.com",
  phone: "(11) 97731-7731",
  illness: "canary diabetes",
};

test("neither what is taken nor what is refused of somebody gets into the log", async () => {
  const { name, email, phone, illness } = SECRETS;
  const contact_info = { main_email: email, main_phone: phone };
  const profile = { name, sex: "feminino" };
  const made = await make("/v1/clients", { profile, contact_info, notes: illness });
  const wrong = { profile: { name, sex: illness }, contact_info, notes: 7, [illness]: name };
  assert.equal((await ask("POST", "/v1/clients", { body: wrong })).status, 422);
  assert.equal((await ask("PATCH", `/v1/clients/${made.id}`, { body: wrong })).status, 422);
  assert.equal((await ask("POST", "/v1/clients", { raw: `{"notes":"${illness}` })).status, 400);
  const search = `/v1/meals/search?client_name_contains=${encodeURIComponent(name)}`;
  assert.equal((await ask("GET", search)).status, 200);
  assert.equal((await ask("GET", `${search}&colour=${encodeURIComponent(illness)}`)).status, 422);

  const typeformId = newId();
  await insertForm(db.database, typeformId, { userId: ana.id, tenantId: DEFAULT_TENANT });
  const answers = [
    { type: "text", text: illness, field: { id: "f1", type: "short_text" } },
    { type: "email", email, field: { id: "f2", type: "email" } },
    { type: "choices", choices: phone, field: { id: "f3", type: "multiple_choice" } },
  ];
  const deliveries: [object, number][] = [
    [{ form_id: typeformId, token: "canary", submitted_at: "2026-11-01T00:00:00Z", answers }, 200],
    [{ form_id: typeformId, token: "canary", submitted_at: illness, answers }, 422],
    [{ form_id: illness, token: "canary", submitted_at: "2026-11-01T00:00:00Z", answers }, 404],
  ];
  for (const [form_response, status] of deliveries) {
    const delivery = { event_id: "e", event_type: "form_response", form_response };
    const raw = JSON.stringify(delivery);
    const headers = { "typeform-signature": signDelivery(raw, WEBHOOK_SECRET) };
    const answer = await ask("POST", "/v1/client-onboarding/webhook", { raw, headers });
    assert.equal(answer.status, status, answer.text);
    const forged = { "typeform-signature": signDelivery(raw, "another secret of ours") };
    const path = "/v1/client-onboarding/webhook";
    assert.equal((await ask("POST", path, { raw, headers: forged })).status, 401);
  }
  // Whatever was still to be written is written.
  await server.stop();
  const log = server.output();
  assert.ok(log.includes('"/v1/client-onboarding/webhook"'), "the requests are there");
  for (const [what, secret] of Object.entries(SECRETS)) {
    assert.ok(!log.includes(secret), `${what} is in the log`);
    assert.ok(!log.includes(encodeURIComponent(secret)), `${what} is in the log, as a query`);
  }
  assert.ok(!log.includes(token), "the token is in the log");
});

test("nothing of all that was more than a line of information", () => {
  const lines = server.logLines();
  assert.ok(lines.some(({ level }) => level === "info"));
  const loud = lines.filter(({ level }) => !["debug", "info"].includes(String(level)));
  assert.deepEqual(loud, []);
});
