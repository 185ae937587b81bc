import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { removeOldResponses } from "../../../src/contexts/client-onboarding/store-responses.ts";
import { eraseFormsOf } from "../../../src/contexts/client-onboarding/store-forms.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { newDelivery } from "../../support/typeform.ts";
import { ANA, BIA, countResponses, FOREIGNER, insertForm, openOnboarding } from "./support.ts";

let database: TestDatabase;
let api: ReturnType<typeof openOnboarding>;
const forms: Record<string, number> = {};
before(async () => {
  database = await withDatabase();
  api = openOnboarding(database.database);
  for (const [name, owner] of [
    ["one", ANA],
    ["two", ANA],
    ["old", ANA],
    ["bias", BIA],
  ] as const) {
    forms[name] = await insertForm(database.database, name, owner);
    for (let index = 0; index < 12; index++) {
      const submitted = new Date(Date.now() - (index + 1) * 60_000).toISOString();
      await api.take(newDelivery(name, `${name}-${index}`, { submitted_at: submitted }));
    }
  }
  await database.database.query(sql`
    update client_onboarding.onboarding_forms set status = 'deleted' where id = ${forms["old"]!}`);
});
after(() => database.drop());

const ask = (query: object, as = ANA) =>
  api.call("POST", "/query-responses", { as, body: { user_id: as.userId, ...query } });

test("nobody asks without a token, and nobody for somebody else", async () => {
  const query = { query_type: "forms_by_user", user_id: ANA.userId };
  for (const [path, body] of [
    ["/query-responses", query],
    ["/bulk-query-responses", { user_id: ANA.userId, queries: [query] }],
  ] as const) {
    assert.equal((await api.call("POST", path, { as: null, body })).status, 401);
    assert.equal((await api.call("POST", path, { as: BIA, body })).status, 403);
    assert.equal((await api.call("POST", path, { body })).status, 200);
  }
  const inner = { user_id: BIA.userId, queries: [query] };
  assert.equal(
    (await api.call("POST", "/bulk-query-responses", { as: BIA, body: inner })).status,
    403,
  );
  const outer = { user_id: ANA.userId, queries: [{ ...query, user_id: BIA.userId }] };
  assert.equal(
    (await api.call("POST", "/bulk-query-responses", { as: BIA, body: outer })).status,
    403,
  );
  const spelt = { ...query, user_id: ANA.userId.replaceAll("-", "").toUpperCase() };
  assert.equal((await api.call("POST", "/query-responses", { body: spelt })).status, 200);
});

test("one's forms are listed with their counts, the deleted ones left out", async () => {
  const { body } = await ask({ query_type: "forms_by_user" });
  const { data } = body;
  assert.deepEqual(
    data.forms.map(({ typeform_id, title, response_count }: any) => [
      typeform_id,
      title,
      response_count,
    ]),
    [
      ["one", "one", 12],
      ["two", "two", 12],
    ],
  );
  assert.deepEqual(
    { ...data, forms: 0 },
    {
      success: true,
      query_type: "forms_by_user",
      total_count: 2,
      returned_count: 2,
      forms: 0,
      responses: null,
      pagination: { offset: 0, limit: 100, has_more: false },
    },
  );
});

test("answers to one form come newest first, in pages, with their content in small pages", async () => {
  const query = { query_type: "responses_by_form", form_id: forms["one"] };
  const first = (await ask({ ...query, limit: 10 })).body.data;
  const rest = (await ask({ ...query, limit: 10, offset: 10 })).body.data;
  assert.deepEqual(
    [...first.responses, ...rest.responses].map(({ response_id }: any) => response_id),
    Array.from({ length: 12 }, (_, index) => `one-${index}`),
  );
  assert.deepEqual(first.pagination, { offset: 0, limit: 10, has_more: true });
  assert.deepEqual(rest.pagination, { offset: 10, limit: 10, has_more: false });
  assert.equal(first.total_count, 12);
  assert.equal(rest.returned_count, 2);
  assert.equal(first.responses[0].response_data.response_token, "one-0");
  assert.equal(first.responses[0].client_identifiers.email, "ana@example.com");
  const big = (await ask({ ...query, limit: 11 })).body.data;
  assert.equal(big.responses[0].response_data, null);
  const beyond = (await ask({ ...query, offset: 50 })).body.data;
  assert.deepEqual([beyond.total_count, beyond.returned_count], [12, 0]);
});

test("a limit that is none is 50, and the greatest is 100", async () => {
  const query = { query_type: "responses_by_user" };
  for (const [limit, wanted] of [
    [undefined, 100],
    [null, 50],
    [0, 50],
    [-3, 50],
    [7, 7],
    [101, 100],
  ] as const) {
    const { body } = await ask({ ...query, ...(limit === undefined ? {} : { limit }) });
    assert.equal(body.data.pagination.limit, wanted, String(limit));
  }
  for (const wrong of [{ limit: "x" }, { limit: 1.5 }, { offset: -1 }, { query_type: "all" }]) {
    assert.equal((await ask({ ...query, ...wrong })).status, 422);
  }
});

test("all of one's answers never carry content, and leave those to deleted forms out", async () => {
  const { data } = (await ask({ query_type: "responses_by_user", limit: 10 })).body;
  assert.equal(data.total_count, 24);
  assert.ok(data.responses.every(({ response_data }: any) => response_data === null));
  const times = data.responses.map(({ submitted_at }: any) => submitted_at);
  assert.deepEqual(times, times.toSorted().toReversed());
});

test("a form of one's own is asked for by its number also when it is deleted", async () => {
  const query = { query_type: "responses_by_form", form_id: forms["old"], limit: 2 };
  const { data } = (await ask(query)).body;
  assert.deepEqual([data.success, data.total_count, data.returned_count], [true, 12, 2]);
  const byId = await ask({ query_type: "response_by_id", response_id: "old-0" });
  assert.equal(byId.body.data.success, true);
});

test("one answer is found by its token", async () => {
  const { data } = (await ask({ query_type: "response_by_id", response_id: "one-3" })).body;
  assert.deepEqual([data.success, data.total_count, data.pagination], [true, 1, null]);
  assert.equal(data.responses[0].response_data.response_token, "one-3");
});

test("what is not there and what is somebody else's is the same nothing", async () => {
  for (const query of [
    { query_type: "responses_by_form", form_id: forms["bias"] },
    { query_type: "responses_by_form", form_id: 2_000_000_000 },
    { query_type: "response_by_id", response_id: "bias-1" },
    { query_type: "response_by_id", response_id: "nothing" },
  ]) {
    const { status, body } = await ask(query);
    assert.equal(status, 200);
    assert.deepEqual(body.data, {
      success: false,
      query_type: query.query_type,
      total_count: 0,
      returned_count: 0,
      forms: null,
      responses: null,
      pagination: null,
    });
  }
  assert.equal((await ask({ query_type: "responses_by_form" })).status, 422);
  assert.equal((await ask({ query_type: "response_by_id", response_id: null })).status, 422);
});

test("up to five questions are asked at once, and the failed ones are named", async () => {
  const user_id = ANA.userId;
  const good = { query_type: "forms_by_user", user_id };
  const bad = { query_type: "response_by_id", response_id: "bias-1", user_id };
  const bulk = (queries: object[]) =>
    api.call("POST", "/bulk-query-responses", { body: { user_id, queries } });
  const { body } = await bulk([good, bad, good]);
  assert.deepEqual(
    { ...body.data, results: body.data.results.length },
    {
      success: false,
      total_queries: 3,
      successful_queries: 2,
      results: 3,
      errors: ["Query 2 failed: not found"],
    },
  );
  assert.equal((await bulk([good])).body.data.errors, null);
  assert.equal((await bulk([])).status, 422);
  assert.equal((await bulk(Array.from({ length: 6 }, () => good))).status, 422);
});

test("another context finds an answer for its owner alone", async () => {
  const { findFormResponse } = api.onboarding;
  const found = await findFormResponse("one-1", ANA);
  assert.equal(found?.client_identifiers?.["email"], "ana@example.com");
  assert.match(found!.submitted_at, /Z$/);
  assert.equal(await findFormResponse("one-1", BIA), undefined);
  assert.equal(
    await findFormResponse("one-1", { ...ANA, tenantId: FOREIGNER.tenantId }),
    undefined,
  );
  assert.equal(await findFormResponse("none", ANA), undefined);
});

test("the list of forms is the caller's in the tenant, sorted and paged", async () => {
  await insertForm(database.database, "elsewhere", { ...ANA, tenantId: FOREIGNER.tenantId });
  const { body } = await api.call("GET", "/forms?sort=-typeform_id&limit=1");
  assert.deepEqual(body.pagination, { page: 1, limit: 1, total: 2, pages: 2 });
  assert.equal(body.data[0].typeform_id, "two");
  assert.equal(body.data[0].webhook_url, "https://example.com/hook");
  assert.equal((await api.call("GET", "/forms", { as: FOREIGNER })).body.pagination.total, 0);
  assert.equal((await api.call("GET", "/forms?sort=password")).status, 422);
  assert.equal((await api.call("GET", "/forms?x=1")).status, 422);
  assert.equal((await api.call("GET", "/forms", { as: null })).status, 401);
});

test("answers go when they were kept long enough, and not before", async () => {
  const { database: db } = database;
  await db.query(sql`
    update client_onboarding.form_responses set created_at = now() - interval '31 days'
     where response_id = 'two-0'`);
  const all = await countResponses(db);
  assert.equal(await removeOldResponses(db, { onboardingRetentionDays: 32 }), 0);
  assert.equal(await removeOldResponses(db, { onboardingRetentionDays: 30 }), 1);
  assert.equal(await countResponses(db), all - 1);
});

test("of somebody who is erased no form and no answer stays, and TypeForm will be told", async () => {
  const { database: db } = database;
  await db.withTransaction((tx) => eraseFormsOf(tx, { ...BIA, tenantId: FOREIGNER.tenantId }));
  const { data } = (await ask({ query_type: "forms_by_user" }, BIA)).body;
  assert.deepEqual([data.total_count, data.forms[0].response_count], [1, 12]);
  await db.withTransaction((tx) => eraseFormsOf(tx, BIA));
  assert.equal((await ask({ query_type: "forms_by_user" }, BIA)).body.data.total_count, 0);
  const { rows } = await db.query<{ left: number }>(sql`
    select (select count(*) from client_onboarding.form_responses where user_id = ${BIA.userId})
         + (select count(*) from client_onboarding.onboarding_forms where user_id = ${BIA.userId})
           as left`);
  assert.equal(rows[0]!.left, 0);
  const { rows: queued } = await db.query<{ payload: unknown }>(sql`
    select payload from platform.outbox where kind = 'typeform_webhook'`);
  assert.deepEqual(
    queued.map(({ payload }) => payload),
    [{ typeform_id: "bias" }],
  );
  assert.equal((await ask({ query_type: "forms_by_user" })).body.data.total_count, 2);
});
