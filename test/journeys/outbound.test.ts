/** Tokens got and verified by `brigade/providers` at real issuers: a server of ours, and another's. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";
import {
  AuthenticationError,
  BrigadeAuthorizer,
  ClientCredentialsAuthenticator,
  OidcAuthorizer,
  TokenValidationError,
  type AuthZTokenClaims,
} from "../../src/providers.ts";
import { DEFAULT_TENANT, openCallers } from "../support/callers.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { ask, register } from "../support/journey.ts";
import { freePort, startServer, type TestServer } from "../support/server.ts";

const SCOPE = "iam:access_basic_features";
const SECRET = "a secret of the orders service";
const RESOURCE = "urn:orders";

let db: TestDatabase;
let server: TestServer;
let machine: { client_id: string; client_secret: string };
let foreign: { issuer: string; server: Server };

before(async () => {
  [db, foreign] = await Promise.all([withDatabase(), startOidcProvider()]);
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  const env = { PORT: String(port), PUBLIC_URL: publicUrl };
  server = await startServer({ databaseUrl: db.url, env });
  const email = "ana@example.com";
  const ana = await register(server.url, email, "four bowls of rice");
  const { access_token: token, user } = ana as typeof ana & { user: { id: string } };
  const callers = await openCallers(db);
  const caller = { id: user.id, tenantId: DEFAULT_TENANT, email };
  await callers.give(caller, ["iam:manage_users", SCOPE]);
  const body = { name: "printer", scopes: [SCOPE] };
  const made = await ask(`${server.url}/v1/admin/clients`, { method: "POST", token, body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  machine = made.body["data"] as typeof machine;
});
after(async () => {
  await server?.stop();
  await db?.drop();
  foreign?.server.closeAllConnections();
  await new Promise((resolve) => foreign?.server.close(resolve) ?? resolve(undefined));
});

async function startOidcProvider() {
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const client = (id: string, how: "client_secret_basic" | "client_secret_post") => ({
    client_id: id,
    client_secret: SECRET,
    token_endpoint_auth_method: how,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  });
  const provider = new Provider(issuer, {
    clients: [client("basic", "client_secret_basic"), client("post", "client_secret_post")],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: "one", alg: "RS256", use: "sig" }] },
    scopes: ["orders:read", "orders:write"],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: "orders:read orders:write",
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  http.on("request", provider.callback());
  return { issuer, server: http };
}

test("a service gets its tokens from a Brigade server, found by discovery, and is let in with them", async () => {
  for (const clientAuthentication of ["client_secret_basic", "client_secret_post"] as const) {
    const provider = new ClientCredentialsAuthenticator({
      clientId: machine.client_id,
      clientSecret: machine.client_secret,
      issuer: server.url,
      scope: SCOPE,
      clientAuthentication,
    });
    const tokens = await Promise.all(Array.from({ length: 50 }, () => provider.getToken()));
    assert.equal(new Set(tokens.map(({ accessToken }) => accessToken)).size, 1);
    const [token] = tokens;
    assert.equal(token!.scope, SCOPE);
    const { Authorization: authorization } = token!.toHeaders().toObject();
    const { status, body } = await ask(`${server.url}/auth/whoami`, { headers: { authorization } });
    assert.deepEqual([status, body["token_info"].kind], [200, "machine"]);
  }
});

test("a Brigade server refuses a wrong secret and a scope that is not the client's", async () => {
  const credentials = { clientId: machine.client_id, clientSecret: machine.client_secret };
  const tokenEndpoint = `${server.url}/oauth/token`;
  for (const [options, reason] of [
    [{ clientSecret: "wrong" }, "invalid_client"],
    [{ scope: "iam:manage_users" }, "invalid_scope"],
    [{ resource: "https://elsewhere.example" }, "invalid_target"],
  ] as const) {
    const provider = new ClientCredentialsAuthenticator({
      ...credentials,
      tokenEndpoint,
      ...options,
    });
    await assert.rejects(provider.getToken(), (error) => {
      assert.ok(error instanceof AuthenticationError);
      assert.deepEqual([error.code, error.reason], ["issuer_refused", reason]);
      return true;
    });
  }
});

test("another service verifies tokens of a Brigade server by its published keys", async () => {
  const authorizer = new BrigadeAuthorizer({ publicUrl: server.url });
  const provider = new ClientCredentialsAuthenticator({
    clientId: machine.client_id,
    clientSecret: machine.client_secret,
    issuer: server.url,
  });
  const { accessToken } = await provider.getToken();
  const claims = await authorizer.verify(accessToken);
  assert.deepEqual(
    [claims.sub, claims.iss, claims.aud],
    [machine.client_id, server.url, server.url],
  );
  await assert.rejects(authorizer.verify(`${accessToken}A`), TokenValidationError);
  const elsewhere = new BrigadeAuthorizer({ publicUrl: server.url, audience: "urn:orders" });
  await assert.rejects(
    elsewhere.verify(accessToken),
    (error) => error instanceof TokenValidationError && error.reason === "aud",
  );
  authorizer.close();
  elsewhere.close();
});

test("tokens of another OpenID provider are got and verified", async () => {
  const authorizer = new OidcAuthorizer({ issuer: foreign.issuer, audiences: RESOURCE });
  for (const [clientId, clientAuthentication] of [
    ["basic", "client_secret_basic"],
    ["post", "client_secret_post"],
  ] as const) {
    const provider = new ClientCredentialsAuthenticator({
      clientId,
      clientSecret: SECRET,
      issuer: foreign.issuer,
      scope: "orders:read orders:write",
      resource: RESOURCE,
      clientAuthentication,
    });
    const verify = async (scope?: string): Promise<AuthZTokenClaims> => {
      const wish = scope === undefined ? {} : { scope };
      return authorizer.verify((await provider.getToken(wish)).accessToken);
    };
    const claims = await verify();
    assert.deepEqual(
      [claims.sub, claims.aud, claims.payload["scope"], claims.exp - claims.iat],
      [clientId, RESOURCE, "orders:read orders:write", 600],
    );
    assert.equal((await verify("orders:read")).payload["scope"], "orders:read");
  }
  const wrong = new ClientCredentialsAuthenticator({
    clientId: "basic",
    clientSecret: "wrong",
    issuer: foreign.issuer,
  });
  await assert.rejects(
    wrong.getToken(),
    (error) => error instanceof AuthenticationError && error.reason === "invalid_client",
  );
  authorizer.close();
});
