import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import inspector from "node:inspector";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  childEnvironment,
  ConfigError,
  databaseShares,
  isInspectorOpen,
  readConfig,
  setHeaderBlockBytes,
} from "../../src/platform/config.ts";
import { SETTINGS } from "../../src/platform/settings.ts";
import { availableCores } from "../../src/platform/cores.ts";
import { scriptUrl, scriptWords } from "../support/built.ts";

const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7)).toString("base64");
const PRODUCTION = {
  NODE_ENV: "production",
  DATABASE_URL: "postgres://app:pw@db/app",
  PUBLIC_URL: "https://api.example",
  KEY_ENCRYPTION_KEYS: `k1:${KEY}`,
};

function faultsOf(environment: Record<string, string | undefined>, cores = 4): readonly string[] {
  try {
    readConfig(environment, cores);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.faults;
  }
}

test("the defaults work with no environment at all", () => {
  const config = readConfig({}, 8);
  assert.equal(config.environment, "development");
  assert.equal(config.host, "127.0.0.1");
  assert.equal(config.port, 8000);
  assert.equal(config.adminPort, 9100);
  assert.equal(config.httpThreads, 1);
  assert.equal(config.passwordThreads, 4);
  assert.equal(config.databaseUrl, undefined);
  assert.equal(config.publicUrl, "http://localhost:8000");
  assert.equal(config.jwtAudience, "http://localhost:8000");
  assert.equal(config.jwtAlgorithm, "RS256");
  assert.equal(config.staleSeconds, 4.5);
  assert.deepEqual(config.rateLimit, { count: 600, seconds: 60 });
  assert.deepEqual(config.corsOrigins, ["http://localhost:3000", "http://localhost:8000"]);
  assert.equal(config.docs, true);
});

test("production has its own defaults", () => {
  const config = readConfig(PRODUCTION, 4);
  assert.equal(config.host, "0.0.0.0");
  assert.deepEqual(config.corsOrigins, []);
  assert.equal(config.docs, false);
  assert.deepEqual(config.keyEncryptionKeys, [{ id: "k1", keyBase64: KEY }]);
});

test("production refuses what is missing, all at once", () => {
  const faults = faultsOf({ NODE_ENV: "production" });
  for (const name of ["DATABASE_URL", "PUBLIC_URL", "KEY_ENCRYPTION_KEYS"]) {
    assert.equal(faults.filter((fault) => fault.startsWith(name)).length, 1, name);
  }
});

test("the embedded database is refused where a disk is not kept, unless asked for", () => {
  assert.deepEqual(faultsOf({ ...PRODUCTION, DATABASE_URL: "", EMBEDDED_DB: "1" }), []);
  assert.match(faultsOf({ ...PRODUCTION, DATABASE_URL: undefined })[0]!, /^DATABASE_URL/);
  assert.match(faultsOf({ RAILWAY_ENVIRONMENT_NAME: "staging" })[0]!, /^DATABASE_URL/);
  assert.deepEqual(faultsOf({ RAILWAY_ENVIRONMENT: "x", EMBEDDED_DB: "1" }), []);
});

test("every variable with a shape refuses nonsense by name and keeps the value to itself", () => {
  const canary = "canary-7731";
  const shaped = [
    "NODE_ENV",
    "PORT",
    "ADMIN_PORT",
    "HTTP_THREADS",
    "VERIFY_THREADS",
    "PASSWORD_THREADS",
    "AUTH_CACHE_SLOTS",
    "AUTH_CACHE_TTL",
    "WEB_CONCURRENCY",
    "DATABASE_URL",
    "DATABASE_CONNECTIONS",
    "EMBEDDED_DB",
    "PUBLIC_URL",
    "JWT_ALG",
    "JWT_SECRET",
    "KEY_ENCRYPTION_KEYS",
    "JWKS_MAX_AGE_SECONDS",
    "ACCESS_TOKEN_SECONDS",
    "REFRESH_TOKEN_SECONDS",
    "REMEMBER_ME_SECONDS",
    "KEY_ROTATION_DAYS",
    "SESSION_ABSOLUTE_SECONDS",
    "SESSIONS_PER_ACCOUNT",
    "SESSION_LIMIT",
    "LEASE_MS",
    "STALE_SECONDS",
    "SMTP_URL",
    "MAIL_FROM",
    "MAIL_LINK_BASE",
    "EMAIL_VERIFICATION",
    "PASSWORD_HASH",
    "PASSWORD_PROFILE",
    "BREACH_CHECK",
    "HIBP_URL",
    "TYPEFORM_API_URL",
    "TYPEFORM_WEBHOOK_SECRET",
    "TYPEFORM_WEBHOOK_SECRET_PREVIOUS",
    "TYPEFORM_WEBHOOK_URL",
    "ONBOARDING_RETENTION_DAYS",
    "REDIS_URL",
    "BREAKER_FAILURES",
    "BREAKER_RESET_SECONDS",
    "RATE_LIMIT_ENABLED",
    "RATE_LIMIT_DEFAULT",
    "CORS_ORIGINS",
    "TRUSTED_PROXY_HOPS",
    "BODY_BYTES_MAX",
    "DOCS",
    "ACCESS_LOG",
    "ACCESS_LOG_PER_SECOND",
    "LOG_LEVEL",
    "AUDIT_RETENTION_MONTHS",
    "ALERT_EMAIL",
    "ALERT_WEBHOOK_URL",
    "ISSUERS",
  ];
  const cognito = ["USER_POOL_ID", "CLIENT_ID", "CLIENT_SECRET", "REGION", "DOMAIN", "ENDPOINT"];
  const free = [
    // Read together; `config-issuers.test.ts`.
    ...[...cognito, "DEFAULT_SCOPE", "TOKEN_USE", "PROVISION"].map((name) => `COGNITO_${name}`),
    "ISSUERS_FILE",
    ...["HOST", "DATA_DIR", "JWT_AUDIENCE", "ALLOWED_HOSTS"],
    ...["BRIGADE_SMOKE_EMAIL", "BRIGADE_SMOKE_PASSWORD", "COUNTRY_DATABASE"],
    ...["SIGNING_KEY_FILE", "KEY_BACKUP_PASSPHRASE", "ALERT_WEBHOOK_SECRET"],
    ...["DEV_ISSUER_CLIENT_SECRET", "TYPEFORM_API_KEY"],
  ];
  assert.deepEqual(
    SETTINGS.map((setting) => setting.name).toSorted(),
    [...shaped, ...free].toSorted(),
  );
  for (const name of shaped) {
    const faults = faultsOf({ [name]: canary });
    assert.ok(
      faults.some((fault) => fault.startsWith(name)),
      name,
    );
    assert.ok(!faults.join().includes(canary), name);
  }
  // And all of them in one go.
  const all = faultsOf(Object.fromEntries(shaped.map((name) => [name, canary])));
  for (const name of shaped)
    assert.ok(
      all.some((fault) => fault.startsWith(name)),
      name,
    );
});

test("numbers are whole, plain and within their range", () => {
  for (const port of ["-1", "65536", "1e3", "0x10", "80.5", "８０", "1_000"]) {
    assert.equal(faultsOf({ PORT: port }).length, 1, port);
  }
  assert.equal(readConfig({ PORT: " 8080 " }).port, 8080);
  assert.equal(readConfig({ PORT: "" }).port, 8000);
});

test("the aliases of NODE_ENV are read, in their order, and blanks fool nobody", () => {
  assert.equal(readConfig({ ENVIRONMENT: "test" }).environment, "test");
  assert.equal(readConfig({ APP_ENV: "test", ENVIRONMENT: "production" }).environment, "test");
  assert.equal(readConfig({ NODE_ENV: "", APP_ENV: "test" }).environment, "test");
  // Taken for production, with production's demands.
  assert.equal(faultsOf({ NODE_ENV: " production" }).length, 3);
});

test("HS256 wants a secret of 32 bytes, and only HS256 takes one", () => {
  assert.match(faultsOf({ JWT_ALG: "HS256" })[0]!, /^JWT_SECRET/);
  assert.match(faultsOf({ JWT_ALG: "HS256", JWT_SECRET: "x".repeat(31) })[0]!, /^JWT_SECRET/);
  assert.deepEqual(faultsOf({ JWT_ALG: "HS256", JWT_SECRET: "x".repeat(32) }), []);
  assert.match(faultsOf({ JWT_SECRET: "x".repeat(32) })[0]!, /^JWT_SECRET/);
});

test("key encryption keys are 32 random bytes each with ids of their own", () => {
  const other = Buffer.from(KEY, "base64").reverse().toString("base64");
  const good = readConfig({ KEY_ENCRYPTION_KEYS: `new:${other}, old:${KEY}` });
  assert.deepEqual(
    good.keyEncryptionKeys.map((key) => key.id),
    ["new", "old"],
  );
  const short = Buffer.alloc(31, "abcdefghijkl").toString("base64");
  const placeholder = Buffer.alloc(32, "x").toString("base64");
  for (const bad of [
    KEY,
    `:${KEY}`,
    `a b:${KEY}`,
    `a:${short}`,
    `a:${placeholder}`,
    `a:${KEY},a:${other}`,
    `a:${KEY},`,
  ]) {
    assert.match(faultsOf({ KEY_ENCRYPTION_KEYS: bad })[0] ?? "", /^KEY_ENCRYPTION_KEYS/, bad);
  }
});

test("settings that contradict each other are refused", () => {
  const pairs: [Record<string, string>, RegExp][] = [
    [{ HTTP_THREADS: "6" }, /^DATABASE_CONNECTIONS must be at least 22/],
    [{ DATABASE_CONNECTIONS: "6" }, /^DATABASE_CONNECTIONS must be at least 7/],
    [{ AUTH_CACHE_SLOTS: "1000" }, /^AUTH_CACHE_SLOTS/],
    [{ ACCESS_TOKEN_SECONDS: "3601" }, /^ACCESS_TOKEN_SECONDS/],
    [{ ACCESS_TOKEN_SECONDS: "3600", REFRESH_TOKEN_SECONDS: "3599" }, /^ACCESS_TOKEN_SECONDS/],
    [
      { REFRESH_TOKEN_SECONDS: "2592001", SESSION_ABSOLUTE_SECONDS: "9999999" },
      /^REFRESH_TOKEN_SECONDS/,
    ],
    [{ SESSION_ABSOLUTE_SECONDS: "604799" }, /^REFRESH_TOKEN_SECONDS/],
    [{ PORT: "9100" }, /^ADMIN_PORT/],
  ];
  for (const [environment, fault] of pairs) {
    assert.match(faultsOf(environment)[0] ?? "", fault, JSON.stringify(environment));
  }
});

test("production threads follow cores and processes, and stay within the connections", () => {
  const threads = (cores: number, extra: Record<string, string> = {}) =>
    readConfig({ ...PRODUCTION, ...extra }, cores).httpThreads;
  assert.equal(threads(1), 1);
  assert.equal(threads(2), 1);
  assert.equal(threads(4), 3);
  assert.equal(threads(64), 5);
  assert.equal(threads(64, { DATABASE_CONNECTIONS: "100" }), 8);
  assert.equal(threads(8, { WEB_CONCURRENCY: "4" }), 1);
  // Under PM2 two processes are assumed.
  assert.equal(threads(8, { NODE_APP_INSTANCE: "0" }), 3);
  assert.equal(threads(4, { HTTP_THREADS: "2" }), 2);
});

test("a budget of connections is divided over main and the threads", () => {
  const config = readConfig({ HTTP_THREADS: "4", DATABASE_CONNECTIONS: "20" });
  assert.deepEqual(databaseShares(config), { main: 4, perThread: 4 });
});

test("the admin port follows the number of the process", () => {
  const config = readConfig({ NODE_APP_INSTANCE: "3" });
  assert.deepEqual(
    [config.processNumber, config.adminPort, config.underProcessManager],
    [3, 9103, true],
  );
  assert.equal(readConfig({ pm_id: "0" }).underProcessManager, true);
  assert.equal(readConfig({}).underProcessManager, false);
});

test("the address of a database may name a socket instead of a host", () => {
  const url = "postgres://postgres@/postgres?host=%2Ftmp%2Fs&port=5432";
  assert.equal(readConfig({ DATABASE_URL: url }).databaseUrl, url);
  assert.equal(faultsOf({ DATABASE_URL: "mysql://x@y/z" }).length, 1);
});

test("our public address carries no slash at its end and follows the port", () => {
  assert.equal(readConfig({ PUBLIC_URL: "https://api.example/" }).publicUrl, "https://api.example");
  assert.equal(readConfig({ PORT: "8123" }).publicUrl, "http://localhost:8123");
  assert.equal(readConfig({ JWT_AUDIENCE: "menu" }).jwtAudience, "menu");
});

test("the configuration cannot be changed and can be handed to a thread", () => {
  const config = readConfig(PRODUCTION);
  assert.throws(() => Object.assign(config, { port: 1 }), TypeError);
  assert.throws(() => Object.assign(config.rateLimit, { count: 1 }), TypeError);
  assert.throws(() => (config.keyEncryptionKeys as unknown[]).push(1), TypeError);
  assert.deepEqual(structuredClone(config), config);
});

test("a child process is told nothing that could be a secret", () => {
  process.env["BRIGADE_CANARY"] = "canary";
  const environment = childEnvironment({ PGTZ: "UTC" });
  delete process.env["BRIGADE_CANARY"];
  assert.equal(environment["PGTZ"], "UTC");
  assert.equal(environment["PATH"], process.env["PATH"]);
  assert.ok(!Object.values(environment).includes("canary"));
});

test("a container's share of the cores counts", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "brigade-cgroup-"));
  t.after(() => rmSync(folder, { recursive: true }));
  assert.equal(availableCores(folder, 8), 8);
  writeFileSync(join(folder, "cpu.max"), "max 100000\n");
  assert.equal(availableCores(folder, 8), 8);
  writeFileSync(join(folder, "cpu.max"), "250000 100000\n");
  assert.equal(availableCores(folder, 8), 2);
  writeFileSync(join(folder, "cpu.max"), "50000 100000\n");
  assert.equal(availableCores(folder, 8), 1);
  rmSync(join(folder, "cpu.max"));
  mkdirSync(join(folder, "cpu"));
  writeFileSync(join(folder, "cpu", "cpu.cfs_quota_us"), "-1\n");
  writeFileSync(join(folder, "cpu", "cpu.cfs_period_us"), "100000\n");
  assert.equal(availableCores(folder, 8), 8);
  writeFileSync(join(folder, "cpu", "cpu.cfs_quota_us"), "300000\n");
  assert.equal(availableCores(folder, 8), 3);
});

test("a .env file fills in what the environment does not say, and must be readable", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "brigade-env-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const load = (environment: Record<string, string>) => {
    const program = `
      const { loadConfig } = await import(${JSON.stringify(scriptUrl("src/platform/config.ts").href)});
      try { const { port, host } = loadConfig(); console.log(host, port); }
      catch (error) { console.log(error.name, error.faults.join()); }
    `;
    const { stdout } = spawnSync(
      process.execPath,
      [...scriptWords(), "--input-type=module", "-e", program],
      {
        cwd: folder,
        encoding: "utf8",
        env: { ...process.env, ...environment },
      },
    );
    return stdout.trim();
  };
  assert.equal(load({ PORT: "8001" }), "127.0.0.1 8001");
  writeFileSync(join(folder, ".env"), "PORT=8002\nHOST=::1\n");
  assert.equal(load({}), "::1 8002");
  assert.equal(load({ PORT: "8001" }), "::1 8001");
  rmSync(join(folder, ".env"));
  mkdirSync(join(folder, ".env"));
  assert.equal(load({}), "ConfigError .env cannot be read");
});

test("the size of a header block is set once and not over what was asked for", (t) => {
  const name = "UWS_HTTP_MAX_HEADERS_SIZE";
  const before = process.env[name];
  t.after(() => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  });
  delete process.env[name];
  setHeaderBlockBytes(16_384);
  assert.equal(process.env[name], "16384");
  setHeaderBlockBytes(1);
  assert.equal(process.env[name], "16384");
});

test("an inspector that is open is seen", (t) => {
  assert.equal(isInspectorOpen(), false);
  inspector.open(0, "127.0.0.1");
  t.after(() => inspector.close());
  assert.equal(isInspectorOpen(), true);
});

test("a mail server is read from its URL, and TLS is asked for in production", () => {
  const mailOf = (url: string, more: object = {}) =>
    readConfig({ ...PRODUCTION, MAIL_FROM: "Kitchen <k@b.example>", SMTP_URL: url, ...more }).smtp;
  assert.deepEqual(mailOf("smtp://ana:p%40ss@mail.example:2525"), {
    host: "mail.example",
    port: 2525,
    secure: false,
    requireTls: true,
    user: "ana",
    password: "p@ss",
  });
  assert.equal(mailOf("smtps://mail.example")!.port, 465);
  assert.equal(mailOf("smtp://mail.example")!.port, 587);
  assert.equal(mailOf("smtp://mail.example?tls=opportunistic")!.requireTls, false);
  assert.equal(mailOf("smtp://127.0.0.1:25")!.requireTls, false);
  assert.equal(mailOf("smtp://127.0.0.1:25?tls=required")!.requireTls, true);
  const config = readConfig({
    MAIL_FROM: "Kitchen <k@b.example>",
    MAIL_LINK_BASE: "https://a.b/c/",
  });
  assert.deepEqual(config.mailFrom, { name: "Kitchen", address: "k@b.example" });
  assert.equal(config.mailLinkBase, "https://a.b/c");
});

test("mail settings that cannot work stop the start, without their password", () => {
  for (const url of [
    "http://x",
    "smtp://",
    "smtp://u:sesame@h?logger=true",
    "smtp://u:sesame@h?tls=no",
    "smtp://u:sesame%@h",
    "smtp://%zz:sesame@h",
    "smtp://u:sesame@h/inbox",
    "smtp://u:sesame@h#x",
    "smtp://u:sesame@h:port",
    "http://u:sesame@h",
  ]) {
    const [fault, ...more] = faultsOf({ SMTP_URL: url });
    assert.match(fault ?? "", /^SMTP_URL must be like/);
    assert.doesNotMatch(fault!, /sesame/);
    assert.deepEqual(more, []);
  }
  assert.match(faultsOf({ MAIL_FROM: "nobody" })[0]!, /^MAIL_FROM must be like/);
  assert.match(faultsOf({ MAIL_FROM: "a@b.example\r\nBcc: x@y.example" })[0]!, /^MAIL_FROM/);
  assert.match(faultsOf({ MAIL_LINK_BASE: "javascript:x" })[0]!, /^MAIL_LINK_BASE/);
  assert.match(faultsOf({ ...PRODUCTION, SMTP_URL: "smtp://h" })[0]!, /^MAIL_FROM is required/);
});

test("addresses that must be verified need a mail server in production", () => {
  const required = { ...PRODUCTION, EMAIL_VERIFICATION: "required" };
  assert.match(faultsOf(required)[0]!, /^EMAIL_VERIFICATION=required needs SMTP_URL/);
  assert.deepEqual(faultsOf({ ...required, SMTP_URL: "smtps://h", MAIL_FROM: "a@b.example" }), []);
  assert.deepEqual(faultsOf({ EMAIL_VERIFICATION: "required" }), []);
});
