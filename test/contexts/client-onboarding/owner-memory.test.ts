import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createOwnerMemory } from "../../../src/contexts/client-onboarding/owner-memory.ts";
import {
  createFormStore,
  eraseFormsOf,
} from "../../../src/contexts/client-onboarding/store-forms.ts";
import { removeOldResponses } from "../../../src/contexts/client-onboarding/store-responses.ts";
import type { Principal } from "../../../src/http/principal.ts";
import { newId } from "../../../src/platform/ids.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { showing } from "../../support/kept-statements.ts";
import {
  newDelivery,
  startTypeform,
  withoutPace,
  type FakeTypeform,
} from "../../support/typeform.ts";
import { ANA, BIA, FOREIGNER, insertForm, openOnboarding } from "./support.ts";

const HOOK = "https://api.example.com/v1/client-onboarding/webhook";
const OWNERS = [ANA, BIA, FOREIGNER];
let database: TestDatabase;
let db: Database;
let typeform: FakeTypeform;
const sent: Sql[] = [];
let onRead: (() => Promise<void>) | undefined;
type Process = ReturnType<typeof openOnboarding>;
/** Each remembers for itself: one writes, the other one reads. */
let writing: Process;
let reading: Process;

before(async () => {
  [database, typeform] = await Promise.all([
    withDatabase({ connections: 6 }),
    startTypeform({ anyForm: true }),
  ]);
  db = database.database;
  await withoutPace(database);
  writing = open(db);
  reading = open(overtaken(showing(db, (statement) => sent.push(statement))));
});
after(async () => {
  await typeform.stop();
  await database.drop();
});

const open = (of: Database) => openOnboarding(of, { apiUrl: typeform.url });

/** A database in which `onRead` is carried out after the next statement on the pool. */
const overtaken = (of: Database): Database => ({
  ...of,
  async query<T>(statement: Sql) {
    const result = await of.query<T>(statement);
    const then = onRead;
    onRead = undefined;
    await then?.();
    return result;
  },
});

const questions = (as: Principal, formIds: readonly number[]) =>
  [
    { query_type: "forms_by_user" },
    { query_type: "forms_by_user", limit: 1, offset: 1 },
    { query_type: "responses_by_user" },
    { query_type: "responses_by_user", limit: 1, offset: 1 },
    ...formIds.flatMap((form_id) => [
      { query_type: "responses_by_form", form_id },
      { query_type: "responses_by_form", form_id, limit: 5 },
    ]),
  ].map((query) => ({ user_id: as.userId, ...query }));

async function told(process: Process, as: Principal): Promise<string[]> {
  const { rows } = await db.query<{ id: number }>(sql`
    select id from client_onboarding.onboarding_forms order by id`);
  const asked = questions(as, [...rows.map(({ id }) => id), 2_000_000_000]);
  const texts: string[] = [];
  const keep = async (method: string, path: string, body?: object) => {
    const { status, text } = await process.call(method, path, { as, body });
    assert.equal(status, 200, text);
    texts.push(text);
  };
  for (const sort of ["created_at", "-updated_at"]) await keep("GET", `/forms?sort=${sort}`);
  await keep("GET", "/forms?skip=1&limit=1");
  for (const query of asked) await keep("POST", "/query-responses", query);
  const queries = asked.slice(-5);
  await keep("POST", "/bulk-query-responses", { user_id: as.userId, queries });
  return texts;
}

/** Whoever remembers tells what somebody tells who has just begun. */
async function assertTrue(what: string): Promise<void> {
  const fresh = open(db);
  for (const as of OWNERS) {
    assert.deepEqual(await told(reading, as), await told(fresh, as), `${what}: ${as.username}`);
  }
}

test("every write is seen by the next question to another process, whatever that remembers", async () => {
  const write = async (method: string, path: string, body?: object, as = ANA, expected = 200) => {
    const { status, text, body: answer } = await writing.call(method, path, { as, body });
    assert.equal(status, expected, `${method} ${path}: ${text}`);
    await assertTrue(`${method} ${path}`);
    return answer?.data;
  };
  const register = async (id: string, as = ANA, expected = 201) => {
    const body = { typeform_url: id, webhook_url: HOOK };
    return (await write("POST", "/forms", body, as, expected))?.details.form_id as number;
  };
  const deliver = async (form: string, token: string) => {
    assert.equal((await writing.take(newDelivery(form, token))).status, 200);
    await assertTrue(`the delivery ${token}`);
  };
  await assertTrue("nothing");
  const one = await register("form_one");
  const two = await register("form_two");
  await register("form_bia", BIA);
  await register("form_away", FOREIGNER);
  await write("PATCH", `/forms/${one}`, { new_webhook_url: `${HOOK}?new` });
  await write("POST", `/forms/${one}/pause`);
  await write("POST", `/forms/${one}/resume`);
  for (const [form, token] of [
    ["form_one", "first"],
    ["form_one", "second"],
    ["form_two", "third"],
    ["form_away", "fourth"],
    ["form_one", "first"],
  ] as const) {
    await deliver(form, token);
  }
  await write("DELETE", "/responses/first", undefined, ANA, 204);
  await write("DELETE", `/forms/${two}`);
  await register("form_two", BIA);
  await deliver("form_two", "fifth");
  typeform.meet(({ method }) => (method === "PUT" ? { status: 403 } : undefined));
  await register("form_refused", ANA, 502);
  await write("POST", `/forms/${one}/pause`, undefined, ANA, 502);
  typeform.meet(undefined);
  await createFormStore(db).markGone("form_one");
  await assertTrue("a form that TypeForm has no more");
  await db.query(sql`
    update client_onboarding.form_responses set created_at = now() - interval '31 days'
     where response_id in ('fifth', 'fourth')`);
  await assertTrue("rows that were made older");
  assert.equal(await removeOldResponses(db, { onboardingRetentionDays: 30 }), 2);
  await assertTrue("answers that were kept long enough");
  for (const as of OWNERS) {
    await db.withTransaction((tx) => eraseFormsOf(tx, as));
    await assertTrue(`the account of ${as.username}`);
  }
});

test("a form that is made and removed without an answer is seen as well", async () => {
  // Alone in its transaction: no answer raises the revision.
  const id = await insertForm(db, "form_alone", BIA);
  await assertTrue("the form made");
  await db.query(sql`delete from client_onboarding.onboarding_forms where id = ${id}`);
  await assertTrue("the form removed");
});

const ask = (process: Process, query: object, as = ANA) =>
  process.call("POST", "/query-responses", { as, body: { user_id: as.userId, ...query } });

async function answered(owner: Principal, token: string): Promise<number> {
  const form = `form_${token}`;
  const id = await insertForm(db, form, owner);
  const { status } = await writing.take(newDelivery(form, token));
  assert.equal(status, 200);
  return id;
}

test("an answer that was erased is told to nobody again, by no process that had told of it", async () => {
  const form_id = await answered(ANA, "to-be-erased");
  const lists = [
    { query_type: "responses_by_form", form_id, limit: 10 },
    { query_type: "responses_by_form", form_id },
    { query_type: "responses_by_user" },
  ];
  const secret = /Ana Lúcia Prado|ana@example.com|to-be-erased/;
  for (const process of [reading, writing]) {
    for (const list of lists) assert.match((await ask(process, list)).text, secret);
  }
  assert.equal((await writing.call("DELETE", "/responses/to-be-erased")).status, 204);
  for (const process of [reading, writing]) {
    for (const list of lists) {
      const { text, body } = await ask(process, list);
      assert.doesNotMatch(text, secret);
      assert.equal(body.data.total_count, 0);
    }
  }
});

test("what one owner was told is told to no other, nor to the same person in another tenant", async () => {
  const form_id = await answered(ANA, "of-ana");
  const ofAna = { query_type: "responses_by_form", form_id, limit: 10 };
  assert.equal((await ask(reading, ofAna)).body.data.total_count, 1);
  await insertForm(db, "form_elsewhere", { ...ANA, tenantId: FOREIGNER.tenantId });
  assert.equal((await ask(reading, ofAna)).body.data.total_count, 1);
  for (const as of [BIA, FOREIGNER]) {
    const { text, body } = await ask(reading, ofAna, as);
    assert.deepEqual([body.data.success, body.data.total_count], [false, 0]);
    assert.doesNotMatch(text, /of-ana|Prado/);
  }
  // Of people without a form, whose revisions are the same.
  const recall = createOwnerMemory(db);
  const [userId, tenantId] = [newId(), newId()];
  for (const owner of [
    { userId, tenantId },
    { userId: newId(), tenantId },
    { userId, tenantId: newId() },
  ]) {
    const text = `${owner.tenantId} ${owner.userId}`;
    const value = { json: Buffer.from(text), isFound: true };
    const { json } = await recall(owner)("same", async () => ({ revision: 0, value }));
    assert.equal(Buffer.from(json).toString(), text);
    const again = await recall(owner)("same", () => Promise.reject(new Error("is known")));
    assert.equal(again.json, json);
  }
});

const textsOf = async (work: () => Promise<unknown>) => {
  sent.length = 0;
  await work();
  return sent.map(({ text }) => text.replaceAll(/\s+/g, " ").trim());
};

test("what is known costs one look at the revision, five questions at once no more", async () => {
  const form_id = await answered(ANA, "known");
  const queries = [
    { query_type: "forms_by_user" },
    { query_type: "responses_by_user" },
    { query_type: "responses_by_user", offset: 1 },
    { query_type: "responses_by_form", form_id },
    { query_type: "responses_by_form", form_id, limit: 5 },
  ].map((query) => ({ user_id: ANA.userId, ...query }));
  const body = { user_id: ANA.userId, queries };
  const bulk = () => reading.call("POST", "/bulk-query-responses", { body });
  assert.equal((await textsOf(bulk)).length, 1 + queries.length);
  const single = () => ask(reading, queries[4]!);
  const list = () => reading.call("GET", "/forms");
  await list();
  for (const again of [bulk, single, list]) {
    const texts = await textsOf(again);
    assert.equal(texts.length, 1, texts.join("\n"));
    assert.match(
      texts[0]!,
      /^select coalesce\(\( select revision from client_onboarding.revisions/,
    );
  }
  const results = (await bulk()).body.data.results as unknown[];
  for (const [at, query] of queries.entries()) {
    assert.deepEqual(results[at], (await ask(open(db), query)).body.data);
  }
});

test("questions that differ in anything are not taken for each other", async () => {
  const form_id = await answered(ANA, "one-of-two");
  await answered(ANA, "two-of-two");
  const { rows } = await db.query<{ id: number }>(sql`
    select id from client_onboarding.onboarding_forms
     where user_id = ${ANA.userId} and tenant_id = ${ANA.tenantId} order by id`);
  assert.ok(rows.length > 2 && rows.at(-2)!.id === form_id);
  const paths = ["created_at", "-created_at", "typeform_id", "-typeform_id"].flatMap((sort) =>
    ["limit=1", "limit=2", "limit=1&skip=1"].map((page) => `/forms?sort=${sort}&${page}`),
  );
  for (const path of paths) {
    const [seen, known] = [await reading.call("GET", path), await open(db).call("GET", path)];
    assert.equal(seen.text, known.text, path);
  }
  for (const query of questions(ANA, rows.map(({ id }) => id).slice(-2))) {
    const [seen, known] = [await ask(reading, query), await ask(open(db), query)];
    assert.equal(seen.text, known.text, JSON.stringify(query));
  }
});

test("one answer by its token is read each time and asks for no revision", async () => {
  await answered(ANA, "by-token");
  const query = { query_type: "response_by_id", response_id: "by-token" };
  for (const _ of [1, 2]) {
    const texts = await textsOf(() => ask(reading, query));
    assert.equal(texts.length, 1);
    assert.doesNotMatch(texts[0]!, /revisions/);
  }
});

test("rows that a write overtakes while they are on their way are not taken for the newer ones", async () => {
  const form_id = await answered(ANA, "overtaken");
  for (const query of [
    { query_type: "forms_by_user" },
    { query_type: "responses_by_form", form_id, limit: 10 },
  ]) {
    const token = `later-${query.query_type}`;
    onRead = async () => void (await writing.take(newDelivery("form_overtaken", token)));
    await ask(reading, query);
    const [seen, known] = [await ask(reading, query), await ask(open(db), query)];
    assert.deepEqual(seen.body, known.body);
  }
});

test("deliveries to one owner that come together are all stored, and all seen", async () => {
  const form_id = await answered(ANA, "crowd");
  const query = { query_type: "responses_by_form", form_id };
  assert.equal((await ask(reading, query)).body.data.total_count, 1);
  const tokens = Array.from({ length: 8 }, () => newId());
  const answers = await Promise.all(
    tokens.map((token) => writing.take(newDelivery("form_crowd", token))),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal((await ask(reading, query)).body.data.total_count, 9);
});

test("a batch raises the revision of each owner once, and one never goes back", async () => {
  await db.query(sql`create table client_onboarding.raisings (user_id uuid, revision bigint)`);
  await db.query(sql`
    create function client_onboarding.note_raising() returns trigger language plpgsql as $$
    begin
      insert into client_onboarding.raisings values (new.user_id, new.revision);
      return null;
    end $$`);
  await db.query(sql`
    create trigger note after insert or update on client_onboarding.revisions
      for each row execute function client_onboarding.note_raising()`);
  const owners = [ANA, BIA, FOREIGNER];
  for (const as of owners) {
    const form_id = await insertForm(db, `form_many_${as.username}`, as);
    await db.query(sql`
      insert into client_onboarding.form_responses (tenant_id, user_id, form_id, response_id,
             response_data, submitted_at, processed_at, created_at)
      select ${as.tenantId}, ${as.userId}, ${form_id}, ${as.username} || n, '{}', now(), now(),
             now() - interval '40 days'
        from generate_series(1, 30) n`);
  }
  // As if the clock had gone back.
  await db.query(sql`update client_onboarding.revisions set revision = revision + 3600000000`);
  const state = async () =>
    (
      await db.query<{ id: string; revision: number }>(sql`
        select user_id as id, revision from client_onboarding.revisions
         where tenant_id || '/' || user_id = any(${owners.map((o) => `${o.tenantId}/${o.userId}`)})
         order by user_id`)
    ).rows;
  const before = await state();
  await db.query(sql`truncate client_onboarding.raisings`);
  assert.equal(await removeOldResponses(db, { onboardingRetentionDays: 30 }), 90);
  const { rows } = await db.query<{ id: string; revision: number }>(sql`
    select user_id as id, revision from client_onboarding.raisings order by user_id`);
  assert.deepEqual(rows, await state());
  assert.deepEqual(
    rows,
    before.map(({ id, revision }) => ({ id, revision: revision + 1 })),
  );
});

test("only so much is kept", async () => {
  const recall = createOwnerMemory(db, 3_000);
  let made = 0;
  const tell = (asked: string) =>
    recall(ANA)(asked, async () => {
      made++;
      const { rows } = await db.query<{ revision: number }>(sql`
        select revision from client_onboarding.revisions
         where tenant_id = ${ANA.tenantId} and user_id = ${ANA.userId}`);
      return { ...rows[0]!, value: { json: Buffer.alloc(1_000), isFound: true } };
    });
  for (const asked of ["a", "b", "a", "c"]) await tell(asked);
  assert.equal(made, 3);
  await tell("a");
  assert.equal(made, 3);
  await tell("b");
  assert.equal(made, 4);
});
