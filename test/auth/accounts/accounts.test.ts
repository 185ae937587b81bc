import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { createAccounts, type Accounts } from "../../../src/auth/accounts/accounts.ts";
import { createPasswordJudge } from "../../../src/auth/password/judge.ts";
import { createInlinePasswords } from "../../../src/auth/password/run-tasks.ts";
import { createFreshPolicyOf } from "../../../src/auth/tenants/policies.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { AppError } from "../../../src/platform/errors.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { openConnections } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { GOOD_PASSWORD, registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
let accounts: Accounts;
before(async () => {
  db = await withDatabase({ connections: 21 });
  app = await startApp({ database: db.database });
  accounts = createAccounts({
    database: db.database,
    passwords,
    judge: judge(),
    provisionUser: app.iam.provisionUser,
    invalidate: app.invalidate,
    config: app.config,
    clock: systemClock,
    metrics: app.metrics,
  });
});
after(() => db.drop());

const passwords = createInlinePasswords();
const judge = () => {
  const policyOf = createFreshPolicyOf({ database: db.database, config: app.config });
  return createPasswordJudge({ passwords, policyOf, config: app.config });
};

const run = async <T>(statement: Sql) => (await db.database.query<T>(statement)).rows;

async function refusalOf(work: Promise<unknown>): Promise<[string, unknown]> {
  try {
    await work;
  } catch (error) {
    if (error instanceof AppError) return [error.code, error.errors?.map(({ path }) => path)];
    throw error;
  }
  return ["none", undefined];
}

test("create makes account, credential and IAM user under one id; look-ups ignore case", async () => {
  const made = await accounts.create(
    { email: "Chef@Example.com", username: "Chef", name: "The Chef", password: GOOD_PASSWORD },
    { emailVerified: true, actor: "cli" },
  );
  assert.equal(made.email, "chef@example.com");
  assert.equal(made.emailVerified, true);
  assert.equal(made.active, true);
  assert.equal(made.lastLogin, undefined);
  assert.ok(made.createdAt instanceof Date && made.updatedAt instanceof Date);
  assert.deepEqual(await accounts.findById(made.id), made);
  assert.deepEqual(await accounts.findByEmail(" CHEF@example.COM"), made);
  assert.deepEqual(await accounts.findByUsername("cHEF"), made);
  assert.equal(await accounts.findById(randomUUID()), undefined);
  assert.equal(await accounts.findByEmail("nobody@example.com"), undefined);
  assert.equal(await accounts.findByUsername("not a name"), undefined);
  const user = await app.iam.users.find(made.id, made.tenantId);
  assert.equal(user?.subject, made.id);
  const [credential] = await run<{ password_hash: string }>(sql`SELECT password_hash
    FROM auth.credentials WHERE account_id = ${made.id}`);
  assert.match(credential!.password_hash, /^\$argon2id\$/);
  const [event] = await run(sql`SELECT action, actor FROM auth.audit_log
    WHERE subject = ${made.id}`);
  assert.deepEqual(event, { action: "account.register", actor: "cli" });
});

test("taken identifiers are named, the user name first; case makes no difference", async () => {
  await accounts.create({ email: "taken@example.com", username: "taken", password: GOOD_PASSWORD });
  const create = (email: string, username: string) =>
    refusalOf(accounts.create({ email, username, password: GOOD_PASSWORD }));
  assert.deepEqual(await create("TAKEN@example.com", "free"), ["account_exists", ["/body/email"]]);
  assert.deepEqual(await create("free@example.com", "TaKeN"), [
    "account_exists",
    ["/body/username"],
  ]);
  assert.deepEqual(await create("taken@example.com", "taken"), [
    "account_exists",
    ["/body/username"],
  ]);
});

test("of 20 parallel registrations of one address exactly one is made, and nothing is left over", async () => {
  const create = (index: number) =>
    refusalOf(
      accounts.create({
        email: index % 2 === 0 ? "race@example.com" : "RACE@Example.com",
        username: index < 10 ? "racer" : `racer${index}`,
        password: GOOD_PASSWORD,
      }),
    );
  await openConnections(db.database, 20);
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => create(index)));
  const codes = outcomes.map(([code]) => code);
  assert.equal(codes.filter((code) => code === "none").length, 1);
  assert.equal(codes.filter((code) => code === "account_exists").length, 19);
  const [left] = await run(sql`SELECT
    (SELECT count(*)::int FROM auth.accounts WHERE email = 'race@example.com') AS accounts,
    (SELECT count(*)::int FROM auth.accounts a LEFT JOIN iam.users u ON u.id = a.id
      WHERE u.id IS NULL) AS without_user,
    (SELECT count(*)::int FROM iam.users u LEFT JOIN auth.accounts a ON a.id = u.id
      WHERE a.id IS NULL) AS without_account`);
  assert.deepEqual(left, { accounts: 1, without_user: 0, without_account: 0 });
});

test("when the IAM user cannot be made there is no account either", async () => {
  const failing = createAccounts({
    database: db.database,
    passwords,
    judge: judge(),
    provisionUser: () => Promise.reject(new Error("no user today")),
    invalidate: app.invalidate,
    config: app.config,
    clock: systemClock,
    metrics: app.metrics,
  });
  const request = { email: "half@example.com", password: GOOD_PASSWORD };
  await assert.rejects(failing.create(request), /no user today/);
  assert.equal(await accounts.findByEmail("half@example.com"), undefined);
});

test("identifiers that cannot be used are all named, before any hashing", async () => {
  const outcome = await refusalOf(
    accounts.create({ email: "x", username: "a b", name: "\n", password: GOOD_PASSWORD }),
  );
  assert.deepEqual(outcome, ["validation_failed", ["/body/email", "/body/username", "/body/name"]]);
  const weak = await refusalOf(accounts.create({ email: "w@example.com", password: "password1" }));
  assert.deepEqual(weak, ["validation_failed", ["/body/password", "/body/password"]]);
});

test("disabling ends the sessions and counts on the next request; enabling lets log in again", async () => {
  const ana = await registerSomebody(app);
  const whoami = () => app.call("GET", "/auth/whoami", { token: ana.access_token });
  assert.equal((await whoami()).status, 200);
  await accounts.setActive(ana.user["id"], false, "cli");
  assert.equal((await whoami()).status, 401);
  const refused = await app.call("POST", "/auth/refresh", {
    body: { refresh_token: ana.refresh_token },
  });
  assert.equal(refused.body.error_code, "refresh_token_invalid");
  await accounts.setActive(ana.user["id"], true, "cli");
  assert.equal((await whoami()).status, 401, "the old session stays ended");
  const { email, password } = ana;
  assert.equal((await app.call("POST", "/auth/login", { body: { email, password } })).status, 200);
  const actions = await run<{ action: string }>(sql`SELECT action FROM auth.audit_log
    WHERE subject = ${ana.user["id"]} AND actor = 'cli' ORDER BY number`);
  assert.deepEqual(
    actions.map(({ action }) => action),
    ["account.disable", "account.enable"],
  );
  assert.deepEqual(await refusalOf(accounts.setActive(randomUUID(), false, "cli")), [
    "not_found",
    undefined,
  ]);
});

test("the list pages in the order of creation with a true total", async () => {
  const { total } = await accounts.list({ skip: 0, limit: 1 });
  const pages = [];
  for (let skip = 0; skip < total; skip += 2) {
    pages.push(...(await accounts.list({ skip, limit: 2 })).accounts.map(({ id }) => id));
  }
  assert.equal(new Set(pages).size, total);
  const past = await accounts.list({ skip: total + 5, limit: 2 });
  assert.deepEqual(past, { accounts: [], total });
});
