import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { JwtVerifier } from "aws-jwt-verify";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oidc from "openid-client";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { openCallers, PUBLIC_URL } from "../support/callers.ts";
import { ask } from "../support/journey.ts";
import { startServer, type TestServer } from "../support/server.ts";

const SCOPE = "iam:access_basic_features";

let db: TestDatabase;
let server: TestServer;
let machine: { client_id: string; client_secret: string };

before(async () => {
  db = await withDatabase();
  server = await startServer({ databaseUrl: db.url, env: { PUBLIC_URL } });
  const callers = await openCallers(db);
  const admin = await callers.makeCaller();
  await callers.give(admin, ["iam:manage_users"]);
  const { accessToken } = await callers.openTokens(admin);
  const made = await ask(`${server.url}/v1/admin/clients`, {
    method: "POST",
    token: accessToken,
    body: { name: "printer", scopes: [SCOPE] },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  machine = made.body["data"] as typeof machine;
});
after(async () => {
  await server?.stop();
  await db?.drop();
});

/** The server as its public address would reach it. */
const atServer = (url: string) => url.replace(PUBLIC_URL, server.url);

async function discover(how: "basic" | "post") {
  const { client_id: id, client_secret: secret } = machine;
  const authentication =
    how === "basic" ? oidc.ClientSecretBasic(secret) : oidc.ClientSecretPost(secret);
  return oidc.discovery(new URL(PUBLIC_URL), id, secret, authentication, {
    execute: [oidc.allowInsecureRequests],
    [oidc.customFetch]: (url, options) => fetch(atServer(url), options as RequestInit),
  });
}

test("openid-client finds the endpoints and gets, introspects and revokes a token", async () => {
  for (const how of ["basic", "post"] as const) {
    const client = await discover(how);
    const answer = await oidc.clientCredentialsGrant(client, { scope: SCOPE });
    assert.deepEqual([answer.token_type, answer.scope], ["bearer", SCOPE]);
    const token = answer.access_token;
    const whoami = () => ask(`${server.url}/auth/whoami`, { token });
    assert.equal((await whoami()).status, 200);
    const known = await oidc.tokenIntrospection(client, token);
    assert.deepEqual([known.active, known.client_id], [true, machine.client_id]);
    await oidc.tokenRevocation(client, token);
    assert.equal((await whoami()).status, 401);
    assert.deepEqual(await oidc.tokenIntrospection(client, token), { active: false });
  }
});

test("openid-client understands a refusal", async () => {
  const client = await discover("post");
  await assert.rejects(
    oidc.clientCredentialsGrant(client, { scope: "iam:manage_users" }),
    (error: { error?: string; status?: number }) =>
      error.error === "invalid_scope" && error.status === 400,
  );
});

test("other services verify a machine's token by the published keys alone", async () => {
  const client = await discover("basic");
  const { access_token: token } = await oidc.clientCredentialsGrant(client, {});
  const jwksUri = `${server.url}/.well-known/jwks.json`;
  const expected = { issuer: PUBLIC_URL, audience: PUBLIC_URL };
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwksUri)), expected);
  assert.equal(payload["client_id"], machine.client_id);
  const { keys } = (await (await fetch(jwksUri)).json()) as { keys: unknown[] };
  const verifier = JwtVerifier.create({ ...expected, jwksUri });
  verifier.cacheJwks({ keys } as never);
  assert.equal((await verifier.verify(token)).sub, machine.client_id);
});
