import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "./accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
});
after(() => db.drop());

const put = (token: string, body: unknown, headers: Record<string, string> = {}) =>
  app.call("PUT", "/users/me", { token, body, headers });

test("a changed name and user name count on the next request of a live token", async () => {
  const ana = await registerSomebody(app, { username: "ana-one" });
  const before = await app.call("GET", "/auth/whoami", { token: ana.access_token });
  assert.equal(before.body.user_object.name, null);
  const changed = await put(ana.access_token, { name: " Ana Maria ", username: "Ana-Two" });
  assert.equal(changed.status, 200, changed.text);
  assert.equal(changed.body.name, "Ana Maria");
  assert.equal(changed.body.version, 2);
  assert.equal(changed.headers["etag"], '"2"');
  const after = await app.call("GET", "/auth/whoami", { token: ana.access_token });
  assert.equal(after.body.user_object.name, "Ana Maria");
  assert.equal(after.body.user_object.username, "Ana-Two");
  const login = await app.call("POST", "/auth/login", {
    body: { username: "ana-two", password: ana.password },
  });
  assert.equal(login.status, 200);
});

test("a field left out stays, null empties it, the whole answer of GET may come back", async () => {
  const ana = await registerSomebody(app, { username: "stays", name: "Stays" });
  const emptied = await put(ana.access_token, { name: null });
  assert.deepEqual([emptied.body.name, emptied.body.username], [null, "stays"]);
  const path = "/api/users/me/";
  const read = await app.call("GET", path, { token: ana.access_token });
  const back = await app.call("PUT", path, { token: ana.access_token, body: read.body });
  assert.equal(back.status, 200, back.text);
  assert.equal(back.body.version, 3);
  assert.deepEqual({ ...back.body, version: 0 }, { ...read.body, version: 0 });
});

test("a stale version is a conflict, in the body and in If-Match", async () => {
  const ana = await registerSomebody(app);
  assert.equal((await put(ana.access_token, { name: "One", version: 1 })).status, 200);
  const stale = await put(ana.access_token, { name: "Two", version: 1 });
  assert.deepEqual([stale.status, stale.body.error_code], [409, "version_conflict"]);
  const header = await put(ana.access_token, { name: "Two" }, { "if-match": '"1"' });
  assert.equal(header.body.error_code, "version_conflict");
  assert.equal((await put(ana.access_token, { name: "Two" }, { "if-match": '"2"' })).status, 200);
  assert.equal((await put(ana.access_token, { name: "Six" }, { "if-match": "x" })).status, 422);
});

test("another's user name is taken; another address is refused; ids and flags do nothing", async () => {
  const bob = await registerSomebody(app, { username: "bobby" });
  const ana = await registerSomebody(app);
  const taken = await put(ana.access_token, { username: "BOBBY" });
  assert.deepEqual([taken.status, taken.body.error_code], [409, "account_exists"]);
  const moved = await put(ana.access_token, { email: "other@example.com" });
  assert.equal(moved.status, 422);
  const forged = await put(ana.access_token, {
    id: bob.user["id"],
    email_verified: true,
    email: ana.email.toUpperCase(),
    name: "Ana",
  });
  assert.deepEqual(
    [forged.body.id, forged.body.email_verified, forged.body.email],
    [ana.user["id"], false, ana.email],
  );
  assert.equal((await put(ana.access_token, { active: false })).status, 422);
});

test("the change is in the audit log", async () => {
  const ana = await registerSomebody(app);
  await put(ana.access_token, { name: "Noted" });
  const { rows } = await db.database.query(sql`SELECT action, actor FROM auth.audit_log
    WHERE subject = ${ana.user["id"]} AND action = 'account.update'`);
  assert.deepEqual(rows, [{ action: "account.update", actor: ana.user["id"] }]);
});
