import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { createAlerts } from "../../../src/auth/alerts/alerts.ts";
import { takeAlert } from "../../../src/auth/alerts/store.ts";
import { startOutbox } from "../../../src/control/outbox.ts";
import { createWebhookDeliverer } from "../../../src/control/webhook-delivery.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import type { OutgoingMail } from "../../../src/platform/mail.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { createDatabase } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { crowd } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { until } from "../process-rig.ts";

let db: TestDatabase;
before(async () => {
  db = await withDatabase();
});
after(() => db.drop());

const SECRET = "0123456789abcdef0123";

test("of callers of several processes one gets the alert of a window, and the next tells the rest", async () => {
  const databases = [0, 1].map(() =>
    createDatabase({ url: db.url, connections: 16, applicationName: "test", log: silentLog }),
  );
  try {
    const asked = await crowd(databases, 60, 15, (at) =>
      takeAlert(databases[at % 2]!, "kind", "subject", 60),
    );
    assert.deepEqual(
      asked.filter((taken) => taken !== undefined),
      [{ suppressed: 0 }],
    );
    await db.database.query(sql`UPDATE auth.alert_windows SET ends_at = now()`);
    assert.deepEqual(await takeAlert(db.database, "kind", "subject", 60), { suppressed: 59 });
    assert.equal(await takeAlert(db.database, "kind", "subject", 60), undefined);
    assert.deepEqual(await takeAlert(db.database, "kind", "another", 60), { suppressed: 0 });
  } finally {
    await Promise.all(databases.map((database) => database.end()));
  }
});

test("operators get mail and webhook once, owners a mail, and nobody who is not to be told", async () => {
  const mails: OutgoingMail[] = [];
  const queueMail = async (_: unknown, mail: OutgoingMail) => void mails.push(mail);
  const alert = { kind: "stuffing_network", subject: "192.0.2.9", details: { identifiers: 30 } };
  const nobody = createAlerts({
    queueMail,
    config: { alertEmail: undefined, alertWebhook: undefined },
  });
  await nobody.toOperators(db.database, alert);
  assert.equal(mails.length, 0);
  const alerts = createAlerts({
    queueMail,
    config: {
      alertEmail: "operators@example.com",
      alertWebhook: { url: "http://127.0.0.1:1/", secret: SECRET },
    },
  });
  await alerts.toOperators(db.database, alert);
  await alerts.toOperators(db.database, alert);
  const queued = await db.database.read<{ payload: Record<string, unknown> }>(sql`
    SELECT payload FROM platform.outbox WHERE kind = 'alert_webhook'`);
  assert.deepEqual(queued, [{ payload: { ...alert, suppressed: 0 } }]);
  assert.deepEqual(
    mails.map(({ to, subject }) => [to, subject]),
    [["operators@example.com", "Security alert: stuffing_network"]],
  );
  const owner = { id: "some account", email: "ana@example.com" };
  const content = (suppressed: number) => ({ subject: String(suppressed), text: "", html: "" });
  await alerts.toOwner(db.database, "new_login", owner, content);
  await alerts.toOwner(db.database, "new_login", owner, content);
  assert.deepEqual(
    mails.slice(1).map(({ to, accountId }) => [to, accountId]),
    [["ana@example.com", "some account"]],
  );
});

/** Answers each call with what comes next: a status, or nothing at all. */
async function startReceiver(answers: (number | "hang" | "reset")[]) {
  const calls: { headers: Record<string, unknown>; body: string }[] = [];
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      calls.push({ headers: request.headers, body });
      const answer = answers.shift() ?? 200;
      if (answer === "reset") request.socket.destroy();
      else if (answer !== "hang") response.writeHead(answer).end("seen");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    calls,
    url: `http://127.0.0.1:${port}/hook`,
    close: () => (server.closeAllConnections(), server.close()),
  };
}

test("the webhook is called until it takes the alert: signed, with one id, whatever happens before", async () => {
  await db.database.query(sql`DELETE FROM platform.outbox`);
  await db.database.query(sql`DELETE FROM auth.alert_windows`);
  const receiver = await startReceiver([500, "reset", "hang", 200]);
  const settings = { url: receiver.url, secret: SECRET };
  const alerts = createAlerts({
    queueMail: async () => {},
    config: { alertEmail: undefined, alertWebhook: settings },
  });
  const details = { identifiers: 30 };
  await alerts.toOperators(db.database, { kind: "targeted_account", subject: "ana", details });
  const outbox = startOutbox({
    database: db.database,
    deliverers: [createWebhookDeliverer(settings, systemClock, 300)],
    log: silentLog,
    metrics: createMetrics(),
    pollMs: 20,
    retryBaseSeconds: 0.05,
  });
  try {
    await until(async () => {
      const rows = await db.database.read<{ done: boolean }>(sql`
        SELECT done_at IS NOT NULL AS done FROM platform.outbox WHERE kind = 'alert_webhook'`);
      return rows[0]?.done === true;
    }, "the delivery of the alert");
    assert.equal(receiver.calls.length, 4);
    assert.equal(new Set(receiver.calls.map(({ headers }) => headers["brigade-alert-id"])).size, 1);
    for (const { headers, body } of receiver.calls) {
      const [, seconds, given] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(
        String(headers["brigade-signature"]),
      )!;
      const mac = createHmac("sha256", SECRET).update(`${seconds}.${body}`).digest("hex");
      assert.equal(given, mac);
      const { kind, subject, id } = JSON.parse(body);
      assert.deepEqual([kind, subject], ["targeted_account", "ana"]);
      assert.equal(id, headers["brigade-alert-id"]);
      assert.ok(!body.includes(SECRET));
    }
  } finally {
    await outbox.stop();
    receiver.close();
  }
});
