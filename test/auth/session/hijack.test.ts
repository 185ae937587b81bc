import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

/* What somebody can do with a refresh token that is not theirs. */

const DEVICE = { device_info: { secret: "a secret that never leaves the device" } };
const OWNER = {
  address: "192.0.2.10",
  headers: { "user-agent": "Mozilla/5.0 (X11; Linux) Firefox/130.0" },
};
const THIEF = { address: "198.51.100.9", headers: { "user-agent": "curl/8.5.0" } };

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
});
after(() => db.drop());

async function victim(extra: object = {}) {
  const person = await registerSomebody(app);
  const { email, password } = person;
  const body = { email, password, ...extra };
  return (await app.call("POST", "/auth/login", { body, ...OWNER })).body;
}

const refresh = (from: typeof OWNER, refresh_token: string, extra: object = {}) =>
  app.call("POST", "/auth/refresh", { body: { refresh_token, ...extra }, ...from });
const codeOf = ({ status, body }: { status: number; body: any }) => [status, body.error_code];
const age = (id: string) =>
  db.database.query(
    sql`UPDATE auth.sessions SET rotated_at = rotated_at - interval '11 seconds' WHERE id = ${id}`,
  );
const INVALID = [401, "refresh_token_invalid"];

async function reasonOf(id: string) {
  const { rows } = await db.database.query<{ end_reason: string | null }>(
    sql`SELECT end_reason FROM auth.sessions WHERE id = ${id}`,
  );
  return rows[0]!.end_reason;
}

test("stolen from a session bound to its device it is good for nothing, and the owner goes on", async () => {
  const ana = await victim(DEVICE);
  assert.deepEqual(codeOf(await refresh(THIEF, ana.refresh_token)), [401, "device_mismatch"]);
  const guess = { device_info: { secret: "a secret that the thief made up" } };
  assert.deepEqual(codeOf(await refresh(THIEF, ana.refresh_token, guess)), [
    401,
    "device_mismatch",
  ]);
  const next = await refresh(OWNER, ana.refresh_token, DEVICE);
  assert.equal(next.status, 200);
  // Nor is the parent of a retry, within its grace.
  assert.deepEqual(codeOf(await refresh(THIEF, ana.refresh_token)), [401, "device_mismatch"]);
  assert.equal((await refresh(OWNER, next.body.refresh_token, DEVICE)).status, 200);
});

test("used by the thief first, the owner's next use ends the session for both", async () => {
  const ana = await victim();
  const stolen = await refresh(THIEF, ana.refresh_token);
  assert.equal(stolen.status, 200, "nothing tells the two apart yet");
  await age(ana.session.id);
  assert.deepEqual(codeOf(await refresh(OWNER, ana.refresh_token)), INVALID);
  assert.equal(await reasonOf(ana.session.id), "refresh_reuse");
  assert.deepEqual(codeOf(await refresh(THIEF, stolen.body.refresh_token)), INVALID);
  for (const { access_token: token } of [ana, stolen.body]) {
    assert.equal((await app.call("GET", "/auth/whoami", { token })).status, 401);
  }
});

test("used by the owner first, the thief's use ends the session for both", async () => {
  const ana = await victim();
  const next = await refresh(OWNER, ana.refresh_token);
  await age(ana.session.id);
  assert.deepEqual(codeOf(await refresh(THIEF, ana.refresh_token)), INVALID);
  assert.deepEqual(codeOf(await refresh(OWNER, next.body.refresh_token)), INVALID);
  const { rows } = await db.database.query<{ reason: string; network: string }>(sql`
    SELECT reason, network FROM auth.audit_log
     WHERE session_id = ${ana.session.id} AND action = 'refresh.reuse'`);
  assert.deepEqual(rows, [{ reason: "counter 0", network: "198.51.100.0/24" }]);
});

test("within the grace of a lost answer the thief shares one token with the owner, and not for long", async () => {
  const ana = await victim();
  const own = await refresh(OWNER, ana.refresh_token);
  const shared = await refresh(THIEF, ana.refresh_token);
  assert.equal(shared.body.refresh_token, own.body.refresh_token, "no second chain");
  // Whoever of the two goes on first is found out by the other.
  assert.equal((await refresh(THIEF, shared.body.refresh_token)).status, 200);
  await age(ana.session.id);
  assert.deepEqual(codeOf(await refresh(OWNER, own.body.refresh_token)), INVALID);
  assert.equal(await reasonOf(ana.session.id), "refresh_reuse");
});

test("after a logout it is good for nothing, from wherever", async () => {
  const ana = await victim();
  const next = await refresh(OWNER, ana.refresh_token);
  await app.call("POST", "/auth/logout", { token: next.body.access_token });
  for (const token of [ana.refresh_token, next.body.refresh_token]) {
    for (const from of [OWNER, THIEF])
      assert.deepEqual(codeOf(await refresh(from, token)), INVALID);
  }
  assert.equal(await reasonOf(ana.session.id), "logout", "and changes nothing any more");
});

test("from another network and program it is seen: in the list, in the log, in the trust", async () => {
  const ana = await victim();
  const stolen = await refresh(THIEF, ana.refresh_token);
  const list = await app.call("GET", "/auth/sessions", { token: stolen.body.access_token });
  const entry = list.body.sessions.find((one: any) => one.id === ana.session.id);
  assert.deepEqual(entry.flags, ["agent_changed", "network_changed"]);
  assert.ok(entry.trust < 60, `${entry.trust}`);
  const { rows } = await db.database.query(sql`SELECT FROM auth.audit_log
    WHERE session_id = ${ana.session.id} AND action = 'session.changed'`);
  assert.equal(rows.length, 1);
});

test("a refresh token is no access token, and an access token no refresh token", async () => {
  const ana = await victim();
  assert.equal((await app.call("GET", "/auth/whoami", { token: ana.refresh_token })).status, 401);
  assert.deepEqual(codeOf(await refresh(OWNER, ana.access_token)), INVALID);
  // Parts of two sessions together are of neither.
  const bob = await victim();
  const [kid, , counter, mac] = bob.refresh_token.split(".");
  const session = ana.refresh_token.split(".")[1];
  assert.deepEqual(codeOf(await refresh(THIEF, [kid, session, counter, mac].join("."))), INVALID);
  assert.equal(await reasonOf(ana.session.id), null, "a forged one ends nothing");
  assert.equal((await refresh(OWNER, ana.refresh_token)).status, 200);
});
