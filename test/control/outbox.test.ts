import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { createSealer } from "../../src/auth/keys/sealer.ts";
import { createMailDeliverer } from "../../src/control/mail-delivery.ts";
import {
  pauseSeconds,
  startOutbox,
  type Deliverer,
  type Outbox,
} from "../../src/control/outbox.ts";
import { readConfig } from "../../src/platform/config.ts";
import { outboxLimits } from "../../src/platform/limits.ts";
import { createQueueMail } from "../../src/platform/mail.ts";
import { createMailer, type Mailer, type MailerOptions } from "../../src/platform/mailer.ts";
import { createMetrics } from "../../src/platform/metrics.ts";
import { enqueue } from "../../src/platform/outbox.ts";
import {
  forgetEntriesOf,
  giveUpStale,
  listKept,
  removeFinished,
  takeDue,
} from "../../src/platform/outbox-store.ts";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { capturedLog, silentLog } from "../support/log.ts";
import { SEALING_KEY } from "../support/server.ts";
import { startSmtpServer, type SmtpServer } from "../support/smtp.ts";

let db: TestDatabase;
let smtp: SmtpServer;
const closers: (() => Promise<void> | void)[] = [];

before(async () => {
  db = await withDatabase({ connections: 8 });
});
after(() => db.drop());
beforeEach(async () => {
  await db.database.query(sql`DELETE FROM platform.outbox`);
  smtp = await startSmtpServer();
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await smtp.close();
});

const configOf = (port: number) =>
  readConfig({
    NODE_ENV: "test",
    SMTP_URL: `smtp://127.0.0.1:${port}`,
    MAIL_FROM: "Kitchen <kitchen@test.example>",
    PUBLIC_URL: "https://brigade.test",
    KEY_ENCRYPTION_KEYS: `test:${SEALING_KEY}`,
  });

function startSending(
  options: MailerOptions = {},
  log = silentLog,
  retryBaseSeconds = 0.05,
): Mailer {
  const config = configOf(smtp.port);
  const mailer = createMailer({ ...config, smtp: config.smtp! }, options);
  run([createMailDeliverer(config, mailer)], { log, retryBaseSeconds });
  closers.push(() => mailer.close());
  return mailer;
}

function run(
  deliverers: readonly Deliverer[],
  options: { log?: typeof silentLog; retryBaseSeconds?: number; leaseSeconds?: number } = {},
): Outbox {
  const { database } = db;
  const common = { database, deliverers, log: silentLog, metrics: createMetrics(), pollMs: 20 };
  const outbox = startOutbox({ ...common, ...options });
  closers.unshift(() => outbox.stop());
  return outbox;
}

const queueMail = createQueueMail(createSealer(configOf(1)));
const mailTo = (to: string, accountId?: string) =>
  queueMail(db.database, {
    name: "test",
    accountId,
    to,
    subject: "Olá, ção",
    text: "a token 4711-secret\n.\nand a line with one dot",
    html: "<p>a token 4711-secret</p>",
  });

interface Row {
  id: string;
  attempts: number;
  last_error: string | null;
  is_done: boolean;
  is_given_up: boolean;
  sealed: Buffer | null;
  payload: Record<string, unknown>;
}
const rows = async () =>
  (
    await db.database.query<Row>(sql`
      SELECT id, attempts, last_error, sealed, payload, done_at IS NOT NULL AS is_done,
             given_up_at IS NOT NULL AS is_given_up FROM platform.outbox ORDER BY id`)
  ).rows;

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 1_500; tries++) {
    if (await what()) return;
    await setTimeout(10);
  }
  throw new Error(`it never came: ${what.toString()}`);
}

test("a queued mail arrives once, and its content leaves the table", async () => {
  await mailTo("ana@test.example");
  const [queued] = await rows();
  assert.ok(!queued!.sealed!.includes("4711") && !queued!.sealed!.includes("ana@"));
  assert.deepEqual(queued!.payload, { name: "test" });
  startSending();
  await until(async () => (await rows())[0]!.is_done);
  await setTimeout(100);
  assert.equal(smtp.mails.length, 1);
  const [mail] = smtp.mails;
  assert.deepEqual([mail!.from, mail!.to], ["kitchen@test.example", ["ana@test.example"]]);
  assert.match(mail!.header("from")!, /^Kitchen <kitchen@test\.example>$/);
  assert.equal(mail!.header("message-id"), `<${queued!.id}@brigade.test>`);
  assert.equal(mail!.header("auto-submitted"), "auto-generated");
  assert.match(mail!.raw, /4711-secret/);
  assert.equal((await rows())[0]!.sealed, null);
});

test("a mail of a transaction that rolls back is never sent", async () => {
  const lost = db.database.withTransaction(async (tx) => {
    await queueMail(tx, { name: "test", to: "a@test.example", subject: "s", text: "t", html: "h" });
    throw new Error("changed my mind");
  });
  await assert.rejects(lost, /changed my mind/);
  assert.deepEqual(await rows(), []);
});

test("several processes share the work, and none takes what another has in hand", async () => {
  const seen: string[] = [];
  const deliverer: Deliverer = {
    kind: "count",
    isReady: () => true,
    async deliver({ id }) {
      seen.push(id);
      await setTimeout(5);
      return { kind: "done" };
    },
  };
  for (let i = 0; i < 60; i++) {
    await enqueue(db.database, { kind: "count", payload: {} });
  }
  for (let i = 0; i < 4; i++) run([deliverer]);
  await until(async () => (await rows()).every((row) => row.is_done));
  assert.equal(seen.length, 60);
  assert.equal(new Set(seen).size, 60);
});

test("what a dead process had in hand is sent again when its lease is out, under the same id", async () => {
  await mailTo("ana@test.example");
  // It took the entry, sent the mail, and was killed before it could say so.
  const [taken] = await takeDue(db.database, ["mail"], 0.3);
  assert.equal(taken!.attempt, 1);
  assert.deepEqual(await takeDue(db.database, ["mail"], 0.3), []);
  startSending();
  await until(() => smtp.mails.length === 1);
  await until(async () => (await rows())[0]!.is_done);
  assert.equal((await rows())[0]!.attempts, 2);
  assert.equal(smtp.mails[0]!.header("message-id"), `<${taken!.id}@brigade.test>`);
});

test("a passing failure is tried again, a refused recipient is given up at once", async () => {
  const captured = capturedLog("error");
  smtp.refuseRecipients("451 4.3.0 <ana@test.example> later");
  startSending({ failureThreshold: 100 }, captured.log);
  await mailTo("ana@test.example");
  await until(async () => (await rows())[0]!.attempts >= 2);
  smtp.refuseRecipients(undefined);
  await until(async () => (await rows())[0]!.is_done);
  assert.equal(smtp.mails.length, 1);

  await db.database.query(sql`DELETE FROM platform.outbox`);
  smtp.refuseRecipients("550 5.1.1 <eva@test.example> is nobody");
  await mailTo("eva@test.example");
  await until(async () => (await rows())[0]!.is_given_up);
  const [row] = await rows();
  assert.deepEqual([row!.attempts, row!.sealed], [1, null]);
  // Neither the table nor the log repeats what the server said of whom.
  assert.match(row!.last_error!, /^EENVELOPE 550$/);
  assert.match(captured.texts.join(), /outbox_given_up/);
  assert.doesNotMatch(captured.texts.join(), /eva@/);
});

test("after its last try an effect is given up with its reason in the log", async () => {
  const captured = capturedLog("error");
  const failing: Deliverer = {
    kind: "fail",
    isReady: () => true,
    deliver: async () => ({ kind: "failed", reason: "no luck" }),
  };
  run([failing], { log: captured.log, retryBaseSeconds: 0 });
  await enqueue(db.database, { kind: "fail", payload: { name: "test" } });
  await until(async () => (await rows())[0]!.is_given_up);
  assert.equal((await rows())[0]!.attempts, outboxLimits.attemptsMax);
  assert.equal(captured.lines.length, 1);
  assert.equal(captured.lines[0]!["reason"], "no luck");
});

test("while the mail server is away nothing is tried, no attempt is lost, and then all arrive", async () => {
  const { port } = smtp;
  await smtp.close();
  const mailer = startSending({ failureThreshold: 2, recoveryMs: 200 });
  for (let i = 0; i < 12; i++) await mailTo(`p${i}@test.example`);
  await until(() => mailer.state() === "OPEN");
  smtp = await startSmtpServer(port);
  await until(async () => (await rows()).every((row) => row.is_done));
  assert.equal(smtp.mails.length, 12);
  const attempts = (await rows()).map((row) => row.attempts);
  assert.ok(Math.max(...attempts) < outboxLimits.attemptsMax, String(attempts));
});

test("a server that takes a mail in and does not answer gets it again under the same id", async () => {
  smtp.swallowAnswers(true);
  startSending({ failureThreshold: 100 });
  await mailTo("ana@test.example");
  await until(() => smtp.mails.length === 1);
  smtp.swallowAnswers(false);
  // It falls over: the client sees its connection end and cannot know what became of the mail.
  const { port } = smtp;
  const [first] = smtp.mails;
  await smtp.close();
  smtp = await startSmtpServer(port);
  await until(() => smtp.mails.length === 1);
  assert.equal(smtp.mails[0]!.header("message-id"), first!.header("message-id"));
});

test("pauses grow, stay below their bound, and differ", () => {
  const pauses = Array.from({ length: 20 }, (_, at) => pauseSeconds(at + 1, 5));
  for (const [at, pause] of pauses.entries()) {
    const whole = Math.min(outboxLimits.retryMaxSeconds, 5 * 2 ** at);
    assert.ok(pause >= whole / 2 && pause <= whole, `${at}: ${pause}`);
  }
  assert.ok(new Set(Array.from({ length: 10 }, () => pauseSeconds(5, 5))).size > 1);
});

test("what waited for too long is given up, what is over for long is removed", async () => {
  await mailTo("old@test.example");
  await mailTo("new@test.example");
  const [old] = await rows();
  await db.database.query(sql`
    UPDATE platform.outbox SET created_at = now() - interval '25 hours' WHERE id = ${old!.id}`);
  assert.equal(await giveUpStale(db.database), 1);
  const [given, fresh] = await rows();
  assert.deepEqual([given!.is_given_up, given!.sealed], [true, null]);
  assert.deepEqual([fresh!.is_given_up, fresh!.sealed === null], [false, false]);
  assert.equal(await removeFinished(db.database), 0);
  await db.database.query(sql`
    UPDATE platform.outbox SET given_up_at = now() - interval '8 days' WHERE id = ${old!.id}`);
  assert.equal(await removeFinished(db.database), 1);
  assert.equal((await rows()).length, 1);
});

test("all entries of one account can be forgotten", async () => {
  const accountId = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
  await mailTo("ana@test.example", accountId);
  await mailTo("eva@test.example", "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c");
  await forgetEntriesOf(db.database, accountId);
  assert.equal((await listKept(db.database, "mail", 10)).length, 1);
});
