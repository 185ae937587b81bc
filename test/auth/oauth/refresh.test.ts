import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { insertGrant, removeExpiredGrants } from "../../../src/auth/oauth/store-grants.ts";
import { findClient } from "../../../src/auth/oauth/store.ts";
import { newId } from "../../../src/platform/ids.ts";
import { clientLimits } from "../../../src/platform/limits.ts";
import { sql } from "../../../src/platform/sql.ts";
import { openConnections } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerAdmin, registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";
import { askToken, basic, makeMachine, type Admin, type Machine } from "./rig.ts";

const BASIC = "iam:access_basic_features";
const SUPPORT = "iam:access_support";

let db: TestDatabase;
let app: TestApp;
let admin: Admin;
before(async () => {
  db = await withDatabase({ connections: 16 });
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
  const { rows } = await db.database.query(sql`SELECT network FROM auth.audit_log
    WHERE subject = ${machine.id} AND action = 'refresh.reuse'`);
  assert.deepEqual(rows, [{ network: "192.0.2.0/24" }]);
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

test("a reuse that cannot be written down ends nothing, and the next one does both", async () => {
  const machine = await makeRefreshing();
  const { refresh_token: token } = (await askToken(app, machine)).body;
  const { refresh_token: second } = (await refresh(machine, token)).body;
  const { refresh_token: third } = (await refresh(machine, second)).body;
  const guard = (verb: "ADD" | "DROP") =>
    verb === "ADD"
      ? sql`ALTER TABLE auth.audit_log ADD CONSTRAINT no_reuse
              CHECK (action <> 'refresh.reuse') NOT VALID`
      : sql`ALTER TABLE auth.audit_log DROP CONSTRAINT no_reuse`;
  await db.database.query(guard("ADD"));
  assert.equal((await refresh(machine, token)).status, 500);
  await db.database.query(guard("DROP"));
  const { rows } = await db.database.query(sql`
    SELECT FROM auth.client_grants WHERE client_id = ${machine.id} AND ended_at IS NULL`);
  assert.equal(rows.length, 1);
  assert.deepEqual(codeOf(await refresh(machine, token)), INVALID);
  assert.deepEqual(codeOf(await refresh(machine, third)), INVALID, "it is over now");
});

test("a client has so many live grants; one more ends the one used the longest ago", async () => {
  const machine = await makeRefreshing();
  const oldest = (await askToken(app, machine)).body.refresh_token as string;
  const used = (await askToken(app, machine)).body.refresh_token as string;
  const unused = (await askToken(app, machine)).body.refresh_token as string;
  const client = (await findClient(db.database, machine.id))!;
  const add = () =>
    db.database.withTransaction((tx) =>
      insertGrant(tx, {
        ...{ id: newId(), client, scope: BASIC, audience: "a", refreshKid: "k" },
        ...{ refreshSecret: Buffer.alloc(32, 1), idleSeconds: 600, absoluteSeconds: 600 },
      }),
    );
  for (let made = 3; made < clientLimits.grantsMaxCount; made += 7) {
    const rest = Math.min(7, clientLimits.grantsMaxCount - made);
    await Promise.all(Array.from({ length: rest }, add));
  }
  const next = (await refresh(machine, used)).body.refresh_token as string;
  const last = (await askToken(app, machine)).body.refresh_token as string;
  assert.deepEqual(codeOf(await refresh(machine, oldest)), INVALID);
  await add();
  assert.deepEqual(codeOf(await refresh(machine, unused)), INVALID);
  for (const token of [next, last]) assert.equal((await refresh(machine, token)).status, 200);
  await openConnections(db.database, 12);
  await Promise.all(Array.from({ length: 12 }, add));
  const { rows } = await db.database.query<{ n: number }>(sql`
    SELECT count(*)::int AS n FROM auth.client_grants WHERE client_id = ${machine.id}`);
  assert.deepEqual(rows, [{ n: clientLimits.grantsMaxCount }]);
});
