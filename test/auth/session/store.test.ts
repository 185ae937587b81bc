import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { createLoadSession, listSessions } from "../../../src/auth/session/store.ts";
import { endSessions, removeExpiredSessions } from "../../../src/auth/session/store-end.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
});
after(() => db.drop());

const run = async <T>(statement: Sql) => (await db.database.query<T>(statement)).rows;

test("one read tells the live session and the account behind it", async () => {
  const loadSession = createLoadSession(db.database);
  const ana = await registerSomebody(app, { username: "loaded", name: "Ana" });
  const id = ana.session["id"] as string;
  const token = randomUUID();
  const live = await loadSession(id, token);
  assert.deepEqual(live, {
    sessionId: id,
    accountId: ana.user["id"],
    tenantId: live!.tenantId,
    email: ana.email,
    username: "loaded",
    name: "Ana",
    emailVerified: false,
    hasFactor: false,
    disabled: false,
    tokenRevoked: false,
  });
  await run(sql`INSERT INTO auth.revoked_tokens (token_id, expires_at) VALUES (${token}, now())`);
  assert.equal((await loadSession(id, token))?.tokenRevoked, true);
  await run(sql`UPDATE auth.accounts SET active = false WHERE id = ${ana.user["id"]}`);
  assert.equal((await loadSession(id, token))?.disabled, true);
  await run(sql`UPDATE auth.sessions SET expires_at = now() WHERE id = ${id}`);
  assert.equal(await loadSession(id, token), undefined, "past its end");
  assert.equal(await loadSession(randomUUID(), token), undefined);
});

test("ended sessions are neither loaded nor listed; all but one can be ended", async () => {
  const loadSession = createLoadSession(db.database);
  const ana = await registerSomebody(app);
  const { email, password } = ana;
  const accountId = ana.user["id"] as string;
  for (let i = 0; i < 2; i++) {
    await app.call("POST", "/auth/login", { body: { email, password } });
  }
  const except = ana.session["id"] as string;
  const ended = await db.database.withTransaction((tx) =>
    endSessions(tx, { accountId, except }, "admin", app.metrics),
  );
  assert.equal(ended.length, 2);
  assert.deepEqual(
    (await listSessions(db.database, accountId)).map(({ id }) => id),
    [except],
  );
  assert.equal(await loadSession(ended[0]!.id, "t"), undefined);
  const again = await db.database.withTransaction((tx) =>
    endSessions(tx, { accountId: randomUUID(), sessionId: except }, "admin", app.metrics),
  );
  assert.deepEqual(again, [], "another account's session is out of reach");
});

test("sessions over for a day are removed, the others stay", async () => {
  const [old, ended, live] = await Promise.all([1, 2, 3].map(() => registerSomebody(app)));
  const id = (person: typeof old) => person!.session["id"] as string;
  await run(sql`UPDATE auth.sessions SET expires_at = now() - interval '25 hours'
    WHERE id = ${id(old)}`);
  await app.call("POST", "/auth/logout", { token: ended!.access_token });
  assert.equal(await removeExpiredSessions(db.database), 1);
  const left = await run<{ id: string }>(sql`SELECT id FROM auth.sessions
    WHERE id IN (${id(old)}, ${id(ended)}, ${id(live)}) ORDER BY id`);
  assert.deepEqual(
    left.map((row) => row.id),
    [id(ended), id(live)].toSorted(),
  );
  await run(sql`UPDATE auth.sessions SET expires_at = expires_at - interval '25 hours'
    WHERE id = ${id(ended)}`);
  assert.equal(await removeExpiredSessions(db.database), 1);
});
