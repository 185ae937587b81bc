import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import { assertSameWork, countWork } from "../../support/count-work.ts";
import { openConnections } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody, startApp, tokenIn, type TestApp } from "../accounts-rig.ts";

type Somebody = Awaited<ReturnType<typeof registerSomebody>>;

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase({ connections: 16 });
  app = await startApp({ database: db.database });
});
after(() => db.drop());

const NEW = "nine bowls of beans";
const ask = (email: string, on: TestApp = app, address?: string) =>
  on.call("POST", "/auth/password/reset", {
    body: { email },
    ...(address === undefined ? {} : { address }),
  });
const confirm = (token: string, password: string, on: TestApp = app, address?: string) =>
  on.call("PUT", "/auth/password/reset", {
    body: { token, new_password: password },
    ...(address === undefined ? {} : { address }),
  });
const login = (email: string, password: string) =>
  app.call("POST", "/auth/login", { body: { email, password } });
const whoami = async (token: string) => (await app.call("GET", "/auth/whoami", { token })).status;

async function askedBy(somebody: Somebody): Promise<string> {
  assert.equal((await ask(somebody.email)).status, 202);
  await app.deliverRequests();
  return tokenIn((await app.mailsTo(somebody.email))[0]);
}

test("a mail leads to a new password: sessions end, none is opened, the owner is told", async () => {
  const ana = await registerSomebody(app);
  const token = await askedBy(ana);
  const answer = await confirm(token, NEW);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(Object.keys(answer.body), ["message"]);
  assert.equal(await whoami(ana.access_token), 401);
  assert.equal((await login(ana.email, ana.password)).status, 401);
  assert.equal((await login(ana.email, NEW)).status, 200);
  assert.equal((await app.mailsTo(ana.email))[0]!.subject, "Your password was changed");
  const actions = await db.database.read(sql`
    SELECT action FROM auth.audit_log
     WHERE subject = ${ana.user["id"]} AND action LIKE 'password.%' ORDER BY number`);
  assert.deepEqual(
    actions.map((row) => row["action"]),
    ["password.reset_request", "password.reset"],
  );
});

test("an address with an account, one without, one that is none, and a disabled one cost the same", async () => {
  const ana = await registerSomebody(app);
  const gone = await registerSomebody(app);
  await db.database.query(sql`UPDATE auth.accounts SET active = false WHERE email = ${gone.email}`);
  const work = countWork(db.database);
  const seen = await startApp({ ...work, keyRing: app.keyRing });
  await ask("warm@example.com", seen);
  const budgets = { resetIdentifier: { count: 1, seconds: 600 } };
  const tight = await startApp({ ...work, keyRing: app.keyRing, budgets });
  await ask("often@example.com", tight);
  const outcomes = {
    known: await work.measure(() => ask(ana.email, seen)),
    unknown: await work.measure(() => ask("nobody@example.com", seen)),
    disabled: await work.measure(() => ask(gone.email, seen)),
    "no address": await work.measure(() => ask("my secret password", seen)),
    "had its mails": await work.measure(() => ask("often@example.com", tight)),
  };
  assert.equal(outcomes.known.status, 202);
  assertSameWork(outcomes);
  assert.deepEqual(outcomes.known.hashes, { hash: 0, verify: 0, matches: 0, assess: 0 });
  await app.deliverRequests();
  const toGone = (await app.mailsTo(gone.email)).map(({ subject }) => subject);
  assert.ok(!toGone.includes("Choose a new password"));
  const rows = await db.database.read(sql`SELECT payload::text AS text FROM platform.outbox`);
  assert.ok(rows.every((row) => !String(row["text"]).includes("secret")));
});

test("opening the page uses nothing up, however often and with whatever is hung on", async () => {
  const ana = await registerSomebody(app);
  const token = await askedBy(ana);
  for (const path of ["/auth/password/reset", "/auth/password/reset?utm_source=scanner"]) {
    const page = await app.call("GET", path);
    assert.equal(page.status, 200);
    assert.match(page.text, /<form/);
    assert.match(page.headers["content-security-policy"]!, /default-src 'none'/);
    assert.equal(page.headers["referrer-policy"], "no-referrer");
  }
  assert.equal((await confirm(token, NEW)).status, 200);
});

test("a token is good once, however many use it at once", async () => {
  const ana = await registerSomebody(app);
  const token = await askedBy(ana);
  const wanted = Array.from({ length: 6 }, (_, i) => `bowl number ${i} of beans`);
  const answers = await Promise.all(wanted.map((password) => confirm(token, password)));
  const winners = wanted.filter((_, i) => answers[i]!.status === 200);
  assert.equal(winners.length, 1, answers.map(({ text }) => text).join());
  assert.equal((await login(ana.email, winners[0]!)).status, 200);
  const late = await confirm(token, NEW);
  assert.deepEqual([late.status, late.body.error_code], [400, "link_invalid"]);
});

test("whoever sets a password by a mail has proven its address", async () => {
  const ana = await registerSomebody(app);
  assert.equal(ana.user["email_verified"], false);
  assert.equal((await confirm(await askedBy(ana), NEW)).status, 200);
  assert.equal((await login(ana.email, NEW)).body.user.email_verified, true);
});

test("a new request makes older links void; so does a change", async () => {
  const ana = await registerSomebody(app);
  const first = await askedBy(ana);
  const second = await askedBy(ana);
  assert.equal((await confirm(first, NEW)).status, 400);
  const changed = await app.call("PUT", "/auth/password", {
    token: ana.access_token,
    body: { current_password: ana.password, new_password: NEW },
  });
  assert.equal(changed.status, 200);
  assert.equal((await confirm(second, "yet another bowl")).status, 400);
});

test("a password that breaks the policy, or was used before, leaves the token as it was", async () => {
  const ana = await registerSomebody(app);
  const token = await askedBy(ana);
  const weak = await confirm(token, "password");
  assert.deepEqual([weak.status, weak.body.errors[0].path], [422, "/body/new_password"]);
  const same = await confirm(token, ana.password);
  assert.deepEqual(same.body.errors[0].code, "password_reused");
  assert.equal(await whoami(ana.access_token), 200);
  assert.equal((await confirm(token, NEW)).status, 200);
});

test("links end after half an hour; a link for something else sets no password", async () => {
  const ana = await registerSomebody(app);
  const token = await askedBy(ana);
  const [row] = await db.database.read<{ seconds: number }>(sql`
    SELECT extract(epoch FROM expires_at - now())::int AS seconds FROM auth.one_time_tokens
     WHERE account_id = ${ana.user["id"]} AND purpose = 'password.reset'`);
  assert.ok(row!.seconds > 600 && row!.seconds <= 1_800);
  await db.database.query(sql`
    UPDATE auth.one_time_tokens SET expires_at = now() - interval '1 second'
     WHERE account_id = ${ana.user["id"]}`);
  assert.equal((await confirm(token, NEW)).status, 400);
  const fresh = await askedBy(ana);
  await db.database.query(sql`
    UPDATE auth.one_time_tokens SET purpose = 'email.verify'
     WHERE account_id = ${ana.user["id"]} AND purpose = 'password.reset'`);
  assert.equal((await confirm(fresh, NEW)).status, 400);
  for (const nonsense of ["x", "A".repeat(43), "a'b".repeat(50)]) {
    assert.equal((await confirm(nonsense, NEW)).body.error_code, "link_invalid");
  }
});

test("a disabled account gets no password by a link", async () => {
  const ana = await registerSomebody(app);
  const token = await askedBy(ana);
  await db.database.query(sql`UPDATE auth.accounts SET active = false WHERE email = ${ana.email}`);
  assert.equal((await confirm(token, NEW)).body.error_code, "link_invalid");
});

test("an account without a password gets its first one by a link", async () => {
  const ana = await registerSomebody(app);
  await db.database.query(sql`
    DELETE FROM auth.credentials WHERE account_id = ${ana.user["id"]}`);
  assert.equal((await confirm(await askedBy(ana), NEW)).status, 200);
  assert.equal((await login(ana.email, NEW)).status, 200);
});

test("a second factor is still asked for after a reset", async () => {
  const ana = await registerSomebody(app);
  await db.database.query(sql`
    UPDATE auth.accounts SET factors = '{totp}', factor_version = factor_version + 1
     WHERE email = ${ana.email}`);
  assert.equal((await confirm(await askedBy(ana), NEW)).status, 200);
  const answer = await login(ana.email, NEW);
  assert.deepEqual([answer.status, answer.body.error_code], [401, "mfa_required"]);
});

test("requests are counted per network aloud and per address in silence; tokens per network", async () => {
  const ana = await registerSomebody(app);
  const tight = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    budgets: {
      resetIdentifier: { count: 2, seconds: 600 },
      resetNetwork: { count: 5, seconds: 600 },
      resetTokenNetwork: { count: 3, seconds: 600 },
    },
  });
  await openConnections(db.database, 12);
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => ask(ana.email, tight, "192.0.2.99")),
  );
  assert.equal(answers.filter(({ status }) => status === 202).length, 5);
  assert.equal(answers.filter(({ status }) => status === 429).length, 7);
  await app.deliverRequests();
  const links = (await app.mailsTo(ana.email)).filter(
    ({ subject }) => subject === "Choose a new password",
  );
  assert.equal(links.length, 2);
  const guesses = await Promise.all(
    Array.from({ length: 9 }, () => confirm("A".repeat(43), NEW, tight, "192.0.2.98")),
  );
  assert.equal(guesses.filter(({ status }) => status === 400).length, 3);
  assert.equal(guesses.filter(({ status }) => status === 429).length, 6);
});
