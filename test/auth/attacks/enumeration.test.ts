import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import { assertSameWork, countWork, type Work } from "../../support/count-work.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

let db: TestDatabase;
let work: ReturnType<typeof countWork>;
let app: TestApp;
const policy = { lockout: { failuresMax: 3, lockSeconds: 900 } };
before(async () => {
  db = await withDatabase();
  work = countWork(db.database);
  app = await startApp({
    ...work,
    policy,
    loginLimits: { checksMaxCount: 1 },
    env: { EMAIL_VERIFICATION: "required" },
  });
});
after(() => db.drop());

/** Somebody of each standing, and nobody. */
async function people(): Promise<Record<string, string>> {
  const open = await startApp({ database: db.database, keyRing: app.keyRing });
  const [usual, disabled, verified] = [
    await registerSomebody(open),
    await registerSomebody(open),
    await registerSomebody(open),
  ];
  await db.database.query(sql`
    UPDATE auth.accounts SET active = false WHERE id = ${disabled.user["id"]}`);
  await db.database.query(sql`
    UPDATE auth.accounts SET email_verified = true WHERE id = ${verified.user["id"]}`);
  return {
    nobody: "nobody-at-all@example.com",
    unverified: usual.email,
    disabled: disabled.email,
    verified: verified.email,
  };
}

const guess = (email: string): Promise<Work> =>
  work.measure(() =>
    app.call("POST", "/auth/login", { body: { email, password: "not the password" } }),
  );

test("a wrong password costs and says the same for everybody, at each step into a lock", async () => {
  const all = Object.entries(await people());
  // The first login of a thread reads policy and blocks.
  await guess("first@example.com");
  const steps = ["first", "second", "third: locks", "checked while locked", "locked"];
  const spent: Work[] = [];
  for (const step of steps) {
    const outcomes: Record<string, Work> = {};
    for (const [name, email] of all) outcomes[`${name}, ${step}`] = await guess(email);
    assertSameWork(outcomes);
    spent.push(Object.values(outcomes)[0]!);
  }
  assert.deepEqual(
    spent.map(({ status, hashes }) => [status, hashes.verify]),
    [
      [401, 1],
      [401, 1],
      [401, 1],
      [401, 1],
      [401, 0],
    ],
  );
  assert.equal(new Set(spent.map(({ text }) => text)).size, 1, "one answer at every step");
});

test("only the right password learns of a lock", async () => {
  const { verified } = await people();
  for (let i = 0; i < 3; i++) await guess(verified!);
  const login = () =>
    app.call("POST", "/auth/login", {
      body: { email: verified, password: "four plates of rice" },
    });
  const told = await login();
  assert.deepEqual([told.status, told.body.error_code], [403, "account_locked"]);
  const constant = await login();
  assert.deepEqual([constant.status, constant.body.error_code], [401, "credentials_invalid"]);
});

test("registration says and hashes the same for a taken address as for a new one", async () => {
  const { verified } = await people();
  const register = (email: string) =>
    work.measure(() =>
      app.call("POST", "/auth/register", {
        body: { email, password: "nine bowls of black beans" },
      }),
    );
  const [taken, fresh] = [await register(verified!), await register("somebody-new@example.com")];
  assert.equal(fresh.status, 202);
  const seen = ({ status, text, headers, hashes }: Work) => ({ status, text, headers, hashes });
  assert.deepEqual(seen(taken), seen(fresh));
});
