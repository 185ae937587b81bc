import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { decodeJwt } from "jose";
import { trimInvalidations } from "../../src/auth/revocation/invalidation-log.ts";
import { revokedTokenLimits } from "../../src/platform/limits.ts";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { registerAdmin, registerSomebody, startApp, type TestApp } from "./accounts-rig.ts";
import { makeKey } from "./api-keys/rig.ts";

const OTHER_TENANT = "00000000-0000-7000-8000-00000000000e";

let db: TestDatabase;
let app: TestApp;
let admin: Awaited<ReturnType<typeof registerAdmin>>;
let stranger: typeof admin;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
  await db.database.query(sql`INSERT INTO auth.tenants (id, name) VALUES (${OTHER_TENANT}, 'e')`);
  admin = await registerAdmin(app);
  stranger = await registerAdmin(app, OTHER_TENANT);
});
after(() => db.drop());

const whoami = async (token: string) => (await app.call("GET", "/auth/whoami", { token })).status;
const jtiOf = (token: string) => decodeJwt(token).jti!;
const post = (path: string, body: object, token = admin.access_token) =>
  app.call("POST", `/v1/admin/${path}`, { token, body });

test("a token that is taken back stops at the next request; its session lives on", async () => {
  const ana = await registerSomebody(app);
  assert.equal(await whoami(ana.access_token), 200);
  const jti = jtiOf(ana.access_token);
  const answer = await post("tokens/revoke?wait=cluster", { jti, reason: "found in a log" });
  assert.deepEqual([answer.status, answer.body], [200, { data: { revoked: 1 } }]);
  assert.equal(await whoami(ana.access_token), 401);
  const again = await post("tokens/revoke", { jti, reason: "once more" });
  assert.deepEqual(again.body, { data: { revoked: 0 } });
  const next = await app.call("POST", "/auth/refresh", {
    body: { refresh_token: ana.refresh_token },
  });
  assert.equal(await whoami(next.body.access_token), 200);
  const told = await app.call("GET", `/v1/admin/tokens/${jti}`, { token: admin.access_token });
  assert.equal(told.body.data.reason, "found in a log");
  assert.equal(told.body.data.revoked_by, admin.user["id"]);
  const { rows } = await db.database.query<{ reason: string }>(sql`SELECT reason
    FROM auth.audit_log WHERE action = 'token.revoke' ORDER BY number LIMIT 1`);
  assert.equal(rows[0]!.reason, `${jti}: found in a log`);
});

test("another tenant's administrator takes back, and learns, nothing of ours", async () => {
  const ana = await registerSomebody(app);
  const jti = jtiOf(ana.access_token);
  await post("tokens/revoke", { jti, reason: "mine now" }, stranger.access_token);
  assert.equal(await whoami(ana.access_token), 200);
  const accountId = ana.user["id"] as string;
  const all = await post(
    `accounts/${accountId}/revoke-tokens`,
    { reason: "x" },
    stranger.access_token,
  );
  assert.equal(all.status, 404);
  assert.equal(await whoami(ana.access_token), 200);
  await post("tokens/revoke", { jti, reason: "ours" });
  assert.equal(await whoami(ana.access_token), 401, "the other's row is in nobody's way");
  const told = await app.call("GET", `/v1/admin/tokens/${jti}`, { token: admin.access_token });
  assert.equal(told.body.data.reason, "ours");
  const theirs = await app.call("GET", `/v1/admin/tokens/${jti}`, { token: stranger.access_token });
  assert.equal(theirs.body.data.reason, "mine now");
});

test("many tokens go in one transaction, and the statistics count them by reason", async () => {
  const people = [await registerSomebody(app), await registerSomebody(app)];
  const tokens = people.map(({ access_token }) => ({ jti: jtiOf(access_token) }));
  const extra = Array.from({ length: 98 }, () => ({ jti: randomUUID(), expires_at: 4_000_000 }));
  const answer = await post("tokens/revoke-bulk", {
    tokens: [...tokens, ...extra, tokens[0]],
    reason: "a backup was stolen",
  });
  assert.deepEqual([answer.status, answer.body.data], [200, { revoked: 100 }]);
  for (const { access_token } of people) assert.equal(await whoami(access_token), 401);
  const stats = await app.call("GET", "/v1/admin/tokens/stats", { token: admin.access_token });
  assert.equal(stats.body.data.by_reason["a backup was stolen"], 100);
  assert.ok(stats.body.data.total >= 100);
  assert.ok(stats.body.data.oldest <= stats.body.data.newest);
  const none = await app.call("GET", `/v1/admin/tokens/${randomUUID()}`, {
    token: admin.access_token,
  });
  assert.equal(none.status, 404);
  const far = await post("tokens/revoke", { jti: "j", reason: "r", expires_at: 9_000_000_000 });
  assert.equal(far.status, 422);
});

test("what has expired is removed by the job, what has not stays", async () => {
  const count = async () => {
    const { rows } = await db.database.query<{ n: number }>(
      sql`SELECT count(*)::int AS n FROM auth.revoked_tokens WHERE expires_at < now()`,
    );
    return rows[0]!.n;
  };
  const jti = randomUUID();
  await post("tokens/revoke", { jti, reason: "late" });
  await db.database.query(sql`UPDATE auth.revoked_tokens SET expires_at = now() - interval '1 day'
    WHERE reason = 'a backup was stolen'`);
  assert.ok((await count()) >= 98, "of the test before");
  await trimInvalidations(db.database);
  assert.equal(await count(), 0);
  const kept = await app.call("GET", `/v1/admin/tokens/${jti}`, { token: admin.access_token });
  assert.equal(kept.status, 200);
});

test("a row that has expired goes without another tenant's row of the same token", async () => {
  const ana = await registerSomebody(app);
  const jti = jtiOf(ana.access_token);
  await post("tokens/revoke", { jti, reason: "ours" });
  await post("tokens/revoke", { jti, reason: "theirs" }, stranger.access_token);
  await db.database.query(sql`UPDATE auth.revoked_tokens SET expires_at = now() - interval '1 day'
    WHERE token_id = ${jti} AND tenant_id = ${OTHER_TENANT}`);
  await trimInvalidations(db.database);
  const told = (who: typeof admin) =>
    app.call("GET", `/v1/admin/tokens/${jti}`, { token: who.access_token });
  assert.equal((await told(stranger)).status, 404);
  assert.equal((await told(admin)).status, 200);
  assert.equal(await whoami(ana.access_token), 401);
});

test("an end that is given too early does not bring a live token back", async () => {
  const ana = await registerSomebody(app);
  const jti = jtiOf(ana.access_token);
  await post("tokens/revoke", { jti, reason: "early", expires_at: 0 });
  await trimInvalidations(db.database);
  app.invalidateNow({ kind: "global" });
  assert.equal(await whoami(ana.access_token), 401);
});

test("totals are of all reasons, however many are told apart", async () => {
  const reasons = Array.from({ length: revokedTokenLimits.reasonsMaxCount + 5 }, (_, n) => `r${n}`);
  await db.database.query(sql`
    INSERT INTO auth.revoked_tokens (token_id, tenant_id, expires_at, revoked_at, reason)
    SELECT 'total-' || reason, ${OTHER_TENANT}::uuid, now() + interval '1 hour',
           '2001-01-01'::timestamptz + number * interval '1 day', reason
      FROM unnest(${reasons}::text[]) WITH ORDINALITY AS given (reason, number)`);
  const { rows } = await db.database.query<{ n: number; oldest: Date }>(sql`
    SELECT count(*)::int AS n, min(revoked_at) AS oldest FROM auth.revoked_tokens
     WHERE tenant_id = ${OTHER_TENANT}`);
  await db.database.query(sql`UPDATE auth.revoked_tokens
    SET revoked_at = '2000-01-01' WHERE token_id = 'total-r99'`);
  const stats = await app.call("GET", "/v1/admin/tokens/stats", { token: stranger.access_token });
  const { total, by_reason: byReason, oldest } = stats.body.data;
  assert.equal(total, rows[0]!.n);
  assert.equal(Object.keys(byReason).length, revokedTokenLimits.reasonsMaxCount);
  assert.equal("r99" in byReason, false, "the one that is left out");
  assert.equal(new Date(oldest).getUTCFullYear() < 2001, true);
});

const endedBy = (reason: string) =>
  app.metrics.counter("brigade_sessions_ended_total", "", { reason }).value();

test("the emergency ends every session of an account and with it every token", async () => {
  const ana = await registerSomebody(app);
  const { email, password } = ana;
  const second = (await app.call("POST", "/auth/login", { body: { email, password } })).body;
  for (const { access_token } of [ana, second]) assert.equal(await whoami(access_token), 200);
  const accountId = ana.user["id"] as string;
  const answer = await post(`accounts/${accountId}/revoke-tokens`, { reason: "taken over" });
  assert.deepEqual([answer.status, answer.body.data], [200, { sessions_ended: 2 }]);
  for (const { access_token, refresh_token } of [ana, second]) {
    assert.equal(await whoami(access_token), 401);
    const refused = await app.call("POST", "/auth/refresh", { body: { refresh_token } });
    assert.equal(refused.status, 401);
  }
  assert.equal(endedBy("tokens_revoked"), 2);
  const plain = await registerSomebody(app);
  const denied = await post(
    `accounts/${accountId}/revoke-tokens`,
    { reason: "x" },
    plain.access_token,
  );
  assert.equal(denied.status, 403);
});

test("the emergency ends what the account does as somebody else, and its API keys", async () => {
  const taken = await registerAdmin(app);
  const ana = await registerSomebody(app);
  const acting = await app.call("POST", `/v1/admin/accounts/${ana.user["id"]}/impersonate`, {
    token: taken.access_token,
    body: { reason: "to look around" },
  });
  const asAna = acting.body.data.access_token as string;
  const { id, text } = await makeKey(app, taken);
  const theirs = await makeKey(app, ana);
  for (const token of [asAna, text, theirs.text]) assert.equal(await whoami(token), 200);
  const accountId = taken.user["id"] as string;
  const answer = await post(`accounts/${accountId}/revoke-tokens`, { reason: "taken over" });
  assert.deepEqual(answer.body.data, { sessions_ended: 3 });
  for (const token of [asAna, text, taken.access_token]) assert.equal(await whoami(token), 401);
  for (const token of [ana.access_token, theirs.text]) assert.equal(await whoami(token), 200);
  const { rows } = await db.database.query<{ id: string }>(sql`
    SELECT id FROM auth.api_keys WHERE revoked_at IS NOT NULL`);
  assert.deepEqual(rows, [{ id }]);
  const { rows: events } = await db.database.query<{ reason: string; actor: string }>(sql`
    SELECT reason, actor FROM auth.audit_log WHERE action = 'api_key.revoke'
       AND subject = ${accountId}`);
  assert.deepEqual(events, [{ reason: "all its keys: 1", actor: admin.user["id"] }]);
});
