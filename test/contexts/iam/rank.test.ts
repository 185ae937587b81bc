import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { openIam, serveIam, TENANT } from "./support.ts";

const { database, drop } = await withDatabase();
const iam = await serveIam(database);
after(async () => {
  iam.close();
  await drop();
});
const { ask } = iam;

/** A user with these roles, as `context:name`. */
async function userWith(...roles: string[]): Promise<string> {
  const userId = await iam.provision();
  for (const role of roles) {
    const [context, name] = role.split(":") as ["iam", string];
    await iam.users.assignRole({ userId, tenantId: TENANT, context, name });
  }
  return userId;
}

const admin = await userWith("iam:administrator");
const manager = await userWith("iam:role_manager", "recipes_catalog:menu_manager");

function assertDenied(answer: { status: number; body: any }): void {
  assert.equal(answer.status, 403, JSON.stringify(answer.body));
  assert.equal(answer.body.error_code, "permission_denied");
}

const give = (by: string, userId: string, context: string, name: string) =>
  ask(by, "POST", `/v1/users/${userId}/roles`, { body: { role: { context, name } } });

async function rolesOf(userId: string): Promise<string[]> {
  const { body } = await ask(admin, "GET", `/v1/users/${userId}`);
  return body.data.roles.map((role: any) => `${role.context}:${role.name}`);
}

test("who manages roles gives those whose permissions he holds, to himself as to others", async () => {
  const userId = await iam.provision();
  assert.equal((await give(manager, userId, "recipes_catalog", "menu_manager")).status, 200);
  assert.equal((await give(manager, userId, "iam", "role_manager")).status, 200);
  for (const target of [userId, manager]) {
    for (const [context, name] of [
      ["iam", "administrator"],
      ["iam", "auditor"],
      ["recipes_catalog", "administrator"],
      ["products_catalog", "product_manager"],
    ] as const) {
      assertDenied(await give(manager, target, context, name));
    }
  }
  assert.ok(!(await rolesOf(manager)).includes("iam:administrator"));
});

test("nor are they given to many at once", async () => {
  const userId = await iam.provision();
  const body = { user_ids: [userId, manager] };
  assertDenied(await ask(manager, "POST", "/v1/roles/iam/administrator/users", { body }));
  const path = "/v1/roles/recipes_catalog/menu_manager/users";
  assert.equal((await ask(manager, "POST", path, { body })).status, 200);
});

test("a role is not taken by whoever could not give it", async () => {
  const other = await userWith("iam:auditor", "recipes_catalog:menu_manager");
  assertDenied(await ask(manager, "DELETE", `/v1/users/${other}/roles/iam/auditor`));
  assert.ok((await rolesOf(other)).includes("iam:auditor"));
  const path = `/v1/users/${other}/roles/recipes_catalog/menu_manager`;
  assert.equal((await ask(manager, "DELETE", path)).status, 200);
});

test("a role is made and changed only by permissions that the caller holds", async () => {
  const role = { context: "recipes_catalog", name: "menus_only" };
  const path = "/v1/roles/recipes_catalog/menus_only";
  const make = (permissions: string[]) =>
    ask(manager, "POST", "/v1/roles", { body: { ...role, permissions } });
  const change = (by: string, permissions: string[]) =>
    ask(by, "PATCH", path, { body: { permissions } });
  assertDenied(await make(["manage_menus", "manage_clients"]));
  assert.equal((await make(["manage_menus"])).status, 201);
  assertDenied(await change(manager, ["manage_menus", "manage_clients"]));
  assert.equal((await change(admin, ["manage_clients", "manage_menus"])).status, 200);
  // What he lacks he neither gives nor takes; what stays as it was is no matter of his.
  assertDenied(await change(manager, ["manage_menus"]));
  assert.equal((await change(manager, ["manage_clients"])).status, 200);
  assert.equal((await change(manager, ["manage_clients", "access_basic_features"])).status, 200);
});

test("an administrator of iam gives every role", async () => {
  const userId = await iam.provision();
  const { body } = await ask(admin, "GET", "/v1/roles");
  for (const { context, name } of body.data) {
    assert.equal((await give(admin, userId, context, name)).status, 200, `${context}:${name}`);
  }
  assert.equal((await rolesOf(userId)).length, body.data.length);
});

test("nobody sends away who may do what he may not", async () => {
  const clerk = await userWith("iam:user_manager");
  for (const role of ["iam:administrator", "iam:role_manager", "recipes_catalog:client_manager"]) {
    const target = await userWith(role);
    assertDenied(await ask(clerk, "DELETE", `/v1/users/${target}`));
    assert.equal((await ask(target, "GET", `/v1/users/${target}`)).status, 200);
    assert.equal((await ask(admin, "DELETE", `/v1/users/${target}`)).status, 204);
  }
  const colleague = await userWith("iam:user_manager");
  assert.equal((await ask(clerk, "DELETE", `/v1/users/${colleague}`)).status, 204);
});

test("the operator on the command line stands above every rank", async () => {
  const userId = await iam.provision();
  const by = { actor: "cli" };
  const role = { userId, tenantId: TENANT, context: "iam", name: "administrator", by } as const;
  await iam.users.assignRole(role);
  await iam.users.removeRole(role);
  const [event] = await events({ subject: userId });
  assert.deepEqual([event.action, event.actor], ["role.remove", "cli"]);
});

/** Of the audit log, newest first. */
async function events(filter: { subject?: string; actor?: string }): Promise<any[]> {
  const { rows } = await database.query(sql`
    SELECT action, actor, subject, tenant_id, reason, request_id, network FROM auth.audit_log
     WHERE subject = coalesce(${filter.subject ?? null}, subject)
       AND actor = coalesce(${filter.actor ?? null}, actor)
     ORDER BY number DESC`);
  return rows;
}

test("every change of a user and of a role is in the audit log, with who asked and where", async () => {
  const boss = await userWith("iam:administrator");
  const name = "recorded_role";
  const userId = newId();
  const role = { context: "recipes_catalog", name };
  const steps = [
    ["POST", "/v1/users", { user_id: userId }, "user.create", null],
    [
      "POST",
      "/v1/roles",
      { ...role, permissions: ["manage_meals", "manage_menus"] },
      "role.create",
      `recipes_catalog:${name} manage_meals manage_menus`,
    ],
    [
      "PATCH",
      `/v1/roles/recipes_catalog/${name}`,
      { permissions: ["manage_meals"] },
      "role.change",
      `recipes_catalog:${name} manage_meals`,
    ],
    ["POST", `/v1/users/${userId}/roles`, { role }, "role.assign", `recipes_catalog:${name}`],
    [
      "POST",
      "/v1/roles/iam/auditor/users",
      { user_ids: [userId], expires_at: "2999-01-02T03:04:05Z" },
      "role.assign",
      "iam:auditor until 2999-01-02T03:04:05.000Z",
    ],
    [
      "DELETE",
      `/v1/users/${userId}/roles/recipes_catalog/${name}`,
      undefined,
      "role.remove",
      `recipes_catalog:${name}`,
    ],
    ["DELETE", `/v1/users/${userId}`, undefined, "user.discard", null],
  ] as const;
  for (const [method, path, body, action, reason] of steps) {
    const headers = { "x-request-id": newId() };
    const answer = await ask(
      boss,
      method,
      path,
      body === undefined ? { headers } : { body, headers },
    );
    assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    const { rows } = await database.query(sql`
      SELECT action, actor, subject, tenant_id, reason, network FROM auth.audit_log
       WHERE request_id = ${headers["x-request-id"]}`);
    assert.deepEqual(rows, [
      {
        action,
        actor: boss,
        subject: path.startsWith("/v1/roles") && !path.endsWith("/users") ? null : userId,
        tenant_id: TENANT,
        reason,
        network: "127.0.0.0/24",
      },
    ]);
  }
});

test("a refused change and one that changes nothing leave no event", async () => {
  const userId = await iam.provision();
  await give(manager, userId, "iam", "administrator");
  await give(admin, userId, "iam", "no_such_role");
  await give(admin, userId, "iam", "user");
  await ask(admin, "DELETE", `/v1/users/${userId}/roles/iam/auditor`);
  assert.deepEqual(await events({ subject: userId }), []);
});

test("when the event cannot be written, nothing is changed", async () => {
  const failing = openIam(database, undefined, () => Promise.reject(new Error("no room")));
  const userId = await failing.provision();
  const role = { userId, tenantId: TENANT, context: "iam", name: "auditor" } as const;
  await assert.rejects(failing.users.assignRole(role), /no room/);
  assert.ok(!(await rolesOf(userId)).includes("iam:auditor"));
  const made = { tenantId: TENANT, context: "iam", name: "unrecorded", permissions: [] } as const;
  await assert.rejects(failing.roles.create(made), /no room/);
  assert.equal(await failing.roles.find(made), undefined);
});
