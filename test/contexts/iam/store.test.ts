import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { createIssuerNames, createLoadRoles } from "../../../src/contexts/iam/store.ts";
import { CONTEXTS } from "../../../src/http/principal.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { FOREIGN_ISSUER, openIam, OTHER_TENANT, OWN_ISSUER, TENANT } from "./support.ts";

const { database, drop } = await withDatabase();
after(drop);
const iam = openIam(database);

test("a new user holds the role user in every context", async () => {
  const userId = await iam.provision();
  const grants = await iam.loadRoles({ issuer: OWN_ISSUER, subject: userId });
  assert.deepEqual(grants, {
    userId,
    tenantId: TENANT,
    roles: Object.fromEntries(CONTEXTS.map((context) => [context, ["user"]])),
    permissions: Object.fromEntries(
      CONTEXTS.map((context) => [context, ["access_basic_features"]]),
    ),
  });
});

test("permissions are the union over a user's roles of one context, without repetition", async () => {
  const userId = await iam.provision();
  const change = { userId, tenantId: TENANT, context: "recipes_catalog" } as const;
  await iam.users.assignRole({ ...change, name: "administrator" });
  await iam.users.assignRole({ ...change, name: "meal_manager" });
  const grants = await iam.loadRoles({ issuer: OWN_ISSUER, subject: userId });
  assert.deepEqual(grants?.roles.recipes_catalog, ["administrator", "meal_manager", "user"]);
  assert.deepEqual(grants?.permissions.recipes_catalog, [
    "manage_users",
    "manage_recipes",
    "manage_meals",
    "manage_menus",
    "manage_clients",
    "view_audit_log",
    "access_basic_features",
  ]);
  assert.deepEqual(grants?.permissions.products_catalog, ["access_basic_features"]);
});

test("what is loaded is deeply frozen", async () => {
  const userId = await iam.provision();
  const grants = (await iam.loadRoles({ issuer: OWN_ISSUER, subject: userId }))!;
  for (const part of [grants, grants.roles, grants.roles.iam, grants.permissions.iam]) {
    assert.ok(Object.isFrozen(part));
  }
});

test("an unknown identity is nobody", async () => {
  assert.equal(await iam.loadRoles({ issuer: OWN_ISSUER, subject: newId() }), undefined);
  assert.equal(await iam.loadRoles({ issuer: OWN_ISSUER, subject: "x'; --" }), undefined);
});

test("a discarded user is nobody", async () => {
  const userId = await iam.provision();
  await iam.users.discard({ userId, tenantId: TENANT });
  assert.equal(await iam.loadRoles({ issuer: OWN_ISSUER, subject: userId }), undefined);
});

test("the same subject of two issuers is two people", async () => {
  const userId = await iam.provision();
  assert.equal(await iam.loadRoles({ issuer: FOREIGN_ISSUER, subject: userId }), undefined);
  const { id } = await iam.users.create({
    issuer: FOREIGN_ISSUER,
    subject: userId,
    tenantId: OTHER_TENANT,
  });
  assert.notEqual(id, userId);
  const foreign = await iam.loadRoles({ issuer: FOREIGN_ISSUER, subject: userId });
  assert.equal(foreign?.userId, id);
  assert.equal(foreign?.tenantId, OTHER_TENANT);
  const own = await iam.loadRoles({ issuer: OWN_ISSUER, subject: userId });
  assert.equal(own?.userId, userId);
});

test("users of our own issuer survive a change of its address", async () => {
  const userId = await iam.provision();
  const moved = createIssuerNames("https://elsewhere.example");
  const loadRoles = createLoadRoles(database, moved);
  const grants = await loadRoles({ issuer: "https://elsewhere.example", subject: userId });
  assert.equal(grants?.userId, userId);
});

test("an issuer that calls itself by our stored name reaches nobody", async () => {
  const userId = await iam.provision();
  assert.equal(await iam.loadRoles({ issuer: "local", subject: userId }), undefined);
});

test("provisioning an identity twice is refused as user_exists and leaves nothing behind", async () => {
  const userId = await iam.provision();
  await assert.rejects(iam.provision({ userId }), { code: "user_exists", status: 409 });
  const { rows } = await database.query(sql`SELECT 1 FROM iam.users WHERE id = ${userId}`);
  assert.equal(rows.length, 1);
});

test("without a cache the catalogue is read with each user", async () => {
  const userId = await iam.provision();
  let reads = 0;
  const counting = createLoadRoles(
    {
      ...database,
      read: (statement) => {
        reads += 1;
        return database.read(statement);
      },
    },
    createIssuerNames(OWN_ISSUER),
  );
  await counting({ issuer: OWN_ISSUER, subject: userId });
  await counting({ issuer: OWN_ISSUER, subject: userId });
  assert.equal(reads, 4);
});
