import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Pool } from "undici";
import { good, later } from "../auth/issuers/key-set-rig.ts";
import { until } from "../auth/process-rig.ts";
import { makeKey, signToken, type TestKey } from "../auth/token/token-factory.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { startKeyServer, type KeyServer, type KeyServerMood } from "../support/key-server.ts";
import { testSize } from "../support/size.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { keySetLimits } from "../../src/platform/limits.ts";

const AUDIENCE = "https://api.example";

let database: TestDatabase;
let issuer: KeyServer;
let server: TestServer;
let pool: Pool;

async function start(): Promise<void> {
  const trusted = { type: "oidc", issuer: issuer.url, audiences: [AUDIENCE], provision: "create" };
  server = await startServer({
    databaseUrl: database.url,
    env: {
      ISSUERS: JSON.stringify([trusted]),
      HTTP_THREADS: "2",
      RATE_LIMIT_ENABLED: "false",
      TRUSTED_PROXY_HOPS: "1",
      ACCESS_LOG: "off",
    },
  });
  pool = new Pool(server.url, { connections: 8 });
}
async function stop(): Promise<void> {
  await pool.close();
  await server.stop();
}

before(async () => {
  database = await withDatabase();
  issuer = await startKeyServer();
  issuer.publish(good.jwk);
  await start();
});
after(async () => {
  await stop();
  await issuer.close();
  await database.drop();
});

let serial = 0;

/** A token of the issuer, never seen before. */
function tokenOf(key: TestKey, kid = key.kid): string {
  const now = Math.floor(Date.now() / 1000);
  return signToken(
    key,
    { alg: key.alg, typ: "at+jwt", kid },
    {
      iss: issuer.url,
      aud: AUDIENCE,
      sub: "somebody",
      jti: `token-${serial++}`,
      client_id: "an-app",
      iat: now - 1,
      exp: now + 600,
    },
  );
}

/** Another key name in a token that was good: nobody gets as far as its signature. */
function forgedOf(template: string, kid: string): string {
  const [, claims, signature] = template.split(".");
  const header = JSON.stringify({ alg: "RS256", typ: "at+jwt", kid });
  return [Buffer.from(header).toString("base64url"), claims, signature].join(".");
}

async function ask(token: string, through = pool, from = "192.0.2.1"): Promise<number> {
  const answer = await through.request({
    method: "GET",
    path: "/auth/whoami",
    headers: { authorization: `Bearer ${token}`, "x-forwarded-for": from },
  });
  await answer.body.dump();
  return answer.statusCode;
}

/** A busy machine may say "try again": that is no answer here. */
async function statusOf(token: string): Promise<number> {
  let status = await ask(token);
  while (status === 503) status = await ask(token);
  return status;
}

const MOODS: readonly KeyServerMood[] = ["fails", "hangs", "sends 50 MB", "redirects"];

test("tokens under a known key are good whatever the key server does; a forbidden key never is", async () => {
  const warm = tokenOf(good);
  assert.equal(await statusOf(warm), 200);
  const bad = makeKey("RS256", "bad", 1024);
  issuer.publish(good.jwk, bad.jwk);
  for (const mood of MOODS) {
    issuer.be(mood);
    // One that makes the server ask, while the others are answered.
    const forged = statusOf(forgedOf(warm, `forged-${mood}`));
    const answers = await Promise.all([warm, tokenOf(good), tokenOf(good)].map(statusOf));
    assert.deepEqual(answers, [200, 200, 200], mood);
    assert.equal(await forged, 401, mood);
  }
  issuer.be("good");
  assert.equal(await statusOf(tokenOf(bad)), 401);
});

test("any number of forged key names cause a question a second, and a new key counts meanwhile", async () => {
  const forged = testSize(2_000, 10_000);
  const template = tokenOf(good);
  // Those that wait for an answer of the issuer keep their connection.
  const crowd = new Pool(server.url, { connections: 200 });
  const fresh = makeKey("RS256", "fresh");
  const asked = issuer.counts.keys;
  const begunMs = performance.now();
  const flood = (async () => {
    for (let sent = 0; sent < forged; sent += 500) {
      const tokens = Array.from({ length: 500 }, (_, n) =>
        forgedOf(template, `forged-${sent + n}`),
      );
      // Each from a network of its own: those of one network are soon not waited for any more.
      const answers = await Promise.all(
        tokens.map((token, n) => ask(token, crowd, `10.${(sent + n) >> 8}.${(sent + n) & 255}.1`)),
      );
      assert.ok(answers.every((status) => status === 401 || status === 503));
    }
  })();
  issuer.publish(good.jwk, fresh.jwk);
  await until(async () => (await statusOf(tokenOf(fresh))) === 200, "the new key counts");
  assert.equal(await statusOf(tokenOf(good)), 200);
  await flood;
  await crowd.close();
  const windows = Math.ceil((performance.now() - begunMs) / keySetLimits.demandWindowMs) + 1;
  const questions = issuer.counts.keys - asked;
  assert.ok(questions <= windows, `${questions} questions in ${windows} windows`);
});

test("a withdrawn key ends tokens that every thread had accepted", async () => {
  const warm = tokenOf(good);
  for (let n = 0; n < 40; n++) assert.equal(await statusOf(warm), 200);
  issuer.publish(later.jwk);
  await until(async () => (await statusOf(tokenOf(later))) === 200, "the other key counts");
  await until(async () => (await statusOf(warm)) === 401, "the warm token is refused");
  for (let n = 0; n < 40; n++) assert.equal(await statusOf(warm), 401);
});

test("a process that starts while the issuer is away verifies what the issuer signed", async () => {
  await stop();
  await issuer.close();
  await start();
  assert.equal(await statusOf(tokenOf(later)), 200);
  assert.equal(await statusOf(tokenOf(good)), 401);
  const { checks } = (await (await fetch(`${server.adminUrl}/health/detail`)).json()) as {
    checks: Record<string, { observedValue: number }[]>;
  };
  assert.ok(checks[`issuer:${issuer.url}`]![0]!.observedValue >= 0);
});
