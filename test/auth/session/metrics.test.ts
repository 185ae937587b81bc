import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database, env: { SESSIONS_PER_ACCOUNT: "2" } });
});
after(() => db.drop());

const opened = () => app.metrics.counter("brigade_sessions_opened_total", "").value();
const ended = (reason: string) =>
  app.metrics.counter("brigade_sessions_ended_total", "", { reason }).value();

test("sessions are counted when they open and, by reason, when they end", async () => {
  const ana = await registerSomebody(app);
  const login = async () => {
    const { email, password } = ana;
    return (await app.call("POST", "/auth/login", { body: { email, password } })).body;
  };
  const second = await login();
  assert.equal(opened(), 2);
  const third = await login();
  assert.deepEqual([opened(), ended("evicted")], [3, 1]);
  await app.call("DELETE", `/auth/sessions/${second.session.id}`, { token: third.access_token });
  await app.call("POST", "/auth/logout", { token: third.access_token });
  assert.deepEqual([ended("session.end"), ended("logout"), ended("other")], [1, 1, 0]);
  const used = await login();
  for (const _ of [1, 2, 3, 4, 5]) {
    await app.call("POST", "/auth/refresh", { body: { refresh_token: used.refresh_token } });
  }
  assert.equal(ended("refresh_reuse"), 1, "the fifth use of one token");
});
