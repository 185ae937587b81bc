import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import {
  ClientCredentialsAuthenticator,
  CognitoClientCredentialsAuthenticator,
  type ClientCredentialsOptions,
  type OutboundOutcome,
} from "../../../src/auth/outbound/client-credentials.ts";
import { AuthenticationError, ConfigurationError } from "../../../src/auth/providers/failures.ts";
import { createManualClock } from "../../support/clock.ts";
import { closedPort, goodToken, startTokenServer } from "../../support/token-server.ts";

type Answer = Parameters<typeof startTokenServer>[0];

async function open(
  t: TestContext,
  answer: Answer = goodToken(),
  options: Partial<ClientCredentialsOptions> = {},
) {
  const server = await startTokenServer(answer);
  t.after(() => server.stop());
  const clock = createManualClock();
  const pauses: number[] = [];
  const outcomes: OutboundOutcome[] = [];
  const provider = new ClientCredentialsAuthenticator({
    clientId: "printer",
    clientSecret: "s3cret of the printer",
    tokenEndpoint: server.tokenEndpoint,
    clock,
    random: () => 0.5,
    pause: async (milliseconds) => void pauses.push(milliseconds),
    onOutcome: (outcome) => void outcomes.push(outcome),
    ...options,
  });
  return { server, clock, pauses, outcomes, provider };
}

const codeOf = (code: string) => (error: unknown) =>
  error instanceof AuthenticationError && error.code === code;

/** Lets everything that needs no more than loopback happen. */
async function settle(isTrue: () => boolean): Promise<void> {
  for (let turn = 0; turn < 400 && !isTrue(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(isTrue());
}

/** Time for whatever should not have been begun. */
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 60));

test("the first call fetches a token, the next ones are given the same", async (t) => {
  const { server, provider, clock } = await open(t);
  const token = await provider.getToken();
  assert.equal(token.accessToken, "token-1");
  assert.equal(token.tokenType, "Bearer");
  assert.equal(token.expiresIn, 3600);
  assert.equal(token.expiresAt.getTime(), clock.nowMs() + 3_600_000);
  assert.equal(token.isExpired, false);
  assert.equal((await provider.getToken()).accessToken, "token-1");
  assert.equal(server.asked.length, 1);
  const [asked] = server.asked;
  assert.deepEqual(asked!.form, { grant_type: "client_credentials" });
  assert.equal(
    Buffer.from(asked!.authorization!.slice(6), "base64").toString(),
    "printer:s3cret+of+the+printer",
  );
  assert.deepEqual(provider.stats(), {
    issuer: server.url,
    successes: 1,
    failures: 0,
    cached: 1,
  });
});

test("the headers carry the token as a bearer", async (t) => {
  const { provider } = await open(t);
  const headers = await provider.getHeaders();
  assert.deepEqual(headers.toDict(), {
    Authorization: "Bearer token-1",
    "Content-Type": "application/json",
  });
});

test("a call after the end of the token fetches another", async (t) => {
  const { server, provider, clock } = await open(t);
  await provider.getToken();
  clock.advanceMs(3_600_000);
  assert.equal((await provider.getToken()).accessToken, "token-2");
  assert.equal(server.asked.length, 2);
});

test("a token is over on whichever clock is further", async (t) => {
  const { provider, clock } = await open(t);
  await provider.getToken();
  clock.advanceMs(3_599_000);
  clock.setWallMs(1_700_000_000_000);
  assert.equal((await provider.getToken()).accessToken, "token-1");
  clock.advanceMs(1_000);
  assert.equal((await provider.getToken()).accessToken, "token-2", "set back");
  clock.setWallMs(1_900_000_000_000);
  assert.equal((await provider.getToken()).accessToken, "token-3", "set forward");
});

test("a hundred callers at once cause one fetch", async (t) => {
  const { server, provider } = await open(t);
  const tokens = await Promise.all(Array.from({ length: 100 }, () => provider.getToken()));
  assert.deepEqual(new Set(tokens.map((token) => token.accessToken)), new Set(["token-1"]));
  assert.equal(server.asked.length, 1);
});

test("callers who failed together cause one fetch too, and the next one tries again", async (t) => {
  const { server, provider } = await open(t, () => ({ status: 500 }));
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => provider.getToken()));
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
  assert.equal(server.asked.length, 3);
  server.answerWith(goodToken());
  assert.equal((await provider.getToken()).accessToken, "token-4");
});

for (const { life, renewedAt } of [
  { life: 3600, renewedAt: 3300 },
  { life: 1200, renewedAt: 900 },
  { life: 240, renewedAt: 180 },
]) {
  test(`a token that lives ${life} s is renewed after ${renewedAt} s, once, while it is given out`, async (t) => {
    const { server, provider, clock } = await open(t, goodToken(life));
    await provider.getToken();
    clock.advanceMs((renewedAt - 1) * 1000);
    for (let n = 0; n < 5; n++) await provider.getToken();
    await aMoment();
    assert.equal(server.asked.length, 1);
    clock.advanceMs(1000);
    for (let n = 0; n < 5; n++) assert.equal((await provider.getToken()).accessToken, "token-1");
    await settle(() => provider.stats().successes === 2);
    assert.equal((await provider.getToken()).accessToken, "token-2");
    assert.equal(server.asked.length, 2);
  });
}

test("while a renewal ahead of time fails the token goes on counting, and it is tried again later", async (t) => {
  const { server, provider, clock } = await open(t);
  await provider.getToken();
  server.answerWith(() => ({ status: 503 }));
  clock.advanceMs(3_300_000);
  for (let n = 0; n < 10; n++) assert.equal((await provider.getToken()).accessToken, "token-1");
  await settle(() => provider.stats().failures === 1);
  for (let n = 0; n < 10; n++) assert.equal((await provider.getToken()).accessToken, "token-1");
  await aMoment();
  assert.equal(server.asked.length, 4, "one token, three tries of a renewal, and then a pause");
  server.answerWith(goodToken());
  clock.advanceMs(5_000);
  assert.equal((await provider.getToken()).accessToken, "token-1");
  await settle(() => provider.stats().successes === 2);
  assert.equal((await provider.getToken()).accessToken, "token-5");
});

test("while a renewal hangs the token goes on counting until its end", async (t) => {
  const { server, provider, clock } = await open(t);
  await provider.getToken();
  let release: (() => void) | undefined;
  server.answerWith(
    () =>
      new Promise((resolve) => {
        release = () => resolve({ body: { access_token: "late", expires_in: 60 } });
      }),
  );
  clock.advanceMs(3_300_000);
  for (let n = 0; n < 10; n++) assert.equal((await provider.getToken()).accessToken, "token-1");
  await settle(() => release !== undefined);
  clock.advanceMs(300_000);
  const waiting = provider.getToken();
  release!();
  assert.equal((await waiting).accessToken, "late");
  assert.equal(server.asked.length, 2);
});

test("an issuer that hangs does not keep another waiting", async (t) => {
  const slow = await open(t, () => undefined);
  const quick = await open(t);
  const hanging = slow.provider.getToken();
  hanging.catch(() => undefined);
  await settle(() => slow.server.asked.length === 1);
  const tokens = await Promise.all(Array.from({ length: 50 }, () => quick.provider.getToken()));
  assert.equal(tokens.length, 50);
  assert.equal(slow.provider.stats().failures, 0, "it is still waiting");
});

test("what may pass is tried again, with pauses that grow", async (t) => {
  const { server, provider, pauses } = await open(t, (asked, number) =>
    number < 3 ? { status: number === 1 ? 500 : 503 } : goodToken()(asked, number),
  );
  assert.equal((await provider.getToken()).accessToken, "token-3");
  assert.deepEqual(pauses, [100, 200]);
  assert.equal(server.asked.length, 3);
});

test("it gives up after three tries", async (t) => {
  const { server, provider } = await open(t, () => ({ status: 502 }));
  await assert.rejects(provider.getToken(), codeOf("issuer_unavailable"));
  assert.equal(server.asked.length, 3);
});

for (const status of [400, 401, 403, 404]) {
  test(`a refusal with ${status} is final: nobody asks again`, async (t) => {
    const { server, provider, pauses, clock } = await open(t, () => ({
      status,
      body: { error: "invalid_client", error_description: "s3cret of the printer is wrong" },
    }));
    await assert.rejects(provider.getToken(), (error) => {
      assert.ok(error instanceof AuthenticationError);
      assert.deepEqual([error.code, error.reason], ["issuer_refused", "invalid_client"]);
      assert.equal(error.status, 401);
      return true;
    });
    await assert.rejects(provider.getToken(), codeOf("issuer_refused"));
    assert.equal(server.asked.length, 1, "the refusal counts for a moment");
    assert.deepEqual(pauses, []);
    server.answerWith(goodToken());
    clock.advanceMs(1_000);
    assert.equal((await provider.getToken()).accessToken, "token-2");
  });
}

test("Retry-After is kept: a short one by waiting, a long one by failing until it is over", async (t) => {
  const short = await open(t, (asked, number) =>
    number === 1 ? { status: 429, headers: { "retry-after": "2" } } : goodToken()(asked, number),
  );
  assert.equal((await short.provider.getToken()).accessToken, "token-2");
  assert.deepEqual(short.pauses, [2_100]);

  const longer = await open(t, () => ({ status: 503, headers: { "retry-after": "4" } }));
  await assert.rejects(longer.provider.getToken(), codeOf("issuer_unavailable"));
  assert.deepEqual([longer.server.asked.length, longer.pauses], [1, []]);

  const long = await open(t, () => ({ status: 429, headers: { "retry-after": "60" } }));
  for (let n = 0; n < 5; n++) {
    await assert.rejects(long.provider.getToken(), (error) => {
      assert.ok(error instanceof AuthenticationError);
      assert.deepEqual(
        [error.code, error.status, error.retryAfterSeconds],
        ["issuer_throttled", 503, 60],
      );
      return true;
    });
  }
  assert.equal(long.server.asked.length, 1);
  long.server.answerWith(goodToken());
  long.clock.advanceMs(60_000);
  assert.equal((await long.provider.getToken()).accessToken, "token-2");
});

test("an issuer where nobody listens is unavailable", async (t) => {
  const { provider, pauses } = await open(t, goodToken(), {
    tokenEndpoint: `http://127.0.0.1:${await closedPort()}/token`,
  });
  await assert.rejects(provider.getToken(), codeOf("issuer_unavailable"));
  assert.equal(pauses.length, 2);
});

test("a broken connection is tried again on another", async (t) => {
  const { provider, server } = await open(t, (asked, number) =>
    number === 1 ? { status: 500, headers: { connection: "close" } } : goodToken()(asked, number),
  );
  assert.equal((await provider.getToken()).accessToken, "token-2");
  assert.equal(server.connectionCount(), 2);
});

test("connections are kept alive from token to token", async (t) => {
  const { provider, server, clock } = await open(t);
  for (let n = 0; n < 10; n++) {
    await provider.getToken();
    clock.advanceMs(3_600_000);
  }
  assert.equal(server.asked.length, 10);
  // One that is asked again in the same breath may open a second.
  assert.ok(server.connectionCount() <= 2, `${server.connectionCount()} connections`);
});

test("each scope and audience has a token of its own, and a provider only gets narrower", async (t) => {
  const { server, provider } = await open(t, goodToken(), {
    scope: "orders/read orders/write",
    audience: "urn:orders",
  });
  await provider.getToken();
  const reader = provider.narrowed({ scope: "orders/read" });
  assert.equal((await reader.getToken()).accessToken, "token-2");
  assert.equal((await reader.getHeaders()).authorization, "Bearer token-2");
  const same = await provider.getToken({ scope: ["orders/write", "orders/read"] });
  assert.equal(same.accessToken, "token-1", "the order is no difference");
  await provider.getToken({ audience: "urn:other" });
  assert.deepEqual(
    server.asked.map(({ form }) => [form["scope"], form["audience"]]),
    [
      ["orders/read orders/write", "urn:orders"],
      ["orders/read", "urn:orders"],
      ["orders/read orders/write", "urn:other"],
    ],
  );
  for (const scope of ["orders/delete", "orders/read orders/delete", ""]) {
    assert.throws(() => provider.narrowed({ scope }), ConfigurationError);
    await assert.rejects(provider.getToken({ scope }), ConfigurationError);
  }
});

test("the secret goes into the body where that is asked for", async (t) => {
  const { server, provider } = await open(t, goodToken(), {
    clientAuthentication: "client_secret_post",
    resource: "https://orders.example",
  });
  await provider.getToken();
  assert.equal(server.asked[0]!.authorization, undefined);
  assert.deepEqual(server.asked[0]!.form, {
    grant_type: "client_credentials",
    resource: "https://orders.example",
    client_id: "printer",
    client_secret: "s3cret of the printer",
  });
});

test("a token that was refused elsewhere is forgotten on demand", async (t) => {
  const { provider } = await open(t);
  const first = await provider.getToken();
  provider.forget(first);
  const second = await provider.getToken();
  assert.equal(second.accessToken, "token-2");
  provider.forget(first);
  assert.equal(await provider.getToken(), second, "somebody forgot the one before");
});

test("answers that are none are refused and not asked for again", async (t) => {
  const bodies: unknown[] = [
    "<html>",
    "[]",
    {},
    { access_token: 7 },
    { access_token: "a b" },
    { access_token: "a\r\nx: y" },
    { access_token: "" },
    { access_token: "a", token_type: "mac" },
    { access_token: "a", token_type: "Bearer", expires_in: 0 },
    { access_token: "a", expires_in: -1 },
    { access_token: "a", expires_in: "soon" },
    { access_token: "a".repeat(16_385) },
    '{"access_token":"a","access_token":"b"}',
  ];
  for (const body of bodies) {
    const { server, provider } = await open(t, () => ({ body }));
    await assert.rejects(provider.getToken(), codeOf("issuer_answer_invalid"));
    assert.equal(server.asked.length, 1, JSON.stringify(body));
  }
});

test("an answer of more than 64 KiB, and one that leads elsewhere, are not followed", async (t) => {
  const big = await open(t, () => ({ body: { access_token: "a", filler: "x".repeat(70_000) } }));
  await assert.rejects(big.provider.getToken(), codeOf("issuer_unavailable"));
  const target = await startTokenServer(goodToken());
  t.after(() => target.stop());
  const lured = await open(t, () => ({ status: 307, headers: { location: target.tokenEndpoint } }));
  await assert.rejects(lured.provider.getToken(), codeOf("issuer_unavailable"));
  assert.equal(target.asked.length, 0);
});

test("a life that is a text, not said, or too long is read as one", async (t) => {
  for (const [said, life] of [
    ["1800", 1800],
    [undefined, 60],
    [10 ** 9, 86_400],
    [59.9, 59],
  ] as const) {
    const { provider } = await open(t, () => ({ body: { access_token: "a", expires_in: said } }));
    assert.equal((await provider.getToken()).expiresIn, life);
  }
});

test("every attempt is told for the metrics", async (t) => {
  const { provider, outcomes, clock, server } = await open(t);
  await provider.getToken();
  clock.advanceMs(3_600_000);
  server.answerWith(() => ({ status: 401, body: { error: "invalid_client" } }));
  await assert.rejects(provider.getToken());
  assert.deepEqual(
    outcomes.map(({ issuer, outcome }) => [issuer, outcome]),
    [
      [server.url, "success"],
      [server.url, "issuer_refused"],
    ],
  );
});

test("a Cognito domain is asked at /oauth2/token", async (t) => {
  const server = await startTokenServer(goodToken());
  t.after(() => server.stop());
  const provider = new CognitoClientCredentialsAuthenticator({
    clientId: "printer",
    clientSecret: "secret",
    cognitoDomain: server.url,
    scope: "orders/read",
  });
  assert.equal((await provider.getToken()).accessToken, "token-1");
  assert.deepEqual([server.asked[0]!.path, server.asked[0]!.method], ["/oauth2/token", "POST"]);
});

test("an issuer is found by what it says of itself, once", async (t) => {
  const { server, clock } = await open(t, ({ path }, number) =>
    path.startsWith("/.well-known/")
      ? { body: { issuer: server.url, token_endpoint: `${server.url}/given/token` } }
      : { body: { access_token: `token-${number}`, expires_in: 100 } },
  );
  const credentials = { clientId: "a", clientSecret: "b", clock };
  const provider = new ClientCredentialsAuthenticator({ ...credentials, issuer: server.url });
  await provider.getToken();
  clock.advanceMs(100_000);
  await provider.getToken();
  assert.deepEqual(
    server.asked.map(({ path }) => path),
    ["/.well-known/openid-configuration", "/given/token", "/given/token"],
  );
});

test("a discovery document of another issuer, or one that names no safe place, is not used", async (t) => {
  for (const said of [
    { issuer: "https://other.example", token_endpoint: "https://other.example/token" },
    { issuer: "SELF" },
    { issuer: "SELF", token_endpoint: "http://far.example/token" },
    { issuer: "SELF", token_endpoint: "file:///etc/passwd" },
  ]) {
    const { server, clock } = await open(t, () => ({
      body: { ...said, issuer: said.issuer.replace("SELF", server.url) },
    }));
    const provider = new ClientCredentialsAuthenticator({
      clientId: "a",
      clientSecret: "b",
      issuer: server.url,
      clock,
    });
    await assert.rejects(provider.getToken(), codeOf("issuer_answer_invalid"));
    assert.equal(server.asked.length, 1);
  }
});

test("what cannot work is said when the provider is made", () => {
  const good = { clientId: "a", clientSecret: "b", tokenEndpoint: "https://a.example/token" };
  const make = (options: object) =>
    new ClientCredentialsAuthenticator({ ...good, ...options } as ClientCredentialsOptions);
  make({});
  make({ tokenEndpoint: "http://localhost:9/token" });
  make({ tokenEndpoint: "http://a.example/token", allowHttp: true });
  for (const broken of [
    { clientId: "" },
    { clientSecret: undefined },
    { tokenEndpoint: undefined },
    { tokenEndpoint: "a.example/token" },
    { tokenEndpoint: "http://a.example/token" },
    { tokenEndpoint: "http://127.evil.example/token" },
    { tokenEndpoint: "ftp://a.example/token" },
    { tokenEndpoint: "https://user:pass@a.example/token" },
    { scope: 'a"b' },
  ]) {
    assert.throws(() => make(broken), ConfigurationError, JSON.stringify(broken));
  }
});
