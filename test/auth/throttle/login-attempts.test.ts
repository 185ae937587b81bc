import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { DEFAULT_TENANT_ID } from "../../../src/platform/ids.ts";
import { rememberDevice } from "../../../src/auth/risk/store-devices.ts";
import { defaultPolicy, mergePolicy } from "../../../src/auth/tenants/policy.ts";
import {
  createLoginAttempts,
  type LoginAttempts,
} from "../../../src/auth/throttle/login-attempts.ts";
import {
  clearAttempts,
  removeIdleAttempts,
  takeUntoldLocks,
  type LoginLimits,
} from "../../../src/auth/throttle/store-attempts.ts";
import { readConfig } from "../../../src/platform/config.ts";
import { loginLimits } from "../../../src/platform/limits.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { createDatabase, type Database } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { crowd } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";

let db: TestDatabase;
before(async () => {
  db = await withDatabase();
});
after(() => db.drop());

const policy = mergePolicy(defaultPolicy(readConfig({ NODE_ENV: "test" })), {
  lockout: { failuresMax: 5, lockSeconds: 900 },
});

function open(limits: Partial<LoginLimits> = {}, database: Database = db.database): LoginAttempts {
  const metrics = createMetrics();
  return createLoginAttempts({
    database,
    metrics,
    policyOf: () => policy,
    blockOf: () => undefined,
    limits: { ...loginLimits, freeFailuresCount: 1_000, checksMaxCount: 0, ...limits },
  });
}

let people = 0;
const somebody = (account?: string) => ({
  identifier: { email: `person${++people}@example.com` },
  account: account === undefined ? undefined : { id: account, tenantId: DEFAULT_TENANT_ID },
  address: `198.51.100.${people % 250}`,
  device: undefined as Buffer | undefined,
});
type Somebody = ReturnType<typeof somebody>;

/** So many wrong passwords are compared before no more are. */
async function wrongOnes(attempts: LoginAttempts, who: Somebody, limit = 200): Promise<number> {
  for (let count = 0; count < limit; count++) {
    const attempt = await attempts.begin(who);
    if (attempt === undefined) return count;
    await attempt.failed();
  }
  return limit;
}

async function account(): Promise<string> {
  const id = randomUUID();
  await db.database.query(sql`
    INSERT INTO auth.accounts (id, tenant_id, email)
    VALUES (${id}, ${DEFAULT_TENANT_ID}, ${`${id}@test.example`})`);
  return id;
}

async function deviceOf(accountId: string): Promise<Buffer> {
  const digest = createHash("sha256").update(randomUUID()).digest();
  await db.database.withTransaction((tx) => rememberDevice(tx, accountId, digest));
  return digest;
}

/** As if `seconds` had passed, on the database's clock. */
const pass = (seconds: number) =>
  db.database.query(sql`
    UPDATE auth.login_attempts
       SET begun_at = begun_at - make_interval(secs => ${seconds}),
           failed_at = failed_at - make_interval(secs => ${seconds}),
           locked_until = locked_until - make_interval(secs => ${seconds})`);

test("wrong passwords in a row lock an identifier, known or not, for the time of the policy", async () => {
  const attempts = open();
  for (const who of [somebody(), somebody(await account())]) {
    assert.equal(await wrongOnes(attempts, who), 5);
    await pass(890);
    assert.equal(await attempts.begin(who), undefined, "still locked");
    await pass(20);
    assert.equal(await wrongOnes(attempts, who), 5, "after the lock the tries are whole again");
  }
});

test("no identifier gets more than the ceiling in a row, however long its owner waits", async () => {
  const attempts = open({ ceilingCount: 12 });
  const who = somebody(await account());
  const rounds = [];
  for (let round = 0; round < 4; round++) {
    rounds.push(await wrongOnes(attempts, who));
    await pass(901);
  }
  assert.deepEqual(rounds, [5, 5, 2, 0]);
  await clearAttempts(db.database, who.account!.id);
  assert.equal(await wrongOnes(attempts, who), 5, "until somebody ends it");
});

test("the right password makes the tries whole again", async () => {
  const attempts = open();
  const who = somebody();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 4; i++) await (await attempts.begin(who))!.failed();
    await (await attempts.begin(who))!.succeeded();
  }
  assert.equal(await wrongOnes(attempts, who), 5);
});

test("an attempt that was refused or not tried takes nothing away and gives nothing back", async () => {
  const attempts = open();
  const who = somebody();
  for (let i = 0; i < 4; i++) await (await attempts.begin(who))!.failed();
  for (let i = 0; i < 3; i++) await (await attempts.begin(who))!.notTried();
  for (let i = 0; i < 3; i++) await (await attempts.begin(who))!.refused();
  assert.equal(await wrongOnes(attempts, who), 1);
});

test("while locked a few comparisons more are made, to tell the right password so", async () => {
  const attempts = open({ checksMaxCount: 3 });
  const who = somebody(await account());
  for (let i = 0; i < 5; i++) {
    const attempt = (await attempts.begin(who))!;
    assert.equal(attempt.isLocked, false);
    assert.equal(await attempt.failed(), i === 4, "the fifth begins the lock");
  }
  for (let i = 0; i < 3; i++) {
    const attempt = (await attempts.begin(who))!;
    assert.equal(attempt.isLocked, true);
    assert.equal(await attempt.failed(), false);
  }
  assert.equal(await attempts.begin(who), undefined);
});

test("tries whose end nobody told count as wrong ones", async () => {
  const attempts = open();
  const who = somebody();
  for (let i = 0; i < 5; i++) await attempts.begin(who);
  assert.equal(await attempts.begin(who), undefined, "all are on their way");
  await pass(61);
  assert.equal(await attempts.begin(who), undefined, "locked by now");
  await pass(901);
  assert.equal(await wrongOnes(attempts, who), 5);
});

test("failures with one identifier from one network have to wait, longer each time", async () => {
  const attempts = open({ freeFailuresCount: 2, delaySecondsMax: 8 });
  const who = somebody();
  const waits = [];
  for (let i = 0; i < 5; i++) {
    const attempt = await attempts.begin(who);
    await attempt!.failed();
    const wait = await attempts.begin(who).then(
      async (second) => (await second!.notTried(), 0),
      (error) => Number(error.headers["retry-after"]),
    );
    waits.push(wait);
    await db.database.query(sql`UPDATE auth.login_delays SET not_before = now()`);
  }
  assert.deepEqual(waits, [0, 0, 1, 2, 4]);
  const elsewhere = { ...who, address: "203.0.113.9" };
  await db.database.query(sql`UPDATE auth.login_delays SET not_before = now() + interval '60 s'`);
  await assert.rejects(attempts.begin(who), { code: "rate_limited" });
  assert.equal(await attempts.begin(elsewhere), undefined, "elsewhere it is locked, not delayed");
});

test("a known device gets in while its account is locked, with tries of its own", async () => {
  const attempts = open();
  const id = await account();
  const who = somebody(id);
  const known = { ...who, device: await deviceOf(id) };
  const stranger = { ...who, device: await deviceOf(await account()) };
  assert.equal(await wrongOnes(attempts, who), 5);
  assert.equal(await attempts.begin(stranger), undefined, "another account's device is unknown");
  for (let i = 0; i < 20; i++) await (await attempts.begin(known))!.succeeded();
  assert.equal(await attempts.begin(who), undefined, "the owner's logins open nothing to others");
  assert.equal(await wrongOnes(attempts, known), loginLimits.deviceFailuresMaxCount);
  assert.equal(await attempts.begin(known), undefined, "a stolen device gets no further");
});

test("a login from a known device forgives what is a day old", async () => {
  const attempts = open();
  const id = await account();
  const who = somebody(id);
  const known = { ...who, device: await deviceOf(id) };
  for (let i = 0; i < 4; i++) await (await attempts.begin(who))!.failed();
  await pass(86_000);
  await (await attempts.begin(known))!.succeeded();
  await (await attempts.begin(who))!.failed();
  assert.equal(await attempts.begin(who), undefined, "five in a row");
  await pass(87_000);
  await (await attempts.begin(known))!.succeeded();
  assert.equal(await wrongOnes(attempts, who), 5);
});

test("2 000 guesses at once over two processes: exactly five are compared", async () => {
  const databases = [0, 1].map(() =>
    createDatabase({ url: db.url, connections: 16, applicationName: "test", log: silentLog }),
  );
  try {
    const processes = databases.map((database) => open({}, database));
    const who = somebody(await account());
    let compared = 0;
    await crowd(databases, 2_000, 15, async (at) => {
      const address = `10.${Math.floor(at / 200)}.${at % 200}.1`;
      const attempt = await processes[at % 2]!.begin({ ...who, address });
      if (attempt === undefined) return;
      compared++;
      await attempt.failed();
    });
    assert.equal(compared, 5);
  } finally {
    await Promise.all(databases.map((database) => database.end()));
  }
});

test("rows without meaning are removed, locks and failures in a row stay", async () => {
  await db.database.query(sql`DELETE FROM auth.login_attempts`);
  const attempts = open();
  const [quiet, failing] = [somebody(), somebody()];
  await (await attempts.begin(quiet))!.refused();
  await (await attempts.begin(failing))!.failed();
  await pass(3_600);
  assert.ok((await removeIdleAttempts(db.database)) >= 1);
  const { rows } = await db.database.query<{ failures: number }>(
    sql`SELECT failures FROM auth.login_attempts`,
  );
  assert.deepEqual(rows, [{ failures: 1 }]);
  await pass(8 * 86_400);
  assert.equal(await removeIdleAttempts(db.database), 1);
});

test("an identifier at the ceiling stays there until somebody ends it, whoever has it by then", async () => {
  const attempts = open({ ceilingCount: 5 });
  const [unknown, known] = [somebody(), somebody(await account())];
  for (const who of [unknown, known]) {
    assert.equal(await wrongOnes(attempts, who), 5);
    assert.equal(await attempts.begin(who), undefined);
  }
  await pass(30 * 86_400);
  await removeIdleAttempts(db.database);
  for (const who of [unknown, known]) assert.equal(await attempts.begin(who), undefined);
  // Somebody registers with it: the owner is told of the lock, and can end it.
  const owner = { ...unknown, account: { id: await account(), tenantId: DEFAULT_TENANT_ID } };
  assert.equal(await attempts.begin(owner), undefined);
  const told = await db.database.withTransaction(takeUntoldLocks);
  assert.ok(told.some(({ accountId }) => accountId === owner.account.id));
  for (const who of [owner, known]) {
    await clearAttempts(db.database, who.account!.id);
    assert.equal(await wrongOnes(attempts, who), 5);
  }
});

test("what an account had wrong is forgotten by an index", async () => {
  const plans: string[] = [];
  await db.database.withTransaction(async (tx) => {
    await tx.query(sql`SET LOCAL enable_seqscan = off`);
    const query: Database["query"] = async (statement) => {
      const { rows } = await tx.query<{ "QUERY PLAN": string }>(sql`EXPLAIN ${statement}`);
      plans.push(rows.map((row) => row["QUERY PLAN"]).join("\n"));
      return { rows: [], rowCount: 0 };
    };
    await clearAttempts({ query }, randomUUID());
  });
  assert.equal(plans.length, 2);
  for (const plan of plans) assert.match(plan, /Index Cond: \(account_id/, plan);
});
