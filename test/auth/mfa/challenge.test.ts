import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { removeExpiredTrustedDevices } from "../../../src/auth/mfa/store-devices.ts";
import { removeExpiredWebauthnChallenges } from "../../../src/auth/mfa/store-passkeys.ts";
import { removeExpiredEnrolments } from "../../../src/auth/mfa/store-totp.ts";
import { createDatabase } from "../../../src/platform/postgres.ts";
import { createInlinePasswords } from "../../../src/auth/password/run-tasks.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { crowd } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { registerSomebody } from "../accounts-rig.ts";
import {
  auditOf,
  challengeOf,
  codeOf,
  complete,
  enrolTotp,
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

test("the right password of an account with a factor opens nothing; the code does", async () => {
  const ana = await registerWithTotp(app);
  const asked = await login(app, ana);
  assert.equal(asked.status, 401);
  assert.equal(asked.headers["content-type"], "application/problem+json");
  assert.equal(asked.headers["www-authenticate"], "Bearer");
  const { error_code, methods, expires_in, challenge_token, access_token } = asked.body;
  assert.deepEqual(
    [error_code, methods, expires_in],
    ["mfa_required", ["totp", "recovery_code"], 300],
  );
  assert.equal(access_token, undefined);
  const sessions = await run(sql`SELECT FROM auth.sessions
    WHERE account_id = ${ana.user["id"]} AND ended_at IS NULL`);
  assert.equal(sessions.length, 1, "the one that enrolled");

  const code = nextCode(app, ana.secret);
  const answer = await complete(app, { challenge_token, method: "totp", code });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.equal(answer.body.user.id, ana.user["id"]);
  const whoami = await app.call("GET", "/auth/whoami", { token: answer.body.access_token });
  assert.deepEqual(whoami.body.token_info.amr, ["pwd", "otp", "mfa"]);
  const refreshed = await app.call("POST", "/auth/refresh", {
    body: { refresh_token: answer.body.refresh_token },
  });
  const again = await app.call("GET", "/auth/whoami", { token: refreshed.body.access_token });
  assert.deepEqual(again.body.token_info.amr, ["pwd", "otp", "mfa"], "a refresh keeps it");
  const actions = (await auditOf(app, ana.user["id"])).map(({ action }) => action);
  assert.deepEqual(actions.slice(-3), ["mfa.totp_added", "login.challenge", "login.success"]);
});

test("a hundred who ask at once what factors they have are all told", async () => {
  const { access_token: token } = await registerSomebody(app);
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => app.call("GET", "/auth/mfa", { token })),
  );
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
});

test("a wrong password is told the same whether there is a factor or not", async () => {
  const [plain, ana] = [await registerSomebody(app), await registerWithTotp(app)];
  const bodies = [];
  for (const { email } of [plain, ana]) {
    const answer = await app.call("POST", "/auth/login", { body: { email, password: "not it" } });
    const { request_id: _, timestamp: __, ...body } = answer.body;
    bodies.push({ status: answer.status, body });
  }
  assert.deepEqual(bodies[0], bodies[1]);
  assert.equal(bodies[0]!.body.error_code, "credentials_invalid");
});

test("a challenge token is good for completing its login once, and for nothing else", async () => {
  const ana = await registerWithTotp(app);
  const token = await challengeOf(app, ana);
  for (const [method, path, body] of [
    ["GET", "/auth/whoami", undefined],
    ["GET", "/users/me", undefined],
    ["GET", "/auth/mfa", undefined],
    ["POST", "/auth/mfa/totp", undefined],
    ["POST", "/auth/step-up", { method: "password", password: ana.password }],
    ["POST", "/auth/logout", {}],
  ] as const) {
    const answer = await app.call(method, path, { token, body });
    assert.deepEqual([answer.status, answer.body.error_code], [401, "token_invalid"], path);
  }
  const refresh = await app.call("POST", "/auth/refresh", { body: { refresh_token: token } });
  assert.equal(refresh.body.error_code, "refresh_token_invalid");
  const enrol = await app.call("POST", "/auth/mfa/challenge/totp", {
    body: { challenge_token: token },
  });
  assert.equal(enrol.body.error_code, "mfa_challenge_invalid", "it has a factor");

  const body = { challenge_token: token, method: "totp", code: nextCode(app, ana.secret) };
  const answers = await Promise.all(Array.from({ length: 4 }, () => complete(app, body)));
  assert.deepEqual(
    answers.map(({ status }) => status).toSorted(),
    [200, 401, 401, 401],
    "of four at once one is let in",
  );
  const late = await complete(app, { ...body, code: nextCode(app, ana.secret) });
  assert.equal(late.body.error_code, "mfa_challenge_invalid");
  for (const no of ["x", "A".repeat(43), answers[0]!.body.access_token ?? "y".repeat(43)]) {
    const refused = await complete(app, { ...body, challenge_token: no.slice(0, 128) });
    assert.equal(refused.body.error_code, "mfa_challenge_invalid");
  }
});

test("a code is taken once, and none of its step or before after it", async () => {
  const ana = await registerWithTotp(app);
  const code = nextCode(app, ana.secret);
  const first = await complete(app, {
    challenge_token: await challengeOf(app, ana),
    method: "totp",
    code,
  });
  assert.equal(first.status, 200);
  const token = await challengeOf(app, ana);
  for (const used of [code, codeOf(app, ana.secret, -1)]) {
    const answer = await complete(app, { challenge_token: token, method: "totp", code: used });
    assert.deepEqual([answer.status, answer.body.error_code], [401, "mfa_code_invalid"]);
  }
  const [last] = (await auditOf(app, ana.user["id"])).slice(-1);
  assert.deepEqual([last!.action, last!.reason], ["mfa.failure", "totp replayed"]);
  const next = codeOf(app, ana.secret, 1);
  const answer = await complete(app, { challenge_token: token, method: "totp", code: next });
  assert.equal(answer.status, 200, "wrong answers left the login open");
});

test("2 000 parallel guesses in two processes on a budget of five: exactly five are looked at", async () => {
  const other = createDatabase({
    url: db.url,
    connections: 16,
    applicationName: "other",
    log: silentLog,
  });
  const budgets = { otpAccount: { count: 5, seconds: 3_600 } };
  const one = await startMfaApp({ database: db.database, keyRing: app.keyRing, budgets });
  const two = await startMfaApp({ database: other, keyRing: app.keyRing, budgets });
  const ana = await registerWithTotp(app);
  const code = wrongCode(app, ana.secret);
  const tokens = await Promise.all([challengeOf(one, ana), challengeOf(two, ana)]);
  const answers = await crowd([db.database, other], 2_000, 15, (at) => {
    const body = { challenge_token: tokens[at % 2], method: "totp", code };
    return complete(at % 4 < 2 ? one : two, body, `198.51.${at % 200}.${at % 250}`);
  });
  await other.end();
  const count = (code: string) => answers.filter(({ body }) => body.error_code === code).length;
  assert.equal(count("mfa_code_invalid"), 5);
  assert.equal(count("rate_limited"), 1_995, "the others were looked at by nobody");
  const looked = (await auditOf(app, ana.user["id"])).filter(
    ({ action }) => action === "mfa.failure",
  );
  assert.equal(looked.length, 5);
  const right = { challenge_token: tokens[0], method: "totp", code: nextCode(one, ana.secret) };
  const late = await complete(one, right);
  assert.equal(late.status, 429, "the right one has to wait, too");
  assert.ok(Number(late.headers["retry-after"]) > 0);
});

test("a right answer makes the budget whole again", async () => {
  const budgets = { otpAccount: { count: 3, seconds: 3_600 } };
  const tight = await startMfaApp({ database: db.database, keyRing: app.keyRing, budgets });
  const ana = await registerWithTotp(tight);
  for (let round = 0; round < 3; round++) {
    const token = await challengeOf(tight, ana);
    for (let guess = 0; guess < 2; guess++) {
      const body = { challenge_token: token, method: "totp", code: wrongCode(tight, ana.secret) };
      assert.equal((await complete(tight, body)).status, 401);
    }
    const body = { challenge_token: token, method: "totp", code: nextCode(tight, ana.secret) };
    assert.equal((await complete(tight, body)).status, 200, `round ${round}`);
  }
});

test("a login with a device secret is completed by that device alone", async () => {
  const ana = await registerWithTotp(app);
  const device_info = { name: "Laptop", secret: "a secret of this device" };
  const challenge_token = await challengeOf(app, ana, { device_info });
  const body = { challenge_token, method: "totp", code: nextCode(app, ana.secret) };
  for (const other of [undefined, { secret: "a secret of another device" }, { name: "Laptop" }]) {
    const answer = await complete(app, { ...body, ...(other ? { device_info: other } : {}) });
    assert.deepEqual([answer.status, answer.body.error_code], [401, "device_mismatch"]);
  }
  const answer = await complete(app, { ...body, device_info });
  assert.equal(answer.status, 200);
  const refresh_token = answer.body.refresh_token;
  const refreshed = await app.call("POST", "/auth/refresh", { body: { refresh_token } });
  assert.equal(refreshed.body.error_code, "device_mismatch", "and so is its session");
});

test("a password that changed, a factor that changed, a disabled account or time end a challenge", async () => {
  const changes: [string, (id: string) => Promise<unknown>][] = [
    [
      "password",
      (id) => run(sql`UPDATE auth.credentials SET password_hash = 'x' WHERE account_id = ${id}`),
    ],
    [
      "factor",
      (id) =>
        run(sql`UPDATE auth.accounts SET factor_version = factor_version + 1 WHERE id = ${id}`),
    ],
    ["account", (id) => run(sql`UPDATE auth.accounts SET active = false WHERE id = ${id}`)],
    [
      "time",
      (id) => run(sql`UPDATE auth.one_time_tokens SET expires_at = now() WHERE account_id = ${id}`),
    ],
  ];
  for (const [what, change] of changes) {
    const ana = await registerWithTotp(app);
    const challenge_token = await challengeOf(app, ana);
    await change(ana.user["id"]);
    const body = { challenge_token, method: "totp", code: nextCode(app, ana.secret) };
    const answer = await complete(app, body);
    assert.deepEqual([answer.status, answer.body.error_code], [401, "mfa_challenge_invalid"], what);
  }
});

test("each recovery code opens one session, also of parallel logins, and the count is shown", async () => {
  const ana = await registerWithTotp(app);
  const [first, second] = ana.recoveryCodes as [string, string];
  const tokens = await Promise.all([challengeOf(app, ana), challengeOf(app, ana)]);
  const answers = await Promise.all(
    tokens.map((challenge_token) =>
      complete(app, { challenge_token, method: "recovery_code", code: first }),
    ),
  );
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 401]);
  const { access_token: token } = answers.find(({ status }) => status === 200)!.body;
  const left = await app.call("GET", "/auth/mfa/recovery-codes", { token });
  assert.deepEqual(left.body, { left: 9 });
  const used = (await auditOf(app, ana.user["id"])).filter(
    ({ action }) => action === "mfa.recovery_code_used",
  );
  assert.deepEqual(
    used.map(({ reason }) => reason),
    ["9 left"],
  );
  const made = await app.call("POST", "/auth/mfa/recovery-codes", { token });
  assert.equal(made.status, 201, made.text);
  assert.equal(new Set(made.body.recovery_codes).size, 10);
  const challenge_token = await challengeOf(app, ana);
  const old = await complete(app, { challenge_token, method: "recovery_code", code: second });
  assert.equal(old.body.error_code, "mfa_code_invalid", "the old ones are gone");
  const code = made.body.recovery_codes[0].toLowerCase();
  const fresh = await complete(app, { challenge_token, method: "recovery_code", code });
  assert.equal(fresh.status, 200);
  const mails = await run<{ name: string }>(sql`
    SELECT payload ->> 'name' AS name FROM platform.outbox
     WHERE payload ->> 'account_id' = ${ana.user["id"]} ORDER BY id`);
  const told = mails.map(({ name }) => name).filter((name) => /factor|recovery/.test(name));
  assert.deepEqual(told, [
    "factor_changed",
    "recovery_code_used",
    "factor_changed",
    "recovery_code_used",
  ]);
  const stored = JSON.stringify(await run(sql`SELECT * FROM auth.recovery_codes`));
  assert.ok(!stored.includes(made.body.recovery_codes[1].replaceAll("-", "")));
});

test("a remembered device needs no code until the password or a factor changes", async () => {
  const ana = await registerWithTotp(app);
  const challenge_token = await challengeOf(app, ana);
  const code = nextCode(app, ana.secret);
  const body = { challenge_token, method: "totp", code, remember_device: true };
  const { trusted_device_token } = (await complete(app, body)).body;
  assert.match(trusted_device_token, /^[\w-]{43}$/);
  const trusted = await login(app, ana, { trusted_device_token });
  assert.equal(trusted.status, 200, trusted.text);
  const whoami = await app.call("GET", "/auth/whoami", { token: trusted.body.access_token });
  assert.deepEqual(whoami.body.token_info.amr, ["pwd"], "the device proved nothing to others");
  await challengeOf(app, ana, { trusted_device_token: "x".repeat(43) });
  const other = await registerWithTotp(app);
  await challengeOf(app, other, { trusted_device_token });

  const token = trusted.body.access_token;
  const list = await app.call("GET", "/auth/trusted-devices", { token });
  assert.equal(list.body.trusted_devices.length, 1);
  const [{ id }] = list.body.trusted_devices;
  const foreign = await app.call("DELETE", `/auth/trusted-devices/${id}`, {
    token: (await registerSomebody(app)).access_token,
  });
  assert.equal(foreign.status, 404);
  await run(sql`UPDATE auth.credentials SET changed_at = clock_timestamp()
    WHERE account_id = ${ana.user["id"]}`);
  await challengeOf(app, ana, { trusted_device_token });
  await run(sql`UPDATE auth.credentials SET changed_at = now() - interval '1 day'
    WHERE account_id = ${ana.user["id"]}`);
  assert.equal((await login(app, ana, { trusted_device_token })).status, 200);
  await run(sql`UPDATE auth.trusted_devices SET expires_at = now() WHERE id = ${id}`);
  await challengeOf(app, ana, { trusted_device_token });
  await run(sql`UPDATE auth.trusted_devices SET expires_at = now() + interval '1 day'`);
  assert.equal((await app.call("DELETE", `/auth/trusted-devices/${id}`, { token })).status, 204);
  await challengeOf(app, ana, { trusted_device_token });
});

test("mfa.mode off asks nobody; required lets somebody without a factor enrol and nothing else", async (t) => {
  t.after(() => setPolicy(app, {}));
  const [ana, ben] = [await registerWithTotp(app), await registerSomebody(app)];
  await setPolicy(app, { mfa: { mode: "off" } });
  assert.equal((await login(app, ana)).status, 200);
  await setPolicy(app, { mfa: { mode: "required" } });
  const asked = await login(app, ben);
  assert.deepEqual([asked.body.error_code, asked.body.methods], ["mfa_required", ["enrol"]]);
  const fresh = await app.call("POST", "/auth/register", {
    body: { email: "fresh@example.com", password: ben.password },
  });
  assert.deepEqual([fresh.body.error_code, fresh.body.methods], ["mfa_required", ["enrol"]]);
  const { challenge_token } = asked.body;
  const nothing = await complete(app, { challenge_token, method: "totp", code: "123456" });
  assert.equal(nothing.body.error_code, "mfa_code_invalid", "nothing was shown yet");
  const shown = await app.call("POST", "/auth/mfa/challenge/totp", { body: { challenge_token } });
  assert.equal(shown.status, 200, shown.text);
  assert.match(shown.body.qr_svg, /^<svg/);
  const elsewhere = await challengeOf(app, ben);
  const code = codeOf(app, shown.body.secret);
  const stolen = await complete(app, { challenge_token: elsewhere, method: "totp", code });
  assert.equal(stolen.body.error_code, "mfa_code_invalid", "shown to another login");
  const done = await complete(app, { challenge_token, method: "totp", code });
  assert.equal(done.status, 200, done.text);
  assert.equal(done.body.recovery_codes.length, 10);
  const token = done.body.access_token;
  assert.equal((await app.call("GET", "/users/me", { token })).status, 200);
  const last = await app.call("DELETE", "/auth/mfa/totp", { token });
  assert.deepEqual([last.status, last.body.error_code], [409, "conflict"]);
  const status = await app.call("GET", "/auth/mfa", { token });
  assert.deepEqual([status.body.mode, status.body.recovery_codes_left], ["required", 10]);
  assert.notEqual(status.body.totp, null);
});

test("what is past its time is removed, and nothing else", async () => {
  const ana = await registerWithTotp(app);
  const id = ana.user["id"];
  const rows = () =>
    run<{ challenges: number; enrolments: number; devices: number }>(sql`
      SELECT (SELECT count(*)::int FROM auth.webauthn_challenges) AS challenges,
             (SELECT count(*)::int FROM auth.totp_enrolments) AS enrolments,
             (SELECT count(*)::int FROM auth.trusted_devices) AS devices`);
  for (const table of ["webauthn_challenges", "totp_enrolments", "trusted_devices"]) {
    await db.database.query({ text: `DELETE FROM auth.${table}`, values: [] });
  }
  for (const end of ["-1 second", "1 hour"]) {
    await run(sql`INSERT INTO auth.webauthn_challenges (digest, purpose, account_id, expires_at)
      VALUES (sha256(${end}::bytea), 'login', NULL, now() + ${end}::interval)`);
    await run(sql`INSERT INTO auth.trusted_devices (id, account_id, digest, expires_at)
      VALUES (gen_random_uuid(), ${id}, sha256(${end}::bytea), now() + ${end}::interval)`);
  }
  await run(sql`INSERT INTO auth.totp_enrolments (account_id, owner, sealed, expires_at)
    VALUES (${id}, 'x', 'x', now() - interval '1 second')`);
  const done = [
    await removeExpiredWebauthnChallenges(db.database),
    await removeExpiredTrustedDevices(db.database),
    await removeExpiredEnrolments(db.database),
  ];
  assert.deepEqual(done, [1, 1, 1]);
  assert.deepEqual(await rows(), [{ challenges: 1, enrolments: 0, devices: 1 }]);
});

test("a factor that appeared while the password was checked is asked for", async () => {
  const ana = await registerSomebody(app);
  const real = createInlinePasswords();
  let isFirst = true;
  const slow = await startMfaApp({
    database: db.database,
    keyRing: app.keyRing,
    passwords: {
      ...real,
      async verify(...given) {
        const verdict = await real.verify(...given);
        // After the account was read, before its session is opened.
        if (isFirst) await enrolTotp(app, ana.access_token);
        isFirst = false;
        return verdict;
      },
    },
  });
  await challengeOf(slow, ana);
});
