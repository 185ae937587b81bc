import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { createAuthenticator, type Lies } from "../../support/authenticator.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody } from "../accounts-rig.ts";
import {
  auditOf,
  challengeOf,
  complete,
  registerWithTotp,
  startMfaApp,
  type MfaApp,
} from "./mfa-rig.ts";

const ORIGIN = "http://localhost:8000";

let db: TestDatabase;
let app: MfaApp;
before(async () => {
  db = await withDatabase();
  app = await startMfaApp({ database: db.database });
});
beforeEach(() => app.clock.goBack());
after(() => db.drop());

const run = async <T>(statement: Sql) => (await db.database.query<T>(statement)).rows;
type Authenticator = ReturnType<typeof createAuthenticator>;

async function addPasskey(token: string, authenticator: Authenticator, name = "Phone") {
  const options = await app.call("POST", "/auth/mfa/passkeys/options", { token });
  assert.equal(options.status, 200, options.text);
  const attestation = authenticator.create(options.body);
  return app.call("POST", "/auth/mfa/passkeys", { token, body: { name, attestation } });
}

/** Somebody with a passkey, and its authenticator. */
async function registerWithPasskey(
  behaviour: Partial<Parameters<typeof createAuthenticator>[0]> = {},
) {
  const person = await registerSomebody(app);
  const authenticator = createAuthenticator({ origin: ORIGIN, ...behaviour });
  const added = await addPasskey(person.access_token, authenticator);
  assert.equal(added.status, 201, added.text);
  return { ...person, authenticator, passkey: added.body };
}

async function passkeyLogin(authenticator: Authenticator, lies?: Lies) {
  const options = await app.call("POST", "/auth/login/passkey/options");
  assert.equal(options.status, 200, options.text);
  return app.call("POST", "/auth/login/passkey", {
    body: { assertion: authenticator.get(options.body, lies) },
  });
}

async function factorAnswer(challenge_token: string, authenticator: Authenticator, lies?: Lies) {
  const options = await app.call("POST", "/auth/mfa/challenge/options", {
    body: { challenge_token },
  });
  assert.equal(options.status, 200, options.text);
  const assertion = authenticator.get(options.body, lies);
  return { challenge_token, method: "passkey", assertion };
}

const amrOf = async (token: string) =>
  (await app.call("GET", "/auth/whoami", { token })).body.token_info.amr;

test("a passkey is added for our host, named, listed, and comes with recovery codes", async () => {
  const ana = await registerSomebody(app);
  const token = ana.access_token;
  const { body: options } = await app.call("POST", "/auth/mfa/passkeys/options", { token });
  assert.equal(options.rp.id, "localhost");
  assert.equal(options.user.name, ana.email);
  assert.equal(
    Buffer.from(options.user.id, "base64url").toString("hex"),
    ana.user["id"].replaceAll("-", ""),
  );
  const authenticator = createAuthenticator({ origin: ORIGIN });
  const added = await addPasskey(token, authenticator, "Phone");
  assert.equal(added.status, 201);
  assert.equal(added.body.recovery_codes.length, 10);
  assert.deepEqual([added.body.name, added.body.synced], ["Phone", false]);
  const second = await app.call("POST", "/auth/mfa/passkeys/options", { token });
  assert.equal(second.status, 401, "from now on a fresh second factor is asked for");
  assert.equal(second.body.error_code, "step_up_required");
});

test("a passkey alone is a login when its authenticator made sure who holds it", async () => {
  const { authenticator, user, passkey } = await registerWithPasskey();
  const answer = await passkeyLogin(authenticator);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.user.id, user["id"]);
  const token = answer.body.access_token;
  assert.deepEqual(await amrOf(token), ["hwk", "user", "mfa"]);
  const { body } = await app.call("GET", "/auth/mfa/passkeys", { token });
  assert.equal(body.passkeys.length, 1);
  assert.notEqual(body.passkeys[0].last_used_at, null);
  const renamed = await app.call("PATCH", `/auth/mfa/passkeys/${passkey.id}`, {
    token,
    body: { name: "Old phone" },
  });
  assert.equal(renamed.body.name, "Old phone");
  const other = await registerSomebody(app);
  for (const [method, sent] of [
    ["PATCH", { name: "x" }],
    ["DELETE", undefined],
  ] as const) {
    const foreign = await app.call(method, `/auth/mfa/passkeys/${passkey.id}`, {
      token: other.access_token,
      ...(sent === undefined ? {} : { body: sent }),
    });
    assert.equal(foreign.status, 404, "somebody else's");
  }
  assert.equal(
    (await app.call("DELETE", `/auth/mfa/passkeys/${passkey.id}`, { token })).status,
    204,
  );
  assert.equal((await passkeyLogin(authenticator)).status, 401);
});

test("a passkey that only says somebody was there is a second factor and not a first", async () => {
  const ana = await registerWithPasskey({ userVerified: false, synced: true });
  const refused = await passkeyLogin(ana.authenticator);
  assert.deepEqual([refused.status, refused.body.error_code], [401, "credentials_invalid"]);
  const body = await factorAnswer(await challengeOf(app, ana), ana.authenticator);
  const answer = await complete(app, body);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(await amrOf(answer.body.access_token), ["pwd", "swk", "mfa"]);
});

test("an answer for another page, host, kind, challenge, person or by another key is refused", async () => {
  const ana = await registerWithPasskey();
  const ben = await registerWithPasskey();
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const lies: Lies[] = [
    { origin: "https://evil.example" },
    { origin: "http://localhost:8001" },
    { rpId: "evil.example" },
    { type: "webauthn.create" },
    { challenge: Buffer.alloc(32, 7).toString("base64url") },
    { userPresent: false },
    { userHandle: Buffer.from(ben.user["id"].replaceAll("-", ""), "hex").toString("base64url") },
    { key: privateKey },
  ];
  for (const lie of lies) {
    const what = Object.keys(lie).join();
    const first = await passkeyLogin(ana.authenticator, lie);
    assert.deepEqual([first.status, first.body.error_code], [401, "credentials_invalid"], what);
    const body = await factorAnswer(await challengeOf(app, ana), ana.authenticator, lie);
    const second = await complete(app, body);
    assert.deepEqual([second.status, second.body.error_code], [401, "mfa_code_invalid"], what);
  }
  const token = await challengeOf(app, ana);
  const { body: options } = await app.call("POST", "/auth/mfa/challenge/options", {
    body: { challenge_token: token },
  });
  const assertion = ben.authenticator.get({ ...options, allowCredentials: undefined });
  const foreign = await complete(app, { challenge_token: token, method: "passkey", assertion });
  assert.equal(foreign.body.error_code, "mfa_code_invalid", "somebody else's passkey");
  assert.equal((await passkeyLogin(ana.authenticator)).status, 200, "and the honest one");
});

test("a challenge is signed once, in time, and for what it was issued for", async () => {
  const ana = await registerWithPasskey({ counting: 0 });
  const { body: options } = await app.call("POST", "/auth/login/passkey/options");
  const assertion = ana.authenticator.get(options);
  const send = () => app.call("POST", "/auth/login/passkey", { body: { assertion } });
  const answers = await Promise.all([send(), send(), send(), send()]);
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 401, 401, 401]);
  const challenge_token = await challengeOf(app, ana);
  const { body: loginOptions } = await app.call("POST", "/auth/login/passkey/options");
  const wrong = ana.authenticator.get(loginOptions);
  const body = { challenge_token, method: "passkey", assertion: wrong };
  assert.equal((await complete(app, body)).body.error_code, "mfa_code_invalid", "of a login");
  const late = await factorAnswer(challenge_token, ana.authenticator);
  await run(sql`UPDATE auth.webauthn_challenges SET expires_at = now()`);
  assert.equal((await complete(app, late)).body.error_code, "mfa_code_invalid");
  const token = answers.find(({ status }) => status === 200)!.body.access_token;
  const made = await app.call("POST", "/auth/mfa/passkeys/options", { token });
  const attestation = ana.authenticator.create(made.body);
  const add = () =>
    app.call("POST", "/auth/mfa/passkeys", { token, body: { name: "x", attestation } });
  assert.equal((await add()).status, 201);
  assert.equal((await add()).body.error_code, "mfa_code_invalid", "a registration, too");
});

test("a counter that does not go on is a copy: refused, and written down", async () => {
  const ana = await registerWithPasskey();
  assert.equal((await passkeyLogin(ana.authenticator, { counter: 10 })).status, 200);
  for (const counter of [10, 9, 0]) {
    const refused = await passkeyLogin(ana.authenticator, { counter });
    assert.deepEqual([refused.status, refused.body.error_code], [401, "credentials_invalid"]);
    const last = (await auditOf(app, ana.user["id"])).at(-1)!;
    assert.deepEqual([last.action, last.reason], ["mfa.failure", "passkey counter went back"]);
  }
  const body = await factorAnswer(await challengeOf(app, ana), ana.authenticator, { counter: 3 });
  assert.equal((await complete(app, body)).body.error_code, "mfa_code_invalid");
  assert.equal((await passkeyLogin(ana.authenticator, { counter: 11 })).status, 200);
});

test("what is no registration for us adds nothing; a credential belongs to one account", async () => {
  const ana = await registerSomebody(app);
  const token = ana.access_token;
  const authenticator = createAuthenticator({ origin: ORIGIN });
  for (const lie of [
    { origin: "https://evil.example" },
    { rpId: "evil.example" },
    { type: "webauthn.get" },
    { challenge: "AAAA" },
    { userPresent: false },
  ] as Lies[]) {
    const { body: options } = await app.call("POST", "/auth/mfa/passkeys/options", { token });
    const attestation = authenticator.create(options, lie);
    const answer = await app.call("POST", "/auth/mfa/passkeys", {
      token,
      body: { name: "x", attestation },
    });
    assert.deepEqual([answer.status, answer.body.error_code], [401, "mfa_code_invalid"]);
  }
  assert.deepEqual(
    await run(sql`SELECT FROM auth.passkeys WHERE account_id = ${ana.user["id"]}`),
    [],
  );
  const ben = await registerSomebody(app);
  const { body: options } = await app.call("POST", "/auth/mfa/passkeys/options", { token });
  const attestation = authenticator.create(options);
  const foreign = await app.call("POST", "/auth/mfa/passkeys", {
    token: ben.access_token,
    body: { name: "x", attestation },
  });
  assert.equal(foreign.body.error_code, "mfa_code_invalid", "asked for by somebody else");
});

test("a disabled account is told so only after its passkey signed", async () => {
  const ana = await registerWithPasskey();
  await run(sql`UPDATE auth.accounts SET active = false WHERE id = ${ana.user["id"]}`);
  const answer = await passkeyLogin(ana.authenticator);
  assert.deepEqual([answer.status, answer.body.error_code], [403, "account_disabled"]);
});

test("who guesses codes does not lock the passkey out", async () => {
  const ana = await registerWithTotp(app);
  const token = ana.access_token;
  const code = ana.recoveryCodes[0];
  const stepUp = await app.call("POST", "/auth/step-up", {
    token,
    body: { method: "recovery_code", code },
  });
  assert.equal(stepUp.status, 200, stepUp.text);
  const authenticator = createAuthenticator({ origin: ORIGIN });
  const added = await addPasskey(stepUp.body.access_token, authenticator);
  assert.equal(added.status, 201, added.text);
  assert.equal(added.body.recovery_codes, undefined, "the account has some");
  const tight = await startMfaApp({
    database: db.database,
    keyRing: app.keyRing,
    budgets: { otpAccount: { count: 3, seconds: 900 } },
  });
  const challenge_token = await challengeOf(tight, ana);
  const wrong = { challenge_token, method: "recovery_code", code: "AAAA-AAAA" };
  for (let guess = 0; guess < 3; guess++) await complete(tight, wrong);
  assert.equal((await complete(tight, wrong)).body.error_code, "rate_limited");
  const answer = await complete(tight, await factorAnswer(challenge_token, authenticator));
  assert.equal(answer.status, 200, answer.text);
});

test("a challenge of one purpose proves nothing for another, though it is the same account's", async () => {
  const ana = await registerWithPasskey();
  const { body: entered } = await passkeyLogin(ana.authenticator);
  const token = entered.access_token as string;
  const stepUp = (assertion: unknown) =>
    app.call("POST", "/auth/step-up", { token, body: { method: "passkey", assertion } });
  const challenge_token = await challengeOf(app, ana);
  const { body: ofStepUp } = await app.call("POST", "/auth/step-up/options", { token });
  const { body: ofFactor } = await app.call("POST", "/auth/mfa/challenge/options", {
    body: { challenge_token },
  });

  const assertion = ana.authenticator.get(ofStepUp);
  const asFactor = await complete(app, { challenge_token, method: "passkey", assertion });
  assert.deepEqual([asFactor.status, asFactor.body.error_code], [401, "mfa_code_invalid"]);
  const asStepUp = await stepUp(ana.authenticator.get(ofFactor));
  assert.notEqual(asStepUp.status, 200);

  // Each is good for what it was made for.
  assert.equal((await stepUp(assertion)).status, 200);
});
