import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { connectTypeform } from "../../../src/contexts/client-onboarding/connection.ts";
import { takeDue } from "../../../src/platform/outbox-store.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { startTypeform, withoutPace, type FakeTypeform } from "../../support/typeform.ts";
import { ADMINISTRATOR, CONFIG, FOREIGNER, openOnboarding, SEALER } from "./support.ts";

const [OLD, NEW] = ["the secret of yesterday, long", "the secret of tomorrow, long"] as const;
const HOOK = "https://api.example.com/v1/client-onboarding/webhook";
const FORMS = ["form_a", "form_b", "form_c"];
let database: TestDatabase;
let typeform: FakeTypeform;
before(async () => {
  [database, typeform] = await Promise.all([withDatabase(), startTypeform({ anyForm: true })]);
  await withoutPace(database);
});
after(async () => {
  await typeform.stop();
  await database.drop();
});
beforeEach(async () => {
  await database.database.query(sql`
    truncate client_onboarding.onboarding_forms, client_onboarding.form_webhooks,
      client_onboarding.webhook_secret, client_onboarding.typeform_keys cascade`);
  await database.database.query(sql`delete from platform.outbox`);
});

const config = (...secrets: string[]) => CONFIG({ apiUrl: typeform.url, secrets });
const connect = (...secrets: string[]) =>
  connectTypeform(database.database, config(...secrets), SEALER)!;
type Connection = ReturnType<typeof connect>;
const open = (...secrets: string[]) =>
  openOnboarding(database.database, { apiUrl: typeform.url, secrets });
async function registerAll(): Promise<void> {
  for (const id of FORMS) {
    const body = { typeform_url: id, webhook_url: HOOK };
    assert.equal((await open(OLD).call("POST", "/forms", { body })).status, 201);
  }
  await database.database.query(sql`delete from platform.outbox`);
}
/** What the outboxes of these processes do, in turns; the entries that nobody did stay. */
async function carryOut(...processes: Connection[]): Promise<string[]> {
  const kinds: string[] = [];
  const entries = await takeDue(database.database, ["typeform_webhook"]);
  for (const [index, { id, payload }] of entries.entries()) {
    const { sync } = processes[index % processes.length]!;
    const { kind } = await sync.catchUp(String(payload["typeform_id"]));
    kinds.push(kind);
    await database.database.query(
      kind === "done"
        ? sql`delete from platform.outbox where id = ${id}`
        : sql`update platform.outbox set due_at = '-infinity' where id = ${id}`,
    );
  }
  return kinds;
}
const secretsTold = () => FORMS.map((id) => typeform.webhookOf(id)?.secret);
const puts = () => typeform.calls.filter(({ method }) => method === "PUT").length;

test("a new secret is told for every form, once, however many processes start with it", async () => {
  await registerAll();
  const processes = [connect(NEW, OLD), connect(NEW, OLD), connect(NEW, OLD)];
  const begun = puts();
  for (let round = 0; round < 2; round++) {
    await Promise.all(processes.map(({ retelling }) => retelling.announce()));
    const asked = await Promise.all(processes.map(({ retelling }) => retelling.askBatch()));
    const total = asked.reduce((sum, count) => sum + count, 0);
    assert.equal(total, round === 0 ? FORMS.length : 0);
  }
  assert.deepEqual(await processes[0]!.retelling.countUntold(), { total: 3, untold: 3 });
  assert.deepEqual(await carryOut(...processes), ["done", "done", "done"]);
  assert.deepEqual(secretsTold(), [NEW, NEW, NEW]);
  assert.equal(puts() - begun, FORMS.length);
  assert.deepEqual(await processes[0]!.retelling.countUntold(), { total: 3, untold: 0 });
  assert.equal(await processes[1]!.retelling.askBatch(), 0);
});

test("a process with the secret of yesterday neither tells it again nor takes the work of others", async () => {
  await registerAll();
  const [old, fresh] = [connect(OLD, NEW), connect(NEW, OLD)];
  await old.retelling.announce();
  assert.equal(await old.retelling.askBatch(), 0);
  await fresh.retelling.announce();
  assert.equal(await old.retelling.askBatch(), 0);
  assert.equal(await fresh.retelling.askBatch(), FORMS.length);
  assert.deepEqual(await carryOut(old), ["busy", "busy", "busy"]);
  assert.deepEqual(secretsTold(), [OLD, OLD, OLD]);
  assert.deepEqual(await carryOut(fresh), ["done", "done", "done"]);
  assert.deepEqual(secretsTold(), [NEW, NEW, NEW]);
  // Somebody goes back.
  await old.retelling.announce();
  assert.equal(await fresh.retelling.askBatch(), 0);
  assert.equal(await old.retelling.askBatch(), FORMS.length);
  await carryOut(old);
  assert.deepEqual(secretsTold(), [OLD, OLD, OLD]);
});

test("forms that were told the new secret by a change are not told again, deleted ones never", async () => {
  await registerAll();
  const { rows } = await database.database.query<{ id: number }>(sql`
    select id from client_onboarding.onboarding_forms order by id`);
  const [first, second] = rows.map(({ id }) => id);
  const fresh = open(NEW, OLD);
  await fresh.call("POST", `/forms/${first}/pause`);
  await fresh.call("DELETE", `/forms/${second}`);
  await database.database.query(sql`delete from platform.outbox`);
  const { retelling } = connect(NEW, OLD);
  await retelling.announce();
  assert.equal(await retelling.askBatch(), 1);
  await carryOut(connect(NEW, OLD));
  assert.deepEqual(secretsTold(), [NEW, undefined, NEW]);
});

test("what TypeForm does not take is not asked for again and again", async () => {
  await registerAll();
  const fresh = connect(NEW, OLD);
  await fresh.retelling.announce();
  await fresh.retelling.askBatch();
  typeform.meet(() => ({ status: 403 }));
  assert.deepEqual(await carryOut(fresh), ["refused", "refused", "refused"]);
  typeform.meet(undefined);
  await database.database.query(sql`delete from platform.outbox`);
  assert.equal(await fresh.retelling.askBatch(), 0);
  assert.deepEqual(await fresh.retelling.countUntold(), { total: 3, untold: 3 });
});

test("a secret and a key that change together are told in one go", async () => {
  await registerAll();
  typeform.giveKey("tfp_a-key-beside-the-secret");
  const fresh = open(NEW, OLD);
  const body = { api_key: "tfp_a-key-beside-the-secret" };
  const set = await fresh.call("PUT", "/typeform-key", { as: ADMINISTRATOR, body });
  assert.equal(set.status, 200, set.text);
  const { retelling } = connect(NEW, OLD);
  await retelling.announce();
  assert.equal(await retelling.askBatch(), 0);
  const begun = puts();
  await carryOut(connect(NEW, OLD));
  assert.equal(puts() - begun, FORMS.length);
  assert.deepEqual(await retelling.countUntold(), { total: 3, untold: 0 });
});

test("a form that TypeForm was told of as it is now is not told again, though nobody asked for it", async () => {
  await registerAll();
  const fresh = connect(NEW, OLD);
  await fresh.retelling.announce();
  await fresh.retelling.askBatch();
  await carryOut(fresh);
  await database.database.query(sql`
    update client_onboarding.form_webhooks set asked_as = null where typeform_id <> ${FORMS[0]!}`);
  assert.equal(await fresh.retelling.askBatch(), 0);
  assert.deepEqual(await fresh.retelling.countUntold(), { total: 3, untold: 0 });
});

test("a form that was deleted before the secret changed is neither told of nor counted", async () => {
  await registerAll();
  const { rows } = await database.database.query<{ id: number }>(sql`
    select id from client_onboarding.onboarding_forms order by id limit 1`);
  assert.equal((await open(OLD).call("DELETE", `/forms/${rows[0]!.id}`)).status, 200);
  await database.database.query(sql`delete from platform.outbox`);
  const fresh = connect(NEW, OLD);
  await fresh.retelling.announce();
  assert.deepEqual(await fresh.retelling.countUntold(), { total: 2, untold: 2 });
  assert.equal(await fresh.retelling.askBatch(), 2);
  await carryOut(fresh);
  assert.deepEqual(secretsTold(), [undefined, NEW, NEW]);
});

test("a tenant's new key has TypeForm told of that tenant's forms alone, whatever others wait for", async () => {
  await registerAll();
  const body = { typeform_url: "form_of_others", webhook_url: HOOK };
  const registered = await open(OLD).call("POST", "/forms", { as: FOREIGNER, body });
  assert.equal(registered.status, 201);
  await database.database.query(sql`delete from platform.outbox`);
  const fresh = connect(NEW, OLD);
  await fresh.retelling.announce();
  typeform.giveKey("tfp_a-key-of-one-tenant");
  const key = { api_key: "tfp_a-key-of-one-tenant" };
  const set = await open(NEW, OLD).call("PUT", "/typeform-key", { as: ADMINISTRATOR, body: key });
  assert.equal(set.status, 200, set.text);
  const entries = await takeDue(database.database, ["typeform_webhook"]);
  assert.deepEqual(entries.map(({ payload }) => payload["typeform_id"]).toSorted(), FORMS);
  assert.deepEqual(await fresh.retelling.countUntold(), { total: 4, untold: 4 });
});
