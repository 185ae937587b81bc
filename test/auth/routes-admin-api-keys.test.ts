import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../src/platform/sql.ts";
import { DEFAULT_TENANT } from "../support/callers.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { registerAdmin, registerSomebody, startApp, type TestApp } from "./accounts-rig.ts";
import { makeKey, type Somebody } from "./api-keys/rig.ts";

const OTHER_TENANT = "00000000-0000-7000-8000-00000000000f";

let db: TestDatabase;
let app: TestApp;
let admin: Somebody;
let foreignAdmin: Somebody;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
  await db.database.query(sql`INSERT INTO auth.tenants (id, name) VALUES (${OTHER_TENANT}, 'f')`);
  admin = await registerAdmin(app);
  foreignAdmin = await registerAdmin(app, OTHER_TENANT);
});
after(() => db.drop());

const idOf = ({ user }: Somebody) => user["id"] as string;
const pathOf = (owner: Somebody, rest = "") => `/v1/admin/accounts/${idOf(owner)}/api-keys${rest}`;
const as = ({ access_token: token }: Somebody, method: string, path: string) =>
  app.call(method, path, { token });
const whoami = async (token: string) => (await app.call("GET", "/auth/whoami", { token })).status;

test("an administrator sees somebody's API keys, page by page, and no secret", async () => {
  const owner = await registerSomebody(app);
  const keys = [await makeKey(app, owner), await makeKey(app, owner), await makeKey(app, owner)];
  const listed = await as(admin, "GET", pathOf(owner));
  assert.equal(listed.status, 200, listed.text);
  assert.deepEqual(
    listed.body.data.map(({ id }: { id: string }) => id),
    keys.map(({ id }) => id).toReversed(),
  );
  for (const { text } of keys) assert.ok(!listed.text.includes(text.split("_")[2]!));
  const page = await as(admin, "GET", pathOf(owner, "?limit=1&skip=1"));
  assert.deepEqual([page.body.data[0].id, page.body.pagination.total], [keys[1]!.id, 3]);
});

test("a key that an administrator revokes is refused at the next request, and others go on", async () => {
  const owner = await registerSomebody(app);
  const [key, other] = [await makeKey(app, owner), await makeKey(app, owner)];
  for (const { text } of [key, other]) assert.equal(await whoami(text), 200);
  const waits = app.waits.length;
  const answer = await as(admin, "DELETE", pathOf(owner, `/${key.id}?wait=cluster`));
  assert.equal(answer.status, 204, answer.text);
  assert.equal(await whoami(key.text), 401);
  assert.equal(await whoami(other.text), 200);
  assert.equal(app.waits.length, waits + 1);
  assert.equal(typeof app.waits.at(-1), "number", "it stands in the log of revocations");
  const again = await as(admin, "DELETE", pathOf(owner, `/${key.id}`));
  assert.equal(again.status, 404);
  const { rows } = await db.database.query(sql`
    SELECT actor, subject, tenant_id, reason FROM auth.audit_log
     WHERE action = 'api_key.revoke' AND subject = ${idOf(owner)}`);
  const reason = `key ${key.id}`;
  assert.deepEqual(rows, [
    { actor: idOf(admin), subject: idOf(owner), tenant_id: DEFAULT_TENANT, reason },
  ]);
});

test("another tenant's keys, and another account's, are not there", async () => {
  const owner = await registerSomebody(app);
  const { id, text } = await makeKey(app, owner);
  assert.equal((await as(foreignAdmin, "GET", pathOf(owner))).status, 404);
  assert.equal((await as(foreignAdmin, "DELETE", pathOf(owner, `/${id}`))).status, 404);
  const neighbour = await registerSomebody(app);
  assert.equal((await as(admin, "DELETE", pathOf(neighbour, `/${id}`))).status, 404);
  for (const [method, rest] of [
    ["GET", ""],
    ["DELETE", `/${id}`],
  ] as const) {
    const refused = await as(neighbour, method, pathOf(owner, rest));
    assert.equal(refused.status, 403, "not for everybody");
  }
  assert.equal(await whoami(text), 200);
});

test("nobody revokes the keys of whoever may do more", async () => {
  const helper = await registerSomebody(app);
  await db.database.query(sql`
    INSERT INTO iam.roles (tenant_id, context, name, permissions)
    VALUES (${DEFAULT_TENANT}, 'iam', 'helpdesk', '{manage_users}')`);
  await app.iam.users.assignRole({
    userId: idOf(helper),
    tenantId: DEFAULT_TENANT,
    context: "iam",
    name: "helpdesk",
  });
  const { id, text } = await makeKey(app, admin);
  const refused = await as(helper, "DELETE", pathOf(admin, `/${id}`));
  assert.deepEqual([refused.status, refused.body.error_code], [403, "permission_denied"]);
  assert.equal(await whoami(text), 200);
  const owner = await registerSomebody(app);
  const key = await makeKey(app, owner);
  assert.equal((await as(helper, "DELETE", pathOf(owner, `/${key.id}`))).status, 204);
});
