import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { withDatabase } from "../../support/database.ts";
import { openIam, OTHER_TENANT, OWN_ISSUER, TENANT } from "./support.ts";

const { database, drop } = await withDatabase();
after(drop);
const iam = openIam(database);
beforeEach(() => void iam.bumped.splice(0));

const role = { tenantId: TENANT, context: "recipes_catalog" } as const;

test("a tenant's own role is assignable in the tenant and nowhere else", async () => {
  await iam.roles.create({ ...role, name: "menu_writer", permissions: ["manage_menus"] });
  const userId = await iam.provision();
  await iam.users.assignRole({ ...role, name: "menu_writer", userId });
  const grants = await iam.loadRoles({ issuer: OWN_ISSUER, subject: userId });
  assert.ok(grants?.permissions.recipes_catalog?.includes("manage_menus"));
  const stranger = await iam.provision({ tenantId: OTHER_TENANT });
  await assert.rejects(
    iam.users.assignRole({
      ...role,
      tenantId: OTHER_TENANT,
      name: "menu_writer",
      userId: stranger,
    }),
    { code: "role_unknown" },
  );
  const { roles } = await iam.roles.list({
    tenantId: OTHER_TENANT,
    context: "recipes_catalog",
    skip: 0,
    limit: 100,
  });
  assert.ok(roles.length > 0 && roles.every((listed) => listed.name !== "menu_writer"));
});

test("changing a role works on the next load and bumps the role catalogue", async () => {
  const name = "menu_reader";
  await iam.roles.create({ ...role, name, permissions: ["manage_menus"] });
  const userId = await iam.provision();
  await iam.users.assignRole({ ...role, name, userId });
  iam.bumped.splice(0);
  const changed = await iam.roles.change({
    ...role,
    name,
    permissions: ["view_audit_log"],
    version: 1,
  });
  assert.equal(changed.version, 2);
  assert.deepEqual(iam.bumped, [{ kind: "roles" }]);
  const grants = await iam.loadRoles({ issuer: OWN_ISSUER, subject: userId });
  assert.deepEqual(grants?.permissions.recipes_catalog, [
    "view_audit_log",
    "access_basic_features",
  ]);
  await assert.rejects(iam.roles.change({ ...role, name, permissions: [], version: 1 }), {
    code: "version_conflict",
  });
});

test("built-in roles are not changed, shadowed or made twice", async () => {
  await assert.rejects(
    iam.roles.change({
      tenantId: TENANT,
      context: "iam",
      name: "user",
      permissions: ["manage_roles"],
      version: undefined,
    }),
    { code: "role_built_in", status: 409 },
  );
  const exists = { code: "role_exists", status: 409 };
  await assert.rejects(iam.roles.create({ ...role, name: "user", permissions: [] }), exists);
  await iam.roles.create({ ...role, name: "made_once", permissions: [] });
  await assert.rejects(iam.roles.create({ ...role, name: "made_once", permissions: [] }), exists);
  await iam.roles.create({ ...role, tenantId: OTHER_TENANT, name: "made_once", permissions: [] });
});

test("a role of another tenant does not exist", async () => {
  await iam.roles.create({ ...role, name: "private_role", permissions: [] });
  await assert.rejects(
    iam.roles.change({
      ...role,
      tenantId: OTHER_TENANT,
      name: "private_role",
      permissions: [],
      version: undefined,
    }),
    { code: "not_found" },
  );
});

test("pages of roles are in a stable order, without repetition, with the true total", async () => {
  const tenantId = newId();
  const names: string[] = [];
  for (let skip = 0; skip < 60; skip += 7) {
    const { roles, total } = await iam.roles.list({ tenantId, context: undefined, skip, limit: 7 });
    assert.equal(total, 30);
    names.push(...roles.map((listed) => `${listed.context} ${listed.name}`));
  }
  assert.equal(names.length, 30);
  assert.deepEqual(names, [...new Set(names)].toSorted());
});
