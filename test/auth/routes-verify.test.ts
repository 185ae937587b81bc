import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "./accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
let support: Awaited<ReturnType<typeof registerSomebody>>;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
  support = await registerSomebody(app);
  await give(support, "iam", "support_staff");
});
after(() => db.drop());

async function give(
  person: { user: Record<string, any> },
  context: "iam" | "products_catalog",
  name: string,
) {
  const userId = person.user["id"] as string;
  const [account] = await db.database.read<{ tenant_id: string }>({
    text: "SELECT tenant_id FROM auth.accounts WHERE id = $1",
    values: [userId],
  });
  await app.iam.users.assignRole({ userId, tenantId: account!.tenant_id, context, name });
}

const verify = (body: unknown, token = support.access_token) =>
  app.call("POST", "/auth/verify", { token, body });

test("a live token: claims, permissions, what is missing, and who it is", async () => {
  const ana = await registerSomebody(app, { username: "verified", name: "Ana" });
  await give(ana, "products_catalog", "product_manager");
  const answer = await verify({
    token: ana.access_token,
    required_permissions: ["products_catalog:manage_products", "iam:manage_users"],
  });
  assert.equal(answer.status, 200, answer.text);
  const { active, claims, permissions, missing_permissions, user_context } = answer.body;
  assert.equal(active, true);
  assert.equal(claims.sub, ana.user["id"]);
  assert.equal(claims.sid, ana.session["id"]);
  assert.equal(claims.iss, app.config.publicUrl);
  assert.ok(permissions.products_catalog.includes("manage_products"));
  assert.deepEqual(missing_permissions, ["iam:manage_users"]);
  assert.equal(user_context.user_id, ana.user["id"]);
  assert.equal(user_context.email, ana.email);
  assert.deepEqual(user_context.roles.products_catalog.toSorted(), ["product_manager", "user"]);
});

test("a role given or a session ended shows at the next question", async () => {
  const ana = await registerSomebody(app);
  const required_permissions = ["products_catalog:manage_products"];
  const ask = () => verify({ token: ana.access_token, required_permissions });
  assert.deepEqual((await ask()).body.missing_permissions, required_permissions);
  await give(ana, "products_catalog", "product_manager");
  assert.deepEqual((await ask()).body.missing_permissions, []);
  await app.call("POST", "/auth/logout", { token: ana.access_token });
  assert.deepEqual((await ask()).body, { active: false, error_code: "token_invalid" });
});

test("every token that is not good answers 200 and active false", async () => {
  const ana = await registerSomebody(app);
  for (const token of [
    "garbage",
    "a.b.c",
    ana.refresh_token,
    `${ana.access_token}x`,
    ana.access_token.replace(/^[^.]+/, Buffer.from('{"alg":"none"}').toString("base64url")),
  ]) {
    const answer = await verify({ token });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.body, { active: false, error_code: "token_invalid" });
  }
});

test("a service is not held to account for the forged tokens it asks about", async () => {
  const ana = await registerSomebody(app);
  const [head, payload] = ana.access_token.split(".");
  for (let i = 0; i < 70; i++) {
    const signature = Buffer.alloc(64, i + 1).toString("base64url");
    const answer = await verify({ token: `${head}.${payload}.${signature}` });
    assert.equal(answer.body.active, false, answer.text);
  }
  assert.equal((await verify({ token: ana.access_token })).body.active, true);
});

test("people without access_support may not ask, not even about themselves", async () => {
  const ana = await registerSomebody(app);
  const answer = await verify({ token: ana.access_token }, ana.access_token);
  assert.deepEqual([answer.status, answer.body.error_code], [403, "permission_denied"]);
});

test("permissions must be of a context we have", async () => {
  for (const required_permissions of [["manage_users"], ["kitchen:cook"], ["iam:"], "iam:x"]) {
    assert.equal((await verify({ token: "x", required_permissions })).status, 422);
  }
});
