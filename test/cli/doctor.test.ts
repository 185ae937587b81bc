import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { clockFinding } from "../../src/cli/doctor-database.ts";
import { FINDINGS, severityOf, type Finding } from "../../src/cli/doctor-findings.ts";
import { hashCost } from "../../src/cli/doctor-services.ts";
import { isWeak } from "../../src/cli/doctor-settings.ts";
import { diskFinding, nodeVersion, openFiles } from "../../src/cli/doctor.ts";
import { newId } from "../../src/platform/ids.ts";
import { sql } from "../../src/platform/sql.ts";
import { startChaosProxy, withoutNotifications } from "../support/chaos-proxy.ts";
import { withDatabase, withServer } from "../support/database.ts";
import { startKeyServer } from "../support/key-server.ts";
import { SEALING_KEY } from "../support/server.ts";
import { startSmtpServer } from "../support/smtp.ts";
import { makeKey } from "../auth/token/token-factory.ts";
import { createBrigade, createInlineBrigade, type Ran } from "./support.ts";

const { url, database, drop } = await withDatabase();
after(drop);
const brigade = createInlineBrigade({ DATABASE_URL: url });

/** Codes that some test of this file has seen for a fault that it made. */
const seen = new Set<string>();

interface Told {
  readonly name: string;
  readonly severity: string;
  readonly code: string | null;
  readonly text: string;
  readonly cause: string | null;
  readonly command: string | null;
}
const toldBy = ({ stdout }: Ran) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Told);

const examine = async (env: Record<string, string> = {}) =>
  await brigade(["doctor", "--json"], { env });

/** The doctor tells this code, and ends as its severity says. */
async function assertFinds(code: keyof typeof FINDINGS, env: Record<string, string> = {}) {
  const ran = await examine(env);
  const told = toldBy(ran).find((finding) => finding.code === code);
  assert.ok(told !== undefined, `${code} in ${ran.stdout}`);
  seen.add(code);
  const { severity, cause, command } = FINDINGS[code];
  assert.deepEqual([told.severity, told.cause, told.command], [severity, cause, command]);
  if (severity === "error") assert.ok(ran.code === 1 || ran.code === 78);
  return told;
}

function assertCode(finding: Finding, code: keyof typeof FINDINGS | undefined) {
  assert.equal(finding.code, code, finding.text);
  if (code !== undefined) seen.add(code);
}

test("a healthy machine passes, and every look is told", async () => {
  const ran = await createBrigade({ DATABASE_URL: url })(["doctor"]);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  const names = "settings|node|open files|disk|proxies|secrets|database|clock|connections";
  for (const name of [...names.split("|"), "notifications", "migrations", "keys", "mail"]) {
    assert.match(ran.stdout, new RegExp(`^(ok|warning) +${name} `, "m"));
  }
});

test("a finding is told with its code, its cause and what to run", async () => {
  const ran = await brigade(["doctor"], { env: { DATABASE_CONNECTIONS: "1000" } });
  assert.equal(ran.code, 1);
  assert.match(ran.stdout, /^error +connections +1000 wanted/m);
  assert.match(ran.stdout, /^ +connections_exceeded: The processes want more/m);
  assert.match(ran.stdout, /^ +→ lower DATABASE_CONNECTIONS/m);
});

test("a database that is away, behind or ahead is told, and nothing is changed", async () => {
  await assertFinds("database_away", { DATABASE_URL: "postgres://nobody@127.0.0.1:1/nothing" });
  await database.query(sql`DELETE FROM public.brigade_migrations WHERE name = '004_iam.sql'`);
  assert.match((await assertFinds("migrations_waiting")).text, /^004_iam\.sql/);
  const { rows } = await database.query(
    sql`SELECT 1 FROM public.brigade_migrations WHERE name = '004_iam.sql'`,
  );
  assert.equal(rows.length, 0);
  await database.query(sql`UPDATE public.brigade_migrations SET checksum = 'x'`);
  assert.match((await assertFinds("migrations_changed")).text, /was changed after/);
});

test("more connections than the database has are told, and more than in a reload", async () => {
  await assertFinds("connections_exceeded", { DATABASE_CONNECTIONS: "1000" });
  await assertFinds("connections_few", { DATABASE_CONNECTIONS: "150" });
});

/** A database in which a function of the server's own answers something else. */
async function withLie(definition: string) {
  const other = await withDatabase();
  after(other.drop);
  await withServer(other.url, async (client) => {
    await client.query(definition);
    const { rows } = await client.query<{ name: string }>("SELECT current_database() AS name");
    await client.query(`ALTER DATABASE ${rows[0]!.name} SET search_path = public, pg_catalog`);
  });
  return { DATABASE_URL: other.url };
}

test("clocks that differ are told, by how much", async () => {
  const later = (interval: string) =>
    withLie(`CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql
      AS $$ SELECT pg_catalog.clock_timestamp() + interval '${interval}' $$`);
  await assertFinds("clock_apart", await later("6 seconds"));
  await assertFinds("clock_far_apart", await later("-2 minutes"));
  for (const [apart, code] of [
    [0, undefined],
    [1_000, undefined],
    [1_001, "clock_apart"],
    [10_001, "clock_far_apart"],
  ] as const) {
    assertCode(clockFinding(apart), code);
  }
});

test("a PostgreSQL that is too old or was never tried is told", async () => {
  const version = (number: number) =>
    withLie(`CREATE FUNCTION public.current_setting(name text) RETURNS text LANGUAGE sql AS $$
      SELECT CASE WHEN name = 'server_version_num' THEN '${number}'
        ELSE pg_catalog.current_setting(name) END $$`);
  await assertFinds("database_too_old", await version(140_005));
  await assertFinds("database_untried", await version(990_000));
});

test("notifications that do not arrive are told as a pooler's", async (t) => {
  const other = await withDatabase();
  t.after(other.drop);
  const proxy = await startChaosProxy(other.url);
  t.after(() => proxy.close());
  proxy.setFilter(withoutNotifications);
  await assertFinds("notifications_lost", { DATABASE_URL: proxy.url });
});

test("keys that do not open, are sealed by an older key or wait to rotate are told", async () => {
  const other = await withDatabase();
  after(other.drop);
  const key = (id: string) => `${id}:${randomBytes(32).toString("base64")}`;
  const one = key("one");
  const env = { DATABASE_URL: other.url, KEY_ENCRYPTION_KEYS: one, JWT_ALG: "ES256" };
  const made = await brigade(["users", "create", "--email", "ann@example.org"], { env });
  assert.equal(made.code, 0, made.stderr);
  assert.equal((await brigade(["token", "ann@example.org"], { env })).code, 0);
  const good = toldBy(await examine(env)).filter(({ name }) => name === "keys");
  assert.deepEqual(
    good.map(({ text }) => text),
    ["4, all sound"],
  );
  await assertFinds("keys_sealed_by_older", {
    ...env,
    KEY_ENCRYPTION_KEYS: `${key("two")},${one}`,
  });
  const lost = await assertFinds("keys_unreadable", { ...env, KEY_ENCRYPTION_KEYS: key("two") });
  assert.match(lost.text, /the key [\w-]+ /);
  await other.database.query(sql`
    INSERT INTO platform.outbox (id, kind, payload, sealed)
    VALUES (${newId()}, 'mail', '{}', convert_to('v1.one.AAAA', 'UTF8'))`);
  const older = await assertFinds("secrets_sealed_by_older", {
    ...env,
    KEY_ENCRYPTION_KEYS: `${key("two")},${one}`,
  });
  assert.equal(older.text, "1 outbox entries by one");
  await assertFinds("secrets_sealed_by_unknown", { ...env, KEY_ENCRYPTION_KEYS: key("two") });
  await other.database.query(sql`UPDATE auth.signing_keys
    SET rotation_asked_at = now() - interval '2 hours' WHERE use = 'sig' AND state = 'active'`);
  await assertFinds("key_rotation_stuck", env);
});

test("forms of which TypeForm knows another secret are counted", async () => {
  const other = await withDatabase();
  const env = {
    DATABASE_URL: other.url,
    TYPEFORM_WEBHOOK_SECRET: "a webhook secret of the tests",
    TYPEFORM_API_KEY: "x".repeat(20),
  };
  const named = async () => toldBy(await examine(env)).find(({ name }) => name === "TypeForm")!;
  assert.deepEqual([(await named()).code, (await named()).text], [null, "0 forms, all told"]);
  await other.database.query(sql`
    insert into client_onboarding.onboarding_forms
      (tenant_id, user_id, typeform_id, webhook_url, status)
    values (${newId()}, ${newId()}, 'untold', 'https://example.com/hook', 'active')`);
  await other.database.query(sql`
    insert into client_onboarding.form_webhooks (typeform_id, wanted, applied, told_as)
    values ('untold', 1, 1, 'another.server')`);
  assert.equal((await assertFinds("typeform_untold", env)).text, "1 of 1 forms");
  await other.drop();
});

test("proxies that do not suit the public address are told", async () => {
  await assertFinds("proxy_hops_missing", { PUBLIC_URL: "https://brigade.test" });
  await assertFinds("proxy_hops_needless", {
    PUBLIC_URL: "http://brigade.test",
    TRUSTED_PROXY_HOPS: "1",
  });
  const told = toldBy(
    await examine({ PUBLIC_URL: "https://brigade.test", TRUSTED_PROXY_HOPS: "1" }),
  );
  assert.equal(told.find(({ name }) => name === "proxies")?.code, null);
});

test("secrets that are short, well known, patterns or open to others are told by name alone", async () => {
  const secret = "changeme-changeme-changeme-changeme";
  const weak = await assertFinds("secret_weak", { JWT_ALG: "HS256", JWT_SECRET: secret });
  assert.equal(weak.text, "JWT_SECRET");
  const pattern = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
  const sealing = await assertFinds("secret_weak", {
    KEY_ENCRYPTION_KEYS: `first:${pattern.toString("base64")}`,
  });
  assert.match(sealing.text, /"first"/);
  await assertFinds("database_password_weak", {
    DATABASE_URL: "postgres://postgres:postgres@database.invalid/brigade",
  });
  for (let round = 0; round < 1_000; round++) assert.ok(!isWeak(randomBytes(32)));
  assert.ok(isWeak(Buffer.from("password123!")));

  const folder = await mkdtemp(join(tmpdir(), "brigade-doctor-"));
  after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "key.pem");
  await writeFile(path, "a key");
  await chmod(path, 0o644);
  assert.equal((await assertFinds("key_file_open", { SIGNING_KEY_FILE: path })).text, path);
});

async function startIssuer(answer: (path: string, own: string) => object): Promise<string> {
  const server: Server = createServer((request, response) => {
    response.end(JSON.stringify(answer(request.url!, own)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  const own = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return own;
}

test("an issuer that nobody reaches, that is another one or has other keys is told", async () => {
  const other = await withDatabase();
  after(other.drop);
  const env = {
    DATABASE_URL: other.url,
    KEY_ENCRYPTION_KEYS: `test:${SEALING_KEY}`,
    JWT_ALG: "ES256",
  };
  await brigade(["users", "create", "--email", "ann@example.org"], { env });
  await brigade(["token", "ann@example.org"], { env });
  await assertFinds("issuer_away", { ...env, PUBLIC_URL: "http://127.0.0.1:1" });
  const another = await startIssuer(() => ({ issuer: "http://another.example" }));
  await assertFinds("issuer_mismatch", { ...env, PUBLIC_URL: another });
  let kid = "unknown";
  const issuer = await startIssuer((path, own) =>
    path.endsWith("jwks.json")
      ? { keys: [{ kid }] }
      : { issuer: own, jwks_uri: `${own}/jwks.json` },
  );
  const told = await assertFinds("issuer_mismatch", { ...env, PUBLIC_URL: issuer });
  kid = /publish the key ([\w-]+)/.exec(told.text)![1]!;
  const good = toldBy(await examine({ ...env, PUBLIC_URL: issuer }));
  assert.equal(good.find(({ name }) => name === "issuer")?.code, null);
});

test("a foreign issuer is told that is away, is another one, or publishes no key that may be used", async () => {
  const server = await startKeyServer();
  after(() => server.close());
  const oidc = (issuer: string) => ({ type: "oidc", issuer, audiences: ["https://api.example"] });
  const ISSUERS = JSON.stringify([oidc(server.url)]);
  const { jwk } = makeKey("RS256", "doctor");
  server.publish(jwk, { kty: "oct", kid: "bad", k: "c2VjcmV0" });
  const told = toldBy(await examine({ ISSUERS })).find(({ name }) => name === "foreign issuer");
  assert.equal(told?.code, null);
  assert.match(told!.text, /1 keys; .*secret.*bad/);
  server.publish({ ...jwk, e: "AQ" });
  await assertFinds("foreign_issuer_unusable", { ISSUERS });
  server.publish(jwk);
  server.claim({ issuer: "https://another.example" });
  await assertFinds("foreign_issuer_unusable", { ISSUERS });
  server.be("fails");
  server.claim({});
  await assertFinds("foreign_issuer_away", { ISSUERS });
  await assertFinds("foreign_issuer_away", {
    ISSUERS: JSON.stringify([oidc("http://127.0.0.1:1")]),
  });
});

test("mail is looked at: none in production is a warning, a server that does not answer an error", async () => {
  const production = {
    NODE_ENV: "production",
    PUBLIC_URL: "https://127.0.0.1:1",
    KEY_ENCRYPTION_KEYS: `test:${SEALING_KEY}`,
  };
  assert.match((await assertFinds("smtp_missing", production)).text, /SMTP_URL/);
  const smtp = await startSmtpServer();
  const env = {
    ...production,
    SMTP_URL: `smtp://127.0.0.1:${smtp.port}`,
    MAIL_FROM: "a@b.example",
  };
  assert.equal(toldBy(await examine(env)).find(({ name }) => name === "mail")?.code, null);
  await smtp.close();
  assert.match((await assertFinds("smtp_away", env)).text, /ECONNREFUSED|ESOCKET/);
});

test("a Redis that does not answer is told without its password", async () => {
  const told = await assertFinds("redis_away", { REDIS_URL: "redis://:hidden-word@127.0.0.1:1" });
  assert.ok(!JSON.stringify(told).includes("hidden-word"));
});

test("wrong settings are all told, then nothing else is tried", async () => {
  const told = await assertFinds("settings_invalid", { PORT: "x", LEASE_MS: "y" });
  assert.ok(told.text !== "");
  const ran = await examine({ PORT: "x", LEASE_MS: "y" });
  assert.equal(ran.code, 78);
  assert.ok(!toldBy(ran).some(({ name }) => name === "database"));
  assert.match(ran.stdout, /PORT/);
  assert.match(ran.stdout, /LEASE_MS/);
});

test("versions, limits, room and the cost of a hash are judged", () => {
  for (const good of ["20.19.0", "20.20.2", "22.12.0"]) assertCode(nodeVersion(good), undefined);
  for (const bad of ["18.20.0", "20.18.3", "23.0.0", "24.1.0"]) {
    assertCode(nodeVersion(bad), "node_unsupported");
  }
  const limits = (soft: string) =>
    `Max open files            ${soft}                 20000     files\n`;
  assertCode(openFiles(limits("256")), "open_files_few");
  for (const good of [limits("unlimited"), limits("65536"), undefined]) {
    assertCode(openFiles(good), undefined);
  }
  assertCode(diskFinding(100 * 1024 ** 2), "disk_full");
  assertCode(diskFinding(10 * 1024 ** 3), undefined);
  assertCode(hashCost(1), "hash_too_cheap");
  assertCode(hashCost(60), undefined);
  assertCode(hashCost(4_000), "hash_too_costly");
  assert.equal(severityOf(hashCost(60)), "ok");
});

test("every code that exists was found in a fault that was made here", () => {
  assert.deepEqual([...seen].toSorted(), Object.keys(FINDINGS).toSorted());
});
