import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import { createSealer } from "../../../src/auth/keys/sealer.ts";
import { listSealedByOthers, resealSecrets } from "../../../src/auth/keys/reseal.ts";
import { SEALED_TYPEFORM_KEYS } from "../../../src/contexts/client-onboarding/index.ts";
import { createTypeformDeliverers } from "../../../src/control/typeform-delivery.ts";
import type { AnyRequest } from "../../../src/http/request.ts";
import { readConfig } from "../../../src/platform/config.ts";
import { newId } from "../../../src/platform/ids.ts";
import { takeDue } from "../../../src/platform/outbox-store.ts";
import { sql } from "../../../src/platform/sql.ts";
import { sealing, settings } from "../../auth/keys/key-rig.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import {
  newDelivery,
  signDelivery,
  startTypeform,
  WEBHOOK_SECRET,
  withoutPace,
  TYPEFORM_KEY,
  type FakeTypeform,
} from "../../support/typeform.ts";
import {
  ADMINISTRATOR,
  ANA,
  FOREIGN_ADMINISTRATOR,
  FOREIGNER,
  openOnboarding,
  TENANT,
} from "./support.ts";

const KEY = "tfp_a-key-of-the-tenant";
const HOOK = "https://api.example.com/v1/client-onboarding/webhook";
const [firstKek, secondKek] = [sealing("first"), sealing("second")];
const kek = settings({ keyEncryptionKeys: [firstKek] });
let database: TestDatabase;
let typeform: FakeTypeform;
let api: ReturnType<typeof openOnboarding>;
before(async () => {
  [database, typeform] = await Promise.all([withDatabase(), startTypeform({ anyForm: true })]);
  await withoutPace(database);
  typeform.giveKey(KEY);
  api = openOnboarding(database.database, { apiUrl: typeform.url, sealer: createSealer(kek) });
});
after(async () => {
  await typeform.stop();
  await database.drop();
});

const newTypeformId = () => newId().replaceAll("-", "");
const setKey = (key: unknown, as = ADMINISTRATOR, open = api) =>
  open.call("PUT", "/typeform-key", { as, body: { api_key: key } });
const clearKey = (as = ADMINISTRATOR) => api.call("DELETE", "/typeform-key", { as });
const register = (id: string, as = ANA, open = api) =>
  open.call("POST", "/forms", { as, body: { typeform_url: id, webhook_url: HOOK } });
const lastKey = () => typeform.calls.at(-1)?.key;
/** The secret of a form, made here anew. */
const secretOf = (id: string) =>
  createHmac("sha256", WEBHOOK_SECRET).update(`typeform webhook ${id}`).digest("base64url");

/** What the outbox does until nothing is due. */
async function carryOut(): Promise<string[]> {
  const config = readConfig({
    NODE_ENV: "test",
    ...typeform.env,
    DATABASE_URL: database.url,
    KEY_ENCRYPTION_KEYS: `first:${firstKek.keyBase64}`,
  });
  const [deliverer] = createTypeformDeliverers(config, database.database);
  const kinds: string[] = [];
  for (;;) {
    await database.database.query(sql`
      update platform.outbox set due_at = '-infinity' where due_at > now() and attempts = 0`);
    const entries = await takeDue(database.database, ["typeform_webhook"]);
    if (entries.length === 0) break;
    for (const entry of entries) kinds.push((await deliverer!.deliver(entry)).kind);
  }
  await database.database.query(sql`delete from platform.outbox`);
  return kinds;
}

test("who configures sets and clears the tenant's key, is told of it without it, and is written down", async () => {
  const nobody = { is_set: false, set_at: null, set_by: null, in_use: "server" };
  const look = async () => {
    const seen = await api.call("GET", "/typeform-key", { as: ADMINISTRATOR });
    assert.equal(seen.headers["cache-control"], "no-store");
    return seen.body.data;
  };
  assert.deepEqual(await look(), nobody);
  const set = await setKey(KEY);
  assert.equal(set.status, 200, set.text);
  const { set_at: at, ...told } = set.body.data;
  assert.match(at, /Z$/);
  assert.deepEqual(told, { is_set: true, set_by: ADMINISTRATOR.userId, in_use: "tenant" });
  assert.deepEqual(await look(), set.body.data);
  assert.equal(set.headers["cache-control"], "no-store");
  assert.doesNotMatch(set.text, /tfp_/);
  const cleared = await clearKey();
  assert.deepEqual(cleared.body.data, nobody);
  assert.equal(cleared.headers["cache-control"], "no-store");
  assert.deepEqual((await clearKey()).body.data, nobody);
  const who = `${TENANT} ${ADMINISTRATOR.userId}`;
  assert.deepEqual(api.recorded, [`set ${who}`, `clear ${who}`]);
});

test("each answer about the key says of itself that it is stored nowhere, whatever other answers say", async () => {
  // A header that the server gives to every answer would not keep it out of the repeatable ones.
  const request = { principal: ADMINISTRATOR, body: { api_key: KEY } } as unknown as AnyRequest;
  assert.equal(api.onboarding.keyRoutes.length, 3);
  for (const { method, handler } of api.onboarding.keyRoutes) {
    const { status, headers } = await handler(request);
    assert.deepEqual([status, headers?.["cache-control"]], [200, "no-store"], method);
  }
  api.recorded.length = 0;
});

test("nobody else looks, sets or clears, and what is no key is refused without being repeated", async () => {
  for (const as of [ANA, FOREIGNER]) {
    for (const method of ["GET", "PUT", "DELETE"]) {
      const sent = method === "PUT" ? { body: { api_key: KEY } } : {};
      assert.equal((await api.call(method, "/typeform-key", { as, ...sent })).status, 403);
    }
  }
  assert.equal((await api.call("GET", "/typeform-key", { as: null })).status, 401);
  for (const key of ["short", "with a blank in it", "é".repeat(20), "x".repeat(513), 5, null]) {
    const answer = await setKey(key);
    assert.equal(answer.status, 422, String(key));
    if (typeof key === "string") assert.ok(!answer.text.includes(key));
  }
  const { rows } = await database.database.query(sql`
    select from client_onboarding.typeform_keys`);
  assert.equal(rows.length, 0);
});

test("forms of the tenant are asked for with its key, forms of other tenants with the server's", async () => {
  const [own, other] = [newTypeformId(), newTypeformId()];
  await setKey(KEY);
  assert.equal((await register(own)).status, 201);
  assert.equal(lastKey(), KEY);
  assert.equal(typeform.webhookOf(own)?.secret, secretOf(own));
  assert.equal((await register(other, FOREIGNER)).status, 201);
  assert.equal(lastKey(), TYPEFORM_KEY);
  assert.equal(typeform.webhookOf(other)?.secret, WEBHOOK_SECRET);
  await clearKey();
  await carryOut();
});

test("a tenant's key sees the tenant's forms only: what the server could read is unknown to it", async () => {
  const [seen, hidden] = [newTypeformId(), newTypeformId()];
  typeform.giveKey("tfp_a-narrow-key", [seen]);
  await setKey("tfp_a-narrow-key");
  assert.equal((await register(seen)).status, 201);
  const refused = await register(hidden);
  assert.deepEqual([refused.status, refused.body.error_code], [422, "typeform_form_unknown"]);
  await setKey("tfp_a-key-that-nobody-knows");
  const unknown = await register(newTypeformId());
  assert.deepEqual([unknown.status, unknown.body.error_code], [502, "typeform_key_refused"]);
  assert.doesNotMatch(unknown.text, /tfp_/);
  await clearKey();
  await carryOut();
});

test("a new key tells TypeForm of the tenant's forms again, once, and of no other tenant's", async () => {
  const [own, paused, other] = [newTypeformId(), newTypeformId(), newTypeformId()];
  await register(own);
  const { form_id: pausedId } = (await register(paused)).body.data.details;
  await api.call("POST", `/forms/${pausedId}/pause`);
  await register(other, FOREIGNER);
  await carryOut();
  const begun = typeform.calls.length;
  await setKey(KEY);
  await carryOut();
  const puts = typeform.calls.slice(begun);
  const toldOf = (id: string) => puts.filter(({ path }) => path.includes(id)).map(({ key }) => key);
  assert.deepEqual([toldOf(own), toldOf(paused), toldOf(other)], [[KEY], [KEY], []]);
  assert.equal(typeform.webhookOf(own)?.secret, secretOf(own));
  assert.equal(typeform.webhookOf(paused)?.enabled, false);
  assert.deepEqual(await carryOut(), []);
  await clearKey();
  await carryOut();
  assert.equal(typeform.webhookOf(own)?.secret, WEBHOOK_SECRET);
  assert.equal(lastKey(), TYPEFORM_KEY);
});

test("a key that does not see a form leaves the form alone", async () => {
  const id = newTypeformId();
  const { form_id: formId } = (await register(id)).body.data.details;
  await carryOut();
  typeform.giveKey("tfp_a-blind-key", []);
  await setKey("tfp_a-blind-key");
  assert.ok((await carryOut()).includes("refused"));
  const { rows } = await database.database.query<{ status: string }>(sql`
    select status from client_onboarding.onboarding_forms where id = ${formId}`);
  assert.deepEqual(rows, [{ status: "active" }]);
  await clearKey();
  await carryOut();
});

test("a delivery may be signed with the form's own secret, and that is good for no other form", async () => {
  const [own, other] = [newTypeformId(), newTypeformId()];
  await register(own);
  await register(other, FOREIGNER);
  const payload = (form: string) => newDelivery(form, newId());
  assert.equal((await api.take(payload(own), secretOf(own))).status, 200);
  assert.equal((await api.take(payload(own), WEBHOOK_SECRET)).status, 200);
  assert.equal((await api.take(payload(other), secretOf(own))).status, 401);
  assert.equal((await api.take(payload("nobody-has-it"), secretOf(own))).status, 401);
  assert.equal((await api.take(payload("nobody-has-it"), secretOf("nobody-has-it"))).status, 404);
  // Who names another form inside than the one that counts.
  const sneaky = { ...payload(other), form_id: own };
  assert.equal((await api.take(sneaky, secretOf(own))).status, 401);
  const empty = JSON.stringify({ event_type: "form_response" });
  const headers = [["typeform-signature", signDelivery(empty, secretOf(""))]] as const;
  const answer = await api.call("POST", "/webhook", { as: null, raw: empty, headers });
  assert.equal(answer.status, 422);
});

test("the key is sealed for its tenant: moved to another tenant's row it is of no use", async () => {
  await setKey(KEY);
  const { rows } = await database.database.query<{ text: string }>(sql`
    select k::text as text from client_onboarding.typeform_keys k`);
  assert.doesNotMatch(JSON.stringify(rows), /tfp_/);
  await setKey(KEY, FOREIGN_ADMINISTRATOR);
  await database.database.query(sql`
    delete from client_onboarding.typeform_keys where tenant_id = ${FOREIGNER.tenantId}`);
  await database.database.query(sql`
    update client_onboarding.typeform_keys set tenant_id = ${FOREIGNER.tenantId}`);
  const answer = await register(newTypeformId(), FOREIGNER);
  assert.deepEqual([answer.status, answer.body.error_code], [503, "unavailable"]);
  assert.doesNotMatch(answer.text, /tfp_|TypeForm|open/);
  await clearKey(FOREIGN_ADMINISTRATOR);
  await carryOut();
});

test("after a change of the key-encryption key the tenant's key is sealed again and opens", async () => {
  await setKey(KEY);
  const both = settings({ keyEncryptionKeys: [secondKek, firstKek] });
  const others = [SEALED_TYPEFORM_KEYS];
  const older = await listSealedByOthers(database.database, both, others);
  assert.deepEqual(older, [{ keyId: "first", count: 1, name: "keys for TypeForm", isKnown: true }]);
  const done = await resealSecrets({ database: database.database, config: both, others });
  assert.deepEqual(done.at(-1), { name: "keys for TypeForm", sealed: 1, left: 0 });
  assert.deepEqual(await listSealedByOthers(database.database, both, others), []);
  const alone = settings({ keyEncryptionKeys: [secondKek] });
  const open = openOnboarding(database.database, {
    apiUrl: typeform.url,
    sealer: createSealer(alone),
  });
  assert.equal((await register(newTypeformId(), ANA, open)).status, 201);
  assert.equal(lastKey(), KEY);
  // With the old one alone it does not open, and that is no fault of the caller.
  assert.equal((await register(newTypeformId())).status, 503);
  await clearKey();
  await carryOut();
});

test("a tenant may have a key where the server has none, and waits for nobody else's calls", async () => {
  const open = openOnboarding(database.database, {
    apiUrl: typeform.url,
    apiKey: undefined,
    sealer: createSealer(kek),
  });
  assert.equal((await register(newTypeformId(), FOREIGNER, open)).status, 503);
  await setKey(KEY, FOREIGN_ADMINISTRATOR, open);
  await database.database.query(sql`drop trigger at_once on client_onboarding.typeform_pace`);
  await database.database.query(sql`
    update client_onboarding.typeform_pace set next_at = now() + interval '1 hour'
     where name = 'calls'`);
  assert.equal((await register(newTypeformId(), FOREIGNER, open)).status, 201);
  const busy = await register(newTypeformId());
  assert.deepEqual([busy.status, busy.body.error_code], [503, "typeform_busy"]);
});
