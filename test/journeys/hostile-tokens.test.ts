import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { connect, createServer, type Server } from "node:net";
import { after, before, test } from "node:test";
import { Pool } from "undici";
import type { SignatureKeyEntry } from "../../src/auth/keys/key-ring.ts";
import { activateNext } from "../../src/auth/keys/store-rows.ts";
import { ensureKeys } from "../../src/auth/keys/store.ts";
import { newId } from "../../src/platform/ids.ts";
import { sql } from "../../src/platform/sql.ts";
import { createRandom, signToken, type TestKey } from "../auth/token/token-factory.ts";
import { CONFIG, openCallers, PUBLIC_URL, type Caller, type Callers } from "../support/callers.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { silentLog } from "../support/log.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { testSeed, testSize } from "../support/size.ts";
import { createAsk, mutate, type Answer, type Ask } from "./hostile-ask.ts";
import { aliasOf, hostileTokens, toTestKey } from "./hostile-families.ts";

let database: TestDatabase;
let server: TestServer;
let pool: Pool;
let callers: Callers;
let keys: Record<"RS256" | "ES256" | "EdDSA" | "gone", TestKey>;
let trap: Server;
let trapped = 0;
let caller: Caller;

before(async () => {
  database = await withDatabase();
  keys = await makeKeys();
  callers = await openCallers(database);
  trap = createServer((socket) => {
    trapped += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
  server = await startServer({
    databaseUrl: database.url,
    env: { PUBLIC_URL, RATE_LIMIT_ENABLED: "false", TRUSTED_PROXY_HOPS: "1", ACCESS_LOG: "off" },
  });
  pool = new Pool(server.url, { connections: 16 });
  askWith = createAsk(pool);
  caller = await callers.makeCaller();
});
after(async () => {
  await pool.close();
  await server.stop();
  trap.close();
  await database.drop();
});

/** A ring that verifies three algorithms and signs with RS256, as after two changes of `JWT_ALG`. */
async function makeKeys() {
  const settings = (jwtAlgorithm: "RS256" | "ES256" | "EdDSA") => ({ ...CONFIG, jwtAlgorithm });
  // Of another algorithm the next key is made; here it signs at once, since nobody runs yet.
  const change = async (jwtAlgorithm: "EdDSA" | "RS256") => {
    await ensureKeys(database.database, settings(jwtAlgorithm), silentLog);
    await database.database.withTransaction((tx) => activateNext(tx, "sig"));
    return ensureKeys(database.database, settings(jwtAlgorithm), silentLog);
  };
  await ensureKeys(database.database, settings("ES256"), silentLog);
  const former = await change("EdDSA");
  const now = await change("RS256");
  const find = (alg: string) =>
    open(now.signatures.find((key) => key.alg === alg && key.state !== "next")!);
  return {
    RS256: find("RS256"),
    ES256: find("ES256"),
    EdDSA: find("EdDSA"),
    // Of EdDSA the next key was never used, so it was dropped.
    gone: open(former.signatures.find((key) => key.alg === "EdDSA" && key.state === "next")!),
  };
}

function open({ kid, alg, publicJwk, privateKey }: SignatureKeyEntry): TestKey {
  const key = createPrivateKey({ key: Buffer.from(privateKey), format: "der", type: "pkcs8" });
  return toTestKey({ kid, alg, publicJwk, privateKey: key });
}

const ask: Ask = (authorization, path) => askWith(authorization, path);
let askWith: Ask;

const bearer = (token: string, path?: string) => ask(`Bearer ${token}`, path);

/** Claims of a token that the server accepts now. */
async function liveClaims(of = caller): Promise<Record<string, unknown>> {
  const { accessToken } = await callers.openTokens(of);
  return JSON.parse(Buffer.from(accessToken.split(".")[1]!, "base64url").toString());
}

const headerOf = (key: TestKey) => ({ alg: key.alg, typ: "at+jwt", kid: key.kid });
const signed = (claims: object, key = keys.RS256) => signToken(key, headerOf(key), claims);

async function families() {
  const { RS256: rsa, ES256: ec, EdDSA: ed, gone } = keys;
  const address = trap.address() as { port: number };
  const url = `http://127.0.0.1:${address.port}/jwks.json`;
  return hostileTokens({ rsa, ec, ed, gone, claims: await liveClaims(), trap: url });
}

let refusal: Answer;

test("the tokens that the hostile ones are made of are accepted", async () => {
  const claims = await liveClaims();
  for (const key of [keys.RS256, keys.ES256, keys.EdDSA]) {
    assert.equal((await bearer(signed(claims, key))).status, 200, key.alg);
  }
  assert.equal((await ask(`bearer ${signed(claims)}`)).status, 200, "the scheme in lower case");
  assert.equal((await ask(`BEARER ${signed({ ...claims, x: ["a", { b: 1 }] })}`)).status, 200);
});

test("every hostile token gets the same 401, and nothing is asked of anybody", async () => {
  const tokens = await families();
  assert.ok(tokens.length > 250, `${tokens.length} tokens`);
  refusal = await bearer("garbage");
  assert.deepEqual([refusal.status, refusal.code], [401, "token_invalid"]);
  const refreshToken = (await callers.openTokens(caller)).refreshToken;
  const all = [...tokens, [0, "a refresh token", refreshToken] as const];
  const answers = await Promise.all(all.map(([, , token]) => bearer(token)));
  const wrong = all
    .map(([row, name], index) => ({ row, name, ...answers[index]! }))
    .filter(({ bytes }) => bytes !== refusal.bytes);
  assert.deepEqual(wrong, []);
  assert.equal(trapped, 0, "no connection was made to an address of a token");
});

test("only a token that was good once is told that it expired", async () => {
  const claims = await liveClaims();
  const old = { ...claims, iat: Number(claims["iat"]) - 60, exp: Number(claims["iat"]) - 1 };
  const expired = await bearer(signed(old));
  assert.deepEqual([expired.status, expired.code], [401, "token_expired"]);
  assert.equal(
    expired.bytes.replaceAll("token_expired", "token_invalid"),
    refusal.bytes.replaceAll("The access token is not valid", "The access token expired"),
    "apart from the code and its title the same bytes",
  );
  const worse = [signed({ ...old, aud: "x" }), signed({ ...old, cnf: {} }), `${signed(old)}A`];
  for (const token of worse) assert.equal((await bearer(token)).bytes, refusal.bytes);
});

test("what is no bearer token is asked to bring one", async () => {
  const token = signed(await liveClaims());
  const missing = await ask([]);
  assert.deepEqual([missing.status, missing.code], [401, "authentication_required"]);
  const others = ["Bearer", "Basic YTpi", token, `Token ${token}`, `Bearer\t${token}`, "Bearer  "];
  for (const text of others) assert.equal((await ask(text)).bytes, missing.bytes, text);
  assert.equal((await ask([], `/auth/whoami?access_token=${token}`)).bytes, missing.bytes);
  const twice = await ask([`Bearer ${token}`, `Bearer ${token}`]);
  assert.deepEqual([twice.status, twice.code], [400, "malformed_request"]);
  const form = await pool.request({
    method: "POST",
    path: "/auth/logout",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: `access_token=${token}`,
  });
  assert.equal(form.statusCode, 401);
  await form.body.dump();
  assert.equal((await bearer(token)).status, 200);
});

test("a token longer than a header may be is refused before anybody reads it", async () => {
  const claims = await liveClaims();
  for (const size of [17_000, 20_000, 1_000_000]) {
    const token = signed({ ...claims, x: "x".repeat(size) });
    const answer = await sendRaw(
      `GET /auth/whoami HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`,
    );
    assert.match(answer, /^(HTTP\/1\.1 431 |$)/, `${size} characters`);
  }
  assert.equal((await bearer(signed(claims))).status, 200);
});

/** What the server says until it closes the connection. */
function sendRaw(request: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(server.port, "127.0.0.1", () => socket.write(request));
    // A reset comes with a request that the server did not read to its end.
    socket.on("data", (chunk) => (text += chunk.toString("latin1"))).on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

test("neighbours of a cached token get nothing from it", async () => {
  const claims = await liveClaims();
  for (const key of [keys.RS256, keys.ES256, keys.EdDSA]) {
    const good = signed(claims, key);
    for (let use = 0; use < 3; use++) assert.equal((await bearer(good)).status, 200);
    const [header, payload, signature] = good.split(".") as [string, string, string];
    const flipped = Buffer.from(signature, "base64url");
    flipped[flipped.length >> 1]! ^= 1;
    for (const other of [flipped.toString("base64url"), aliasOf(signature), `${signature}=`]) {
      assert.equal((await bearer(`${header}.${payload}.${other}`)).bytes, refusal.bytes);
    }
    assert.equal((await bearer(good)).status, 200);
    assert.equal((await bearer(good, "/v1/roles")).status, 403, "the route in front decides");
  }
});

test("a cached token is over when it expires, and when it is revoked", async () => {
  const claims = await liveClaims();
  const nowSeconds = Math.floor(Date.now() / 1000);
  const short = signed({ ...claims, exp: nowSeconds + 2 });
  assert.equal((await bearer(short)).status, 200);
  let answer = await bearer(short);
  while (answer.status === 200 && Date.now() < (nowSeconds + 4) * 1000)
    answer = await bearer(short);
  assert.equal(answer.code, "token_expired");

  const token = signed(claims);
  for (let use = 0; use < 3; use++) assert.equal((await bearer(token)).status, 200);
  await logOut(token);
  assert.equal((await bearer(token)).bytes, refusal.bytes);
  assert.equal((await bearer(signed({ ...claims, jti: newId() }))).bytes, refusal.bytes);
});

async function logOut(token: string): Promise<void> {
  const response = await pool.request({
    method: "POST",
    path: "/auth/logout",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: "{}",
  });
  await response.body.dump();
  assert.equal(response.statusCode, 200);
}

test("no request that runs beside a logout keeps a token alive", async () => {
  let leaving = caller;
  for (let round = 0; round < testSize(20, 200); round++) {
    // Nobody may log out more often than that in a minute.
    if (round % 50 === 49) leaving = await callers.makeCaller();
    const claims = await liveClaims(leaving);
    const cold = Array.from({ length: 8 }, () => signed({ ...claims, jti: newId() }));
    const running = cold.map((token) => bearer(token));
    await logOut(cold[0]!);
    await Promise.all(running);
    const after = await Promise.all(cold.map((token) => bearer(token)));
    assert.deepEqual(new Set(after.map(({ bytes }) => bytes)), new Set([refusal.bytes]));
  }
});

test("the session of somebody else, and of a disabled account, is no session", async () => {
  const other = await callers.makeCaller();
  const [mine, theirs] = [await liveClaims(), await liveClaims(other)];
  assert.equal((await bearer(signed({ ...mine, sid: theirs["sid"] }))).bytes, refusal.bytes);
  assert.equal((await bearer(signed({ ...theirs, sub: mine["sub"] }))).bytes, refusal.bytes);
  await database.database.query(
    sql`UPDATE auth.accounts SET active = false WHERE id = ${other.id}`,
  );
  assert.equal((await bearer(signed(theirs))).bytes, refusal.bytes);
  assert.equal((await bearer(signed(mine))).status, 200);
});

test("no mutation of good tokens is accepted", async (t) => {
  const seed = testSeed();
  t.diagnostic(`seed ${seed}`);
  const below = createRandom(seed);
  const claims = await liveClaims();
  const other = await liveClaims(await callers.makeCaller());
  const good = [claims, other].flatMap((set) =>
    [keys.RS256, keys.ES256, keys.EdDSA].map((key) => signed(set, key)),
  );
  const known = new Set(good);
  for (const token of good) assert.equal((await bearer(token)).status, 200);
  const total = testSize(3_000, 1_000_000);
  for (let done = 0; done < total; done += 250) {
    const mutants = Array.from({ length: 250 }, () =>
      mutate(below, good[below(good.length)]!, good[below(good.length)]!),
    ).filter((mutant) => !known.has(mutant) && mutant.length > 0);
    const answers = await Promise.all(mutants.map((mutant) => bearer(mutant)));
    const index = answers.findIndex(({ bytes }) => bytes !== refusal.bytes);
    assert.equal(index, -1, `seed ${seed}: ${mutants[index]} got ${answers[index]?.bytes}`);
  }
  for (const token of good) assert.equal((await bearer(token)).status, 200);
});

test("bad signatures use up what an address may have verified, and nobody else's", async () => {
  const claims = await liveClaims();
  const good = signed(claims);
  const from = (address: string, token: string) =>
    pool
      .request({
        method: "GET",
        path: "/auth/whoami",
        headers: { "x-forwarded-for": address, authorization: `Bearer ${token}` },
      })
      .then(async ({ statusCode, body }) => [await body.dump(), statusCode][1]);
  assert.equal(await from("192.0.2.1", good), 200);
  const statuses: unknown[] = [];
  for (let count = 0; count < 70; count++) {
    const forged = signed({ ...claims, jti: newId() }).slice(0, -8);
    statuses.push(await from("192.0.2.1", `${forged}AAAAAAAA`));
  }
  assert.deepEqual(new Set(statuses.slice(0, 60)), new Set([401]));
  assert.deepEqual(new Set(statuses.slice(60)), new Set([429]));
  assert.equal(await from("192.0.2.1", good), 200, "a token that is known goes on");
  assert.equal(await from("192.0.2.2", signed({ ...claims, jti: newId() })), 200);
});

test("the server lived through it, and its log is whole and holds no token", async () => {
  assert.equal((await fetch(`${server.url}/health`)).status, 200);
  assert.equal(server.process.exitCode, null);
  const lines = server.logLines();
  assert.ok(lines.length > 0);
  const bad = lines.filter(({ level }) => !["info", "debug"].includes(String(level)));
  assert.deepEqual(
    bad.filter(({ event }) => event !== "refusals_not_logged"),
    [],
  );
  for (const line of server
    .output()
    .split("\n")
    .filter((text) => text !== "")) {
    assert.ok(line.startsWith("{"), `no log line: ${line}`);
  }
  assert.doesNotMatch(server.output(), /eyJ|DROP TABLE|jndi/);
});
