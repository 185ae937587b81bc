import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import bcrypt from "bcryptjs";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { testSize } from "../support/size.ts";
import { startApp } from "../auth/accounts-rig.ts";
import { createInlineBrigade, type Brigade } from "./support.ts";
import { launchWords } from "../support/built.ts";

const folder = mkdtempSync(join(tmpdir(), "brigade-users-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const PASSLIB =
  "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ";
const DJANGO = "pbkdf2_sha256$10000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=";

let db: TestDatabase;
let brigade: Brigade;
before(async () => {
  db = await withDatabase();
  brigade = createInlineBrigade({ DATABASE_URL: db.url });
});
after(() => db.drop());

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const counts = async (on: TestDatabase) =>
  (
    await on.database.read<Record<string, number>>(sql`
      SELECT (SELECT count(*)::int FROM auth.accounts) AS accounts,
             (SELECT count(*)::int FROM auth.credentials) AS credentials,
             (SELECT count(*)::int FROM iam.users) AS users`)
  )[0]!;

test("accounts come with their hashes; the first login makes them anew, whatever they were", async () => {
  const path = write(
    "users.jsonl",
    lines([
      { email: "Passlib@Example.com", password_hash: PASSLIB, username: "passlib", name: "Ana" },
      { email: "django@example.com", password_hash: DJANGO, email_verified: true },
      { email: "bcrypt@example.com", password_hash: bcrypt.hashSync("password", 4) },
      { email: "boss@example.com", password_hash: PASSLIB, roles: ["iam:administrator"] },
      { email: "later@example.com" },
    ]),
  );
  const ran = await brigade(["import", "users", path]);
  assert.deepEqual(
    [ran.code, ran.stdout],
    [0, "5 inserted, 0 unchanged, 0 rejected\n"],
    ran.stderr,
  );
  const app = await startApp({ database: db.database });
  const login = (email: string, password: string) =>
    app.call("POST", "/auth/login", { body: { email, password } });
  for (const [email, password] of [
    ["passlib@example.com", "password"],
    ["django@example.com", "lètmein"],
    ["bcrypt@example.com", "password"],
  ] as const) {
    assert.equal((await login(email, `${password}x`)).status, 401);
    assert.equal((await login(email, password)).status, 200, email);
    const [row] = await db.database.read(sql`
      SELECT password_hash FROM auth.credentials c JOIN auth.accounts a ON a.id = c.account_id
       WHERE a.email = ${email}`);
    assert.match(String(row!["password_hash"]), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    assert.equal((await login(email, password)).status, 200, email);
  }
  assert.equal((await login("later@example.com", "password")).status, 401);
  const boss = await login("boss@example.com", "password");
  const who = await app.call("GET", "/auth/whoami", { token: boss.body.access_token });
  assert.deepEqual(who.body.user_roles.iam.toSorted(), ["administrator", "user"]);
});

test("doing it again changes nothing; bad rows are named and skipped, and quote no hash", async () => {
  const before = await counts(db);
  const costly = `$2b$31$${"a".repeat(53)}`;
  const path = write(
    "again.jsonl",
    [
      JSON.stringify({ email: "passlib@example.com", password_hash: DJANGO, name: "Other" }),
      "{ not json",
      JSON.stringify({ email: "nobody" }),
      JSON.stringify({ email: "a@example.com", password_hash: costly }),
      JSON.stringify({ email: "b@example.com", password_hash: "md5:5f4dcc3b5aa765d61d8327deb882" }),
      JSON.stringify({ email: "c@example.com", username: "PASSLIB" }),
      JSON.stringify({ email: "d@example.com", roles: ["iam:emperor"] }),
      JSON.stringify({ email: "e@example.com", tenant_id: "00000000-0000-7000-8000-0000000000aa" }),
      JSON.stringify({ email: "f@example.com", password: "in the clear" }),
      JSON.stringify({ email: "g@example.com", active: "yes" }),
      JSON.stringify({ email: "h@example.com", created_at: "yesterday" }),
      JSON.stringify({ email: "fresh@example.com" }),
      JSON.stringify({ email: "FRESH@example.com" }),
      "",
    ].join("\n"),
  );
  const ran = await brigade(["import", "users", path, "--json"]);
  assert.equal(ran.code, 0);
  assert.deepEqual(JSON.parse(ran.stdout), { inserted: 1, unchanged: 2, rejected: 10 });
  const told = ran.stderr.trim().split("\n");
  assert.deepEqual(
    told.map((line) => line.replace(/:.*/, "")).toSorted(),
    [10, 11, 2, 3, 4, 5, 6, 7, 8, 9].map((line) => `line ${line}`).toSorted(),
  );
  assert.match(ran.stderr, /line 4: password_hash: the hash costs more than a login may/);
  assert.match(ran.stderr, /line 6: the user name or the id belongs to another account/);
  assert.doesNotMatch(ran.stderr, /5f4dcc3b|\$2b\$31|in the clear/);
  const now = await counts(db);
  assert.deepEqual(now, {
    ...before,
    accounts: before["accounts"]! + 1,
    users: before["users"]! + 1,
  });
  const [kept] = await db.database.read(sql`
    SELECT name FROM auth.accounts WHERE email = 'passlib@example.com'`);
  assert.deepEqual(kept, { name: "Ana" });
});

test("a csv file has the names of the fields in its first line", async () => {
  const text = [
    "email,name,active,roles,password_hash",
    `"csv@example.com","Souza, Ana",false,"iam:auditor products_catalog:product_manager","${DJANGO}"`,
    "too,few",
    "",
  ].join("\r\n");
  const ran = await brigade(["import", "users", write("users.csv", text)]);
  assert.equal(ran.stdout, "1 inserted, 0 unchanged, 1 rejected\n", ran.stderr);
  const [row] = await db.database.read(sql`
    SELECT a.name, a.active, c.password_hash FROM auth.accounts a
      JOIN auth.credentials c ON c.account_id = a.id WHERE email = 'csv@example.com'`);
  assert.deepEqual(row, { name: "Souza, Ana", active: false, password_hash: DJANGO });
  const missing = await brigade(["import", "users", join(folder, "none.csv")]);
  assert.equal(missing.code, 1);
});

test("an export, imported elsewhere, exports the same bytes; its file is one's own", async () => {
  const output = join(folder, "export.jsonl");
  const words = ["export", "users", "--with-hashes", "--output", output];
  const ran = await brigade(words);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(statSync(output).mode & 0o777, 0o600);
  assert.equal((await brigade(words)).code, 1, "a file that is there stays as it is");
  const elsewhere = await withDatabase();
  try {
    const other = createInlineBrigade({ DATABASE_URL: elsewhere.url });
    const imported = await other(["import", "users", output, "--json"]);
    const { accounts } = await counts(db);
    assert.deepEqual(JSON.parse(imported.stdout), {
      inserted: accounts,
      unchanged: 0,
      rejected: 0,
    });
    const again = await other(["export", "users", "--with-hashes"]);
    assert.equal(again.stdout, readFileSync(output, "utf8"));
    assert.deepEqual(await counts(elsewhere), await counts(db));
  } finally {
    await elsewhere.drop();
  }
});

test("without being asked for an export has no hashes; every export is in the audit log", async () => {
  const ran = await brigade(["export", "users"]);
  assert.doesNotMatch(ran.stdout, /password_hash|\$argon2|pbkdf2/);
  assert.equal(ran.stdout.trim().split("\n").length, (await counts(db))["accounts"]);
  const events = await db.database.read(sql`
    SELECT reason FROM auth.audit_log WHERE action = 'account.export' ORDER BY number`);
  assert.deepEqual(
    events.map((row) => row["reason"]),
    ["with hashes", "without hashes"],
  );
});

test("killed half-way, what was stored is whole, and the next run brings the rest", async () => {
  const total = testSize(4_000, 20_000);
  const path = write(
    "many.jsonl",
    lines(
      Array.from({ length: total }, (_, i) => ({
        email: `many${i}@example.com`,
        username: `many${i}`,
        password_hash: PASSLIB,
      })),
    ),
  );
  const own = await withDatabase();
  try {
    const child = spawn(process.execPath, [...launchWords(), "import", "users", path], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      env: {
        PATH: process.env["PATH"]!,
        NODE_ENV: "test",
        DATABASE_URL: own.url,
        DATA_DIR: folder,
      },
      stdio: "ignore",
    });
    const ended = once(child, "exit");
    while (child.exitCode === null && (await counts(own))["accounts"] === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill("SIGKILL");
    await ended;
    const half = await counts(own);
    assert.ok(half["accounts"]! > 0);
    assert.deepEqual([half["credentials"], half["users"]], [half["accounts"], half["accounts"]]);
    const rest = createInlineBrigade({ DATABASE_URL: own.url });
    const begunMs = performance.now();
    const ran = await rest(["import", "users", path, "--json"]);
    const outcome = JSON.parse(ran.stdout);
    assert.equal(outcome.inserted + outcome.unchanged, total);
    assert.equal(outcome.unchanged >= half["accounts"]!, true);
    const whole = await counts(own);
    assert.deepEqual(Object.values(whole), [total, total, total]);
    console.log(`${outcome.inserted} accounts in ${Math.round(performance.now() - begunMs)} ms`);
  } finally {
    await own.drop();
  }
});
