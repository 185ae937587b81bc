import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import bcrypt from "bcryptjs";
import { createInlinePasswords } from "../../../src/auth/password/run-tasks.ts";
import type { Passwords } from "../../../src/auth/password/password-port.ts";
import { platformErrors } from "../../../src/platform/errors.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { crowd, openConnections } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import {
  counted,
  GOOD_PASSWORD,
  registerSomebody,
  startApp,
  watched,
  type TestApp,
} from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase({ connections: 24 });
  app = await startApp({ database: db.database });
});
after(() => db.drop());

const run = async <T>(statement: Sql) => (await db.database.query<T>(statement)).rows;

const login = (on: TestApp, body: Record<string, unknown>, address?: string) =>
  on.call("POST", "/auth/login", { body, ...(address === undefined ? {} : { address }) });

/** What is left of an answer when time and request id are taken away. */
function comparable({ status, headers, text }: Awaited<ReturnType<typeof login>>) {
  const { request_id: _, timestamp: __, ...body } = JSON.parse(text);
  const { "x-request-id": ___, "content-length": ____, ...rest } = headers;
  return { status, body, headers: rest };
}

test("unknown account, wrong password and used-up attempts: same answer, statements and hashes", async () => {
  const watch = watched(db.database);
  const { calls, passwords } = counted();
  const watchedApp = await startApp({
    database: watch.database,
    passwords,
    keyRing: app.keyRing,
    policy: { lockout: { failuresMax: 2, lockSeconds: 900 } },
    loginLimits: { checksMaxCount: 0 },
  });
  const ana = await registerSomebody(app);
  // The first login of a thread also reads the policy.
  await login(watchedApp, { email: "first@example.com", password: "not the password" });
  const outcomes = [];
  for (const email of [ana.email, "nobody@example.com"]) {
    for (let attempt = 0; attempt < 3; attempt++) {
      watch.statements.length = 0;
      const before = calls.verify;
      const answer = await login(watchedApp, { email, password: "not the password" });
      const spent = { statements: [...watch.statements], verified: calls.verify - before };
      outcomes.push({ attempt, ...comparable(answer), ...spent });
    }
  }
  assert.equal(outcomes[0]!.status, 401);
  assert.equal(outcomes[0]!.body.error_code, "credentials_invalid");
  assert.equal(outcomes[0]!.verified, 1);
  assert.equal(outcomes[0]!.statements.length, 4);
  assert.deepEqual(outcomes.slice(0, 3), outcomes.slice(3), "known and unknown differ in nothing");
  const { body, status } = outcomes[2]!;
  assert.deepEqual({ body, status }, { body: outcomes[0]!.body, status: 401 });
  assert.equal(outcomes[2]!.verified, 0, "a used-up budget costs no hashing");
});

test("a damaged hash is a wrong password, not a failure", async () => {
  const ana = await registerSomebody(app);
  for (const hash of ["", "x", "$argon2id$v=19$m=19456,t=2,p=1$short$short", "$2b$12$short"]) {
    await run(sql`UPDATE auth.credentials SET password_hash = ${hash}
      WHERE account_id = ${ana.user["id"]}`);
    assert.equal((await login(app, { email: ana.email, password: ana.password })).status, 401);
  }
});

test("a right password makes the attempts whole again, and only a right one", async () => {
  const tight = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    policy: { lockout: { failuresMax: 3, lockSeconds: 900 } },
    loginLimits: { checksMaxCount: 0 },
  });
  const ana = await registerSomebody(app);
  const right = { email: ana.email, password: ana.password };
  const wrong = { email: ana.email, password: "not the password" };
  for (let round = 0; round < 3; round++) {
    assert.equal((await login(tight, wrong)).status, 401);
    assert.equal((await login(tight, wrong)).status, 401);
    assert.equal((await login(tight, right)).status, 200, `round ${round}`);
  }
  for (let attempt = 0; attempt < 3; attempt++) await login(tight, wrong);
  const locked = await login(tight, right);
  assert.equal(locked.body.error_code, "credentials_invalid", "nobody is told that it is locked");
});

test("a network with too many wrong passwords is told to wait; its right ones do not count", async () => {
  const tight = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    budgets: { loginNetwork: { count: 3, seconds: 900 } },
  });
  const ana = await registerSomebody(app);
  const right = { email: ana.email, password: ana.password };
  const here = "198.51.100.7";
  for (let i = 0; i < 5; i++) assert.equal((await login(tight, right, here)).status, 200);
  for (let i = 0; i < 3; i++) {
    const email = `guess${i}@example.com`;
    assert.equal((await login(tight, { email, password: "x" }, here)).status, 401);
  }
  const refused = await login(tight, right, here);
  assert.equal(refused.status, 429);
  assert.equal(refused.body.error_code, "rate_limited");
  assert.ok(Number(refused.headers["retry-after"]) >= 290, refused.headers["retry-after"]);
  assert.equal((await login(tight, right, "198.51.100.8")).status, 200);
});

test("an attempt that could not be looked at is not charged", async () => {
  const real = createInlinePasswords();
  let isBusy = true;
  const passwords: Passwords = {
    ...real,
    verify: (...given) =>
      isBusy ? Promise.reject(platformErrors.failure("overloaded")) : real.verify(...given),
  };
  const tight = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    passwords,
    budgets: { loginNetwork: { count: 2, seconds: 900 } },
    policy: { lockout: { failuresMax: 2, lockSeconds: 900 } },
  });
  const ana = await registerSomebody(app);
  const right = { email: ana.email, password: ana.password };
  for (let i = 0; i < 6; i++) {
    assert.equal((await login(tight, right, "198.51.100.9")).body.error_code, "overloaded");
  }
  isBusy = false;
  assert.equal((await login(tight, right, "198.51.100.9")).status, 200);
});

test("only the right password learns that an account is disabled", async () => {
  const ana = await registerSomebody(app);
  await run(sql`UPDATE auth.accounts SET active = false WHERE id = ${ana.user["id"]}`);
  const right = await login(app, { email: ana.email, password: ana.password });
  assert.deepEqual([right.status, right.body.error_code], [403, "account_disabled"]);
  const wrong = await login(app, { email: ana.email, password: "not the password" });
  assert.equal(wrong.body.error_code, "credentials_invalid");
});

test("a bcrypt hash is accepted and made anew as argon2id, also by parallel logins", async () => {
  const ana = await registerSomebody(app);
  const old = bcrypt.hashSync(ana.password, 4);
  await run(sql`UPDATE auth.credentials SET password_hash = ${old}
    WHERE account_id = ${ana.user["id"]}`);
  const right = { email: ana.email, password: ana.password };
  assert.equal((await login(app, { ...right, password: "wrong one here" })).status, 401);
  // All look at the old hash before the first of them replaces it.
  const real = createInlinePasswords();
  let looked = 0;
  let open = () => {};
  const allLooked = new Promise<void>((resolve) => (open = resolve));
  const meeting = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    passwords: {
      ...real,
      async verify(...given) {
        const verdict = await real.verify(...given);
        if (++looked >= 4) open();
        await allLooked;
        return verdict;
      },
    },
  });
  const answers = await Promise.all(Array.from({ length: 4 }, () => login(meeting, right)));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200],
  );
  const [row] = await run<{ password_hash: string }>(sql`SELECT password_hash
    FROM auth.credentials WHERE account_id = ${ana.user["id"]}`);
  assert.match(row!.password_hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.equal((await login(app, right)).status, 200);
});

test("a password that changed while it was checked opens no session", async () => {
  const real = createInlinePasswords();
  const ana = await registerSomebody(app);
  const other = await real.hash("another password entirely");
  const racing = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    passwords: {
      ...real,
      async verify(password, hash) {
        const verdict = await real.verify(password, hash);
        await run(sql`UPDATE auth.credentials SET password_hash = ${other}
          WHERE account_id = ${ana.user["id"]}`);
        return verdict;
      },
    },
  });
  const answer = await login(racing, { email: ana.email, password: ana.password });
  assert.equal(answer.body.error_code, "credentials_invalid");
  const [row] = await run<{ n: number }>(sql`SELECT count(*)::int AS n FROM auth.sessions
    WHERE account_id = ${ana.user["id"]}`);
  assert.equal(row!.n, 1, "the one of the registration");
});

test("the eleventh session ends the one not used for longest; parallel logins keep the limit", async () => {
  const small = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    env: { SESSIONS_PER_ACCOUNT: "3" },
  });
  const ana = await registerSomebody(small);
  const right = { email: ana.email, password: ana.password };
  assert.equal((await small.call("GET", "/auth/whoami", { token: ana.access_token })).status, 200);
  for (let i = 0; i < 2; i++) assert.equal((await login(small, right)).status, 200);
  assert.equal((await small.call("GET", "/auth/whoami", { token: ana.access_token })).status, 200);
  await login(small, right);
  const gone = await small.call("GET", "/auth/whoami", { token: ana.access_token });
  assert.equal(gone.status, 401, "evicted, and refused on the next request");
  await openConnections(db.database, 8);
  const answers = await Promise.all(Array.from({ length: 8 }, () => login(small, right)));
  const opened = answers.filter(({ status }) => status === 200).length;
  const [live] = await run<{ n: number }>(sql`SELECT count(*)::int AS n FROM auth.sessions
    WHERE account_id = ${ana.user["id"]} AND ended_at IS NULL`);
  assert.equal(live!.n, 3);
  const [evicted] = await run<{ n: number }>(sql`SELECT count(*)::int AS n FROM auth.audit_log
    WHERE subject = ${ana.user["id"]} AND action = 'session.evict'`);
  assert.equal(evicted!.n, 1 + opened);
});

test("SESSION_LIMIT=refuse answers 409 and opens nothing", async () => {
  const strict = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    env: { SESSIONS_PER_ACCOUNT: "2", SESSION_LIMIT: "refuse" },
  });
  const ana = await registerSomebody(strict);
  const right = { email: ana.email, password: ana.password };
  assert.equal((await login(strict, right)).status, 200);
  const refused = await login(strict, right);
  assert.deepEqual([refused.status, refused.body.error_code], [409, "conflict"]);
  assert.equal((await strict.call("GET", "/users/me", { token: ana.access_token })).status, 200);
});

test("success and failure are in the audit log, without what was typed", async () => {
  const ana = await registerSomebody(app);
  await login(app, { email: ana.email, password: "typed-by-mistake" });
  await login(app, { email: ana.email, password: GOOD_PASSWORD });
  const rows = await run<Record<string, unknown>>(sql`SELECT action, actor, reason, network
    FROM auth.audit_log WHERE subject = ${ana.user["id"]} ORDER BY number`);
  assert.deepEqual(
    rows.map(({ action, actor, reason }) => [action, actor, reason]),
    [
      ["account.register", ana.user["id"], null],
      ["login.failure", null, "password"],
      ["login.success", ana.user["id"], null],
    ],
  );
  const [all] = await run<{ text: string }>(sql`SELECT string_agg(a::text, ' ') AS text
    FROM auth.audit_log a`);
  assert.doesNotMatch(all!.text, /typed-by-mistake|four plates|@example/);
});

test("2 000 parallel guesses on a budget of ten evaluate exactly ten", async () => {
  const { calls, passwords } = counted();
  const apps = await Promise.all(
    Array.from({ length: 2 }, () =>
      startApp({
        database: db.database,
        keyRing: app.keyRing,
        passwords,
        policy: { lockout: { failuresMax: 10, lockSeconds: 900 } },
        loginLimits: { checksMaxCount: 0 },
      }),
    ),
  );
  const ana = await registerSomebody(app);
  await crowd([db.database], 2_000, 23, async (number) => {
    const email = number % 3 === 0 ? ana.email.toUpperCase() : ana.email;
    const password = `guess ${number}`;
    const answer = await login(apps[number % 2]!, { email, password });
    assert.equal(answer.body.error_code, "credentials_invalid");
  });
  assert.equal(calls.verify, 10);
});

test("a login without room for its hash is refused before it costs an attempt or a statement", async () => {
  const watch = watched(db.database);
  const full: Passwords = {
    ...createInlinePasswords(),
    takePlace() {
      throw platformErrors.failure("overloaded", { headers: { "retry-after": "1" } });
    },
  };
  const fullApp = await startApp({
    database: watch.database,
    passwords: full,
    keyRing: app.keyRing,
    policy: { lockout: { failuresMax: 1, lockSeconds: 900 } },
    loginLimits: { checksMaxCount: 0 },
  });
  const ana = await registerSomebody(app);
  watch.statements.length = 0;
  for (let attempt = 0; attempt < 3; attempt++) {
    const answer = await login(fullApp, { email: ana.email, password: GOOD_PASSWORD });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers["retry-after"], "1");
  }
  assert.deepEqual(watch.statements, []);
});
