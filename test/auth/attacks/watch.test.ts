import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { DEFAULT_TENANT_ID } from "../../../src/platform/ids.ts";
import { createDocumentCache } from "../../../src/auth/cache/document-cache.ts";
import { createAlerts } from "../../../src/auth/alerts/alerts.ts";
import { createLockNotices } from "../../../src/auth/alerts/lock-notices.ts";
import { createBlockOf } from "../../../src/auth/network/blocks.ts";
import { createCountryOf } from "../../../src/auth/network/country.ts";
import { createCorrelation } from "../../../src/auth/risk/correlation.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import type { OutgoingMail } from "../../../src/platform/mail.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";
import { startProcess, until } from "../process-rig.ts";

let db: TestDatabase;
let app: TestApp;
const mails: OutgoingMail[] = [];
const queueMail = async (_: unknown, mail: OutgoingMail) => void mails.push(mail);
before(async () => {
  db = await withDatabase();
  app = await startApp({
    database: db.database,
    policy: { lockout: { failuresMax: 3, lockSeconds: 900 } },
  });
});
after(() => db.drop());

const countryOf = createCountryOf({ config: { countryDatabase: "built-in" }, log: silentLog });

function watch(on: TestApp = app) {
  const config = { ...on.config, alertEmail: "operators@example.com" };
  const alerts = createAlerts({ queueMail, config });
  const { metrics, invalidate } = on;
  return { database: db.database, metrics, invalidate, alerts, config, queueMail, countryOf };
}

const incidents = (kind: string) =>
  db.database.read<{ key: string; details: Record<string, number> }>(
    sql`SELECT key, details FROM auth.incidents WHERE kind = ${kind} ORDER BY key`,
  );

const wrong = (email: string, address: string) =>
  app.call("POST", "/auth/login", { body: { email, password: "not the password" }, address });

test("a network that stuffs credentials is found once, shut out everywhere, and operators are told", async () => {
  const other = await startProcess({ url: db.url });
  try {
    const blockOf = createBlockOf({
      database: other.database,
      documents: createDocumentCache({ ...other, clock: systemClock }),
      clock: systemClock,
    });
    const from = "2001:12ff::66";
    const network = "2001:12ff:0:0::/64";
    assert.equal(await blockOf(from), undefined);
    for (let i = 0; i < 20; i++) await wrong(`stuffed${i}@example.com`, from);
    const correlations = [createCorrelation(watch()), createCorrelation(watch())];
    const counts = await Promise.all(correlations.map((correlate) => correlate()));
    assert.equal(counts[0]! + counts[1]!, 1, "two at once record it once");
    let transactions = 0;
    const counting = {
      ...db.database,
      withTransaction: ((...given: Parameters<Database["withTransaction"]>) => {
        transactions++;
        return db.database.withTransaction(...given);
      }) as Database["withTransaction"],
    };
    assert.equal(await createCorrelation({ ...watch(), database: counting })(), 0);
    assert.equal(transactions, 0, "what is known is read, not tried to be written");
    assert.deepEqual(await incidents("stuffing_network"), [
      { key: network, details: { identifiers: 20, failures: 20 } },
    ]);
    const events = await db.database.read(sql`
      SELECT network, country FROM auth.audit_log WHERE reason = 'stuffing_network'`);
    assert.deepEqual(events, [{ network, country: "BR" }]);
    const refused = await wrong("somebody-else@example.com", from);
    assert.deepEqual([refused.status, refused.body.error_code], [403, "network_blocked"]);
    const register = { email: "new@example.com", password: "nine bowls of black beans" };
    const shut = await app.call("POST", "/auth/register", { body: register, address: from });
    assert.equal(shut.body.error_code, "network_blocked");
    await until(async () => (await blockOf(from)) === "automatic", "the block in another process");
    assert.equal((await wrong("somebody-else@example.com", "2001:12ff:0:1::67")).status, 401);
    const told = mails.filter(({ to }) => to === "operators@example.com");
    assert.deepEqual(
      told.map(({ subject }) => subject),
      ["Security alert: stuffing_network"],
    );
  } finally {
    await other.stop();
  }
});

test("an account that many networks guess at is found; its owner is told of the lock, once", async () => {
  const ana = await registerSomebody(app);
  for (let i = 0; i < 12; i++) await wrong(ana.email, `198.51.100.${i}`);
  // Refused by the lock they are no failures: a second name of the account is guessed at as well.
  await db.database.query(sql`
    INSERT INTO auth.login_delays (identifier, network, account_id, failures)
    SELECT 'another name', '10.0.0.' || n, ${ana.user["id"]}, 1 FROM generate_series(1, 10) AS n`);
  await createCorrelation(watch())();
  assert.equal((await incidents("targeted_account"))[0]!.key, ana.user["id"]);
  const tell = createLockNotices(watch());
  const counts = await Promise.all([tell(), tell()]);
  assert.equal(counts[0]! + counts[1]!, 1);
  const sent = mails.filter(({ to, name }) => to === ana.email && name === "account_locked");
  assert.equal(sent.length, 1);
  assert.match(sent[0]!.text, /\/auth\/unlock#token=[A-Za-z0-9_-]{43}/);
  const events = await db.database.read<{ action: string; tenant_id: string }>(sql`
    SELECT action, tenant_id FROM auth.audit_log
     WHERE subject = ${ana.user["id"]} AND action IN ('account.lock', 'incident') ORDER BY action`);
  assert.deepEqual(
    events,
    ["account.lock", "incident"].map((action) => ({ action, tenant_id: DEFAULT_TENANT_ID })),
  );
});

test("a token used twice and then an unusual login is an incident", async () => {
  const id = randomUUID();
  const tenantId = randomUUID();
  const record = (action: string) =>
    db.database.query(sql`
      INSERT INTO auth.audit_log (action, subject, tenant_id)
      VALUES (${action}, ${id}, ${tenantId})`);
  await record("login.anomaly");
  await createCorrelation(watch())();
  await record("refresh.reuse");
  await createCorrelation(watch())();
  assert.deepEqual(await incidents("reuse_then_anomaly"), [], "in the other order it is none");
  await record("login.anomaly");
  await createCorrelation(watch())();
  assert.deepEqual(
    (await incidents("reuse_then_anomaly")).map(({ key }) => key),
    [id],
  );
  const [event] = await db.database.read<{ tenant_id: string }>(sql`
    SELECT tenant_id FROM auth.audit_log WHERE subject = ${id} AND action = 'incident'`);
  assert.equal(event!.tenant_id, tenantId, "its auditors see it");
  await db.database.query(sql`
    UPDATE auth.incidents SET window_at = window_at - interval '1 day' WHERE key = ${id}`);
  await createCorrelation(watch())();
  assert.equal((await incidents("reuse_then_anomaly")).length, 2, "once in each window");
});
