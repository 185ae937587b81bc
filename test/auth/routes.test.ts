import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createInlinePasswords } from "../../src/auth/password/run-tasks.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { capturedLog } from "../support/log.ts";
import { GOOD_PASSWORD, registerSomebody, startApp, type TestApp } from "./accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
});
after(() => db.drop());

test("register answers 201 with tokens, user and session, and the token works at once", async () => {
  const answer = await app.call("POST", "/auth/register", {
    body: { email: "Ana@Example.com", password: GOOD_PASSWORD, username: "Ana", name: "Ana Souza" },
    headers: {
      "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    },
  });
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.deepEqual(Object.keys(answer.body), [
    "access_token",
    "refresh_token",
    "token_type",
    "expires_in",
    "refresh_expires_in",
    "user",
    "session",
  ]);
  const { user, session } = answer.body;
  assert.equal(answer.body.token_type, "Bearer");
  assert.equal(answer.body.expires_in, 1800);
  assert.ok(answer.body.refresh_expires_in > 604_790 && answer.body.refresh_expires_in <= 604_800);
  assert.deepEqual(Object.keys(user), [
    "id",
    "email",
    "username",
    "name",
    "email_verified",
    "created_at",
    "last_login",
  ]);
  assert.equal(user.email, "ana@example.com");
  assert.equal(user.username, "Ana");
  assert.equal(user.email_verified, false);
  assert.equal(user.last_login, null);
  assert.deepEqual(Object.keys(session), [
    "id",
    "created_at",
    "expires_at",
    "device",
    "network",
    "country",
  ]);
  assert.equal(session.device, "Firefox on Linux");
  assert.equal(session.network, "192.0.2.0/24");

  const me = await app.call("GET", "/users/me", { token: answer.body.access_token });
  assert.equal(me.status, 200, me.text);
  const { version, ...profile } = me.body;
  assert.deepEqual(profile, user);
  assert.equal(version, 1);
});

test("whoami answers from the principal, roles of the new IAM user included", async () => {
  const ana = await registerSomebody(app);
  const answer = await app.call("GET", "/auth/whoami", { token: ana.access_token });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.user_id, ana.user["id"]);
  assert.equal(answer.body.is_authenticated, true);
  assert.deepEqual(answer.body.user_roles.iam, ["user"]);
  assert.equal(answer.body.user_object.email, ana.email);
  const { issuer, subject, session_id, kind, amr, expires_at } = answer.body.token_info;
  assert.deepEqual(
    { issuer, subject, session_id, kind, amr },
    {
      issuer: app.config.publicUrl,
      subject: ana.user["id"],
      session_id: ana.session["id"],
      kind: "user",
      amr: ["pwd"],
    },
  );
  assert.ok(Date.parse(expires_at) > Date.now());
  const alias = await app.call("GET", "/v2/auth/whoami/", { token: ana.access_token });
  assert.equal(alias.text, answer.text);
});

test("login by address or user name, in any case, opens a new session and records the login", async () => {
  const ana = await registerSomebody(app, { username: "CookOne" });
  for (const body of [
    { email: ana.email.toUpperCase() },
    { username: "cookone" },
    { username: ana.email },
  ]) {
    const answer = await app.call("POST", "/v2/auth/login", {
      body: { ...body, password: ana.password },
    });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.user.id, ana.user["id"]);
    assert.ok(answer.body.user.last_login !== null);
    assert.notEqual(answer.body.session.id, ana.session["id"]);
  }
});

test("bodies that break a rule are refused with the field named", async () => {
  const good = { email: "b@example.com", password: GOOD_PASSWORD };
  const cases: [string, string, unknown, number][] = [
    ["no body", "/auth/register", undefined, 415],
    ["not an address", "/auth/register", { ...good, email: "nobody" }, 422],
    ["short password", "/auth/register", { ...good, password: "k7!bRq2" }, 422],
    ["weak password", "/auth/register", { ...good, password: "password123" }, 422],
    [
      "own address as password",
      "/auth/register",
      { email: "kitchen@example.com", password: "kitchen1" },
      422,
    ],
    ["user name with @", "/auth/register", { ...good, username: "a@b" }, 422],
    ["unknown field", "/auth/register", { ...good, role: "administrator" }, 422],
    ["NUL in the name", "/auth/register", { ...good, name: "a\0b" }, 422],
    ["both identifiers", "/auth/login", { ...good, username: "b" }, 422],
    ["no identifier", "/auth/login", { password: GOOD_PASSWORD }, 422],
    ["no password", "/auth/login", { email: "b@example.com" }, 422],
    ["short device secret", "/auth/login", { ...good, device_info: { secret: "short" } }, 422],
  ];
  for (const [what, path, body, status] of cases) {
    const answer = await app.call("POST", path, { body });
    assert.equal(answer.status, status, `${what}: ${answer.text}`);
    assert.doesNotMatch(answer.text, /four plates|password123|kitchen1/, what);
  }
});

test("a request id given by the caller comes back and is in the audit log", async () => {
  const answer = await app.call("POST", "/auth/register", {
    body: { email: "traced@example.com", password: GOOD_PASSWORD },
    headers: { "x-request-id": "kitchen-42" },
  });
  assert.equal(answer.headers["x-request-id"], "kitchen-42");
  const { rows } = await db.database.query({
    text: "SELECT action, subject, network FROM auth.audit_log WHERE request_id = 'kitchen-42'",
    values: [],
  });
  assert.deepEqual(rows, [
    { action: "account.register", subject: answer.body.user.id, network: "192.0.2.0/24" },
  ]);
});

test("no password and no token is ever logged, whatever goes wrong", async () => {
  const { log, texts } = capturedLog();
  const real = createInlinePasswords();
  let isBroken = false;
  const loud = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    log,
    passwords: {
      ...real,
      verify: (password, ...rest) =>
        isBroken ? Promise.reject(new Error("broken")) : real.verify(password, ...rest),
    },
  });
  const ana = await registerSomebody(loud);
  const { email } = ana;
  const login = (password: string) =>
    loud.call("POST", "/auth/login", { body: { email, password } });
  await login("typed in anger");
  await login(GOOD_PASSWORD);
  isBroken = true;
  assert.equal((await login("typed in anger")).status, 500);
  await loud.call("POST", "/auth/register", {
    body: { email, password: "typed in anger", name: 7 },
  });
  const refreshed = await loud.call("POST", "/auth/refresh", {
    body: { refresh_token: ana.refresh_token },
  });
  await loud.call("GET", "/auth/whoami", { token: `${ana.access_token}x` });
  const all = texts.join("\n");
  assert.ok(texts.length >= 6, "the requests are logged");
  for (const secret of [
    "typed in anger",
    GOOD_PASSWORD,
    ana.access_token,
    ana.refresh_token,
    refreshed.body.refresh_token as string,
  ]) {
    assert.ok(!all.includes(secret), "a secret is in the log");
  }
});
