import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { ask, register, until, type Answer, type Question } from "../support/journey.ts";
import { startServer, type TestServer } from "../support/server.ts";

const EMAIL = "hostile@brigade.example";
/** Whatever a caller sends that is secret; none of it may be in the output. */
const canary = () => `canary-${randomBytes(12).toString("hex")}`;
const PASSWORD = canary();
const WRONG_PASSWORD = canary();
const QUERY = canary();
const BODY_BYTES_MAX = 1_048_576;
const UUID = /^[\w.-]{8,}$/;

let db: TestDatabase;
let server: TestServer;
let token: string;
let refreshToken: string;

before(async () => {
  db = await withDatabase();
  server = await startServer({
    databaseUrl: db.url,
    env: { ACCESS_TOKEN_SECONDS: "60", RATE_LIMIT_ENABLED: "false" },
  });
  const tokens = await register(server.url, EMAIL, PASSWORD);
  [token, refreshToken] = [tokens.access_token, tokens.refresh_token];
});
after(async () => {
  await server?.stop();
  await db?.drop();
});

/** The body that README promises, and the headers of every answer. */
function assertProblem(answer: Answer, status: number, code: string): void {
  const { body, headers } = answer;
  assert.equal(answer.status, status, JSON.stringify(body));
  assert.match(headers.get("content-type") ?? "", /^application\/problem\+json/);
  assert.equal(body["error_code"], code);
  assert.equal(body["status"], status);
  for (const name of ["type", "title", "detail", "instance", "timestamp"]) {
    assert.equal(typeof body[name], "string", name);
  }
  assert.match(body["request_id"], UUID);
  assert.equal(headers.get("x-request-id"), body["request_id"]);
  assert.equal(headers.get("cache-control"), "no-store");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.equal(headers.get("www-authenticate") === null, status !== 401);
  assert.equal(headers.get("retry-after") === null, status !== 503 && status !== 429);
  assert.ok(!JSON.stringify(body).includes("canary"), "nothing of the request is repeated");
}

const post = (body: unknown, headers: Record<string, string> = {}): Question => ({
  method: "POST",
  body,
  headers,
});
const refusal = (path: string, question: Question = {}) => ask(`${server.url}${path}`, question);

/** Signed by nobody: a good token with another last part. */
const forged = () => `${token.split(".", 2).join(".")}.${randomBytes(256).toString("base64url")}`;

test("a wrong password and an unknown account get the same answer", async () => {
  const wrong = await refusal("/auth/login", post({ email: EMAIL, password: WRONG_PASSWORD }));
  assertProblem(wrong, 401, "credentials_invalid");
  assert.equal(wrong.headers.get("www-authenticate"), "Bearer");
  const unknown = await refusal(
    "/auth/login",
    post({ email: "nobody@brigade.example", password: WRONG_PASSWORD }),
  );
  assertProblem(unknown, 401, "credentials_invalid");
  const told = ({ body: { title, detail, type, instance } }: Answer) => [
    title,
    detail,
    type,
    instance,
  ];
  assert.deepEqual(told(unknown), told(wrong));
});

test("no token, garbage and forged ones: 401, and all refused tokens look alike", async () => {
  const none = await refusal("/auth/whoami");
  assertProblem(none, 401, "authentication_required");
  assert.equal(none.headers.get("www-authenticate"), "Bearer");
  const bad = [canary(), "a.b.c", forged(), `${token}x`, token.slice(0, -8), refreshToken];
  const told = new Set<string>();
  for (const one of bad) {
    const answer = await refusal("/auth/whoami", { token: one });
    assertProblem(answer, 401, "token_invalid");
    assert.equal(answer.headers.get("www-authenticate"), 'Bearer error="invalid_token"');
    const { request_id: _, timestamp: __, ...rest } = answer.body;
    told.add(JSON.stringify(rest));
  }
  assert.equal(told.size, 1);
  const refresh = await refusal("/auth/refresh", post({ refresh_token: canary() }));
  assertProblem(refresh, 401, "refresh_token_invalid");
});

test("a request of 20 kB of headers is refused, and so is a body of 5 MB", async () => {
  const [status, isClosed] = await rawStatus(
    `GET /health HTTP/1.1\r\nHost: localhost\r\nX-Large: ${"x".repeat(20_000)}\r\n\r\n`,
  );
  assert.equal(status, 431);
  assert.ok(isClosed);

  const large = JSON.stringify({ email: EMAIL, password: "x".repeat(5 * BODY_BYTES_MAX) });
  assertProblem(await refusal("/auth/login", post(large)), 413, "payload_too_large");
  assert.equal((await refusal("/health/live")).status, 200, "it goes on");
});

test("bodies that cannot be read or break a rule", async () => {
  assertProblem(
    await refusal("/auth/login", post(`{"email": "${QUERY}`)),
    400,
    "malformed_request",
  );
  const media = { "content-type": "text/plain" };
  assertProblem(await refusal("/auth/login", post("{}", media)), 415, "unsupported_media_type");
  const broken = await refusal("/auth/login", post({ email: 7, password: "" }));
  assertProblem(broken, 422, "validation_failed");
  assert.ok(broken.body["errors"].length > 0);
  for (const fault of broken.body["errors"]) {
    assert.deepEqual(
      ["path", "code", "message"].map((name) => typeof fault[name]),
      ["string", "string", "string"],
    );
  }
});

test("unknown routes, wrong methods, unknown methods, long addresses", async () => {
  assertProblem(await refusal("/nowhere"), 404, "not_found");
  const method = await refusal("/auth/login", { method: "DELETE" });
  assertProblem(method, 405, "method_not_allowed");
  assert.match(method.headers.get("allow") ?? "", /\bPOST\b/);
  assertProblem(await refusal(`/nowhere?q=${"x".repeat(4_000)}`), 414, "uri_too_long");
  assert.equal((await rawStatus("BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n"))[0], 501);
  assert.equal((await rawStatus("POST /auth/login HTTP/1.1\r\nHost: localhost\r\n\r\n"))[0], 411);
});

test("attacks on framing are closed without an answer", async () => {
  for (const fields of [
    "Transfer-Encoding: chunked",
    "Content-Length: 2\r\nContent-Length: 3",
    "Content-Length: +2",
  ]) {
    const [status, isClosed] = await rawStatus(
      `POST /auth/login HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n\r\n{}`,
    );
    assert.deepEqual([status, isClosed], [undefined, true], fields);
  }
});

test("an expired token says so once, and only when it is good otherwise", async () => {
  const short = await startServer({
    databaseUrl: db.url,
    env: { ACCESS_TOKEN_SECONDS: "1", PUBLIC_URL: "http://short.brigade.test" },
  });
  try {
    const reply = await ask(`${short.url}/auth/login`, post({ email: EMAIL, password: PASSWORD }));
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    const brief = reply.body["access_token"] as string;
    let last: Answer | undefined;
    await until("it expired", async () => {
      last = await ask(`${short.url}/auth/whoami`, { token: brief });
      return last.status !== 200;
    });
    assertProblem(last!, 401, "token_expired");
    assert.equal(last!.headers.get("www-authenticate"), 'Bearer error="invalid_token"');
    const bent = `${brief.slice(0, -6)}AAAAAA`;
    assertProblem(await ask(`${short.url}/auth/whoami`, { token: bent }), 401, "token_invalid");
    assert.ok(!short.output().includes(brief) && !short.output().includes(PASSWORD));
  } finally {
    await short.stop();
  }
});

test("the log has a line with the id of each request, and no password, token or query", async () => {
  const mine = "hostile-input-1";
  const answer = await refusal(`/auth/whoami?secret=${QUERY}`, {
    token,
    headers: { "x-request-id": mine },
  });
  assertProblem(answer, 422, "validation_failed");
  assert.equal(answer.headers.get("x-request-id"), mine);
  assert.equal((await refusal("/auth/whoami", { token })).status, 200);
  const lines = () => server.logLines().filter((line) => line["message"] === "request");
  await until("its line is written", () => lines().some((line) => line["request_id"] === mine));
  for (const line of lines()) {
    assert.match(String(line["request_id"]), UUID);
    assert.equal(typeof line["status"], "number");
    assert.equal(typeof line["duration_ms"], "number");
  }
  const ids = lines().map((line) => line["request_id"]);
  assert.equal(new Set(ids).size, ids.length);
  const output = server.output();
  assert.doesNotMatch(output, /canary-/);
  for (const secret of [token, token.split(".")[2]!, refreshToken, refreshToken.split(".")[3]!]) {
    assert.ok(!output.includes(secret), "a token is in the log");
  }
});

/** What a raw request is answered, and whether the connection was closed. */
async function rawStatus(text: string): Promise<[number | undefined, boolean]> {
  const socket = connect(server.port, "127.0.0.1");
  let received = "";
  let isClosed = false;
  socket
    .setEncoding("latin1")
    .on("data", (piece: string) => (received += piece))
    .on("error", () => {})
    .on("close", () => (isClosed = true));
  socket.write(text);
  await until("it is closed", () => isClosed);
  const status = /^HTTP\/1\.1 (\d{3})/.exec(received)?.[1];
  return [status === undefined ? undefined : Number(status), isClosed];
}
