import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { createServer, type AddressInfo, type Server } from "node:net";
import { after, before, test } from "node:test";
import { Pool } from "undici";
import { ensureKeys } from "../../src/auth/keys/store.ts";
import { newId } from "../../src/platform/ids.ts";
import { createRandom, makeKey, signToken, type TestKey } from "../auth/token/token-factory.ts";
import { CONFIG, openCallers, PUBLIC_URL, type Caller, type Callers } from "../support/callers.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { ask as askPlainly, until } from "../support/journey.ts";
import { startKeyServer, type KeyServer } from "../support/key-server.ts";
import { silentLog } from "../support/log.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { testSeed, testSize } from "../support/size.ts";
import { createAsk, mutate, type Answer, type Ask } from "./hostile-ask.ts";
import { hostileForms, toTestKey, type HostileToken } from "./hostile-families.ts";
import { crossIssuer, foreignClaims, impostorOf, neighboursOf } from "./hostile-foreign.ts";
import type { ForeignParty } from "./hostile-foreign.ts";
import { keySetLimits } from "../../src/platform/limits.ts";

/*
 * A server that trusts itself, two Cognito pools and an OpenID Connect issuer, each with keys of its
 * own, and everything that must not be let in with a token of theirs.
 */
const POOL_ID = "us-east-1_Hostile1";
const CLIENT = "3n4b5urk1ft4fl3mg5e62d9ado";
const AUDIENCE = "https://api.example";
const ROUND = 5_000;

const keys = {
  pool: makeKey("RS256", "pool/key="),
  second: makeKey("RS256", "second-key"),
  rsa: makeKey("RS256", "idp-rsa"),
  ec: makeKey("ES256", "idp-ec"),
  ed: makeKey("EdDSA", "idp-ed"),
  gone: makeKey("EdDSA", "idp-gone"),
  enc: makeKey("RS256", "idp-enc"),
  later: makeKey("ES256", "idp-later"),
};
const k256 = generateKeyPairSync("ec", { namedCurve: "secp256k1" });

let database: TestDatabase;
let server: TestServer;
let connections: Pool;
let ask: Ask;
let callers: Callers;
let admin: string;
let caller: Caller;
let own: TestKey;
let trap: Server;
let trapped = 0;
let poolServer: KeyServer;
let secondServer: KeyServer;
let idp: KeyServer;
let refusal: Answer;

const publishIdp = (...more: TestKey[]) =>
  idp.publish(
    ...[keys.rsa, keys.ec, keys.ed, ...more].map(({ jwk }) => jwk),
    { ...keys.enc.jwk, use: "enc" },
    { ...k256.publicKey.export({ format: "jwk" }), kid: "idp-k256", alg: "ES256K", use: "sig" },
  );

before(async () => {
  database = await withDatabase();
  const ring = await ensureKeys(
    database.database,
    { ...CONFIG, jwtAlgorithm: "RS256" as const },
    silentLog,
  );
  const { kid, alg, publicJwk, privateKey } = ring.signatures[0]!;
  const der = { key: Buffer.from(privateKey), format: "der", type: "pkcs8" } as const;
  own = toTestKey({ kid, alg, publicJwk, privateKey: createPrivateKey(der) });
  callers = await openCallers(database);
  trap = createServer((socket) => {
    trapped += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
  [poolServer, secondServer, idp] = await Promise.all([
    startKeyServer(),
    startKeyServer(),
    startKeyServer(),
  ]);
  poolServer.publish(keys.pool.jwk);
  secondServer.publish(keys.second.jwk);
  publishIdp(keys.gone);
  const cognito = {
    type: "cognito",
    client_ids: [CLIENT],
    provision: "create",
    types: ["JWT", "", "at+jwt"],
  };
  const issuers = [
    { ...cognito, user_pool_id: POOL_ID, endpoint: poolServer.url },
    { ...cognito, user_pool_id: "us-east-1_Hostile2", endpoint: secondServer.url },
    {
      type: "oidc",
      issuer: idp.url,
      audiences: [AUDIENCE],
      client_ids: ["web", "robot"],
      algorithms: ["RS256", "ES256", "EdDSA"],
      roles: { ["__proto__"]: ["iam:administrator"], chefs: ["products_catalog:administrator"] },
      provision: "create",
    },
  ];
  server = await startServer({
    databaseUrl: database.url,
    env: {
      PUBLIC_URL,
      RATE_LIMIT_ENABLED: "false",
      TRUSTED_PROXY_HOPS: "1",
      ACCESS_LOG: "off",
      ISSUERS: JSON.stringify(issuers),
    },
  });
  connections = new Pool(server.url, { connections: 512 });
  ask = createAsk(connections);
  caller = await callers.makeCaller();
  const administrator = await callers.makeCaller();
  await callers.give(administrator, ["iam:manage_users"]);
  admin = (await callers.openTokens(administrator)).accessToken;
  for (const party of parties()) {
    const isLoaded = async () => (await bearer(signed(party))).status !== 503;
    await until(`the keys of ${party.name} are loaded`, isLoaded);
  }
  refusal = await bearer("garbage");
  assert.deepEqual([refusal.status, refusal.code], [401, "token_invalid"]);
});
after(async () => {
  await connections?.close();
  await server?.stop();
  trap?.close();
  for (const one of [poolServer, secondServer, idp]) await one?.close();
  await database?.drop();
});

const bearer = (token: string, path?: string) => ask(`Bearer ${token}`, path);
const headerOf = ({ alg, kid }: TestKey) => ({ alg, kid, typ: "at+jwt" });
const signed = ({ key, claims }: Pick<ForeignParty, "key" | "claims">, changes: object = {}) =>
  signToken(key, headerOf(key), { ...claims, ...changes });

const times = () => {
  const iat = Math.floor(Date.now() / 1_000) - 2;
  return { iat, exp: iat + 1_800 };
};
const cognitoClaims = (iss: string) => ({
  iss,
  sub: "294f97cc-497b-8245-8d39-578bc2a00723",
  token_use: "access",
  client_id: CLIENT,
  aud: "https://resource.example",
  origin_jti: `family-${newId()}`,
  jti: newId(),
  scope: "a/b",
  ...times(),
});
const oidcClaims = () => ({
  iss: idp.url,
  sub: "auth0|1",
  aud: AUDIENCE,
  azp: "web",
  jti: newId(),
  sid: `sid-${newId()}`,
  groups: ["cooks"],
  ...times(),
});

/** Every foreign issuer with a token of a user who is let in. */
const parties = (): ForeignParty[] => [
  {
    name: "pool",
    kind: "cognito",
    key: keys.pool,
    claims: cognitoClaims(`${poolServer.url}/${POOL_ID}`),
  },
  {
    name: "second pool",
    kind: "cognito",
    key: keys.second,
    claims: cognitoClaims(`${secondServer.url}/us-east-1_Hostile2`),
  },
  { name: "idp", kind: "oidc", key: keys.rsa, claims: oidcClaims() },
];

/** Ourselves, as one party more. */
async function ownParty(): Promise<ForeignParty> {
  const { accessToken } = await callers.openTokens(caller);
  const text = Buffer.from(accessToken.split(".")[1]!, "base64url").toString();
  const claims = JSON.parse(text) as Record<string, unknown>;
  return { name: "own", kind: "oidc", key: own, claims };
}

async function assertRefused(tokens: readonly HostileToken[]): Promise<void> {
  const answers = await Promise.all(tokens.map(([, , token]) => bearer(token)));
  const wrong = tokens
    .map(([row, name], index) => ({ row, name, ...answers[index]! }))
    .filter(({ bytes }) => bytes !== refusal.bytes);
  assert.deepEqual(wrong, []);
}

test("the tokens that the hostile ones are made of are accepted, of every issuer and key", async () => {
  const [pool, second, oidc] = parties() as [ForeignParty, ForeignParty, ForeignParty];
  for (const party of [pool, second, oidc, await ownParty()]) {
    assert.equal((await bearer(signed(party))).status, 200, party.name);
  }
  for (const key of [keys.rsa, keys.ec, keys.ed, keys.gone]) {
    assert.equal((await bearer(signed({ ...oidc, key }))).status, 200, key.kid);
  }
  for (const typ of ["JWT", undefined]) {
    const token = signToken(pool.key, { ...headerOf(pool.key), typ }, pool.claims);
    assert.equal((await bearer(token)).status, 200, typ);
  }
});

test("every hostile token of every issuer gets the same 401, and nothing is asked of anybody", async (t) => {
  const [pool, , oidc] = parties() as [ForeignParty, ForeignParty, ForeignParty];
  const url = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/jwks.json`;
  const common = { ec: keys.ec, ed: keys.ed, gone: makeKey("EdDSA", "never"), trap: url };
  const before = { pool: { ...poolServer.counts }, idp: { ...idp.counts } };
  const beganMs = Date.now();
  const k256Key = { ...keys.ec, kid: "idp-k256", privateKey: k256.privateKey };
  const tokens: HostileToken[] = [
    // A pool that is told of the keys of another issuer knows none of them.
    ...hostileForms({ ...common, rsa: keys.pool, claims: pool.claims }),
    ...hostileForms({ ...common, rsa: keys.rsa, claims: oidc.claims }),
    ...foreignClaims(pool),
    ...foreignClaims(oidc),
    [
      24,
      "ES256K, in the set",
      signToken(k256Key, { ...headerOf(k256Key), alg: "ES256K" }, oidc.claims),
    ],
    [24, "its key as ES256", signToken(k256Key, headerOf(k256Key), oidc.claims)],
    [26, "a key to encrypt with", signToken(keys.enc, headerOf(keys.enc), oidc.claims)],
    ...[keys.rsa, keys.ec, keys.ed].map((key): HostileToken => {
      const token = signToken(impostorOf(key), headerOf(key), oidc.claims);
      return [51, `another key called ${key.kid}`, token];
    }),
  ];
  assert.ok(tokens.length > 500, `${tokens.length} tokens`);
  await assertRefused(tokens);
  assert.equal(trapped, 0, "no connection was made to an address of a token");
  const seconds = (Date.now() - beganMs) / 1_000;
  for (const [name, now] of [
    ["pool", poolServer],
    ["idp", idp],
  ] as const) {
    const asked = now.counts.keys - before[name].keys;
    t.diagnostic(`${name} was asked for keys ${asked} times in ${seconds} s`);
    assert.ok(
      asked <= seconds / (keySetLimits.demandWindowMs / 1_000) + 2,
      `${name}: ${asked} in ${seconds} s`,
    );
    assert.ok(now.counts.discovery - before[name].discovery <= 1, "discovery is not asked again");
  }
});

test("what one issuer signs says nothing in the name of another, nor of ours", async () => {
  const all = [...parties(), await ownParty()];
  await assertRefused(crossIssuer(all, "at+jwt"));
  const pool = all[0]!;
  const iss = `${poolServer.url}/us-east-1_Hostile2`;
  await assertRefused([[103, "another pool at the same address", signed(pool, { iss })]]);
});

test("only a foreign token that was good once is told that it expired", async () => {
  for (const party of parties()) {
    const iat = Number(party.claims["iat"]) - 60;
    const old = signed(party, { iat, exp: iat + 30 });
    assert.equal((await bearer(old)).code, "token_expired", party.name);
    assert.equal((await bearer(`${old}A`)).bytes, refusal.bytes);
    assert.equal(
      (await bearer(signed(party, { iat, exp: iat + 30, cnf: {} }))).bytes,
      refusal.bytes,
    );
  }
});

interface Who {
  readonly user_id: string;
  readonly user_roles: Record<string, string[]>;
  readonly user_object: { readonly account_id: string | null };
  readonly token_info: { readonly kind: string; readonly session_id: string | null };
}

async function whoami(token: string): Promise<Who> {
  const { status, body } = await askPlainly(`${server.url}/auth/whoami`, { token });
  assert.equal(status, 200, JSON.stringify(body));
  return body as unknown as Who;
}

test("a subject is somebody else at every issuer, whatever else of their tokens is the same", async () => {
  const mine = await ownParty();
  const same = {
    sub: caller.id,
    jti: mine.claims["jti"],
    sid: mine.claims["sid"],
    origin_jti: mine.claims["sid"],
    tid: newId(),
    did: "device",
    groups: ["__proto__", "constructor", "iam:administrator"],
    "cognito:groups": ["__proto__", "chefs"],
  };
  const local = await whoami(signed(mine));
  const others = await Promise.all(parties().map((party) => whoami(signed(party, same))));
  assert.equal(new Set([local, ...others].map((who) => who.user_id)).size, 4);
  for (const who of others) {
    assert.deepEqual([who.user_object.account_id, who.token_info.session_id], [null, null]);
    const roles = Object.values(who.user_roles).flat();
    assert.deepEqual(
      new Set(roles),
      new Set(who === others[2] ? ["user", "administrator"] : ["user"]),
    );
  }
  // What is taken back of one is taken back by name within the tenant; no session of ours ends.
  await revoke(String(same.sid));
  const [pool] = parties();
  assert.equal((await bearer(signed(pool!, same))).bytes, refusal.bytes);
  assert.equal((await bearer(signed(mine))).status, 200);
});

async function revoke(jti: string): Promise<void> {
  const { status } = await askPlainly(`${server.url}/v1/admin/tokens/revoke`, {
    method: "POST",
    token: admin,
    body: { jti, reason: "test" },
  });
  assert.equal(status, 200);
}

test("a foreign caller has no account here: nothing of one's own, no step-up, no session", async () => {
  const party = parties()[2]!;
  const fresh = { auth_time: Math.floor(Date.now() / 1_000), amr: ["pwd", "otp", "hwk"] };
  const person = signed(party, fresh);
  const robot = signed(party, { ...fresh, azp: "robot", sub: "robot" });
  assert.equal((await whoami(robot)).token_info.kind, "machine", "whom `azp` and `sub` name");
  const routes = [
    ["GET", "/users/me"],
    ["GET", "/auth/sessions"],
    ["POST", "/auth/logout"],
    ["POST", "/auth/mfa/totp"],
    ["POST", "/auth/step-up"],
    ["GET", "/auth/api-keys"],
    ["POST", "/auth/keys/rotate"],
  ] as const;
  for (const [method, path] of routes) {
    for (const token of [person, robot]) {
      const body = method === "GET" ? undefined : { method: "password", password: "x" };
      const answer = await askPlainly(`${server.url}${path}`, { method, token, body });
      assert.ok([403, 404, 422].includes(answer.status), `${method} ${path}: ${answer.status}`);
    }
  }
  const totp = await askPlainly(`${server.url}/auth/mfa/totp`, { method: "POST", token: person });
  assert.deepEqual([totp.status, totp.body["error_code"]], [403, "permission_denied"]);
  const verified = await askPlainly(`${server.url}/auth/verify`, {
    method: "POST",
    token: person,
    body: { token: person },
  });
  assert.equal(verified.status, 403, "people need a permission for it");
});

test("neighbours of a cached foreign token get nothing from it, and its end ends it", async () => {
  for (const party of parties()) {
    const good = signed(party);
    for (let use = 0; use < 3; use++) assert.equal((await bearer(good)).status, 200);
    for (const other of neighboursOf(good)) {
      assert.equal((await bearer(other)).bytes, refusal.bytes, party.name);
    }
    assert.equal((await bearer(good, "/v1/roles")).status, 403, "the route in front decides");
    await revoke(String(party.claims["jti"]));
    assert.equal((await bearer(good)).bytes, refusal.bytes, "its own name");
    const family = party.kind === "cognito" ? "origin_jti" : "sid";
    const brother = signed(party, { jti: newId() });
    for (let use = 0; use < 3; use++) assert.equal((await bearer(brother)).status, 200);
    await revoke(String(party.claims[family]));
    assert.equal((await bearer(brother)).bytes, refusal.bytes, "the name of its family");
    assert.equal((await bearer(signed(party, { jti: newId() }))).bytes, refusal.bytes);

    const exp = Math.floor(Date.now() / 1_000) + 2;
    const short = signed(party, { exp, jti: newId(), [family]: newId() });
    assert.equal((await bearer(short)).status, 200);
    await until("the cached token expired", async () => (await bearer(short)).status === 401);
    assert.ok(Date.now() / 1_000 >= exp);
    assert.equal((await bearer(short)).code, "token_expired");
  }
});

test("a key counts from the moment it is published, and no longer than that", async (t) => {
  const claims = oidcClaims();
  const early = signed({ key: keys.later, claims });
  assert.equal((await bearer(early)).bytes, refusal.bytes, "unknown");
  publishIdp(keys.gone, keys.later);
  const publishedMs = Date.now();
  await until("the key is found", async () => (await bearer(early)).status === 200);
  t.diagnostic(`accepted ${Date.now() - publishedMs} ms after the key was published`);

  const old = signed({ key: keys.gone, claims });
  for (let use = 0; use < 3; use++) assert.equal((await bearer(old)).status, 200);
  publishIdp(keys.later);
  // Somebody names a key that is not there, so the set is looked at again.
  await until("the key is withdrawn", async () => {
    await bearer(signed({ key: makeKey("EdDSA", newId()), claims }));
    return (await bearer(old)).status === 401;
  });
  assert.equal((await bearer(old)).bytes, refusal.bytes, "cached, and its key withdrawn");
  assert.equal((await bearer(early)).status, 200);
});

test("no mutation of good tokens of any issuer is accepted", async (t) => {
  const seed = testSeed();
  t.diagnostic(`seed ${seed}`);
  const below = createRandom(seed);
  const [pool, second, oidc] = parties() as [ForeignParty, ForeignParty, ForeignParty];
  const good = [
    ...[pool, second, oidc, await ownParty()],
    ...[keys.ec, keys.ed].map((key) => ({ ...oidc, key })),
  ].map((party) => signed(party));
  const isGood = new Set(good);
  for (const token of good) assert.equal((await bearer(token)).status, 200);
  const total = testSize(3_000, 1_000_000);
  // Large rounds: the first who name a key that is not there wait until its set was looked at again.
  for (let done = 0; done < total; done += ROUND) {
    const mutants = Array.from({ length: Math.min(ROUND, total - done) }, () =>
      mutate(below, good[below(good.length)]!, good[below(good.length)]!),
    ).filter((mutant) => !isGood.has(mutant) && mutant.length > 0);
    const answers = await Promise.all(mutants.map((mutant) => bearer(mutant)));
    const index = answers.findIndex(({ bytes }) => bytes !== refusal.bytes);
    assert.equal(index, -1, `seed ${seed}: ${mutants[index]} got ${answers[index]?.bytes}`);
  }
  for (const token of good) assert.equal((await bearer(token)).status, 200);
});

test("the server lived through it, and its log is whole and holds no token", () => {
  assert.equal(server.process.exitCode, null);
  const lines = server.logLines();
  const bad = lines.filter(({ level }) => !["info", "debug"].includes(String(level)));
  // The key servers answer in this process, which a long run keeps busy for seconds.
  const expected = new Set(["refusals_not_logged", "issuer_keys_unread"]);
  assert.deepEqual(
    bad.filter(({ event }) => !expected.has(String(event))),
    [],
  );
  assert.doesNotMatch(server.output(), /eyJ|DROP TABLE|jndi/);
  assert.equal(trapped, 0);
});
