import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { FOREIGN_ISSUER, openIam, OTHER_TENANT, OWN_ISSUER, TENANT } from "./support.ts";

const { database, drop } = await withDatabase({ connections: 12 });
after(drop);
const iam = openIam(database);
beforeEach(() => void iam.bumped.splice(0));

const administrator = { tenantId: TENANT, context: "iam", name: "administrator" } as const;
const products = {
  tenantId: TENANT,
  context: "products_catalog",
  name: "product_manager",
} as const;

async function logged(): Promise<unknown[]> {
  const { rows } = await database.query<{ keys: unknown[] }>(
    sql`SELECT keys FROM auth.invalidation_log ORDER BY number`,
  );
  return rows.flatMap((row) => row.keys);
}

async function administrators(tenantId: string): Promise<number> {
  const { total } = await iam.users.list({
    tenantId,
    roleContext: "iam",
    roleName: "administrator",
    skip: 0,
    limit: 1,
  });
  return total;
}

test("assigning a role raises the version, logs the identity and bumps it here", async () => {
  const userId = await iam.provision();
  const before = (await logged()).length;
  const changed = await iam.users.assignRole({ ...products, userId });
  assert.deepEqual(changed, { id: userId, version: 2 });
  const key = { kind: "identity", issuer: OWN_ISSUER, subject: userId };
  assert.deepEqual(iam.bumped, [key]);
  assert.equal((await logged()).length, before + 1);
  const grants = await iam.loadRoles({ issuer: OWN_ISSUER, subject: userId });
  assert.ok(grants?.permissions.products_catalog?.includes("manage_products"));
});

test("assigning a role twice changes nothing and wakes nobody", async () => {
  const userId = await iam.provision();
  await iam.users.assignRole({ ...products, userId });
  iam.bumped.splice(0);
  const entries = (await logged()).length;
  assert.deepEqual(await iam.users.assignRole({ ...products, userId }), { id: userId, version: 2 });
  assert.deepEqual(iam.bumped, []);
  assert.equal((await logged()).length, entries);
});

test("removing a role takes its permissions and bumps the identity", async () => {
  const userId = await iam.provision();
  await iam.users.assignRole({ ...products, userId });
  iam.bumped.splice(0);
  await iam.users.removeRole({ ...products, userId });
  assert.equal(iam.bumped.length, 1);
  const grants = await iam.loadRoles({ issuer: OWN_ISSUER, subject: userId });
  assert.deepEqual(grants?.permissions.products_catalog, ["access_basic_features"]);
  await assert.rejects(iam.users.removeRole({ ...products, userId }), { code: "not_found" });
});

test("a change of a foreign identity names the foreign issuer", async () => {
  const made = await iam.users.create({
    issuer: FOREIGN_ISSUER,
    subject: newId(),
    tenantId: TENANT,
  });
  iam.bumped.splice(0);
  await iam.users.assignRole({ ...products, userId: made.id });
  assert.deepEqual(
    iam.bumped.map((key) => "issuer" in key && key.issuer),
    [FOREIGN_ISSUER],
  );
});

test("unknown roles and unknown users are told apart", async () => {
  const userId = await iam.provision();
  await assert.rejects(iam.users.assignRole({ ...products, userId, name: "no_such_role" }), {
    code: "role_unknown",
    status: 422,
  });
  await assert.rejects(iam.users.assignRole({ ...products, userId: newId() }), {
    code: "not_found",
    status: 404,
  });
});

test("a stale version is a conflict and changes nothing", async () => {
  const userId = await iam.provision();
  await iam.users.assignRole({ ...products, userId, version: 1 });
  const stale = { userId, tenantId: TENANT, version: 1 };
  const conflict = { code: "version_conflict", status: 409 };
  await assert.rejects(iam.users.assignRole({ ...products, ...stale, name: "auditor" }), conflict);
  await assert.rejects(iam.users.removeRole({ ...products, ...stale }), conflict);
  await assert.rejects(iam.users.discard(stale), conflict);
  const user = await iam.users.find(userId, TENANT);
  assert.equal(user?.version, 2);
});

test("users of another tenant do not exist", async () => {
  const userId = await iam.provision({ tenantId: OTHER_TENANT });
  const missing = { code: "not_found", status: 404 };
  await assert.rejects(iam.users.assignRole({ ...products, userId }), missing);
  await assert.rejects(iam.users.removeRole({ ...products, name: "user", userId }), missing);
  await assert.rejects(iam.users.discard({ userId, tenantId: TENANT }), missing);
  assert.equal(await iam.users.find(userId, TENANT), undefined);
  const bulk = await iam.users.assignRoleToMany({ ...products, userIds: [userId] });
  assert.deepEqual(bulk, { assigned: [], unchanged: [], unknown: [userId] });
  const listed = await iam.users.list({ tenantId: TENANT, subject: userId, skip: 0, limit: 10 });
  assert.equal(listed.total, 0);
});

test("creating an identity that exists is refused", async () => {
  const userId = await iam.provision();
  const taken = { code: "user_exists", status: 409 };
  await assert.rejects(
    iam.users.create({ issuer: OWN_ISSUER, subject: userId, tenantId: TENANT }),
    taken,
  );
  const subject = newId();
  const made = await iam.users.create({ issuer: FOREIGN_ISSUER, subject, tenantId: TENANT });
  assert.equal(made.id, subject);
  await assert.rejects(
    iam.users.create({ issuer: FOREIGN_ISSUER, subject, tenantId: TENANT }),
    taken,
  );
});

test("the last administrator keeps the role and is not discarded", async () => {
  const tenantId = newId();
  const first = await iam.provision({ tenantId });
  const second = await iam.provision({ tenantId });
  const role = { ...administrator, tenantId };
  await iam.users.assignRole({ ...role, userId: first });
  const refused = { code: "last_administrator", status: 409 };
  await assert.rejects(iam.users.removeRole({ ...role, userId: first }), refused);
  await assert.rejects(iam.users.discard({ userId: first, tenantId }), refused);
  assert.equal(await administrators(tenantId), 1);
  // Somebody who is no administrator may always go.
  await iam.users.discard({ userId: second, tenantId });
  const third = await iam.provision({ tenantId });
  await iam.users.assignRole({ ...role, userId: third });
  await iam.users.removeRole({ ...role, userId: first });
  // A discarded administrator does not count.
  await iam.users.assignRole({ ...role, userId: first });
  await iam.users.discard({ userId: third, tenantId });
  await assert.rejects(iam.users.removeRole({ ...role, userId: first }), refused);
});

test("administrators who remove each other at the same moment leave one", async () => {
  for (let round = 0; round < 10; round++) {
    const tenantId = newId();
    const role = { ...administrator, tenantId };
    const userIds = await Promise.all([1, 2, 3, 4].map(() => iam.provision({ tenantId })));
    await iam.users.assignRoleToMany({ ...role, userIds });
    const outcomes = await Promise.allSettled(
      userIds.map((userId, index) =>
        index % 2 === 0
          ? iam.users.removeRole({ ...role, userId })
          : iam.users.discard({ userId, tenantId }),
      ),
    );
    assert.equal(outcomes.filter((outcome) => outcome.status === "rejected").length, 1);
    assert.equal(await administrators(tenantId), 1);
  }
});

test("bulk assignment names who got the role, who had it and who does not exist", async () => {
  const [held, fresh, absent] = [await iam.provision(), await iam.provision(), newId()];
  await iam.users.assignRole({ ...products, userId: held });
  iam.bumped.splice(0);
  const outcome = await iam.users.assignRoleToMany({
    ...products,
    userIds: [held, fresh, absent, fresh],
  });
  assert.deepEqual(outcome, { assigned: [fresh], unchanged: [held], unknown: [absent] });
  assert.deepEqual(
    iam.bumped.map((key) => "subject" in key && key.subject),
    [fresh],
  );
  const user = await iam.users.find(fresh, TENANT);
  assert.equal(user?.version, 2);
});

test("two bulk assignments of the same users in opposite order both succeed", async () => {
  const userIds = await Promise.all(Array.from({ length: 20 }, () => iam.provision()));
  const { tenantId } = products;
  await Promise.all([
    iam.users.assignRoleToMany({ tenantId, context: "iam", name: "auditor", userIds }),
    iam.users.assignRoleToMany({
      tenantId,
      context: "iam",
      name: "developer",
      userIds: userIds.toReversed(),
    }),
  ]);
  for (const userId of userIds) assert.equal((await iam.users.find(userId, TENANT))?.version, 3);
});
