import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { withDatabase } from "../../support/database.ts";
import { FOREIGN_ISSUER, OTHER_TENANT, OWN_ISSUER, serveIam, TENANT } from "./support.ts";

const { database, drop } = await withDatabase();
const iam = await serveIam(database);
after(async () => {
  iam.close();
  await drop();
});
const { ask } = iam;

/** A user with roles of context iam. */
async function userWith(...names: string[]): Promise<string> {
  const userId = await iam.provision();
  for (const name of names) {
    await iam.users.assignRole({ userId, tenantId: TENANT, context: "iam", name });
  }
  return userId;
}

const admin = await userWith("administrator");
const nobody = await userWith();
const auditorRole = { role: { context: "iam", name: "auditor" } };

function refused(answer: { status: number; type: string | null; body: any }, status: number) {
  assert.equal(answer.status, status);
  assert.match(answer.type ?? "", /^application\/problem\+json/);
  return answer.body.error_code as string;
}

test("each operation needs its own permission", async () => {
  const userManager = await userWith("user_manager");
  const roleManager = await userWith("role_manager");
  const target = await iam.provision();
  const operations = [
    ["POST", "/v1/users", "users", { user_id: newId() }],
    ["GET", "/v1/users", "users"],
    ["DELETE", `/v1/users/${await iam.provision()}`, "users"],
    [
      "POST",
      `/v1/users/${target}/roles`,
      "roles",
      { role: { context: "iam", name: "role_manager" } },
    ],
    ["DELETE", `/v1/users/${target}/roles/iam/role_manager`, "roles"],
    ["GET", "/v1/roles", "roles"],
    ["POST", "/v1/roles", "roles", { context: "iam", name: "my_role", permissions: [] }],
    ["PATCH", "/v1/roles/iam/my_role", "roles", { permissions: [] }],
    ["POST", "/v1/roles/iam/my_role/users", "roles", { user_ids: [target] }],
  ] as const;
  for (const [method, path, kind, body] of operations) {
    const options = body === undefined ? {} : { body };
    const others = kind === "users" ? [nobody, roleManager] : [nobody, userManager];
    for (const token of others) {
      const answer = await ask(token, method, path, options);
      assert.equal(refused(answer, 403), "permission_denied", `${method} ${path}`);
    }
    const anonymous = await ask("", method, path, options);
    assert.equal(anonymous.status, 401, `${method} ${path}`);
    const good = await ask(kind === "users" ? userManager : roleManager, method, path, options);
    assert.ok(good.status < 300, `${method} ${path} ${good.status} ${JSON.stringify(good.body)}`);
  }
});

test("a created user answers with id and version, and once only", async () => {
  const userId = newId();
  const made = await ask(admin, "POST", "/v1/users", { body: { user_id: userId } });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get("location"), `/v1/users/${userId}`);
  assert.deepEqual(made.body, {
    data: { message: "User created successfully", id: userId, version: 1 },
  });
  const again = await ask(admin, "POST", "/v1/users", { body: { user_id: userId } });
  assert.equal(refused(again, 409), "user_exists");
  const found = await ask(admin, "GET", `/v1/users/${userId}`);
  // The first configured foreign issuer is meant when none is named.
  assert.equal(found.body.data.issuer, FOREIGN_ISSUER);
  const own = { user_id: userId, issuer: OWN_ISSUER };
  assert.equal(refused(await ask(admin, "POST", "/v1/users", { body: own }), 409), "user_exists");
});

test("any spelling of a user id is read, and answered dashed in lower case", async () => {
  const userId = newId();
  const spelt = `{${userId.toUpperCase()}}`;
  const body = { user_id: spelt, issuer: OWN_ISSUER };
  const made = await ask(admin, "POST", "/v1/users", { body });
  assert.equal(made.body.data.id, userId);
  const found = await ask(admin, "GET", `/v1/users/${userId.replaceAll("-", "")}/`);
  assert.equal(found.body.data.id, userId);
});

test("bad bodies, paths and queries are 422 with the place of the fault", async () => {
  const path = `/v1/users/${nobody}/roles`;
  const cases = [
    ["POST", "/v1/users", { user_id: "4711", issuer: OWN_ISSUER }, "/body/user_id"],
    ["POST", "/v1/users", { user_id: "" }, "/body/user_id"],
    ["POST", "/v1/users", { user_id: "a\u0001b" }, "/body/user_id"],
    ["POST", "/v1/users", { user_id: "a".repeat(256) }, "/body/user_id"],
    ["POST", "/v1/users", {}, "/body/user_id"],
    ["POST", "/v1/users", { user_id: newId(), extra: 1 }, "/body/extra"],
    ["POST", "/v1/users", { user_id: newId(), issuer: "https://evil.example" }, "/body/issuer"],
    ["GET", "/v1/users/4711", undefined, "/path/user_id"],
    ["DELETE", `/v1/users/${nobody}/roles/nowhere/user`, undefined, "/path/context"],
    ["POST", path, { role: { context: "iam" } }, "/body/role/name"],
    ["POST", path, { role: { context: "iam", name: "Auditor" } }, "/body/role/name"],
    ["POST", path, { role: { context: "Iam", name: "auditor" } }, "/body/role/context"],
    [
      "POST",
      path,
      { role: { ...auditorRole.role, permissions: ["view_audit_log", "manage_meals"] } },
      "/body/role/permissions/1",
    ],
    ["GET", "/v1/users?skip=-1", undefined, "/query/skip"],
    ["GET", "/v1/users?limit=0", undefined, "/query/limit"],
    ["GET", "/v1/users?limit=ten", undefined, "/query/limit"],
    ["GET", "/v1/users?sort=email", undefined, "/query/sort"],
    ["GET", "/v1/users?colour=red", undefined, "/query/colour"],
  ] as const;
  for (const [method, where, body, pointer] of cases) {
    const answer = await ask(admin, method, where, body === undefined ? {} : { body });
    assert.equal(refused(answer, 422), "validation_failed", `${method} ${where}`);
    const pointers = answer.body.errors.map((fault: { path: string }) => fault.path);
    assert.ok(pointers.includes(pointer), `${method} ${where}: ${pointers}`);
  }
});

test("an assigned role counts on the next request, a removed one no longer does", async () => {
  const userId = await iam.provision();
  assert.equal((await ask(userId, "GET", "/v1/roles")).status, 403);
  const role = { name: "role_manager", context: "IAM", permissions: ["manage_roles"] };
  const given = await ask(admin, "POST", `/v1/users/${userId}/roles`, {
    body: { user_id: newId(), role },
  });
  assert.equal(given.status, 200);
  assert.deepEqual(given.body, {
    data: { message: "Role assigned successfully", id: userId, version: 2 },
  });
  assert.equal((await ask(userId, "GET", "/v1/roles")).status, 200);
  const path = `/v1/users/${userId}/roles/IAM/role_manager`;
  const taken = await ask(admin, "DELETE", path);
  assert.deepEqual(taken.body.data, {
    message: "Role removed successfully",
    id: userId,
    version: 3,
  });
  assert.equal((await ask(userId, "GET", "/v1/roles")).status, 403);
  assert.equal(refused(await ask(admin, "DELETE", path), 404), "not_found");
});

test("a role of another context holds that context's permissions and loads", async () => {
  const userId = await iam.provision();
  const role = { name: "product_manager", context: "products_catalog" };
  const body = { role: { ...role, permissions: ["manage_products"] } };
  assert.equal((await ask(admin, "POST", `/v1/users/${userId}/roles`, { body })).status, 200);
  const found = await ask(userId, "GET", `/v1/users/${userId}`);
  assert.deepEqual(
    found.body.data.roles.find((held: { name: string }) => held.name === "product_manager"),
    {
      context: "products_catalog",
      name: "product_manager",
      permissions: ["manage_products"],
      expires_at: null,
    },
  );
});

test("an unknown role is 422, an unknown user 404", async () => {
  const body = { role: { context: "iam", name: "superhero" } };
  const unknownRole = await ask(admin, "POST", `/v1/users/${nobody}/roles`, { body });
  assert.equal(refused(unknownRole, 422), "role_unknown");
  const unknownUser = await ask(admin, "POST", `/v1/users/${newId()}/roles`, { body: auditorRole });
  assert.equal(refused(unknownUser, 404), "not_found");
});

test("a version that is not the present one is a conflict, in the body or in If-Match", async () => {
  const userId = await iam.provision();
  const path = `/v1/users/${userId}/roles`;
  const found = await ask(admin, "GET", `/v1/users/${userId}`);
  assert.equal(found.headers.get("etag"), `"1"`);
  const stale = await ask(admin, "POST", path, { body: { ...auditorRole, version: 9 } });
  assert.equal(refused(stale, 409), "version_conflict");
  const headers = { "if-match": `"9"` };
  const stale2 = await ask(admin, "POST", path, { body: auditorRole, headers });
  assert.equal(refused(stale2, 409), "version_conflict");
  const malformed = { "if-match": "nine" };
  assert.equal(
    (await ask(admin, "DELETE", `/v1/users/${userId}`, { headers: malformed })).status,
    422,
  );
  const good = await ask(admin, "POST", path, {
    body: auditorRole,
    headers: { "if-match": `"1"` },
  });
  assert.equal(good.body.data.version, 2);
  const late = await ask(admin, "DELETE", `/v1/users/${userId}`, {
    headers: { "if-match": `"1"` },
  });
  assert.equal(refused(late, 409), "version_conflict");
});

test("everybody reads himself; others only with a managing permission of iam", async () => {
  const own = await ask(nobody, "GET", `/v1/users/${nobody}`);
  assert.equal(own.status, 200);
  assert.deepEqual(Object.keys(own.body.data).toSorted(), [
    "created_at",
    "discarded",
    "id",
    "issuer",
    "roles",
    "subject",
    "updated_at",
    "version",
  ]);
  // The same answer for somebody who exists and for somebody who does not.
  for (const userId of [admin, newId()]) {
    assert.equal(
      refused(await ask(nobody, "GET", `/v1/users/${userId}`), 403),
      "permission_denied",
    );
  }
  assert.equal(
    (await ask(await userWith("role_manager"), "GET", `/v1/users/${nobody}`)).status,
    200,
  );
});

test("administrators of one tenant see and change nobody of another", async () => {
  const stranger = await iam.provision({ tenantId: OTHER_TENANT });
  assert.equal((await ask(admin, "GET", `/v1/users/${stranger}`)).status, 404);
  const path = `/v1/users/${stranger}/roles`;
  assert.equal((await ask(admin, "POST", path, { body: auditorRole })).status, 404);
  assert.equal((await ask(admin, "DELETE", `${path}/iam/user`)).status, 404);
  assert.equal((await ask(admin, "DELETE", `/v1/users/${stranger}`)).status, 404);
  const listed = await ask(admin, "GET", `/v1/users?subject=${stranger}`);
  assert.deepEqual(listed.body, {
    data: [],
    pagination: { page: 1, limit: 100, total: 0, pages: 0 },
  });
});

test("a discarded user is refused from the next request on and is listed only on demand", async () => {
  const userId = await iam.provision();
  assert.equal((await ask(userId, "GET", `/v1/users/${userId}`)).status, 200);
  assert.equal((await ask(admin, "DELETE", `/v1/users/${userId}`)).status, 204);
  assert.equal((await ask(userId, "GET", `/v1/users/${userId}`)).status, 403);
  assert.equal((await ask(admin, "GET", `/v1/users/${userId}`)).status, 404);
  assert.equal((await ask(admin, "GET", `/v1/users?subject=${userId}`)).body.pagination.total, 0);
  const listed = await ask(admin, "GET", `/v1/users?subject=${userId}&discarded=true`);
  assert.equal(listed.body.data[0].discarded, true);
  assert.equal((await ask(admin, "DELETE", `/v1/users/${userId}`)).status, 404);
});

test("the last administrator cannot be removed through the API", async () => {
  const tenantId = newId();
  const userId = await iam.provision({ tenantId });
  const role = { context: "iam", name: "administrator" } as const;
  await iam.users.assignRole({ userId, tenantId, ...role });
  const removed = await ask(userId, "DELETE", `/v1/users/${userId}/roles/iam/administrator`);
  assert.equal(refused(removed, 409), "last_administrator");
  const discarded = await ask(userId, "DELETE", `/v1/users/${userId}`);
  assert.equal(refused(discarded, 409), "last_administrator");
});
