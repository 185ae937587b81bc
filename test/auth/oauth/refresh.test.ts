import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { removeExpiredGrants } from "../../../src/auth/oauth/store-grants.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerAdmin, registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";
import { askToken, basic, makeMachine, type Admin, type Machine } from "./rig.ts";

const BASIC = "iam:access_basic_features";
const SUPPORT = "iam:access_support";

let db: TestDatabase;
let app: TestApp;
let admin: Admin;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
  admin = await registerAdmin(app);
});
after(() => db.drop());

const makeRefreshing = () =>
  makeMachine(app, admin, [BASIC, SUPPORT], [], { refresh_tokens: true });
const refresh = (machine: Machine, refresh_token: string, form: Record<string, string> = {}) =>
  askToken(app, machine, { grant_type: "refresh_token", refresh_token, ...form });
const codeOf = ({ status, body }: { status: number; body: any }) => [status, body.error];
const INVALID = [400, "invalid_grant"];

test("a client that was registered for it refreshes; each token is good once", async () => {
  const machine = await makeRefreshing();
  const first = await askToken(app, machine);
  assert.equal(typeof first.body.refresh_token, "string", first.text);
  const second = await refresh(machine, first.body.refresh_token, { scope: BASIC });
  assert.deepEqual([second.status, second.body.scope], [200, BASIC]);
  const retried = await refresh(machine, first.body.refresh_token);
  assert.equal(retried.body.refresh_token, second.body.refresh_token, "the answer may be lost");
  const wider = await refresh(machine, second.body.refresh_token, { scope: "iam:manage_users" });
  assert.deepEqual(codeOf(wider), [400, "invalid_scope"]);
  const third = await refresh(machine, second.body.refresh_token);
  assert.equal(
    third.body.scope,
    `${BASIC} ${SUPPORT}`,
    "what was granted, not what was asked for last",
  );
  assert.deepEqual(codeOf(await refresh(machine, first.body.refresh_token)), INVALID);
  assert.deepEqual(codeOf(await refresh(machine, third.body.refresh_token)), INVALID, "it is over");
  const { rows } = await db.database.query(sql`SELECT FROM auth.audit_log
    WHERE subject = ${machine.id} AND action = 'refresh.reuse'`);
  assert.equal(rows.length, 1);
});

test("a refresh token is good for its own client only, and for no session's route", async () => {
  const [machine, other] = [await makeRefreshing(), await makeRefreshing()];
  const { refresh_token: token } = (await askToken(app, machine)).body;
  assert.deepEqual(codeOf(await refresh(other, token)), INVALID);
  const session = await app.call("POST", "/auth/refresh", { body: { refresh_token: token } });
  assert.equal(session.status, 401);
  const ana = await registerSomebody(app);
  assert.deepEqual(codeOf(await refresh(machine, ana.refresh_token)), INVALID);
  assert.equal((await refresh(machine, token)).status, 200);
  const plain = await makeMachine(app, admin, [BASIC]);
  assert.equal("refresh_token" in (await askToken(app, plain)).body, false);
});

test("a disabled client's refresh tokens never come back; one is introspected and revoked", async () => {
  const machine = await makeRefreshing();
  const { refresh_token: token } = (await askToken(app, machine)).body;
  const ask = (path: string, shown: string) =>
    app.call("POST", path, { headers: basic(machine), form: { token: shown } });
  assert.equal((await ask("/oauth/introspect", token)).body.active, true);
  await ask("/oauth/revoke", token);
  assert.equal((await ask("/oauth/introspect", token)).text, '{"active":false}');
  assert.deepEqual(codeOf(await refresh(machine, token)), INVALID);
  const { refresh_token: next } = (await askToken(app, machine)).body;
  for (const verb of ["disable", "enable"]) {
    const path = `/v1/admin/clients/${machine.id}/${verb}`;
    await app.call("POST", path, { token: admin.access_token });
  }
  assert.deepEqual(codeOf(await refresh(machine, next)), INVALID);
});

test("parallel uses of one token make one successor, and expired grants are removed", async () => {
  const machine = await makeRefreshing();
  const { refresh_token: token } = (await askToken(app, machine)).body;
  const answers = await Promise.all(Array.from({ length: 4 }, () => refresh(machine, token)));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.equal(new Set(answers.map(({ body }) => body.refresh_token)).size, 1);
  await db.database.query(sql`UPDATE auth.client_grants SET expires_at = now() - interval '2 days'
    WHERE client_id = ${machine.id}`);
  assert.equal(await removeExpiredGrants(db.database), 1);
});
