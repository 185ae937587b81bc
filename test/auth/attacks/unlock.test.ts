import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DEFAULT_TENANT_ID } from "../../../src/platform/ids.ts";
import { createAlerts } from "../../../src/auth/alerts/alerts.ts";
import { createLockNotices } from "../../../src/auth/alerts/lock-notices.ts";
import type { OutgoingMail } from "../../../src/platform/mail.ts";
import { issueOneTimeToken } from "../../../src/auth/one-time/store.ts";
import { sql } from "../../../src/platform/sql.ts";
import { openConnections } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase({ connections: 10 });
  app = await startApp({
    database: db.database,
    policy: { lockout: { failuresMax: 2, lockSeconds: 900 } },
    loginLimits: { checksMaxCount: 0 },
  });
});
after(() => db.drop());

const post = (path: string, body: object) => app.call("POST", path, { body });

/** Locks an account and reads the token out of the mail to its owner. */
async function lockedOwner() {
  const ana = await registerSomebody(app);
  const right = { email: ana.email, password: ana.password };
  for (let i = 0; i < 2; i++) await post("/auth/login", { ...right, password: "not the password" });
  assert.equal((await post("/auth/login", right)).status, 401, "locked");
  const mails: OutgoingMail[] = [];
  const queueMail = async (_: unknown, mail: OutgoingMail) => void mails.push(mail);
  const { config } = app;
  const alerts = createAlerts({ queueMail, config });
  await createLockNotices({ database: db.database, queueMail, alerts, config })();
  const [, token] = /#token=([A-Za-z0-9_-]{43})/.exec(mails[0]?.text ?? "") ?? [];
  return { right, token: token!, accountId: String(ana.user["id"]) };
}

test("the link of the mail ends the lock once; opening its page does nothing", async () => {
  const { right, token, accountId } = await lockedOwner();
  const page = await app.call("GET", "/auth/unlock");
  assert.equal(page.status, 200);
  assert.match(page.text, /<button/);
  assert.equal((await post("/auth/login", right)).status, 401, "still locked");
  assert.equal((await post("/auth/unlock", { token })).status, 200);
  assert.equal((await post("/auth/login", right)).status, 200);
  const again = await post("/auth/unlock", { token });
  assert.deepEqual([again.status, again.body.error_code], [400, "link_invalid"]);
  const events = await db.database.read<{ tenant_id: string }>(sql`
    SELECT tenant_id FROM auth.audit_log
     WHERE subject = ${accountId} AND action = 'account.unlock'`);
  assert.deepEqual(events, [{ tenant_id: DEFAULT_TENANT_ID }], "its auditors see it");
});

test("of parallel uses of one token one is right, and no other token is", async () => {
  const { token } = await lockedOwner();
  await openConnections(db.database, 8);
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => post("/auth/unlock", { token })),
  );
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, ...Array(7).fill(400)]);
  for (const wrong of ["x", "A".repeat(43), ` ${token}`]) {
    assert.equal((await post("/auth/unlock", { token: wrong })).body.error_code, "link_invalid");
  }
});

test("tokens are tried only so often from one network", async () => {
  const tight = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    budgets: { unlockTokenNetwork: { count: 2, seconds: 900 } },
  });
  const attempt = () =>
    tight.call("POST", "/auth/unlock", { body: { token: "x" }, address: "198.51.100.77" });
  assert.deepEqual(
    [await attempt(), await attempt(), await attempt()].map(({ status }) => status),
    [400, 400, 429],
  );
});

test("a password that was reset by mail ends the lock, one that was refused does not", async () => {
  const { right, accountId } = await lockedOwner();
  const token = await issueOneTimeToken(db.database, {
    purpose: "password.reset",
    accountId,
    seconds: 600,
  });
  const reset = (password: string) =>
    app.call("PUT", "/auth/password/reset", { body: { token, new_password: password } });
  assert.equal((await reset("short")).status, 422);
  assert.equal((await post("/auth/login", right)).status, 401, "still locked");
  const password = "nine bowls of black beans";
  assert.equal((await reset(password)).status, 200);
  assert.equal((await post("/auth/login", { ...right, password })).status, 200);
});
