import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { ClientCredentialsAuthenticator } from "../../../src/auth/outbound/client-credentials.ts";
import { AuthNHeaders, AuthNToken } from "../../../src/auth/providers/token.ts";
import { capturedLog } from "../../support/log.ts";
import { closedPort, goodToken, startTokenServer } from "../../support/token-server.ts";

const SECRET = "correct-horse-battery";
const TOKEN = "opaque-and-very-private";
const HIDDEN = [
  SECRET,
  TOKEN,
  Buffer.from(`printer:${SECRET}`).toString("base64"),
  encodeURIComponent(SECRET),
];

/** Everything that somebody might write down about a value. */
function tellings(value: unknown): string {
  const { log, texts } = capturedLog();
  log.error({ event: "told", error: value, value }, String(value));
  const own = value instanceof Error ? [value.stack, value.message, inspect(value.cause)] : [];
  return [
    ...own,
    ...texts,
    String(value),
    JSON.stringify(value),
    JSON.stringify({ ...(value as object) }),
    inspect(value, { depth: 10, showHidden: true, getters: true }),
  ].join("\n");
}

function assertSilent(value: unknown, what: string): void {
  const told = tellings(value);
  for (const secret of HIDDEN) assert.ok(!told.includes(secret), `${what} tells ${secret}`);
}

test("neither a provider nor a token tells a secret by accident", async (t) => {
  const server = await startTokenServer(() => ({ body: { access_token: TOKEN, expires_in: 60 } }));
  t.after(() => server.stop());
  for (const clientAuthentication of ["client_secret_basic", "client_secret_post"] as const) {
    const provider = new ClientCredentialsAuthenticator({
      clientId: "printer",
      clientSecret: SECRET,
      tokenEndpoint: server.tokenEndpoint,
      clientAuthentication,
    });
    const token = await provider.getToken();
    assert.equal(token.accessToken, TOKEN);
    assertSilent(provider, "the provider");
    assertSilent(provider.narrowed({ audience: "x" }), "a narrowed one");
    assertSilent(token, "the token");
    assertSilent(token.toHeaders(), "its headers");
  }
  assert.match(tellings(new AuthNToken({ accessToken: TOKEN, expiresIn: 5 })), /redacted/);
  assert.match(tellings(new AuthNHeaders(`Bearer ${TOKEN}`)), /redacted/);
  assert.ok(
    server.asked.every(({ path }) => path === "/oauth2/token"),
    "nothing in the address",
  );
});

test("no failure tells a secret, whatever the issuer answers", async (t) => {
  const echo = { error: SECRET, error_description: `${SECRET} ${TOKEN}` };
  const server = await startTokenServer(goodToken());
  t.after(() => server.stop());
  const failureOf = async (clientAuthentication: "client_secret_basic" | "client_secret_post") => {
    const provider = new ClientCredentialsAuthenticator({
      clientId: "printer",
      clientSecret: SECRET,
      tokenEndpoint: server.tokenEndpoint,
      clientAuthentication,
      pause: async () => undefined,
    });
    return provider.getToken().then(
      () => assert.fail("it has to fail"),
      (error: unknown) => error,
    );
  };
  const answers = [
    { status: 401, body: echo },
    { status: 400, body: `<b>${SECRET} ${TOKEN}</b>` },
    { status: 500, body: echo },
    { status: 429, body: echo, headers: { "retry-after": "900" } },
    { status: 302, headers: { location: `http://127.0.0.1:1/?${SECRET}` } },
    { status: 200, body: { access_token: TOKEN, token_type: SECRET } },
    { status: 200, body: `{"access_token":"${TOKEN}"` },
  ];
  for (const answer of answers) {
    server.answerWith(() => answer);
    for (const how of ["client_secret_basic", "client_secret_post"] as const) {
      assertSilent(await failureOf(how), `status ${answer.status}`);
    }
  }
  const away = new ClientCredentialsAuthenticator({
    clientId: "printer",
    clientSecret: SECRET,
    tokenEndpoint: `http://127.0.0.1:${await closedPort()}/token`,
    pause: async () => undefined,
  });
  await assert.rejects(away.getToken(), (error) => {
    assertSilent(error, "a refused connection");
    return true;
  });
});
