import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, openSync, closeSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { platformErrors } from "../../src/platform/errors.ts";
import { createLogger, requestScope } from "../../src/platform/log.ts";
import { capturedLog } from "../support/log.ts";
import { scriptUrl, scriptWords } from "../support/built.ts";

const CANARY = "canary-49163-secret";
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test("a line is one JSON object with time, level, message and the logger's name", () => {
  const texts: string[] = [];
  const log = createLogger(
    { environment: "test", logLevel: "info" },
    { name: "bus" },
    { write: (line) => void texts.push(line) },
  );
  log.info({ polled: 3 }, "read the log");
  log.debug("not asked for");
  assert.equal(texts.length, 1);
  assert.ok(texts[0]!.endsWith("}\n"));
  const line = JSON.parse(texts[0]!) as Record<string, unknown>;
  assert.match(String(line["timestamp"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  delete line["timestamp"];
  assert.deepEqual(line, { level: "info", name: "bus", polled: 3, message: "read the log" });
});

test("the request id follows the request through everything it waits for", async () => {
  const { log, lines } = capturedLog();
  const scope = (requestId: string) => ({ requestId, traceparent: "00-0-0-00" });
  await Promise.all(
    ["a", "b"].map((id) =>
      requestScope.run(scope(id), async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        log.info({ of: id }, "inside");
        log.child({ part: "x" }).info({ of: id }, "inside a child");
      }),
    ),
  );
  log.info("outside");
  for (const line of lines.slice(0, 4)) assert.equal(line["request_id"], line["of"]);
  assert.equal(lines.length, 5);
  assert.ok(!("request_id" in lines[4]!));
});

test("no secret gets into a line, by whatever name or way it comes", () => {
  const { log, texts } = capturedLog();
  const jwt = `eyJhbGciOiJSUzI1NiJ9.${Buffer.from(CANARY).toString("base64url")}.c2lnbmF0dXJl`;
  const names = [
    "password",
    "newPassword",
    "current_password",
    "passphrase",
    "pwd",
    "secret",
    "clientSecret",
    "JWT_SECRET",
    "token",
    "access_token",
    "refreshToken",
    "id_token",
    "authorization",
    "Authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "Cookie",
    "apiKey",
    "api_key",
    "x-api-key",
    "privateKey",
    "private_key",
    "key",
    "credential",
    "credentials",
    "jwt",
    "otp",
    "totp",
    "recovery_codes",
    "signature",
    "refresh_secret",
  ];
  for (const name of names) {
    log.info({ [name]: CANARY }, "top");
    log.info({ deep: { deeper: [{ [name]: CANARY }] } }, "deep");
    log.info({ [name]: { inside: CANARY } }, "an object of that name");
    log.child({ [name]: CANARY }).info("bound");
  }
  log.info({ headers: { authorization: `Bearer ${CANARY}`, accept: "x" } }, "headers");
  log.info(`said in words: Bearer ${CANARY}`);
  log.info({ url: `postgres://app:${CANARY}@db/app` }, "an address");
  log.error(new Error(`could not connect to postgres://app:${CANARY}@db/app`));
  log.info({ note: jwt }, `a token ${jwt}`);
  log.error(
    {
      error: Object.assign(new Error("x"), {
        detail: `Key (email)=(${CANARY})`,
        query: CANARY,
        config: { headers: { cookie: CANARY } },
      }),
    },
    "database",
  );
  log.error(
    {
      err: new Error("outer", {
        cause: Object.assign(new Error("inner"), { parameters: [CANARY] }),
      }),
    },
    "cause",
  );
  log.info({ inside: Object.assign(new Error("x"), { password: CANARY }) }, "an error anywhere");
  assert.equal(texts.length, names.length * 4 + 8);
  const all = texts.join("");
  assert.ok(
    !all.includes(CANARY),
    texts.find((line) => line.includes(CANARY)),
  );
  assert.ok(!all.includes(Buffer.from(CANARY).toString("base64url")));
  assert.ok(all.includes("[redacted]"));
});

test("what only speaks of a secret is told", () => {
  const { log, lines } = capturedLog();
  const told = {
    token_id: "a",
    tokenCount: 3,
    token_type: "Bearer",
    key_id: "k1",
    kid: "k1",
    token_digest: "0badcafe",
    session_id: "s",
    tokens: 4,
  };
  log.info(told, "told");
  for (const [name, value] of Object.entries(told)) assert.equal(lines[0]![name], value, name);
});

test("an object that was logged is left as it was", () => {
  const { log } = capturedLog();
  const inner = { password: "x" };
  const fields = { inner, token: "y" };
  log.info(fields, "here");
  assert.deepEqual(fields, { inner: { password: "x" }, token: "y" });
});

test("control characters cannot forge a line or move a cursor", () => {
  const { log, texts, lines } = capturedLog();
  const nasty = 'a\nb\r\u001b[2J\u0000\u007f\u0085\u009b31m\u2028\u2029"\\';
  log.info({ agent: nasty }, nasty);
  assert.equal(texts.length, 1);
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(texts[0]!.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  assert.equal(lines[0]!["agent"], nasty);
  assert.equal(lines[0]!["message"], nasty);
});

test("an error is told by its code, note and causes; a refusal without a stack", () => {
  const { log, lines } = capturedLog();
  const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
  log.error({ error: platformErrors.failure("unavailable", { note: "the pool", cause }) }, "x");
  log.warn({ error: platformErrors.failure("not_found", { note: "no row" }) }, "y");
  const told = lines[0]!["error"] as Record<string, unknown>;
  assert.equal(told["code"], "unavailable");
  assert.equal(told["note"], "the pool");
  assert.equal((told["cause"] as Record<string, unknown>)["code"], "ECONNREFUSED");
  assert.ok(typeof told["stack"] === "string");
  assert.ok(!("stack" in (lines[1]!["error"] as object)));
});

test("a circular or very deep object is no trouble", () => {
  const { log, texts } = capturedLog();
  const circle: Record<string, unknown> = { password: CANARY };
  circle["self"] = circle;
  log.info(circle, "round");
  assert.equal(texts.length, 1);
  assert.ok(!texts[0]!.includes(CANARY));
});

const PROGRAM = `
  const { createLogger } = await import("${scriptUrl("src/platform/log.ts").href}");
  await import("${scriptUrl("src/platform/lifecycle.ts").href}");
  const { Worker, isMainThread } = await import("node:worker_threads");
  const log = createLogger({ environment: "production", logLevel: "info" });
  for (let n = 0; n < 500; n++) log.info({ n }, "line");
  if (process.argv.includes("--wait")) await new Promise((resolve) => setTimeout(resolve, 600));
  if (process.argv.includes("--hard")) (await import("${scriptUrl("src/platform/lifecycle.ts").href}")).killHard();
  if (process.argv.includes("--throw")) throw new Error("the end");
  process.exit(process.argv.includes("--wait") ? 0 : 3);
`;

function runProgram(argument: string, stdout: "pipe" | number = "pipe") {
  return spawnSync(
    process.execPath,
    [...scriptWords(), "--input-type=module", "-e", PROGRAM, "--", argument],
    {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", stdout, "pipe"],
    },
  );
}

test("every line is written, whatever way the process ends", () => {
  for (const [argument, status] of [
    ["--exit", 3],
    ["--throw", 1],
    ["--hard", null],
  ] as const) {
    const { stdout, status: ended } = runProgram(argument);
    const numbers = stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { n: number }).n);
    assert.deepEqual(
      numbers,
      Array.from({ length: 500 }, (_, n) => n),
      argument,
    );
    assert.equal(ended, status);
  }
});

test("a full disk under the log loses lines and nothing else", (t) => {
  if (!existsSync("/dev/full")) return t.skip("no /dev/full here");
  const full = openSync("/dev/full", "w");
  t.after(() => closeSync(full));
  const { status, stderr } = runProgram("--wait", full);
  assert.equal(status, 0, stderr);
});

test("a reader that went away does not keep the process from ending", () => {
  const { status, signal } = spawnSync(
    "/bin/sh",
    [
      "-c",
      'program=$1; shift; "$0" "$@" --input-type=module -e "$program" -- --exit | true; exit 0',
      process.execPath,
      PROGRAM,
      ...scriptWords(),
    ],
    { cwd: ROOT, timeout: 30_000 },
  );
  assert.deepEqual([status, signal], [0, null]);
});

test("a few lines do not wait for the buffer to fill", async () => {
  const program = `
    const { createLogger } = await import("${scriptUrl("src/platform/log.ts").href}");
    createLogger({ environment: "production", logLevel: "info" }).info("alone");
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, [...scriptWords(), "--input-type=module", "-e", program], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  // The process goes on: what arrives was written while it ran.
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  assert.equal(child.exitCode, null);
  child.kill("SIGKILL");
  assert.match(String(line), /"message":"alone"/);
});
