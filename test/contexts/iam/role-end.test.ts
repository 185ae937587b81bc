import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { OWN_ISSUER, serveIam, TENANT } from "./support.ts";

const { database, drop } = await withDatabase({ connections: 12 });
const iam = await serveIam(database);
after(async () => {
  iam.close();
  await drop();
});
const { ask } = iam;
const admin = await iam.provision();
const administrator = { tenantId: TENANT, context: "iam", name: "administrator" } as const;
await iam.users.assignRole({ ...administrator, userId: admin });

const LATER = "2999-01-02T03:04:05.000Z";
const auditor = { context: "iam", name: "auditor" } as const;

const give = (userId: string, more: Record<string, unknown> = {}) =>
  ask(admin, "POST", `/v1/users/${userId}/roles`, { body: { role: auditor, ...more } });

async function endOf(userId: string): Promise<string | null | undefined> {
  const { body } = await ask(admin, "GET", `/v1/users/${userId}`);
  return body.data.roles.find((role: any) => role.name === "auditor")?.expires_at;
}

/** As time would do it. */
async function letEnd(userId: string, name = "auditor"): Promise<void> {
  await database.query(sql`
    UPDATE iam.user_role_association SET expires_at = now()
     WHERE user_id = ${userId} AND role_name = ${name} AND role_context = 'iam'`);
}

const grantsOf = (subject: string) => iam.loadRoles({ issuer: OWN_ISSUER, subject });

test("a role that was given for a while shows its end and counts until then", async () => {
  const userId = await iam.provision();
  assert.equal((await give(userId, { expires_at: "2999-01-02T00:04:05-03:00" })).status, 200);
  assert.equal(await endOf(userId), LATER);
  const grants = await grantsOf(userId);
  assert.ok(grants?.permissions.iam?.includes("view_audit_log"));
  assert.equal(grants?.until, Date.parse(LATER) / 1000);
  await letEnd(userId);
  const after = await grantsOf(userId);
  assert.deepEqual(after?.roles.iam, ["user"]);
  assert.ok(!after?.permissions.iam?.includes("view_audit_log"));
  assert.equal(after?.until, undefined);
  assert.equal(await endOf(userId), undefined);
});

test("a role that is over is not listed, not taken and may be given again", async () => {
  const userId = await iam.provision();
  await give(userId, { expires_at: LATER });
  const listed = async () => {
    const path = `/v1/users?role_context=iam&role_name=auditor&subject=${userId}`;
    return (await ask(admin, "GET", path)).body.pagination.total as number;
  };
  assert.equal(await listed(), 1);
  await letEnd(userId);
  assert.equal(await listed(), 0);
  const path = `/v1/users/${userId}/roles/iam/auditor`;
  assert.equal((await ask(admin, "DELETE", path)).status, 404);
  assert.equal((await give(userId)).body.data.version, 3);
  assert.equal(await endOf(userId), null);
});

test("giving a role again changes its end, and only a changed end is a change", async () => {
  const userId = await iam.provision();
  const versions: number[] = [];
  for (const expires_at of [LATER, LATER, "2999-01-03T00:00:00Z", null, undefined, LATER]) {
    const answer = await give(userId, expires_at === undefined ? {} : { expires_at });
    versions.push(answer.body.data.version);
  }
  assert.deepEqual(versions, [2, 2, 3, 4, 4, 5]);
  assert.equal(await endOf(userId), LATER);
});

test("an end that is over or no time is refused", async () => {
  const userId = await iam.provision();
  for (const expires_at of ["2001-01-01T00:00:00Z", "tomorrow", "", 17, "2999-02-30T00:00:00Z"]) {
    const answer = await give(userId, { expires_at });
    assert.equal(answer.status, 422, JSON.stringify(expires_at));
    assert.equal(answer.body.errors[0].path, "/body/expires_at");
    const body = { user_ids: [userId], expires_at };
    assert.equal((await ask(admin, "POST", "/v1/roles/iam/auditor/users", { body })).status, 422);
  }
});

test("an administrator for a while does not stand in for one who stays", async () => {
  const tenantId = newId();
  const role = { ...administrator, tenantId };
  const [first, second] = [await iam.provision({ tenantId }), await iam.provision({ tenantId })];
  const refused = { code: "last_administrator", status: 409 };
  const expiresAt = new Date(LATER);
  await iam.users.assignRole({ ...role, userId: first });
  await iam.users.assignRole({ ...role, userId: second, expiresAt });
  await assert.rejects(iam.users.removeRole({ ...role, userId: first }), refused);
  await assert.rejects(iam.users.discard({ userId: first, tenantId }), refused);
  await assert.rejects(iam.users.assignRole({ ...role, userId: first, expiresAt }), refused);
  const userIds = [first, second];
  await assert.rejects(iam.users.assignRoleToMany({ ...role, userIds, expiresAt }), refused);
  await iam.users.removeRole({ ...role, userId: second });
  await iam.users.assignRole({ ...role, userId: second });
  await iam.users.assignRole({ ...role, userId: first, expiresAt });
});

test("a role that ends is not written down as one that stays", async () => {
  const userId = await iam.provision();
  await give(userId, { expires_at: LATER });
  assert.ok(!(await iam.bulk.rolesOf([userId])).get(userId)?.includes("iam:auditor"));
  await give(userId);
  assert.ok((await iam.bulk.rolesOf([userId])).get(userId)?.includes("iam:auditor"));
});

test("of changes of one role at one moment those of a version seen before count once", async () => {
  const role = { tenantId: TENANT, context: "recipes_catalog", name: "changed_by_many" } as const;
  await iam.roles.create({ ...role, permissions: [] });
  const change = (permissions: string[], version?: number) =>
    iam.roles.change({ ...role, permissions, version });
  for (let version = 1; version < 6; version++) {
    const raced = await Promise.allSettled(
      Array.from({ length: 8 }, (_, at) => change(at % 2 ? ["manage_meals"] : [], version)),
    );
    const lost = raced.filter((outcome) => outcome.status === "rejected");
    assert.deepEqual(
      lost.map(({ reason }) => reason.code),
      Array.from({ length: 7 }, () => "version_conflict"),
    );
  }
  const both = await Promise.all([change(["manage_meals"]), change(["manage_menus"])]);
  assert.deepEqual(both.map(({ version }) => version).toSorted(), [7, 8]);
  const last = both.find(({ version }) => version === 8)!;
  assert.deepEqual((await iam.roles.find(role))?.permissions, last.permissions);
});

test("one of eight makes a role, a user, an assignment; the others are told", async () => {
  const eight = <T>(make: () => Promise<T>) => Promise.all(Array.from({ length: 8 }, () => make()));
  const subject = newId();
  const users = await eight(() => ask(admin, "POST", "/v1/users", { body: { user_id: subject } }));
  assert.deepEqual(users.map(({ status }) => status).toSorted(), [201, ...Array(7).fill(409)]);
  const body = { context: "iam", name: "made_by_eight", permissions: [] };
  const roles = await eight(() => ask(admin, "POST", "/v1/roles", { body }));
  assert.deepEqual(roles.map(({ status }) => status).toSorted(), [201, ...Array(7).fill(409)]);
  const given = await eight(() => give(subject));
  assert.deepEqual(
    given.map(({ status, body: { data } }) => [status, data.version]),
    Array.from({ length: 8 }, () => [200, 2]),
  );
  const taken = await eight(() => ask(admin, "DELETE", `/v1/users/${subject}/roles/iam/auditor`));
  assert.deepEqual(taken.map(({ status }) => status).toSorted(), [200, ...Array(7).fill(404)]);
});
