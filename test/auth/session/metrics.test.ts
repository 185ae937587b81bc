import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { followFactorChange } from "../../../src/auth/mfa/change-factors.ts";
import { DEFAULT_TENANT } from "../../support/callers.ts";
import { registerAdmin, registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

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

test("ends that follow from a change of the account are counted by their own reasons", async () => {
  const admin = await registerAdmin(app);
  const login = async (email: string, password: string) =>
    (await app.call("POST", "/auth/login", { body: { email, password } })).body;
  const as = (token: string, method: string, path: string, body?: object) =>
    app.call(method, path, { token, ...(body === undefined ? {} : { body }) });

  const ana = await registerSomebody(app);
  const { access_token: kept } = await login(ana.email, ana.password);
  const passwords = { current_password: ana.password, new_password: "nine bowls of beans" };
  const changed = await as(kept, "PUT", "/auth/password", passwords);
  assert.equal(changed.status, 200, changed.text);
  assert.equal(ended("password_change"), 1);

  const demand = `/v1/admin/accounts/${ana.user["id"]}/demand-password-change`;
  assert.equal((await as(admin.access_token, "POST", demand)).status, 204);
  assert.equal(ended("password_demanded"), 1);

  const eva = await registerSomebody(app);
  assert.equal((await as(eva.access_token, "DELETE", "/users/me")).status, 204);
  assert.equal(ended("account_deleted"), 1);

  const leo = await registerSomebody(app);
  await login(leo.email, leo.password);
  await db.database.withTransaction((tx) =>
    followFactorChange(
      tx,
      {
        invalidate: app.invalidate,
        queueMail: async () => {},
        ownIssuer: app.config.publicUrl,
        metrics: app.metrics,
      },
      {
        accountId: leo.user["id"] as string,
        tenantId: DEFAULT_TENANT,
        sessionId: leo.session["id"] as string,
        action: "mfa.totp_added",
        caller: { address: "192.0.2.1", userAgent: "", requestId: "r" },
      },
    ),
  );
  assert.equal(ended("factor_change"), 1);
  const path = `/v1/admin/accounts/${leo.user["id"]}/ban`;
  assert.equal((await as(admin.access_token, "POST", path, { reason: "x" })).status, 204);
  assert.equal(ended("account_disabled"), 1);
});
