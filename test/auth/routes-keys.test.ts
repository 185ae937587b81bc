import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { registerAdmin, registerSomebody, startApp, type TestApp } from "./accounts-rig.ts";
import { brokenInvariants, kidOf, storedKeys } from "./keys/key-rig.ts";

const OTHER_TENANT = "00000000-0000-7000-8000-00000000000c";
const ROTATE = "/v1/admin/keys/rotate";

let db: TestDatabase;
let app: TestApp;
let token: string;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database, env: { JWKS_MAX_AGE_SECONDS: "0" } });
  token = (await registerAdmin(app)).access_token;
});
after(() => db.drop());

test("an operator sees every key and no secret", async () => {
  const answer = await app.call("GET", "/v1/admin/keys", { token });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.data.length, 4);
  assert.equal(answer.headers["cache-control"], "no-store");
  for (const { sealed } of await storedKeys(db.database)) assert.ok(!answer.text.includes(sealed!));
});

test("keys are nobody's but the first tenant's administrators'", async () => {
  await db.database.query(
    sql`INSERT INTO auth.tenants (id, name) VALUES (${OTHER_TENANT}, 'other')`,
  );
  const foreign = await registerAdmin(app, OTHER_TENANT);
  const plain = await registerSomebody(app);
  const before_ = await storedKeys(db.database);
  for (const { access_token: bad } of [foreign, plain]) {
    for (const [method, path] of [
      ["GET", "/v1/admin/keys"],
      ["POST", ROTATE],
    ] as const) {
      const answer = await app.call(method, path, {
        token: bad,
        ...(method === "POST" ? { body: { emergency: true } } : {}),
      });
      assert.equal(answer.status, 403, answer.text);
    }
  }
  assert.deepEqual(await storedKeys(db.database), before_);
});

test("a rotation that is safe is done, and told to the audit log with who asked", async () => {
  const next = await kidOf(db.database, "sig", "next");
  const answer = await app.call("POST", ROTATE, { token, body: {} });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.data.rotated, true);
  assert.deepEqual(answer.body.data.withdrawn_kids, []);
  assert.equal(await kidOf(db.database, "sig", "active"), next);
  const { rows } = await db.database.query<{ actor: string; request_id: string }>(
    sql`SELECT actor, request_id FROM auth.audit_log WHERE action = 'key.rotate_asked'`,
  );
  assert.equal(rows.length, 1);
  assert.ok(rows[0]!.actor !== "" && rows[0]!.request_id !== "");
});

test("an emergency withdraws what signed and answers when the cluster has heard of it", async () => {
  const active = await kidOf(db.database, "sig", "active");
  const waits = app.waits.length;
  const answer = await app.call("POST", ROTATE, { token, body: { emergency: true } });
  assert.equal(answer.status, 200, answer.text);
  assert.ok(answer.body.data.withdrawn_kids.includes(active));
  assert.equal(app.waits.length, waits + 1);
  assert.ok(app.waits.at(-1)! > 0);
  assert.deepEqual(await brokenInvariants(db.database), []);
});

test("a body that says something else is refused", async () => {
  for (const body of [{ use: "enc" }, { emergency: "yes" }, { kid: "x" }]) {
    const answer = await app.call("POST", ROTATE, { token, body });
    assert.ok([401, 422].includes(answer.status), answer.text);
  }
});
