import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { SCHEDULED_JOBS } from "../../../src/control/schedule.ts";
import { readConfig } from "../../../src/platform/config.ts";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { createInlineBrigade } from "../../cli/support.ts";
import { openCallers, PUBLIC_URL, type Callers } from "../../support/callers.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { SEALING_KEY, startServer, type TestServer } from "../../support/server.ts";
import {
  deliver,
  newDelivery,
  startTypeform,
  withoutPace,
  type FakeTypeform,
} from "../../support/typeform.ts";

const KEY = "tfp_a-key-that-nobody-may-read";
const HOOK = "https://api.example.com/v1/client-onboarding/webhook";
let database: TestDatabase;
let typeform: FakeTypeform;
let callers: Callers;
let server: TestServer;
before(async () => {
  [database, typeform] = await Promise.all([withDatabase(), startTypeform({ anyForm: true })]);
  typeform.giveKey(KEY);
  callers = await openCallers(database);
  await withoutPace(database);
  const env = { PUBLIC_URL, RATE_LIMIT_ENABLED: "false", ...typeform.env };
  server = await startServer({ databaseUrl: database.url, env });
});
after(async () => {
  await server.stop();
  await typeform.stop();
  await database.drop();
});

const newTypeformId = () => newId().replaceAll("-", "");
type Person = Awaited<ReturnType<typeof makePerson>>;

async function makePerson(permissions: readonly string[] = [], tenantId?: string) {
  const caller = await callers.makeCaller(tenantId);
  if (permissions.length > 0) await callers.give(caller, permissions);
  const { accessToken: token } = await callers.openTokens(caller);
  async function call(method: string, path: string, body?: object) {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, body: text === "" ? undefined : JSON.parse(text) };
  }
  return { ...caller, call };
}

async function register(person: Person, typeformId: string): Promise<number> {
  const body = { typeform_url: typeformId, webhook_url: HOOK };
  const made = await person.call("POST", "/v1/client-onboarding/forms", body);
  assert.equal(made.status, 201, made.text);
  return made.body.data.details.form_id as number;
}

async function take(typeformId: string, token: string, changes: object = {}): Promise<number> {
  return (await deliver(server.url, newDelivery(typeformId, token, changes))).status;
}

const rowsOf = async (userId: string) => {
  const { rows } = await database.database.query<{ forms: number; responses: number }>(sql`
    select (select count(*) from client_onboarding.onboarding_forms
             where user_id = ${userId})::int as forms,
           (select count(*) from client_onboarding.form_responses
             where user_id = ${userId})::int as responses`);
  return rows[0]!;
};

const question = (ref: string, type: string, given: object) => ({
  ...given,
  field: { id: ref, type, ref },
});
const ANSWERS = [
  question("name", "short_text", { type: "text", text: "Joana Conceição" }),
  question("email", "email", { type: "email", email: "joana@example.com" }),
  question("phone", "phone_number", { type: "phone_number", phone_number: "+5511912345678" }),
  question("birthday", "date", { type: "date", date: "1988-02-29" }),
  question("sex", "dropdown", { type: "choice", choice: { id: "f", label: "feminino" } }),
  question("address", "short_text", { type: "text", text: "Rua das Flores" }),
  question("city", "short_text", { type: "text", text: "São Paulo" }),
  question("state", "dropdown", { type: "choice", choice: { label: "São Paulo" } }),
  question("allergies", "multiple_choice", {
    type: "choices",
    choices: { ids: ["a", "b"], labels: ["Leite", "Soja"], refs: ["ra", "rb"] },
  }),
];

test("what was delivered becomes a client of who has the form, and of nobody else", async () => {
  const tenantId = newId();
  await database.database.query(sql`
    insert into auth.tenants (id, name) values (${tenantId}, 'another-clinic')`);
  const [owner, other, foreigner] = await Promise.all([
    makePerson(),
    makePerson(),
    makePerson([], tenantId),
  ]);
  const [typeformId, token] = [newTypeformId(), newId()];
  const formId = await register(owner, typeformId);
  assert.equal(await take(typeformId, token, { answers: ANSWERS }), 200);
  const body = { form_response_id: token, notes: "Sem lactose", address: { number: "10" } };
  for (const stranger of [other, foreigner]) {
    const refused = await stranger.call("POST", "/v1/clients", body);
    assert.equal(refused.status, 422, refused.text);
    assert.equal(refused.body.errors[0].path, "/body/form_response_id");
  }
  const made = await owner.call("POST", "/v1/clients", body);
  assert.equal(made.status, 201, made.text);
  const { data } = (await owner.call("GET", `/v1/clients/${made.body.data.id}`)).body;
  assert.deepEqual(data.profile, {
    name: "Joana Conceição",
    birthday: "1988-02-29",
    sex: "feminino",
  });
  assert.equal(data.contact_info.main_email, "joana@example.com");
  assert.equal(data.contact_info.main_phone, "+5511912345678");
  const { street, city, state, number } = data.address;
  assert.deepEqual([street, number, city, state], ["Rua das Flores", "10", "São Paulo", "SP"]);
  assert.equal(
    data.notes,
    `Sem lactose\n\n--- Form Response Data ---\nCreated from form ${formId}; Response ID: ${token}`,
  );
  const { onboarding_data: stored } = data;
  assert.equal(stored.response_id, token);
  assert.equal(stored.form_id, formId);
  assert.deepEqual(
    stored.response_data.answers.map(({ field }: any) => field.ref),
    ANSWERS.map(({ field }) => field.ref),
  );
  assert.equal(stored.client_identifiers.email, "joana@example.com");
  // Once it is erased nothing more is made from it; the client stays.
  assert.equal((await owner.call("DELETE", responsePath(token))).status, 204);
  assert.equal((await owner.call("POST", "/v1/clients", body)).status, 422);
  assert.equal((await owner.call("GET", `/v1/clients/${made.body.data.id}`)).status, 200);
});

const responsePath = (token: string) => `/v1/client-onboarding/responses/${token}`;
const ask = (person: Person, query: object) =>
  person.call("POST", "/v1/client-onboarding/query-responses", { user_id: person.id, ...query });

test("one person's answers are erased by who has the form, and no copy brings them back", async () => {
  const [owner, other] = await Promise.all([makePerson(), makePerson()]);
  const [typeformId, token, kept] = [newTypeformId(), newId(), newId()];
  const formId = await register(owner, typeformId);
  assert.equal(await take(typeformId, token), 200);
  assert.equal(await take(typeformId, kept), 200);
  assert.equal((await other.call("DELETE", responsePath(token))).status, 404);
  const copies = Array.from({ length: 20 }, () => take(typeformId, token));
  assert.equal((await owner.call("DELETE", responsePath(token))).status, 204);
  assert.deepEqual([...new Set(await Promise.all(copies))], [200]);
  assert.equal(await take(typeformId, token), 200);
  assert.equal((await owner.call("DELETE", responsePath(token))).status, 404);
  const byId = await ask(owner, { query_type: "response_by_id", response_id: token });
  assert.deepEqual([byId.body.data.success, byId.body.data.responses], [false, null]);
  for (const query of [
    { query_type: "responses_by_user" },
    { query_type: "responses_by_form", form_id: formId },
  ]) {
    const { data } = (await ask(owner, query)).body;
    assert.deepEqual(
      [data.total_count, data.responses.map((row: any) => row.response_id)],
      [1, [kept]],
    );
  }
  const { data } = (await ask(owner, { query_type: "forms_by_user" })).body;
  assert.equal(data.forms[0].response_count, 1);
  const { rows } = await database.database.query<{ text: string }>(sql`
    select r::text as text from client_onboarding.form_responses r where response_id = ${token}`);
  assert.doesNotMatch(rows[0]!.text, /Prado|ana@example|Leite/);
});

test("who is erased, over HTTP or at the command line, leaves no form and no answer", async () => {
  const administrator = await makePerson(["iam:manage_users"]);
  const brigade = createInlineBrigade({
    DATABASE_URL: database.url,
    PUBLIC_URL,
    KEY_ENCRYPTION_KEYS: `test:${SEALING_KEY}`,
  });
  for (const erase of [
    async ({ id }: Person) =>
      assert.equal((await administrator.call("DELETE", `/v1/admin/accounts/${id}`)).status, 204),
    async ({ email }: Person) => {
      const { code, stderr } = await brigade(["users", "delete", email, "--yes"]);
      assert.equal(code, 0, stderr);
    },
  ]) {
    const [person, bystander] = await Promise.all([makePerson(), makePerson()]);
    const [typeformId, others] = [newTypeformId(), newTypeformId()];
    await register(person, typeformId);
    await register(bystander, others);
    for (const id of [typeformId, others]) assert.equal(await take(id, newId()), 200);
    await erase(person);
    assert.deepEqual(await rowsOf(person.id), { forms: 0, responses: 0 });
    assert.deepEqual(await rowsOf(bystander.id), { forms: 1, responses: 1 });
    assert.equal(await take(typeformId, newId()), 404);
    const until = Date.now() + 20_000;
    while (typeform.webhookOf(typeformId) !== undefined && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(typeform.webhookOf(typeformId), undefined);
    assert.notEqual(typeform.webhookOf(others), undefined);
  }
});

test("a tenant's key is set over HTTP and at the command line, is written down, and stands nowhere", async () => {
  const configures = "client_onboarding:configure_typeform_webhooks";
  const person = await makePerson([configures, "iam:view_audit_log"]);
  const path = "/v1/client-onboarding/typeform-key";
  const set = await person.call("PUT", path, { api_key: KEY });
  assert.equal(set.status, 200, set.text);
  await register(person, newTypeformId());
  assert.equal(typeform.calls.at(-1)!.key, KEY);
  const bad = await person.call("PUT", path, { api_key: `${KEY} ` });
  assert.equal(bad.status, 422);
  assert.ok(!bad.text.includes(KEY));
  const brigade = createInlineBrigade({
    DATABASE_URL: database.url,
    PUBLIC_URL,
    KEY_ENCRYPTION_KEYS: `test:${SEALING_KEY}`,
    ...typeform.env,
  });
  const command = ["tenants", "typeform-key", person.tenantId];
  const shown = await brigade(command);
  assert.match(shown.stdout, new RegExp(`^set .* by ${person.id}; in use: tenant\n$`));
  const again = await brigade([...command, "--set"], { stdin: `${KEY}\n` });
  assert.match(again.stdout, /^set .* by cli; in use: tenant\n$/);
  assert.equal((await brigade([...command, "--set"], { stdin: "short\n" })).code, 1);
  assert.equal((await brigade([...command, "--set", "--clear"])).code, 2);
  const cleared = await brigade([...command, "--clear"]);
  assert.equal(cleared.stdout, "no key of its own; in use: server\n");
  const { body } = await person.call("GET", "/v1/audit?limit=50");
  const events = body.data
    .filter(({ action }: any) => action.startsWith("typeform_key."))
    .map(({ action, actor }: any) => `${action} ${actor}`);
  assert.deepEqual(events, [
    "typeform_key.clear cli",
    "typeform_key.set cli",
    `typeform_key.set ${person.id}`,
  ]);
  const seen = [server.output(), shown, again, cleared, body].map((one) => JSON.stringify(one));
  assert.doesNotMatch(seen.join(), /tfp_/);
  const { rows } = await database.database.query<{ text: string }>(sql`
    select o::text as text from platform.outbox o union all
    select a::text from auth.audit_log a union all
    select w::text from client_onboarding.form_webhooks w`);
  assert.doesNotMatch(JSON.stringify(rows), /tfp_|webhook secret of the tests/);
});

test("the job removes what is older than the setting says", async () => {
  const owner = await makePerson();
  const typeformId = newTypeformId();
  await register(owner, typeformId);
  for (const days of [29, 31]) {
    const token = newId();
    assert.equal(await take(typeformId, token), 200);
    await database.database.query(sql`
      update client_onboarding.form_responses
         set created_at = now() - make_interval(days => ${days}) where response_id = ${token}`);
  }
  const job = SCHEDULED_JOBS.find(({ name }) => name === "remove old answers to onboarding forms");
  const config = readConfig({ NODE_ENV: "test", ONBOARDING_RETENTION_DAYS: "30" });
  assert.equal(await job!.run(database.database, config), 1);
  assert.deepEqual(await rowsOf(owner.id), { forms: 1, responses: 1 });
});
