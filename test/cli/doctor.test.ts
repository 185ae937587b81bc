import assert from "node:assert/strict";
import { after, test } from "node:test";
import { clockFinding } from "../../src/cli/doctor-database.ts";
import { nodeVersion, openFiles, type Finding } from "../../src/cli/doctor.ts";
import { sql } from "../../src/platform/sql.ts";
import { startChaosProxy } from "../support/chaos-proxy.ts";
import { withDatabase } from "../support/database.ts";
import { SEALING_KEY } from "../support/server.ts";
import { startSmtpServer } from "../support/smtp.ts";
import { createBrigade, createInlineBrigade, type Ran } from "./support.ts";

const { url, database, drop } = await withDatabase();
after(drop);
const brigade = createInlineBrigade({ DATABASE_URL: url });

function findings({ stdout }: Ran): Map<string, Finding> {
  const all = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Finding);
  return new Map(all.map((finding) => [finding.name, finding]));
}

test("a healthy machine passes, and every look is told", async () => {
  const ran = await createBrigade({ DATABASE_URL: url })(["doctor"]);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  const names = "configuration|node|open files|disk|mail|database|clock|connections|notifications";
  for (const name of [...names.split("|"), "migrations", "signing keys"]) {
    assert.match(ran.stdout, new RegExp(`^(ok|warn) +${name} `, "m"));
  }
});

test("a database that is away, behind or ahead is a failure or a warning, and nothing is changed", async () => {
  const away = await brigade(["doctor", "--json"], {
    env: { DATABASE_URL: "postgres://nobody@127.0.0.1:1/nothing" },
  });
  assert.equal(away.code, 1);
  assert.equal(findings(away).get("database")?.verdict, "fail");
  assert.ok(!findings(away).has("migrations"));

  await database.query(sql`DELETE FROM public.brigade_migrations WHERE name = '004_iam.sql'`);
  const behind = await brigade(["doctor", "--json"]);
  assert.equal(behind.code, 0);
  const { verdict, text } = findings(behind).get("migrations")!;
  assert.equal(verdict, "warn");
  assert.match(text, /^004_iam\.sql not applied/);
  const { rows } = await database.query(
    sql`SELECT 1 FROM public.brigade_migrations WHERE name = '004_iam.sql'`,
  );
  assert.equal(rows.length, 0);

  await database.query(sql`UPDATE public.brigade_migrations SET checksum = 'x'`);
  const changed = await brigade(["doctor", "--json"]);
  assert.equal(changed.code, 1);
  assert.match(findings(changed).get("migrations")!.text, /was changed after/);
});

test("keys that the configured key-encryption keys cannot open are a failure", async () => {
  const other = await withDatabase();
  after(other.drop);
  const key = (id: string, byte: number) =>
    `${id}:${Buffer.from(Array.from({ length: 32 }, (_, index) => index ^ byte)).toString("base64")}`;
  const env = { DATABASE_URL: other.url, KEY_ENCRYPTION_KEYS: key("one", 1) };
  const made = await brigade(["users", "create", "--email", "ann@example.org"], { env });
  assert.equal(made.code, 0, made.stderr);
  assert.equal((await brigade(["token", "ann@example.org"], { env })).code, 0);
  const good = await brigade(["doctor", "--json"], { env });
  assert.match(findings(good).get("signing keys")!.text, /all opened/);
  const wrong = await brigade(["doctor", "--json"], {
    env: { ...env, KEY_ENCRYPTION_KEYS: key("two", 99) },
  });
  assert.equal(wrong.code, 1);
  assert.equal(findings(wrong).get("signing keys")?.verdict, "fail");
});

/** Leaves out NotificationResponse, as a transaction pooler does. */
function withoutNotifications(chunk: Buffer): Buffer {
  const kept: Buffer[] = [];
  for (let at = 0; at < chunk.length;) {
    const end = at + 1 + chunk.readInt32BE(at + 1);
    if (chunk[at] !== "A".charCodeAt(0)) kept.push(chunk.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept);
}

test("notifications that do not arrive are a warning that names the pooler", async (t) => {
  const other = await withDatabase();
  t.after(other.drop);
  const proxy = await startChaosProxy(other.url);
  t.after(() => proxy.close());
  proxy.setFilter(withoutNotifications);
  const deaf = await brigade(["doctor", "--json"], { env: { DATABASE_URL: proxy.url } });
  assert.equal(deaf.code, 0, deaf.stdout);
  const { verdict, text } = findings(deaf).get("notifications")!;
  assert.equal(verdict, "warn");
  assert.match(text, /transaction pooler/);
});

test("wrong settings are all told, then nothing else is tried", async () => {
  const ran = await brigade(["doctor", "--json"], { env: { PORT: "x", LEASE_MS: "y" } });
  assert.equal(ran.code, 78);
  assert.ok(!findings(ran).has("database"));
  assert.match(ran.stdout, /PORT/);
  assert.match(ran.stdout, /LEASE_MS/);
});

test("verdicts of versions, limits and clocks", () => {
  for (const good of ["20.19.0", "20.20.2", "22.12.0"])
    assert.equal(nodeVersion(good).verdict, "ok");
  for (const bad of ["18.20.0", "20.18.3", "23.0.0", "24.1.0"]) {
    assert.equal(nodeVersion(bad).verdict, "fail");
  }
  const limits = (soft: string) =>
    `Max open files            ${soft}                 20000     files\n`;
  assert.equal(openFiles(limits("256")).verdict, "warn");
  assert.equal(openFiles(limits("unlimited")).verdict, "ok");
  assert.equal(openFiles(limits("65536")).verdict, "ok");
  assert.equal(openFiles(undefined).verdict, "ok");
  assert.deepEqual(
    [0, 1_000, 1_001, 10_001].map((apart) => clockFinding(apart).verdict),
    ["ok", "ok", "warn", "fail"],
  );
});

test("mail is looked at: none in production is a warning, a server that does not answer a failure", async () => {
  const production = {
    NODE_ENV: "production",
    DATABASE_URL: url,
    PUBLIC_URL: "https://brigade.test",
    KEY_ENCRYPTION_KEYS: `test:${SEALING_KEY}`,
  };
  const mailOf = async (env: Record<string, string>) =>
    findings(await brigade(["doctor", "--json"], { env })).get("mail");
  const none = await mailOf(production);
  assert.equal(none?.verdict, "warn");
  assert.match(none.text, /SMTP_URL/);

  const smtp = await startSmtpServer();
  const env = {
    ...production,
    SMTP_URL: `smtp://127.0.0.1:${smtp.port}`,
    MAIL_FROM: "a@b.example",
  };
  assert.equal((await mailOf(env))?.verdict, "ok");
  await smtp.close();
  const away = await mailOf(env);
  assert.equal(away?.verdict, "fail");
  assert.match(away.text, /ECONNREFUSED|ESOCKET/);
});
