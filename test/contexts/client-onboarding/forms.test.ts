import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { connectTypeform } from "../../../src/contexts/client-onboarding/connection.ts";
import { createTypeformDeliverers } from "../../../src/control/typeform-delivery.ts";
import { readConfig } from "../../../src/platform/config.ts";
import { newId } from "../../../src/platform/ids.ts";
import { takeDue } from "../../../src/platform/outbox-store.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import {
  startTypeform,
  WEBHOOK_SECRET,
  withoutPace,
  type FakeTypeform,
} from "../../support/typeform.ts";
import { ANA, BIA, CONFIG, SEALER, FOREIGNER, insertForm, openOnboarding } from "./support.ts";

const HOOK = "https://api.example.com/v1/client-onboarding/webhook";
const OTHER_HOOK = "https://other.example.com/hook";
let database: TestDatabase;
let typeform: FakeTypeform;
let api: ReturnType<typeof openOnboarding>;
before(async () => {
  [database, typeform] = await Promise.all([withDatabase(), startTypeform({ anyForm: true })]);
  await withoutPace(database);
  api = openOnboarding(database.database, { apiUrl: typeform.url });
});
after(async () => {
  await typeform.stop();
  await database.drop();
});
afterEach(() => {
  typeform.meet(undefined);
  typeform.slowBy(0);
});

const register = (id: string, changes: object = {}, as = ANA) =>
  api.call("POST", "/forms", { as, body: { typeform_url: id, webhook_url: HOOK, ...changes } });
const newTypeformId = () => newId().replaceAll("-", "");

async function rowOf(typeformId: string) {
  const { rows } = await database.database.query<any>(sql`
    select f.id, f.user_id, f.status, f.webhook_url, f.version, w.wanted, w.applied
      from client_onboarding.form_webhooks w
      left join client_onboarding.onboarding_forms f
        on f.typeform_id = w.typeform_id and f.status <> 'deleted'
     where w.typeform_id = ${typeformId}`);
  return rows[0];
}

/** What the outbox would do now, and again until nothing is left. */
async function carryOut(): Promise<string[]> {
  const [deliverer] = createTypeformDeliverers(config(), database.database);
  const kinds: string[] = [];
  await database.database.query(sql`update platform.outbox set due_at = now()`);
  for (;;) {
    const entries = await takeDue(database.database, ["typeform_webhook"]);
    if (entries.length === 0) {
      await database.database.query(sql`delete from platform.outbox`);
      return kinds;
    }
    for (const entry of entries) kinds.push((await deliverer!.deliver(entry)).kind);
  }
}
const config = () => readConfig({ NODE_ENV: "test", ...typeform.env, DATABASE_URL: database.url });

/** The row and TypeForm say the same, and TypeForm is known to. */
async function assertAgreed(typeformId: string): Promise<void> {
  const row = await rowOf(typeformId);
  const webhook = typeform.webhookOf(typeformId);
  assert.equal(row.applied, row.wanted);
  if (row.id === null) return assert.equal(webhook, undefined);
  assert.deepEqual(webhook, {
    url: row.webhook_url,
    enabled: row.status === "active",
    verifySsl: true,
    secret: WEBHOOK_SECRET,
  });
}

test("a form is registered here and its webhook there, signed with our secret", async () => {
  const id = newTypeformId();
  const answer = await register(`https://brigade.typeform.com/to/${id}?typeform-source=x#a`);
  assert.equal(answer.status, 201, answer.text);
  const { data } = answer.body;
  assert.equal(data.message, "Form setup initiated successfully");
  const { form_id, ...details } = data.details;
  assert.deepEqual(details, { form_type: id, user_id: ANA.userId, version: 1 });
  assert.equal((await rowOf(id)).id, form_id);
  await assertAgreed(id);
  assert.deepEqual(await carryOut(), ["done"]);
});

test("registering it again moves the webhook, and nobody else may have it", async () => {
  const id = newTypeformId();
  await register(id);
  const again = await register(id, { webhook_url: OTHER_HOOK });
  assert.equal(again.status, 201);
  assert.equal(typeform.webhookOf(id)?.url, OTHER_HOOK);
  await assertAgreed(id);
  for (const as of [BIA, FOREIGNER]) {
    const refused = await register(id, {}, as);
    assert.equal(refused.status, 409);
    assert.equal(refused.body.error_code, "form_taken");
  }
  assert.equal((await rowOf(id)).user_id, ANA.userId);
  assert.equal(typeform.webhookOf(id)?.url, OTHER_HOOK);
});

test("a draft is registered with a webhook that is off, until it is resumed", async () => {
  const id = newTypeformId();
  const { body } = await register(id, { auto_activate: false });
  assert.equal((await rowOf(id)).status, "draft");
  await assertAgreed(id);
  await api.call("POST", `/forms/${body.data.details.form_id}/resume`);
  assert.equal((await rowOf(id)).status, "active");
  await assertAgreed(id);
});

test("what is no address of a form, or no address at all, is refused before TypeForm is asked", async () => {
  const before = typeform.calls.length;
  for (const typeform_url of [
    "ab",
    "a b c",
    "x".repeat(51),
    "https://example.com/to/lT4Z3j",
    "https://typeform.com.evil.com/to/lT4Z3j",
    "https://eviltypeform.com/to/lT4Z3j",
    "ftp://a.typeform.com/to/lT4Z3j",
    "https://a.typeform.com/lT4Z3j",
    "https://a.typeform.com/x/lT4Z3j",
    "https://a.typeform.com/to/ab",
    "https://a.typeform.com/to/lT4%5A3j",
    "https://a.typeform.com/to/",
    "https://a.typeform.com/to/../x",
    "../../me",
    "",
    5,
    null,
  ]) {
    const answer = await register(typeform_url as string);
    assert.equal(answer.status, 422, String(typeform_url));
  }
  for (const webhook_url of ["", "ftp://x", "x", "javascript:alert(1)", null, undefined]) {
    assert.equal((await register("lT4Z3j", { webhook_url })).status, 422, String(webhook_url));
  }
  assert.equal((await register("lT4Z3j", { user_id: BIA.userId })).status, 422);
  assert.equal((await api.call("POST", "/forms", { as: null, body: {} })).status, 401);
  assert.equal(typeform.calls.length, before);
});

const longest = (length: number) => `https://e.com/${"x".repeat(length - 14)}`;

test("each member of a registration has its limit, and what is below it is taken", async () => {
  const id = newTypeformId();
  const address = `https://brigade.typeform.com/to/${id}?a=`;
  const good = {
    typeform_url: address.padEnd(300, "x"),
    webhook_url: longest(2_083),
    auto_activate: true,
    form_title: "🍚".repeat(200),
    form_description: "x".repeat(500),
  };
  for (const wrong of [
    { typeform_url: address.padEnd(301, "x") },
    { webhook_url: longest(2_084) },
    { auto_activate: "false" },
    { auto_activate: null },
    { form_title: "x".repeat(201) },
    { form_title: 5 },
    { form_description: "x".repeat(501) },
    { status: "active" },
  ]) {
    const [name] = Object.keys(wrong);
    const answer = await register(id, { ...good, ...wrong });
    assert.equal(answer.status, 422, name);
    assert.equal(answer.body.errors[0].path, `/body/${name}`);
  }
  assert.equal(await rowOf(id), undefined);
  const made = await register(id, good);
  assert.equal(made.status, 201, made.text);
  assert.equal(typeform.webhookOf(id)?.url, good.webhook_url);
  const bare = { form_title: null, form_description: null };
  for (const short of ["abc", "A-z_09".padEnd(50, "0")]) {
    assert.equal((await register(short, bare)).status, 201, short);
  }
});

test("a change of a form that says too little, too much or nothing that is one is refused", async () => {
  const { form_id: formId } = (await register(newTypeformId())).body.data.details;
  const calls = typeform.calls.length;
  const good = { new_webhook_url: OTHER_HOOK };
  for (const body of [
    {},
    { new_webhook_url: null },
    { new_webhook_url: "x" },
    { new_webhook_url: longest(2_084) },
    { ...good, form_id: 0 },
    { ...good, form_id: "one" },
    { ...good, version: 0 },
    { ...good, user_id: BIA.userId },
  ]) {
    const answer = await api.call("PATCH", `/forms/${formId}`, { body });
    assert.equal(answer.status, 422, JSON.stringify(body));
  }
  for (const odd of ["one", "-1", "1.5", "2147483648"]) {
    for (const [method, sent] of [
      ["PATCH", { body: good }],
      ["DELETE", {}],
    ] as const) {
      assert.equal((await api.call(method, `/forms/${odd}`, sent)).status, 422, odd);
    }
  }
  assert.equal(typeform.calls.length, calls);
});

test("a registration that names no webhook takes the server's own", async () => {
  const open = openOnboarding(database.database, { apiUrl: typeform.url, webhookUrl: HOOK });
  const id = newTypeformId();
  const answer = await open.call("POST", "/forms", { body: { typeform_url: id } });
  assert.equal(answer.status, 201, answer.text);
  assert.equal(typeform.webhookOf(id)?.url, HOOK);
});

test("an owner changes, pauses, resumes and deletes; TypeForm follows each time", async () => {
  const id = newTypeformId();
  const { form_id: formId } = (await register(id)).body.data.details;
  const patched = await api.call("PATCH", `/forms/${formId}`, {
    body: { new_webhook_url: OTHER_HOOK, form_id: 5, version: 1 },
  });
  assert.equal(patched.status, 200, patched.text);
  const { operation_timestamp: at, ...data } = patched.body.data;
  assert.match(at, /Z$/);
  assert.deepEqual(data, {
    success: true,
    operation: "update",
    form_id: formId,
    message: `Form ${formId} updated successfully`,
    created_form_id: null,
    updated_fields: ["webhook_url", "updated_at"],
    webhook_status: "updated",
    execution_time_ms: null,
    error_code: null,
    error_details: null,
    warnings: [],
    version: 2,
  });
  await assertAgreed(id);
  for (const [verb, status] of [
    ["pause", "paused"],
    ["resume", "active"],
  ] as const) {
    assert.equal((await api.call("POST", `/forms/${formId}/${verb}`)).status, 200);
    assert.equal((await rowOf(id)).status, status);
    await assertAgreed(id);
  }
  const removed = await api.call("DELETE", `/forms/${formId}`);
  assert.deepEqual(removed.body.data, {
    message: "Form deleted successfully",
    details: { form_id: formId, user_id: ANA.userId },
  });
  await assertAgreed(id);
  assert.equal(typeform.webhookOf(id), undefined);
  assert.equal((await register(id, {}, BIA)).status, 201);
  assert.equal((await api.call("DELETE", `/forms/${formId}`)).status, 404);
  await carryOut();
  await assertAgreed(id);
  assert.equal((await rowOf(id)).user_id, BIA.userId);
});

test("a stale version is told of, and nothing is changed", async () => {
  const id = newTypeformId();
  const { form_id: formId } = (await register(id)).body.data.details;
  const calls = typeform.calls.length;
  for (const stale of [
    api.call("PATCH", `/forms/${formId}`, { body: { new_webhook_url: HOOK, version: 9 } }),
    api.call("DELETE", `/forms/${formId}`, { headers: [["if-match", '"9"']] }),
    api.call("POST", `/forms/${formId}/pause?version=9`),
  ]) {
    const answer = await stale;
    assert.deepEqual([answer.status, answer.body.error_code], [409, "version_conflict"]);
  }
  assert.equal(typeform.calls.length, calls);
  await assertAgreed(id);
});

test("a form of somebody else is not to be touched, one of another tenant is not there", async () => {
  const id = newTypeformId();
  const { form_id: formId } = (await register(id)).body.data.details;
  const gone = await insertForm(database.database, newTypeformId(), ANA, "deleted");
  const body = { new_webhook_url: OTHER_HOOK };
  for (const [method, path, sent] of [
    ["PATCH", "", { body }],
    ["DELETE", "", {}],
    ["POST", "/pause", {}],
    ["POST", "/resume", {}],
  ] as const) {
    const of = (target: number, as: typeof ANA | null) =>
      api.call(method, `/forms/${target}${path}`, { as, ...sent });
    const refused = await of(formId, BIA);
    assert.equal(refused.status, 403, `${method}${path}`);
    assert.equal(
      refused.body.detail,
      `User ${BIA.userId} does not have permission to modify form ${formId}`,
    );
    const missing = await of(formId, FOREIGNER);
    assert.equal(missing.status, 404);
    assert.equal(missing.body.detail, `Form with ID ${formId} does not exist`);
    assert.equal((await of(formId, null)).status, 401);
    assert.equal((await of(2_000_000_000, ANA)).status, 404);
    assert.equal((await of(gone, ANA)).status, 404);
    assert.equal((await of(0, ANA)).status, 422);
  }
  await assertAgreed(id);
});

test("TypeForm's refusals are told by kind, and leave nothing behind", async () => {
  const wanted = [
    [404, 422, "typeform_form_unknown"],
    [401, 502, "typeform_key_refused"],
    [403, 502, "typeform_key_refused"],
    [422, 422, "typeform_refused_values"],
    [429, 503, "typeform_busy"],
    [500, 503, "unavailable"],
  ] as const;
  for (const method of ["GET", "PUT"]) {
    for (const [status, told, code] of wanted) {
      const id = newTypeformId();
      typeform.meet((call) => (call.method === method ? { status, retryAfter: "2" } : undefined));
      const answer = await register(id);
      assert.deepEqual(
        [answer.status, answer.body.error_code],
        [told, code],
        `${method} ${status}`,
      );
      if (status === 429) assert.equal(answer.headers["retry-after"], "2");
      typeform.meet(undefined);
      assert.equal((await rowOf(id))?.id ?? null, null);
      await carryOut();
      assert.equal(typeform.webhookOf(id), undefined);
      assert.equal((await register(id)).status, 201);
    }
  }
});

test("a change that TypeForm does not take is taken back, whether it had an effect there or not", async () => {
  const id = newTypeformId();
  const { form_id: formId } = (await register(id)).body.data.details;
  const body = { new_webhook_url: OTHER_HOOK };
  for (const met of [
    { status: 500 },
    { status: 500, isDone: true },
    { status: 429, retryAfter: "1" },
    "cut",
  ] as const) {
    for (const [method, path, sent] of [
      ["PATCH", "", { body }],
      ["POST", "/pause", {}],
      ["DELETE", "", {}],
    ] as const) {
      typeform.meet(({ method: asked }) => (asked === "GET" ? undefined : met));
      const answer = await api.call(method, `/forms/${formId}${path}`, sent);
      assert.equal(answer.status, 503, JSON.stringify(met));
      assert.ok(Number(answer.headers["retry-after"]) >= 1);
      typeform.meet(undefined);
      const row = await rowOf(id);
      assert.deepEqual([row.webhook_url, row.status], [HOOK, "active"]);
      await carryOut();
      await assertAgreed(id);
      // The breaker of this TypeForm is to stay closed.
      await api.call("PATCH", `/forms/${formId}`, { body: { new_webhook_url: HOOK } });
    }
  }
});

test("deleting succeeds when the webhook or the form is gone at TypeForm already", async () => {
  for (const gone of ["webhook", "form"]) {
    const id = newTypeformId();
    const { form_id: formId } = (await register(id)).body.data.details;
    if (gone === "webhook") typeform.dropWebhook(id);
    else typeform.removeForm(id);
    assert.equal((await api.call("DELETE", `/forms/${formId}`)).status, 200, gone);
    await assertAgreed(id);
  }
});

test("what a process left half done the outbox finishes, when the lease is out", async () => {
  const id = newTypeformId();
  await carryOut();
  // As if it died between the commit and the call.
  typeform.meet(({ method }) => (method === "PUT" ? "hang" : undefined));
  const hanging = register(id);
  // Its call must have come: later, TypeForm would answer it.
  const isAsked = () =>
    typeform.calls.some(({ method, path }) => method === "PUT" && path.includes(id));
  while (!isAsked()) await new Promise((resolve) => setTimeout(resolve, 20));
  const [deliverer] = createTypeformDeliverers(config(), database.database);
  const entry = { id: newId(), kind: "typeform_webhook", sealed: undefined, attempt: 1 };
  const payload = { typeform_id: id };
  assert.deepEqual(await deliverer!.deliver({ ...entry, payload }), { kind: "away" });
  typeform.meet(undefined);
  await database.database.query(sql`
    update client_onboarding.form_webhooks set leased_until = now(), lease_id = null
     where typeform_id = ${id}`);
  assert.deepEqual(await carryOut(), ["done"]);
  assert.equal((await rowOf(id)).status, "active");
  await assertAgreed(id);
  // It was not dead after all: what it takes back now is taken back at TypeForm too.
  typeform.cutAll();
  assert.equal((await hanging).status, 503);
  assert.equal((await rowOf(id)).id, null);
  assert.deepEqual(await carryOut(), ["done"]);
  await assertAgreed(id);
});

test("a form that TypeForm has no more is marked deleted by the outbox", async () => {
  const id = newTypeformId();
  await register(id);
  await database.database.query(sql`
    update client_onboarding.form_webhooks set wanted = wanted + 1 where typeform_id = ${id}`);
  typeform.meet(() => ({ status: 404 }));
  const { sync } = connectTypeform(database.database, CONFIG({ apiUrl: typeform.url }), SEALER)!;
  assert.deepEqual(await sync.catchUp(id), { kind: "done" });
  typeform.meet(undefined);
  assert.equal((await rowOf(id)).id, null);
});

test("changes of one form at the same time come one after the other, and agree at the end", async () => {
  const id = newTypeformId();
  const { form_id: formId } = (await register(id)).body.data.details;
  typeform.slowBy(60);
  const begun = typeform.calls.length;
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      index % 2 === 0
        ? api.call("PATCH", `/forms/${formId}`, { body: { new_webhook_url: `${HOOK}/${index}` } })
        : api.call("POST", `/forms/${formId}/${index % 4 === 1 ? "pause" : "resume"}`),
    ),
  );
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  // Each waited for TypeForm's answer to the one before.
  const times = typeform.calls.slice(begun).map(({ atMs }) => atMs);
  assert.equal(times.length, 8);
  assert.ok(
    times.every((at, index) => index === 0 || at - times[index - 1]! >= 59),
    times.join(),
  );
  await carryOut();
  await assertAgreed(id);
  assert.equal((await rowOf(id)).version, 9);
});

test("of several who register one form at once, one gets it", async () => {
  const id = newTypeformId();
  const answers = await Promise.all(
    [ANA, BIA, FOREIGNER].map((as) => register(id, { webhook_url: `${HOOK}/${as.username}` }, as)),
  );
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, 409, 409]);
  await assertAgreed(id);
});

test("no connection of the database is held while TypeForm takes its time", async () => {
  const id = newTypeformId();
  typeform.slowBy(1_000);
  const begun = typeform.calls.length;
  const slow = Array.from({ length: 8 }, (_, index) => register(`${id.slice(0, 20)}_${index}`));
  while (typeform.calls.length < begun + 8) await new Promise((resolve) => setTimeout(resolve, 10));
  const { total, idle, waiting } = database.database.stats();
  assert.deepEqual([total - 1 - idle, waiting], [0, 0]);
  for (const { status } of await Promise.all(slow)) assert.equal(status, 201);
});

test("without a key nothing is registered, and what is known is still listed", async () => {
  const open = openOnboarding(database.database, { apiKey: undefined });
  const id = newTypeformId();
  const body = { typeform_url: id, webhook_url: HOOK };
  const bare = openOnboarding(database.database, { secrets: [] });
  for (const one of [open, bare]) {
    const answer = await one.call("POST", "/forms", { body });
    assert.equal(answer.status, 503);
    assert.doesNotMatch(answer.text, /KEY|SECRET/);
  }
  assert.equal((await open.call("GET", "/forms")).status, 200);
  assert.equal(await rowOf(id), undefined);
});
