import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import { crowd, openConnections } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import {
  counted,
  GOOD_PASSWORD,
  registerSomebody,
  startApp,
  tokenIn,
  watched,
  type TestApp,
} from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
let closed: TestApp;

before(async () => {
  db = await withDatabase({ connections: 10 });
  app = await startApp({ database: db.database });
  closed = await startApp({ database: db.database, env: { EMAIL_VERIFICATION: "required" } });
});
after(() => db.drop());

const register = (on: TestApp, email: string, extra: object = {}) =>
  on.call("POST", "/auth/register", { body: { email, password: GOOD_PASSWORD, ...extra } });
const verify = (on: TestApp, token: string) =>
  on.call("POST", "/auth/email/verify", { body: { token } });
const resend = (on: TestApp, email: string) =>
  on.call("POST", "/auth/email/resend", { body: { email } });
const login = (on: TestApp, email: string) =>
  on.call("POST", "/auth/login", { body: { email, password: GOOD_PASSWORD } });

test("an address is proven by the token of its mail, once, and the live token says so", async () => {
  const ana = await registerSomebody(app);
  const [mail, ...more] = await app.mailsTo(ana.email);
  assert.equal(more.length, 0);
  const before = await app.call("GET", "/auth/whoami", { token: ana.access_token });
  assert.equal(before.body.user_object.email_verified, false);
  const token = tokenIn(mail);
  const outcomes = await crowd([db.database], 8, 8, () => verify(app, token));
  assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), [200, ...Array(7).fill(400)]);
  assert.equal(outcomes.find(({ status }) => status === 400)!.body.error_code, "link_invalid");
  const after = await app.call("GET", "/auth/whoami", { token: ana.access_token });
  assert.equal(after.body.user_object.email_verified, true);
});

test("the language of the mail is the one that was asked for", async () => {
  const email = "leitora@example.com";
  await app.call("POST", "/auth/register", {
    body: { email, password: GOOD_PASSWORD, name: "Léa" },
    headers: { "accept-language": "pt-BR" },
  });
  const [mail] = await app.mailsTo(email);
  assert.match(mail!.text, /^Olá, Léa,/);
});

test("opening the page of a link uses nothing up, and its script is the one it may run", async () => {
  const ana = await registerSomebody(app);
  const token = tokenIn((await app.mailsTo(ana.email))[0]);
  for (let i = 0; i < 3; i++) {
    const page = await app.call("GET", `/auth/email/verify?token=${token}`);
    assert.equal(page.status, 200);
    assert.ok(!page.text.includes(token));
    const script = /<script>([\s\S]*?)<\/script>/.exec(page.text)![1]!;
    const hash = createHash("sha256").update(script).digest("base64");
    const policy = page.headers["content-security-policy"]!;
    assert.ok(policy.includes(`script-src 'sha256-${hash}'`), policy);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(page.headers["referrer-policy"], "no-referrer");
  }
  const portuguese = await app.call("GET", "/auth/email/verify", {
    headers: { "accept-language": "pt" },
  });
  assert.match(portuguese.text, /lang="pt-BR"/);
  assert.equal((await verify(app, token)).status, 200);
});

test("a token of another purpose, a made-up one and one for a former address prove nothing", async () => {
  const ana = await registerSomebody(app);
  const token = tokenIn((await app.mailsTo(ana.email))[0]);
  assert.equal((await verify(app, "A".repeat(43))).status, 400);
  assert.equal((await verify(app, "nonsense")).status, 400);
  await db.database.query(sql`
    UPDATE auth.accounts SET email = ${`new-${ana.email}`} WHERE id = ${ana.user["id"]}`);
  assert.equal((await verify(app, token)).status, 400);
  const { rows } = await db.database.query(sql`
    SELECT email_verified FROM auth.accounts WHERE id = ${ana.user["id"]}`);
  assert.deepEqual(rows, [{ email_verified: false }]);
});

test("asked again: one answer, one amount of work for known, proven, unknown, tired and no address", async () => {
  const waiting = await registerSomebody(app);
  const proven = await registerSomebody(app);
  await verify(app, tokenIn((await app.mailsTo(proven.email))[0]));
  const { database, statements } = watched(db.database);
  const seen = await startApp({ database });
  const budgets = { resendIdentifier: { count: 1, seconds: 600 } };
  const tight = await startApp({ database, budgets });
  const answers = [];
  // What is kept of blocks and policies is read once.
  await resend(seen, "somebody-before@example.com");
  await resend(tight, "often@example.com");
  for (const [asked, email] of [
    ...[waiting.email, proven.email, "nobody@example.com", "no address"].map(
      (address) => [seen, address] as const,
    ),
    // It has had its mails: a registration counts as one.
    [tight, "often@example.com"] as const,
  ]) {
    statements.length = 0;
    const { status, text } = await resend(asked, email);
    answers.push(JSON.stringify({ status, text, statements }));
  }
  assert.equal(new Set(answers).size, 1, answers.join("\n"));
  assert.equal(JSON.parse(answers[0]!).status, 202);
  await seen.deliverRequests();
  assert.equal((await app.mailsTo(waiting.email)).length, 2);
  assert.equal((await app.mailsTo(proven.email)).length, 1);
  assert.equal((await app.mailsTo("nobody@example.com")).length, 0);
  assert.equal((await verify(app, tokenIn((await app.mailsTo(waiting.email))[0]))).status, 200);
});

test("an address gets few mails whoever asks for them, in silence; a network is told to wait", async () => {
  const budgets = {
    resendIdentifier: { count: 2, seconds: 600 },
    resendNetwork: { count: 12, seconds: 600 },
  };
  const tight = await startApp({ database: db.database, budgets });
  const ana = await registerSomebody(app);
  const ask = (address: string) =>
    tight.call("POST", "/auth/email/resend", { body: { email: ana.email }, address });
  const answers = await crowd([db.database], 10, 9, (at) => ask(`198.51.100.${at + 1}`));
  assert.equal(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size, 1);
  await tight.deliverRequests();
  assert.equal((await app.mailsTo(ana.email)).length, 1 + 2);
  const flood = await crowd([db.database], 20, 9, () => ask("203.0.113.9"));
  assert.equal(flood.filter(({ status }) => status === 202).length, 12);
  assert.equal(flood.find(({ status }) => status === 429)!.body.error_code, "rate_limited");
});

test("guesses of tokens are few for a network", async () => {
  const budgets = { verifyTokenNetwork: { count: 3, seconds: 600 } };
  const tight = await startApp({ database: db.database, budgets });
  const guesses = await crowd([db.database], 20, 9, () => {
    // A network of its own: other tests' units are not all given back yet.
    const guess = { body: { token: "B".repeat(43) }, address: "203.0.113.77" };
    return tight.call("POST", "/auth/email/verify", guess);
  });
  assert.equal(guesses.filter(({ status }) => status === 400).length, 3);
  assert.equal(guesses.filter(({ status }) => status === 429).length, 17);
});

test("required: nobody gets in before the mail, everybody after it", async () => {
  const email = "careful@example.com";
  const answer = await register(closed, email);
  assert.equal(answer.status, 202);
  const refused = await login(closed, email);
  assert.equal(refused.status, 403);
  assert.equal(refused.body.error_code, "account_disabled");
  assert.equal((await verify(closed, tokenIn((await closed.mailsTo(email))[0]))).status, 200);
  assert.equal((await login(closed, email)).status, 200);
});

test("required: new, waiting and proven addresses take the same answer, hashes and statements", async () => {
  const { database, statements } = watched(db.database);
  const { passwords, calls } = counted();
  const env = { EMAIL_VERIFICATION: "required" };
  const seen = await startApp({ database, passwords, env });
  const proven = await registerSomebody(app);
  await verify(app, tokenIn((await app.mailsTo(proven.email))[0]));
  const fresh = "brand-new@example.com";
  const outcomes = [];
  // The tenant's policy is read once.
  await register(seen, "somebody-before@example.com");
  for (const email of [fresh, fresh, proven.email, proven.email.toUpperCase()]) {
    statements.length = 0;
    for (const name of Object.keys(calls)) calls[name as keyof typeof calls] = 0;
    const { status, text } = await register(seen, email);
    outcomes.push({ status, text, calls: { ...calls }, statements: [...statements] });
  }
  const [first] = outcomes;
  assert.equal(first!.status, 202);
  assert.equal(first!.calls.hash, 1);
  for (const outcome of outcomes) {
    const { statements: theirs, ...rest } = outcome;
    const { statements: ours, ...wanted } = first!;
    assert.deepEqual(rest, wanted);
    // Undoing in place of keeping is the one difference.
    const same = (text: string) => text.replace(/^(RELEASE|ROLLBACK TO) SAVEPOINT/, "END OF");
    assert.deepEqual(theirs.map(same), ours.map(same));
  }
  // The owner is told, and nothing of the second account is left.
  const mails = await closed.mailsTo(proven.email);
  assert.equal(mails[0]!.subject, "You have an account already");
  assert.equal((await closed.mailsTo(fresh)).length, 2);
  const { rows } = await db.database.query<{ count: number }>(sql`
    SELECT count(*)::int AS count FROM auth.accounts
     WHERE email IN (${fresh}, ${proven.email}) OR email LIKE '%@taken.invalid'`);
  assert.equal(rows[0]!.count, 2);
});

test("required: whoever registered an address first gets nothing from its owner's click", async () => {
  const email = "wanted@example.com";
  await register(closed, email);
  const owners = "nine bowls of black beans";
  await closed.call("POST", "/auth/register", { body: { email, password: owners } });
  const [mail] = await closed.mailsTo(email);
  const token = tokenIn(mail);
  assert.equal((await verify(closed, token)).status, 400, "it does not prove the first password");
  const body = { token, new_password: owners };
  assert.equal((await closed.call("PUT", "/auth/password/reset", { body })).status, 200);
  // The mail was read, so the address is proven, and only the owner's password is good.
  assert.equal((await login(closed, email)).status, 401);
  const answer = await closed.call("POST", "/auth/login", { body: { email, password: owners } });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.user.email_verified, true);
});

test("required: a mailbox gets few mails however its address is written", async () => {
  const budgets = { resendIdentifier: { count: 2, seconds: 600 } };
  const env = { EMAIL_VERIFICATION: "required" };
  const tight = await startApp({ database: db.database, budgets, env });
  for (const email of ["flood@example.com", "FLOOD@example.com", " Flood@Example.com"]) {
    const body = { email, password: GOOD_PASSWORD };
    assert.equal((await tight.call("POST", "/auth/register", { body })).status, 202);
  }
  assert.equal((await tight.mailsTo("flood@example.com")).length, 2);
});

test("required: registrations are counted per network, those of a taken address too", async () => {
  const budgets = { registerNetwork: { count: 2, seconds: 600 } };
  const env = { EMAIL_VERIFICATION: "required" };
  const tight = await startApp({ database: db.database, budgets, env });
  const from = (address: string, email: string) =>
    tight.call("POST", "/auth/register", { body: { email, password: GOOD_PASSWORD }, address });
  const here = "2001:db8:4:2::9";
  assert.equal((await from(here, "once@example.com")).status, 202);
  assert.equal((await from(here, "once@example.com")).status, 202);
  const refused = await from("2001:db8:4:2::7", "twice@example.com");
  assert.deepEqual([refused.status, refused.body.error_code], [429, "rate_limited"]);
  assert.equal((await from("2001:db8:4:3::7", "twice@example.com")).status, 202);
});

test("required: of parallel registrations of one address one account comes out, and one answer", async () => {
  const email = "crowd@example.com";
  await openConnections(db.database, 6);
  const answers = await Promise.all(Array.from({ length: 6 }, () => register(closed, email)));
  assert.equal(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size, 1);
  assert.equal(answers[0]!.status, 202);
  const { rows } = await db.database.query(sql`
    SELECT 1 AS one FROM auth.accounts WHERE email = ${email}`);
  assert.equal(rows.length, 1);
});

test("off: no mail is sent, neither at once nor when asked for", async () => {
  const open = await startApp({ database: db.database, env: { EMAIL_VERIFICATION: "off" } });
  const ana = await registerSomebody(open);
  assert.equal((await resend(open, ana.email)).status, 202);
  await open.deliverRequests();
  assert.deepEqual(await open.mailsTo(ana.email), []);
});
