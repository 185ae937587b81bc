import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { systemClock } from "../../../src/platform/clock.ts";
import { newId } from "../../../src/platform/ids.ts";
import { apiKeyLimits } from "../../../src/platform/limits.ts";
import { sql } from "../../../src/platform/sql.ts";
import { crowd } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";
import { DEFAULT_TENANT } from "../../support/callers.ts";
import { ask, changeRole, makeKey } from "./rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase({ connections: 16 });
  app = await startApp({ database: db.database });
});
after(() => db.drop());

const whoami = (token: string) => app.call("GET", "/auth/whoami", { token });

test("a key acts for its owner, and its text is shown once and kept nowhere", async () => {
  const owner = await registerSomebody(app);
  const key = await makeKey(app, owner);
  const answer = await whoami(key.text);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.user_id, owner.user["id"]);
  assert.equal(answer.body.token_info.kind, "api_key");
  assert.equal(answer.body.token_info.session_id, null);
  assert.deepEqual(answer.body.user_roles, {});

  const secret = key.text.split("_")[2]!;
  const lists = await app.call("GET", "/auth/api-keys", { token: owner.access_token });
  const one = await app.call("GET", `/auth/api-keys/${key.id}`, { token: owner.access_token });
  assert.equal(lists.body.api_keys.length, 1);
  assert.deepEqual(lists.body.api_keys[0], one.body);
  assert.equal(one.body.status, "active");
  assert.ok(key.text.startsWith(one.body.prefix));
  assert.ok(!lists.text.includes(secret));
  const { rows } = await db.database.query<{ row: string }>(sql`
    SELECT to_jsonb(k)::text AS row FROM auth.api_keys k
    UNION ALL SELECT to_jsonb(l)::text FROM auth.audit_log l`);
  for (const { row } of rows) assert.ok(!row.includes(secret));
});

test("a key is taken from `authorization` and from `x-api-key`, and never from both", async () => {
  const owner = await registerSomebody(app);
  const { text } = await makeKey(app, owner);
  const from = (headers: Record<string, string>) => app.call("GET", "/auth/whoami", { headers });
  assert.equal((await from({ "x-api-key": text })).status, 200);
  assert.equal((await from({ authorization: `bearer ${text}` })).status, 200);
  const both = await from({ "x-api-key": text, authorization: `Bearer ${owner.access_token}` });
  assert.equal(both.status, 400);
  assert.equal(both.body.error_code, "malformed_request");
  const token = await from({ "x-api-key": owner.access_token });
  assert.equal(token.status, 401, "an access token is no API key");
});

test("rotation gives another secret; the one before lasts for its overlap and no longer", async () => {
  const owner = await registerSomebody(app);
  const first = await makeKey(app, owner);
  const rotate = (overlap_seconds: number) =>
    app.call("POST", `/auth/api-keys/${first.id}/rotate`, {
      token: owner.access_token,
      body: { overlap_seconds },
    });
  assert.equal((await whoami(first.text)).status, 200);
  const rotated = await rotate(3_600);
  assert.equal(rotated.status, 200, rotated.text);
  const second = rotated.body.key as string;
  assert.equal(rotated.body.api_key.id, first.id);
  assert.ok(rotated.body.api_key.previous_secret_expires_at);
  const old = await whoami(first.text);
  assert.equal(old.status, 200);
  const end = rotated.body.api_key.previous_secret_expires_at as string;
  const told = new Date(old.body.token_info.expires_at).getTime();
  assert.ok(Math.abs(told - new Date(end).getTime()) < 1_000, "it ends with the overlap");
  assert.equal((await whoami(second)).status, 200);

  await db.database.query(sql`
    UPDATE auth.api_keys SET previous_expires_at = now() WHERE id = ${first.id}`);
  app.invalidateNow({ kind: "api_key", id: first.id });
  assert.equal(await ask(app, first.text), "token_invalid");
  assert.equal(await ask(app, second), "ok");

  const third = (await rotate(3_600)).body.key as string;
  assert.equal(await ask(app, second), "ok");
  const fourth = (await rotate(0)).body.key as string;
  for (const text of [first.text, second, third]) {
    assert.equal(await ask(app, text), "token_invalid", "only the last two secrets can count");
  }
  assert.equal(await ask(app, fourth), "ok");
});

test("a revoked key is refused from the next request on, and is not found again", async () => {
  const owner = await registerSomebody(app);
  const key = await makeKey(app, owner);
  assert.equal(await ask(app, key.text), "ok");
  const target = `/auth/api-keys/${key.id}`;
  const revoke = () => app.call("DELETE", `${target}?wait=cluster`, { token: owner.access_token });
  assert.equal((await revoke()).status, 204);
  assert.ok(app.waits.at(-1) !== undefined, "the whole cluster was waited for");
  const refused = await whoami(key.text);
  assert.equal(refused.status, 401);
  assert.equal(refused.headers["www-authenticate"], 'Bearer error="invalid_token"');
  assert.equal((await revoke()).status, 404);
  const rotate = await app.call("POST", `${target}/rotate`, { token: owner.access_token });
  assert.equal(rotate.status, 404);
  const seen = await app.call("GET", target, { token: owner.access_token });
  assert.equal(seen.body.status, "revoked");
});

test("a key past its end is refused and listed as expired", async () => {
  const owner = await registerSomebody(app);
  const key = await makeKey(app, owner, { expires_in_seconds: 60 });
  assert.equal(await ask(app, key.text), "ok");
  await db.database.query(sql`
    UPDATE auth.api_keys SET expires_at = now() - interval '1 second' WHERE id = ${key.id}`);
  app.invalidateNow({ kind: "api_key", id: key.id });
  assert.equal(await ask(app, key.text), "token_invalid");
  const seen = await app.call("GET", `/auth/api-keys/${key.id}`, { token: owner.access_token });
  assert.equal(seen.body.status, "expired");
});

test("an old login may revoke a key and make none", async () => {
  const owner = await registerSomebody(app);
  const { id } = await makeKey(app, owner);
  let aheadMs = 0;
  const nowMs = () => systemClock.nowMs() + aheadMs;
  const clock = { ...systemClock, nowMs, nowSeconds: () => Math.floor(nowMs() / 1000) };
  const later = await startApp({ database: db.database, clock });
  aheadMs = 1_200_000;
  const token = owner.access_token;
  const target = `/auth/api-keys/${id}`;
  const tries = [
    await later.call("POST", "/auth/api-keys", { token, body: { name: "x" } }),
    await later.call("POST", `${target}/rotate`, { token }),
  ];
  for (const answer of tries) {
    assert.equal(answer.status, 401, answer.text);
    assert.equal(answer.body.error_code, "step_up_required");
  }
  assert.equal((await later.call("DELETE", target, { token })).status, 204);
});

test("somebody else's key is no key", async () => {
  const [owner, stranger] = [await registerSomebody(app), await registerSomebody(app)];
  const key = await makeKey(app, owner);
  const token = stranger.access_token;
  const target = `/auth/api-keys/${key.id}`;
  assert.equal((await app.call("GET", target, { token })).status, 404);
  assert.equal((await app.call("DELETE", target, { token })).status, 404);
  assert.equal((await app.call("POST", `${target}/rotate`, { token })).status, 404);
  assert.equal((await app.call("DELETE", `/auth/api-keys/${newId()}`, { token })).status, 404);
  assert.deepEqual((await app.call("GET", "/auth/api-keys", { token })).body.api_keys, []);
  assert.equal(await ask(app, key.text), "ok");
});

test("a key makes no keys and changes none", async () => {
  const owner = await registerSomebody(app);
  const { text, id } = await makeKey(app, owner);
  const target = `/auth/api-keys/${id}`;
  const tries = [
    app.call("POST", "/auth/api-keys", { token: text, body: { name: "x" } }),
    app.call("GET", "/auth/api-keys", { token: text }),
    app.call("POST", `${target}/rotate`, { token: text }),
    app.call("DELETE", target, { token: text }),
  ];
  for (const answer of await Promise.all(tries)) assert.equal(answer.status, 403, answer.text);
  assert.equal(await ask(app, text), "ok");
});

test("an account has a bounded number of live keys, however many are asked for at once", async () => {
  const owner = await registerSomebody(app);
  const most = apiKeyLimits.perAccountMaxCount;
  const answers = await crowd([db.database], most + 10, 15, () =>
    app.call("POST", "/auth/api-keys", { token: owner.access_token, body: { name: "x" } }),
  );
  assert.equal(answers.filter(({ status }) => status === 201).length, most);
  assert.equal(answers.filter(({ status }) => status === 409).length, 10);
  const id = answers.find(({ status }) => status === 201)!.body.api_key.id as string;
  await app.call("DELETE", `/auth/api-keys/${id}`, { token: owner.access_token });
  await makeKey(app, owner);
});

test("making, rotating and revoking a key is audited in the same transaction", async () => {
  const owner = await registerSomebody(app);
  const { id } = await makeKey(app, owner);
  const token = owner.access_token;
  await app.call("POST", `/auth/api-keys/${id}/rotate`, { token });
  await app.call("DELETE", `/auth/api-keys/${id}`, { token });
  const { rows } = await db.database.query<Record<string, string>>(sql`
    SELECT action, actor, subject, reason, tenant_id, network FROM auth.audit_log
     WHERE actor = ${owner.user["id"]} AND action LIKE 'api_key.%' ORDER BY number`);
  assert.deepEqual(
    rows.map(({ action }) => action),
    ["api_key.create", "api_key.rotate", "api_key.revoke"],
  );
  for (const row of rows) {
    assert.equal(row["reason"], `key ${id}`);
    assert.equal(row["subject"], owner.user["id"]);
    assert.ok(row["tenant_id"] && row["network"]);
  }
});

test("what a key may be is checked before anything is made", async () => {
  const owner = await registerSomebody(app);
  const bad = [
    {},
    { name: "" },
    { name: "x".repeat(81) },
    { name: "x", scopes: [] },
    { name: "x", scopes: ["admin"] },
    { name: "x", expires_in_seconds: 59 },
    { name: "x", expires_in_seconds: apiKeyLimits.lifeMaxSeconds + 1 },
    { name: "x", permissions: { unknown_context: [] } },
    { name: "x", rate_limit: { requests: 0, seconds: 1 } },
    { name: "x", rate_limit: { requests: 1, seconds: 86_400 } },
    { name: "x", quota: { requests: 1, period: "week" } },
  ];
  for (const body of bad) {
    const answer = await app.call("POST", "/auth/api-keys", { token: owner.access_token, body });
    assert.equal(answer.status, 422, JSON.stringify(body));
  }
  const { body } = await app.call("GET", "/auth/api-keys", { token: owner.access_token });
  assert.deepEqual(body.api_keys, []);
});

test("a key of a disabled account stops at once, and counts again with it", async () => {
  const owner = await registerSomebody(app);
  const { text } = await makeKey(app, owner);
  assert.equal(await ask(app, text), "ok");
  const id = owner.user["id"] as string;
  const setActive = (active: boolean) =>
    db.database.withTransaction(async (tx) => {
      await tx.query(sql`UPDATE auth.accounts SET active = ${active} WHERE id = ${id}`);
      app.invalidate(tx, [{ kind: "identity", issuer: app.config.publicUrl, subject: id }]);
    });
  await setActive(false);
  assert.equal(await ask(app, text), "token_invalid");
  await setActive(true);
  assert.equal(await ask(app, text), "ok");
});

test("a key holds what both it and its owner hold, at every request", async () => {
  const owner = await registerSomebody(app);
  const userId = owner.user["id"] as string;
  const permissions = { products_catalog: ["manage_products"] };
  const post = (wishes: object) =>
    app.call("POST", "/auth/api-keys", { token: owner.access_token, body: wishes });
  const refused = await post({ name: "too much", permissions });
  assert.equal(refused.status, 403);
  assert.equal(refused.body.error_code, "permission_denied");

  await changeRole(app, "assignRole", userId, "products_catalog", "administrator");
  const { text } = await makeKey(app, owner, { permissions });
  const held = async () => {
    const outcome = await app.authenticate(text, "192.0.2.1");
    return "permissions" in outcome ? outcome.permissions : outcome.code;
  };
  assert.deepEqual(await held(), permissions, "no more than it names");
  await changeRole(app, "removeRole", userId, "products_catalog", "administrator");
  assert.deepEqual(await held(), {}, "no more than its owner holds");
  await changeRole(app, "assignRole", userId, "products_catalog", "administrator");
  assert.deepEqual(await held(), permissions);
});

test("a key that only reads opens no route that writes", async () => {
  const owner = await registerSomebody(app);
  const userId = owner.user["id"] as string;
  await changeRole(app, "assignRole", userId, "iam", "administrator");
  const permissions = { iam: ["manage_users", "manage_roles"] };
  const reader = await makeKey(app, owner, { scopes: ["read"], permissions });
  const writer = await makeKey(app, owner, { scopes: ["write"], permissions });
  const both = await makeKey(app, owner, { permissions });
  const read = async (token: string) => (await app.call("GET", "/v1/users", { token })).status;
  const write = async (token: string) => {
    const body = { user_id: newId() };
    return (await app.call("POST", "/v1/users", { token, body })).status;
  };
  assert.deepEqual([await read(reader.text), await write(reader.text)], [200, 403]);
  assert.deepEqual([await read(writer.text), await write(writer.text)], [403, 201]);
  assert.deepEqual([await read(both.text), await write(both.text)], [200, 201]);
});

test("a role that its owner holds for a while counts for a key no longer than that", async () => {
  let answers: number[];
  let expiresAtMs: number;
  let lastsMs = 1_500;
  let asks: () => Promise<number[]>;
  // On a slow machine the answers come after the end and say nothing: then a longer while.
  do {
    const owner = await registerSomebody(app);
    const userId = owner.user["id"] as string;
    const auditor = { userId, tenantId: DEFAULT_TENANT, context: "iam", name: "auditor" } as const;
    expiresAtMs = Date.now() + lastsMs;
    lastsMs *= 2;
    await app.iam.users.assignRole({ ...auditor, expiresAt: new Date(expiresAtMs) });
    const { text } = await makeKey(app, owner, { permissions: { iam: ["view_audit_log"] } });
    asks = () =>
      Promise.all(
        [text, owner.access_token].map(
          async (token) => (await app.call("GET", "/v1/audit", { token })).status,
        ),
      );
    answers = await asks();
  } while (Date.now() >= expiresAtMs);
  assert.deepEqual(answers, [200, 200]);
  const leftMs = expiresAtMs - Date.now();
  await new Promise((resolve) => setTimeout(resolve, leftMs + 100));
  assert.deepEqual(await asks(), [403, 403]);
});
