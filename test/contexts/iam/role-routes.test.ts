import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { withDatabase } from "../../support/database.ts";
import { serveIam, TENANT } from "./support.ts";

const { database, drop } = await withDatabase();
const iam = await serveIam(database);
after(async () => {
  iam.close();
  await drop();
});
const { ask } = iam;
const admin = await iam.provision();
await iam.users.assignRole({
  userId: admin,
  tenantId: TENANT,
  context: "iam",
  name: "administrator",
});

test("the catalogue is listed whole or for one context", async () => {
  const all = await ask(admin, "GET", "/v1/roles");
  assert.deepEqual(all.body.pagination, { page: 1, limit: 100, total: 30, pages: 1 });
  const ofIam = await ask(admin, "GET", "/v1/roles?context=IAM");
  assert.deepEqual(
    ofIam.body.data.map((role: { name: string }) => role.name),
    [
      "administrator",
      "auditor",
      "developer",
      "role_manager",
      "support_staff",
      "user",
      "user_manager",
    ],
  );
  const second = await ask(admin, "GET", "/v1/roles?limit=12&skip=24");
  assert.equal(second.body.data.length, 6);
  assert.deepEqual(second.body.pagination, { page: 3, limit: 12, total: 30, pages: 3 });
});

test("a made role holds permissions of its own context and works when it is changed", async () => {
  const role = { context: "iam", name: "clerk", permissions: ["access_support"] };
  const made = await ask(admin, "POST", "/v1/roles", { body: role });
  assert.equal(made.status, 201);
  const { created_at: createdAt, updated_at: updatedAt, ...rest } = made.body.data;
  assert.deepEqual(rest, { ...role, built_in: false, version: 1 });
  assert.ok(Date.parse(createdAt) > 0 && Date.parse(updatedAt) > 0);
  assert.equal(
    (await ask(admin, "POST", "/v1/roles", { body: role })).body.error_code,
    "role_exists",
  );

  const clerk = await iam.provision();
  await ask(admin, "POST", "/v1/roles/iam/clerk/users", { body: { user_ids: [clerk] } });
  assert.equal((await ask(clerk, "GET", "/v1/users")).status, 403);
  const body = { permissions: ["access_support", "manage_users"], version: 1 };
  const changed = await ask(admin, "PATCH", "/v1/roles/IAM/clerk", { body });
  assert.equal(changed.body.data.version, 2);
  assert.equal((await ask(clerk, "GET", "/v1/users")).status, 200);
  const stale = await ask(admin, "PATCH", "/v1/roles/iam/clerk", { body });
  assert.equal(stale.body.error_code, "version_conflict");
});

test("permissions of another context, reserved names and built-in roles are refused", async () => {
  const role = { context: "iam", name: "cook", permissions: ["manage_meals"] };
  const foreign = await ask(admin, "POST", "/v1/roles", { body: role });
  assert.equal(foreign.status, 422);
  assert.equal(foreign.body.errors[0].path, "/body/permissions/0");
  const reserved = { ...role, name: "superuser", permissions: [] };
  const answer = await ask(admin, "POST", "/v1/roles", { body: reserved });
  assert.equal(answer.status, 422);
  assert.equal(answer.body.errors[0].path, "/body/name");
  const path = "/v1/roles/iam/user";
  const change = await ask(admin, "PATCH", path, { body: { permissions: ["manage_roles"] } });
  assert.equal(change.status, 409);
  assert.equal(change.body.error_code, "role_built_in");
  const wrong = await ask(admin, "PATCH", path, { body: { permissions: ["manage_meals"] } });
  assert.equal(wrong.status, 422);
  const unknown = await ask(admin, "PATCH", "/v1/roles/iam/no_one", { body: { permissions: [] } });
  assert.equal(unknown.status, 404);
});

test("a role is given to many users at once", async () => {
  const [first, second, absent] = [await iam.provision(), await iam.provision(), newId()];
  const path = "/v1/roles/recipes_catalog/meal_manager/users";
  const spelt = first.toUpperCase();
  const given = await ask(admin, "POST", path, { body: { user_ids: [spelt, second, absent] } });
  assert.equal(given.status, 200);
  assert.deepEqual(new Set(given.body.data.assigned), new Set([first, second]));
  assert.deepEqual(given.body.data.unknown, [absent]);
  const again = await ask(admin, "POST", path, { body: { user_ids: [first] } });
  assert.deepEqual(again.body.data, { assigned: [], unchanged: [first], unknown: [] });
  const unknown = await ask(admin, "POST", "/v1/roles/iam/no_one/users", {
    body: { user_ids: [first] },
  });
  assert.equal(unknown.body.error_code, "role_unknown");
  const none = await ask(admin, "POST", path, { body: { user_ids: [] } });
  assert.equal(none.status, 422);
});
