import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { json } from "../../../src/http/reply.ts";
import { defineRoute, STEP_UP, type Access } from "../../../src/http/route.ts";
import type { Principal } from "../../../src/http/principal.ts";
import { createStepUpRule } from "../../../src/http/step-up.ts";
import { createManualClock } from "../../support/clock.ts";
import { createPipeline } from "../../../src/http/pipeline.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { createAuthenticator } from "../../support/authenticator.ts";
import { crowd } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { registerSomebody } from "../accounts-rig.ts";
import {
  auditOf,
  challengeOf,
  complete,
  login,
  nextCode,
  registerWithTotp,
  setPolicy,
  startMfaApp,
  wrongCode,
  type MfaApp,
} from "./mfa-rig.ts";

let db: TestDatabase;
let app: MfaApp;
before(async () => {
  db = await withDatabase({ connections: 16 });
  app = await startMfaApp({ database: db.database });
});
beforeEach(() => app.clock.goBack());
after(() => db.drop());

const run = async <T>(statement: Sql) => (await db.database.query<T>(statement)).rows;
const stepUp = (token: string, body: object, on = app) =>
  on.call("POST", "/auth/step-up", { token, body });
/** Something sensitive. */
const showTotp = (token: string) => app.call("POST", "/auth/mfa/totp", { token });
const authTimeOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as { auth_time: number })
    .auth_time;

test("what is sensitive asks for a fresh password after ten minutes (RFC 9470)", async () => {
  const ana = await registerSomebody(app);
  assert.equal((await showTotp(ana.access_token)).status, 200, "just logged in");
  await run(sql`UPDATE auth.sessions SET authenticated_at = now() - interval '602 seconds'
    WHERE account_id = ${ana.user["id"]}`);
  const body = { refresh_token: ana.refresh_token };
  const old = (await app.call("POST", "/auth/refresh", { body })).body.access_token;
  const refused = await showTotp(old);
  assert.deepEqual([refused.status, refused.body.error_code], [401, "step_up_required"]);
  assert.equal(
    refused.headers["www-authenticate"],
    'Bearer error="insufficient_user_authentication", max_age=600',
  );
  assert.equal((await app.call("GET", "/users/me", { token: old })).status, 200);
  const wrong = await stepUp(old, { method: "password", password: "not it" });
  assert.deepEqual([wrong.status, wrong.body.error_code], [401, "credentials_invalid"]);
  const answer = await stepUp(old, { method: "password", password: ana.password });
  assert.equal(answer.status, 200, answer.text);
  const members = Object.keys(answer.body).toSorted();
  assert.deepEqual(members, ["access_token", "expires_in", "token_type"]);
  assert.equal((await showTotp(old)).status, 401, "the old token stays as it was");
  assert.ok(authTimeOf(answer.body.access_token) >= authTimeOf(old) + 600);
  assert.equal((await showTotp(answer.body.access_token)).status, 200);
});

test("fresh is as old as the route says, to the second, and by a factor where there is one", () => {
  const nowSeconds = 1_800_000_000;
  const rule = createStepUpRule({ maxAgeSeconds: 600 }, createManualClock(nowSeconds * 1000));
  let accountId: string | undefined = "somebody";
  const codeOfCaller = (age: number, amr: string[], hasFactor: boolean) =>
    rule({ amr, hasFactor, authTime: nowSeconds - age, accountId } as unknown as Principal)?.code;
  assert.equal(codeOfCaller(600, ["pwd"], false), undefined);
  assert.equal(codeOfCaller(601, ["pwd"], false), "step_up_required");
  assert.equal(codeOfCaller(0, ["pwd"], true), "step_up_required");
  assert.equal(codeOfCaller(0, [], true), "step_up_required");
  for (const method of ["otp", "hwk", "swk"]) {
    assert.equal(codeOfCaller(0, ["pwd", method], true), undefined, method);
    assert.equal(codeOfCaller(601, ["pwd", method], true), "step_up_required", method);
  }
  accountId = undefined;
  assert.equal(codeOfCaller(0, ["pwd", "otp"], false), "permission_denied", "no account of ours");
});

test("the session keeps the new time and methods through a refresh, and stays the same session", async () => {
  const ana = await registerWithTotp(app);
  await run(sql`UPDATE auth.sessions SET authenticated_at = now() - interval '1 hour'
    WHERE account_id = ${ana.user["id"]}`);
  const code = nextCode(app, ana.secret);
  const answer = await stepUp(ana.access_token, { method: "totp", code });
  assert.equal(answer.status, 200, answer.text);
  const body = { refresh_token: ana.refresh_token };
  const refreshed = await app.call("POST", "/auth/refresh", { body });
  for (const token of [answer.body.access_token, refreshed.body.access_token]) {
    const { body: who } = await app.call("GET", "/auth/whoami", { token });
    assert.equal(who.token_info.session_id, ana.session["id"]);
    assert.deepEqual(who.token_info.amr, ["pwd", "otp", "mfa"]);
    assert.ok(authTimeOf(token) > Date.now() / 1000 - 600);
  }
  const last = (await auditOf(app, ana.user["id"])).at(-1)!;
  assert.equal(last.action, "session.step_up");
});

test("who has a factor steps up with it: neither the password nor a trusted device will do", async () => {
  const ana = await registerWithTotp(app);
  const password = await stepUp(ana.access_token, { method: "password", password: ana.password });
  assert.deepEqual([password.status, password.body.errors[0].code], [422, "factor_needed"]);
  const challenge_token = await challengeOf(app, ana);
  const completed = await complete(app, {
    challenge_token,
    method: "totp",
    code: nextCode(app, ana.secret),
    remember_device: true,
  });
  assert.equal((await showTotp(completed.body.access_token)).status, 200, "by code just now");
  const { trusted_device_token } = completed.body;
  const trusted = await login(app, ana, { trusted_device_token });
  assert.equal(trusted.status, 200);
  const refused = await showTotp(trusted.body.access_token);
  assert.equal(refused.body.error_code, "step_up_required", "a fresh password is not enough");
  const code = nextCode(app, ana.secret);
  const up = await stepUp(trusted.body.access_token, { method: "totp", code });
  assert.equal((await showTotp(up.body.access_token)).status, 200);
  const replayed = await stepUp(trusted.body.access_token, { method: "totp", code });
  assert.equal(replayed.body.error_code, "mfa_code_invalid");
});

test("guesses of a step-up take from the same budgets before anything is looked at", async () => {
  const tight = await startMfaApp({
    database: db.database,
    keyRing: app.keyRing,
    budgets: {
      otpAccount: { count: 3, seconds: 3_600 },
      passwordAccount: { count: 3, seconds: 3_600 },
    },
  });
  const [ben, ana] = [await registerSomebody(app), await registerWithTotp(app)];
  const wrong = { method: "totp", code: wrongCode(app, ana.secret) };
  const codes = await crowd([db.database], 20, 15, () => stepUp(ana.access_token, wrong, tight));
  const count = (answers: typeof codes, code: string) =>
    answers.filter(({ body }) => body.error_code === code).length;
  assert.deepEqual([count(codes, "mfa_code_invalid"), count(codes, "rate_limited")], [3, 17]);
  const challenge_token = await challengeOf(tight, ana);
  const login2 = await complete(tight, { challenge_token, ...wrong });
  assert.equal(login2.body.error_code, "rate_limited", "one budget for both ways");
  const bad = { method: "password", password: "not it" };
  const passwords = await crowd([db.database], 20, 15, () => stepUp(ben.access_token, bad, tight));
  assert.deepEqual(
    [count(passwords, "credentials_invalid"), count(passwords, "rate_limited")],
    [3, 17],
  );
});

test("a passkey steps up with a challenge of its own kind", async () => {
  const ana = await registerSomebody(app);
  const token = ana.access_token;
  const authenticator = createAuthenticator({ origin: "http://localhost:8000" });
  const made = await app.call("POST", "/auth/mfa/passkeys/options", { token });
  const body = { name: "Key", attestation: authenticator.create(made.body) };
  assert.equal((await app.call("POST", "/auth/mfa/passkeys", { token, body })).status, 201);
  const login = await app.call("POST", "/auth/login/passkey/options");
  const foreign = { method: "passkey", assertion: authenticator.get(login.body) };
  assert.equal((await stepUp(token, foreign)).body.error_code, "mfa_code_invalid");
  const options = await app.call("POST", "/auth/step-up/options", { token });
  const answer = await stepUp(token, {
    method: "passkey",
    assertion: authenticator.get(options.body),
  });
  assert.equal(answer.status, 200, answer.text);
  const who = await app.call("GET", "/auth/whoami", { token: answer.body.access_token });
  assert.deepEqual(who.body.token_info.amr, ["pwd", "hwk", "user", "mfa"]);
});

test("a factor change ends the other sessions and every trust, at once; the present session goes on", async () => {
  const ana = await registerSomebody(app);
  const other = (await login(app, ana)).body;
  const whoami = (token: string) => app.call("GET", "/auth/whoami", { token });
  assert.equal((await whoami(other.access_token)).status, 200, "cached");
  const shown = await showTotp(ana.access_token);
  const stolen = await app.call("PUT", "/auth/mfa/totp", {
    token: other.access_token,
    body: { code: nextCode(app, shown.body.secret) },
  });
  assert.equal(stolen.body.error_code, "mfa_code_invalid", "shown to another session");
  const { secret } = shown.body;
  const body = { code: nextCode(app, secret) };
  const added = await app.call("PUT", "/auth/mfa/totp", { token: ana.access_token, body });
  assert.equal(added.status, 200, added.text);
  assert.equal((await whoami(other.access_token)).body.error_code, "token_invalid");
  assert.equal((await whoami(ana.access_token)).status, 200);
  const challenge_token = await challengeOf(app, ana);
  const done = await complete(app, {
    challenge_token,
    method: "totp",
    code: nextCode(app, secret),
    remember_device: true,
  });
  const { access_token: token, trusted_device_token } = done.body;
  assert.equal((await app.call("DELETE", "/auth/mfa/totp", { token })).status, 204);
  assert.equal((await whoami(ana.access_token)).status, 401);
  const plain = await login(app, ana, { trusted_device_token });
  assert.equal(plain.status, 200, "no factor, no question");
  const [{ codes, devices }] = (await run<{ codes: number; devices: number }>(sql`
    SELECT (SELECT count(*)::int FROM auth.recovery_codes WHERE account_id = a.id) AS codes,
           (SELECT count(*)::int FROM auth.trusted_devices WHERE account_id = a.id) AS devices
      FROM auth.accounts a WHERE a.id = ${ana.user["id"]}`)) as [
    { codes: number; devices: number },
  ];
  assert.deepEqual([codes, devices], [0, 0]);
  assert.equal((await showTotp(plain.body.access_token)).status, 200);
});

test("an administrator of the tenant takes all factors from an account, and nobody else does", async (t) => {
  t.after(() => setPolicy(app, {}));
  const [ana, admin] = [await registerWithTotp(app), await registerSomebody(app)];
  const path = `/v1/admin/accounts/${ana.user["id"]}/mfa`;
  const ask = (token: string) => app.call("DELETE", path, { token });
  assert.equal((await ask(admin.access_token)).status, 403);
  await run(sql`
    INSERT INTO iam.user_role_association (user_id, role_context, role_name, role_tenant_id)
    SELECT ${admin.user["id"]}, context, name, tenant_id FROM iam.roles
     WHERE context = 'iam' AND 'manage_users' = ANY (permissions) LIMIT 1`);
  const token = (await login(app, admin)).body.access_token;
  const own = await app.call("DELETE", `/v1/admin/accounts/${admin.user["id"]}/mfa`, { token });
  assert.equal(own.status, 403, "not one's own");
  await run(sql`
    INSERT INTO iam.user_role_association (user_id, role_context, role_name)
    VALUES (${ana.user["id"]}, 'products_catalog', 'product_manager')`);
  assert.equal((await ask(token)).status, 403, "may do more than the caller");
  await run(sql`
    DELETE FROM iam.user_role_association
     WHERE user_id = ${ana.user["id"]} AND role_name = 'product_manager'`);
  const tenantId = "00000000-0000-7000-8000-0000000000aa";
  await run(sql`INSERT INTO auth.tenants (id, name) VALUES (${tenantId}, 'elsewhere')`);
  await run(sql`UPDATE auth.accounts SET tenant_id = ${tenantId} WHERE id = ${ana.user["id"]}`);
  assert.equal((await ask(token)).status, 404, "another tenant's");
  await run(sql`UPDATE auth.accounts SET tenant_id = (SELECT id FROM auth.tenants
    WHERE name = 'default') WHERE id = ${ana.user["id"]}`);
  app.clock.goAhead(700);
  assert.equal((await ask(token)).body.error_code, "step_up_required");
  app.clock.goBack();
  assert.equal((await ask(token)).status, 204);
  const last = (await auditOf(app, ana.user["id"])).at(-1)!;
  assert.deepEqual([last.action, last.actor], ["mfa.reset", admin.user["id"]]);
  assert.equal((await login(app, ana)).status, 200);
  const old = await app.call("GET", "/auth/whoami", { token: ana.access_token });
  assert.equal(old.status, 401);
});

test("a route that asks to step up must be for users alone, or the server does not start", () => {
  const build = (access: Access) =>
    createPipeline({
      routes: [
        defineRoute({
          method: "GET",
          path: "/x",
          summary: "x",
          tag: "x",
          access,
          responses: {},
          handler: () => json(200, {}),
        }),
      ],
      config: app.config,
      log: silentLog,
      metrics: createMetrics(),
    });
  assert.throws(() => build({ kind: "authenticated", stepUp: STEP_UP }), /for users alone/);
  build({ kind: "authenticated", kinds: ["user"], stepUp: STEP_UP });
});
