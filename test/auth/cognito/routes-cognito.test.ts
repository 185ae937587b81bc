import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { capturedLog } from "../../support/log.ts";
import { closedPort, startTokenServer } from "../../support/token-server.ts";
import { startApp, type AppOptions } from "../accounts-rig.ts";

const REFRESH_TOKEN = "eyJjdHkiOiJKV1QifQ.a-very-private-refresh-token";
const PATH = "/auth/cognito/refresh";

let db: TestDatabase;
let pool: Awaited<ReturnType<typeof startTokenServer>>;
before(async () => {
  db = await withDatabase({ connections: 14 });
  pool = await startTokenServer(() => ({}));
});
after(async () => {
  await pool?.stop();
  await db?.drop();
});

const result = (extra: object = {}) => ({
  body: {
    AuthenticationResult: {
      AccessToken: "access",
      IdToken: "id",
      TokenType: "Bearer",
      ExpiresIn: 3600,
      ...extra,
    },
  },
});

async function openApp(env: Record<string, string> = {}, options: Partial<AppOptions> = {}) {
  pool.asked.length = 0;
  pool.answerWith(() => result());
  const app = await startApp({
    database: db.database,
    ...options,
    env: {
      COGNITO_USER_POOL_ID: "us-east-1_Abc123",
      COGNITO_CLIENT_ID: "app,other",
      COGNITO_ENDPOINT: pool.url,
      ...env,
    },
  });
  const ask = (body: object, address = "192.0.2.1") => app.call("POST", PATH, { body, address });
  return { app, ask };
}

test("a refresh token of the pool is exchanged for new tokens, which no cache keeps", async () => {
  const { ask } = await openApp();
  const answer = await ask({ refresh_token: REFRESH_TOKEN });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.body, {
    access_token: "access",
    id_token: "id",
    token_type: "Bearer",
    expires_in: 3600,
  });
  assert.equal(answer.headers["cache-control"], "no-store");
  pool.answerWith(() => result({ RefreshToken: "next" }));
  assert.equal((await ask({ refresh_token: REFRESH_TOKEN })).body.refresh_token, "next");
});

test("only clients of the settings are spoken for, and nothing of the body names who is asked", async () => {
  const { ask } = await openApp();
  await ask({ refresh_token: REFRESH_TOKEN, client_id: "other" });
  assert.equal(JSON.parse(pool.asked[0]!.text).ClientId, "other");
  const stranger = await ask({ refresh_token: REFRESH_TOKEN, client_id: "a stranger" });
  assert.deepEqual([stranger.status, stranger.body.error_code], [401, "refresh_token_invalid"]);
  const lured = await ask({ refresh_token: REFRESH_TOKEN, endpoint: "http://127.0.0.1:1" });
  assert.equal(lured.status, 422);
  assert.equal(pool.asked.length, 1);
});

test("the client with the secret needs the user's name; the other clients have no secret", async () => {
  const { ask } = await openApp({ COGNITO_CLIENT_SECRET: "very secret" });
  const nameless = await ask({ refresh_token: REFRESH_TOKEN });
  assert.deepEqual([nameless.status, nameless.body.errors[0].path], [422, "/body/username"]);
  assert.equal((await ask({ refresh_token: REFRESH_TOKEN, username: "ana" })).status, 200);
  assert.equal((await ask({ refresh_token: REFRESH_TOKEN, client_id: "other" })).status, 200);
  const [first, second] = pool.asked.map(({ text }) => JSON.parse(text).AuthParameters);
  assert.equal(typeof first.SECRET_HASH, "string");
  assert.deepEqual(Object.keys(second), ["REFRESH_TOKEN"]);
});

test("what Cognito refuses is 401, and whatever keeps it from answering is 503 with a time", async () => {
  const { ask, app } = await openApp();
  const cases: [object, number, string][] = [
    [{ status: 400, body: { __type: "NotAuthorizedException" } }, 401, "refresh_token_invalid"],
    [{ status: 400, body: { __type: "ResourceNotFoundException" } }, 503, "unavailable"],
    [{ status: 429, headers: { "retry-after": "40" } }, 503, "unavailable"],
    [{ status: 200, body: "<html>" }, 503, "unavailable"],
  ];
  for (const [reply, status, code] of cases) {
    pool.answerWith(() => reply);
    const answer = await ask({ refresh_token: REFRESH_TOKEN });
    assert.deepEqual([answer.status, answer.body.error_code], [status, code]);
    if (status === 503) assert.match(answer.headers["retry-after"]!, /^\d+$/);
  }
  const counters = app.metrics
    .layout()
    .filter(({ name }) => name === "brigade_cognito_refreshes_total");
  assert.equal(counters.length, 3);
});

test("where nobody listens the answer is 503", async () => {
  const { ask } = await openApp({ COGNITO_ENDPOINT: `http://127.0.0.1:${await closedPort()}` });
  const answer = await ask({ refresh_token: REFRESH_TOKEN });
  assert.deepEqual([answer.status, answer.body.error_code], [503, "unavailable"]);
});

test("a network has a budget, which is taken before anybody is asked", async () => {
  const { ask } = await openApp(
    {},
    { budgets: { cognitoRefreshNetwork: { count: 3, seconds: 900 } } },
  );
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      ask({ refresh_token: `${REFRESH_TOKEN}${n}` }, "192.0.2.50"),
    ),
  );
  assert.equal(answers.filter(({ status }) => status === 200).length, 3);
  const refused = answers.filter(({ status }) => status === 429);
  assert.equal(refused.length, 7);
  assert.ok(refused.every(({ headers }) => Number(headers["retry-after"]) > 0));
  assert.equal(pool.asked.length, 3);
  assert.equal((await ask({ refresh_token: REFRESH_TOKEN }, "192.0.2.9")).status, 200);
});

test("neither token nor secret comes into the log, whatever happens", async () => {
  const { log, texts } = capturedLog();
  const { ask } = await openApp({ COGNITO_CLIENT_SECRET: "very secret" }, { log });
  const body = { refresh_token: REFRESH_TOKEN, username: "ana" };
  for (const reply of [
    result(),
    { status: 400, body: { __type: "NotAuthorizedException", message: REFRESH_TOKEN } },
    { status: 400, body: { __type: `Odd${REFRESH_TOKEN}` } },
    { status: 503, body: REFRESH_TOKEN, headers: { "retry-after": "99" } },
  ]) {
    pool.answerWith(() => reply);
    // From a network whose budget no other test has used.
    await ask(body, "192.0.2.77");
  }
  const told = texts.join("");
  assert.match(told, /cognito_unavailable/);
  for (const secret of [REFRESH_TOKEN, "a-very-private", "very secret", '"access"']) {
    assert.ok(!told.includes(secret), secret);
  }
});

test("without a pool there is no such route", async () => {
  const app = await startApp({ database: db.database });
  const answer = await app.call("POST", PATH, { body: { refresh_token: REFRESH_TOKEN } });
  assert.equal(answer.status, 404);
});
