import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makeKeyText } from "../../src/auth/api-keys/key-text.ts";
import { newId } from "../../src/platform/ids.ts";
import { startChaosProxy, type ChaosProxy } from "../support/chaos-proxy.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { ask, register, until, type Question } from "../support/journey.ts";
import { hasRedis, startRedis, type TestRedis } from "../support/redis.ts";
import { startServer, type TestServer } from "../support/server.ts";

const PASSWORD = "velvet-anchor-81-harbour";
const skip = hasRedis ? false : "redis-server is not installed";

let db: TestDatabase;
let redis: TestRedis;
let proxy: ChaosProxy;
let without: TestServer;
let with_: TestServer;

before(async () => {
  if (!hasRedis) return;
  db = await withDatabase();
  redis = await startRedis("canary-of-redis");
  proxy = await startChaosProxy(`postgres://x@127.0.0.1:${redis.port}/x`);
  const common = { TRUSTED_PROXY_HOPS: "1", BREAKER_RESET_SECONDS: "1", ACCESS_LOG: "off" };
  const url = new URL(proxy.url);
  const redisUrl = `redis://:canary-of-redis@127.0.0.1:${url.port}`;
  without = await startServer({ databaseUrl: db.url, env: common });
  with_ = await startServer({ databaseUrl: db.url, env: { ...common, REDIS_URL: redisUrl } });
});
after(async () => {
  proxy?.setWeather("fair");
  await Promise.all([without?.stop(), with_?.stop()]);
  await proxy?.close();
  await redis?.stop();
  await db?.drop();
});

let stories = 0;

/** The answers that security is made of, one after the other, as `status code`. */
async function securityStory(server: TestServer, halfWay: () => void): Promise<string[]> {
  const network = `203.0.113.${++stories}`;
  const told: string[] = [];
  const say = async (path: string, question: Question = {}) => {
    const headers = { "x-forwarded-for": network, ...question.headers };
    const answer = await ask(server.url + path, { ...question, headers });
    told.push(
      `${question.method ?? "GET"} ${path.split("/").slice(0, 4).join("/")} ${answer.status} ${answer.body["error_code"] ?? ""}`,
    );
    return answer.body;
  };
  const post = (path: string, body: unknown, token?: string) =>
    say(path, { method: "POST", body, token });
  const email = `story-${stories}@brigade.example`;
  const { access_token: token, refresh_token: refreshToken } = await register(
    server.url,
    email,
    PASSWORD,
  );
  await post("/auth/register", { email, password: PASSWORD });
  await post("/auth/login", { email, password: "wrong-anchor-81-harbour" });
  const second = await post("/auth/login", { email, password: PASSWORD });
  await say("/auth/whoami", { token });
  await say("/auth/whoami", { token: `${token.slice(0, -4)}AAAA` });
  const made = await post("/auth/api-keys", { name: "story" }, token);
  const key = made["key"] as string;
  await say("/auth/whoami", { token: key });
  await say("/auth/whoami", { headers: { "x-api-key": `${key.slice(0, -1)}_` } });
  await post("/v1/roles", { context: "iam", name: "mine", permissions: [] }, token);
  halfWay();
  await say("/auth/whoami", { token: key });
  await say(`/auth/api-keys/${made["api_key"].id}`, { method: "DELETE", token });
  told[told.length - 1] = told.at(-1)!.replace(made["api_key"].id, "{id}");
  await say("/auth/whoami", { token: key });
  await post("/auth/refresh", { refresh_token: refreshToken });
  await post("/auth/refresh", { refresh_token: `${refreshToken.slice(0, -4)}AAAA` });
  await post("/auth/logout", {}, second["access_token"] as string);
  await say("/auth/whoami", { token: second["access_token"] as string });
  await post("/auth/refresh", { refresh_token: second["refresh_token"] });
  // All at once: the budget grows while somebody is slow. Which of them are too many does not matter.
  const before = told.length;
  const guesses = Array.from({ length: 62 }, () => makeKeyText(newId()).text);
  await Promise.all(guesses.map((token) => say("/auth/whoami", { token })));
  return [...told.slice(0, before), ...told.slice(before).toSorted()];
}

test("with, without, losing and flapping Redis every answer is the same", { skip }, async () => {
  const expected = await securityStory(without, () => {});
  assert.equal(expected.filter((line) => line.endsWith("401 token_invalid")).length, 60 + 4);
  assert.equal(expected.filter((line) => line.endsWith("429 rate_limited")).length, 2);

  assert.deepEqual(await securityStory(with_, () => {}), expected, "with");
  assert.deepEqual(await securityStory(with_, () => proxy.setWeather("cut")), expected, "killed");
  proxy.setWeather("fair");
  assert.deepEqual(await securityStory(with_, () => proxy.setWeather("swallow")), expected, "hung");

  let turn = 0;
  const flapping = setInterval(() => {
    proxy.setWeather((["fair", "reset", "swallow", "fair", "cut"] as const)[turn++ % 5]!);
  }, 40);
  try {
    assert.deepEqual(await securityStory(with_, () => {}), expected, "flapping");
  } finally {
    clearInterval(flapping);
  }
});

test(
  "it is counted again when Redis is back, and its password is nowhere told",
  { skip },
  async () => {
    proxy.setWeather("fair");
    const metric = async (pattern: RegExp) => {
      const response = await fetch(`${with_.adminUrl}/metrics`);
      return Number(pattern.exec(await response.text())?.[1] ?? 0);
    };
    assert.ok((await metric(/^brigade_redis_failures_total (\d+)/m)) > 0);
    await until("the breaker is closed again", async () => {
      await ask(`${with_.url}/auth/whoami`);
      return (await metric(/^brigade_breaker_state\{name="redis",state="closed"\} (\d+)/m)) === 1;
    });
    assert.ok((await metric(/^brigade_redis_operation_seconds_count (\d+)/m)) > 0);
    assert.ok(!with_.output().includes("canary-of-redis"));
    assert.equal(with_.process.exitCode, null);
  },
);
