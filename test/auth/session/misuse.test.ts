import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerAdmin, registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database, env: { COUNTRY_DATABASE: "built-in" } });
});
after(() => db.drop());

const refresh = (token: string, extra: object = {}, address = "200.160.2.3") =>
  app.call("POST", "/auth/refresh", {
    body: { refresh_token: token, ...extra },
    address,
    headers: { "user-agent": FIREFOX },
  });

/** Uses the first token after its successor was used: what whoever copied it would do. */
async function reuse(first: string): Promise<string[]> {
  const second = (await refresh(first)).body.refresh_token as string;
  const third = (await refresh(second)).body.refresh_token as string;
  const refused = await refresh(first, {}, "8.8.8.8");
  assert.equal(refused.body.error_code, "refresh_token_invalid");
  return [first, second, third];
}

const endReason = async (id: unknown) => {
  const { rows } = await db.database.query<{ end_reason: string | null }>(sql`
    SELECT end_reason FROM auth.sessions WHERE id = ${String(id)}`);
  return rows[0]!.end_reason;
};

async function login(person: { email: string; password: string }, device?: string) {
  const answer = await app.call("POST", "/auth/login", {
    body: {
      email: person.email,
      password: person.password,
      ...(device === undefined ? {} : { device_info: { secret: `the secret of ${device}` } }),
    },
    address: "200.160.2.3",
    headers: { "user-agent": FIREFOX },
  });
  assert.equal(answer.status, 200, answer.text);
  return answer.body;
}

const SUBJECT = "A session of your account was ended";
const noticesTo = async (email: string, subject = SUBJECT) =>
  (await app.mailsTo(email)).filter((mail) => mail.subject === subject);

test("the owner of a refresh token that is used twice is told where, without any secret", async () => {
  const ana = await registerSomebody(app);
  const tokens = await reuse(ana.refresh_token);
  assert.equal(await endReason(ana.session["id"]), "refresh_reuse");
  const [mail, ...more] = await noticesTo(ana.email);
  assert.equal(more.length, 0);
  assert.match(mail!.text, /Firefox on Linux, US, 8\.8\.8\.0\/24/);
  for (const secret of [...tokens, ana.session["id"] as string, "8.8.8.8"]) {
    assert.ok(!`${mail!.text}${mail!.html}`.includes(secret));
  }
});

test("the second within the hour is counted, and the next mail says how many", async () => {
  const ana = await registerSomebody(app);
  await reuse(ana.refresh_token);
  await reuse((await login(ana)).refresh_token);
  assert.equal((await noticesTo(ana.email)).length, 1);
  await db.database.query(sql`
    UPDATE auth.alert_windows SET ends_at = now() WHERE subject = ${ana.user["id"]}`);
  await reuse((await login(ana)).refresh_token);
  const [latest] = await noticesTo(ana.email);
  assert.match(latest!.text, /1 more times since the last notice/);
});

test("the notice is in the owner's language", async () => {
  const ana = await registerSomebody(app);
  await db.database.query(sql`
    UPDATE auth.accounts SET language = 'pt-BR' WHERE id = ${ana.user["id"]}`);
  await reuse(ana.refresh_token);
  assert.equal((await noticesTo(ana.email, "Encerramos uma sessão da sua conta")).length, 1);
});

test("a token ahead of a restored database is nobody's theft: no mail", async () => {
  const ana = await registerSomebody(app);
  const second = (await refresh(ana.refresh_token)).body.refresh_token as string;
  const third = (await refresh(second)).body.refresh_token as string;
  await db.database.query(sql`
    UPDATE auth.sessions SET counter = 1 WHERE id = ${ana.session["id"]}`);
  assert.equal((await refresh(third)).status, 401);
  assert.equal(await endReason(ana.session["id"]), "refresh_ahead");
  assert.equal((await noticesTo(ana.email)).length, 0);
});

test("the session ends and the mail is queued, or neither", async () => {
  const ana = await registerSomebody(app);
  const second = (await refresh(ana.refresh_token)).body.refresh_token as string;
  await refresh(second);
  await db.database.query(sql`
    ALTER TABLE platform.outbox ADD CONSTRAINT closed CHECK (kind <> 'mail') NOT VALID`);
  assert.equal((await refresh(ana.refresh_token)).status, 500);
  assert.equal(await endReason(ana.session["id"]), null);
  await db.database.query(sql`ALTER TABLE platform.outbox DROP CONSTRAINT closed`);
  assert.equal((await refresh(ana.refresh_token)).status, 401);
  assert.equal(await endReason(ana.session["id"]), "refresh_reuse");
  assert.equal((await noticesTo(ana.email)).length, 1);
});

async function riskOf(token: string) {
  const { body } = await app.call("GET", "/auth/sessions", { token });
  return body.sessions.find((session: { current: boolean }) => session.current).risk;
}

test("the list marks a session whose login was unusual, to its owner and to administrators", async () => {
  const ana = await registerSomebody(app);
  const usual = await login(ana, "laptop");
  assert.deepEqual(await riskOf(usual.access_token), { flagged: false, reasons: [] });
  const unusual = await login(ana, "phone");
  const mark = { flagged: true, reasons: ["new_device"] };
  assert.deepEqual(await riskOf(unusual.access_token), mark);
  const admin = await registerAdmin(app);
  const { body } = await app.call("GET", `/v1/admin/accounts/${ana.user["id"]}/sessions`, {
    token: admin.access_token,
  });
  const marks = new Map(body.data.map((entry: any) => [entry.id, entry.risk]));
  assert.deepEqual(marks.get(unusual.session.id), mark);
  assert.deepEqual(marks.get(usual.session.id), { flagged: false, reasons: [] });
});

test("a refresh from another network is a reason and no flag; another country or device is one", async () => {
  const ana = await registerSomebody(app);
  const device_info = { secret: "the secret of laptop" };
  const opened = await login(ana, "laptop");
  const token = opened.access_token;
  const moved = await refresh(opened.refresh_token, { device_info }, "200.160.7.9");
  assert.equal(moved.status, 200, moved.text);
  assert.deepEqual(await riskOf(token), { flagged: false, reasons: ["network_changed"] });
  const next = moved.body.refresh_token as string;
  for (let time = 0; time < 2; time++) {
    const foreign = await refresh(next, { device_info: { secret: "the secret of a thief" } });
    assert.equal(foreign.body.error_code, "device_mismatch");
  }
  const reasons = ["device_mismatch", "network_changed"];
  assert.deepEqual(await riskOf(token), { flagged: true, reasons });
  assert.equal((await refresh(next, { device_info }, "8.8.8.8")).status, 200);
  assert.deepEqual(await riskOf(token), {
    flagged: true,
    reasons: ["device_mismatch", "country_changed", "network_changed"],
  });
});
