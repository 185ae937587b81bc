import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createSealer } from "../../../src/auth/keys/sealer.ts";
import { createMailboxRoutes } from "../../../src/auth/mail/dev-mailbox.ts";
import { createPipeline } from "../../../src/http/pipeline.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { readConfig } from "../../../src/platform/config.ts";
import { createQueueMail } from "../../../src/platform/mail.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { SEALING_KEY } from "../../support/server.ts";
import { createCall } from "../accounts-rig.ts";

let db: TestDatabase;
before(async () => {
  db = await withDatabase();
});
after(() => db.drop());

const KEYS = { NODE_ENV: "test", KEY_ENCRYPTION_KEYS: `test:${SEALING_KEY}` };
const PRODUCTION = {
  ...KEYS,
  NODE_ENV: "production",
  DATABASE_URL: "postgres://localhost/x",
  PUBLIC_URL: "https://brigade.test",
};

function startMailbox(env: Readonly<Record<string, string>>) {
  const config = readConfig(env);
  const sealer = createSealer(config);
  const routes = createMailboxRoutes({ database: db.database, sealer, config });
  const pipeline = createPipeline({
    routes,
    config,
    log: silentLog,
    metrics: createMetrics(),
    clock: systemClock,
    authenticate: async () => assert.fail("nobody is asked who they are"),
  });
  return { call: createCall(pipeline), queueMail: createQueueMail(sealer) };
}

test("the mailbox shows what was queued, escaped, to this machine alone", async () => {
  const { call, queueMail } = startMailbox(KEYS);
  await queueMail(db.database, {
    name: "test",
    to: "ana@test.example",
    subject: "<script>alert(1)</script>",
    text: 'see https://brigade.test/x#token=abc and "quotes"',
    html: "<p>html</p>",
  });
  const here = { address: "127.0.0.1" };
  const list = await call("GET", "/dev/mail.json", here);
  assert.equal(list.status, 200);
  assert.equal(list.body.mails.length, 1);
  assert.equal(list.body.mails[0].to, "ana@test.example");
  assert.match(list.body.mails[0].text, /token=abc/);

  const page = await call("GET", "/dev/mail", here);
  assert.equal(page.status, 200);
  assert.doesNotMatch(page.text, /<script>/);
  assert.match(page.text, /<a href="https:\/\/brigade\.test\/x#token=abc"/);
  assert.match(page.headers["content-security-policy"]!, /default-src 'none'/);
  assert.equal(page.headers["cache-control"], "no-store");

  for (const path of ["/dev/mail", "/dev/mail.json"]) {
    assert.equal((await call("GET", path, { address: "192.0.2.7" })).status, 404);
    const rebound = { ...here, headers: { host: "evil.example" } };
    assert.equal((await call("GET", path, rebound)).status, 404);
  }
});

test("there is no mailbox in production, nor with a mail server", async () => {
  for (const env of [PRODUCTION, { ...KEYS, SMTP_URL: "smtp://127.0.0.1:2525" }]) {
    const { call } = startMailbox(env);
    for (const path of ["/dev/mail", "/dev/mail.json"]) {
      assert.equal((await call("GET", path, { address: "127.0.0.1" })).status, 404);
    }
  }
});
