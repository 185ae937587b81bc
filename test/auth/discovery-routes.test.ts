import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { JwtVerifier } from "aws-jwt-verify";
import { createRemoteJWKSet, jwtVerify } from "jose";
import type { Reply } from "../../src/http/reply.ts";
import type { AnyRequest } from "../../src/http/request.ts";
import { createDiscoveryRoutes } from "../../src/auth/discovery-routes.ts";
import { createKeyRing } from "../../src/auth/keys/key-ring.ts";
import { issueAccessToken } from "../../src/auth/token/issue.ts";
import { goodClaims, makeKey, makeSnapshot, OWN } from "./token/token-factory.ts";

const [rsa, old] = [makeKey("RS256", "rsa-1"), makeKey("RS256", "rsa-0")];
const ring = createKeyRing(makeSnapshot([rsa, old]));
const config = { publicUrl: OWN, jwksMaxAgeSeconds: 300 };
const routes = createDiscoveryRoutes({ config, keyRing: ring });

async function get(
  path: string,
  headers: Record<string, string> = {},
  from = routes,
): Promise<Reply> {
  const route = from.find((one) => one.path === path)!;
  const request = { header: (name: string) => headers[name] } as AnyRequest;
  return route.handler(request);
}
const keySet = (headers?: Record<string, string>) => get("/.well-known/jwks.json", headers);
const bodyOf = (reply: Reply) => JSON.parse(reply.raw as string) as Record<string, unknown>;

// The documents over plain node:http: what stands here is that clients accept them as they are.
const server = createServer((request, response) => {
  void get(request.url ?? "").then(({ status, headers, raw }) =>
    response.writeHead(status, headers).end(raw),
  );
});
let jwksUri: string;
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  jwksUri = `http://127.0.0.1:${port}/.well-known/jwks.json`;
});
after(() => server.close());

const present = Math.floor(Date.now() / 1000);
const claims = { ...goodClaims(), iat: present, exp: present + 600, auth_time: present };
const token = await issueAccessToken(
  ring.signingKey(),
  claims as unknown as Parameters<typeof issueAccessToken>[1],
);

test("the key set has the public keys and says how long it may be kept", async () => {
  const reply = await keySet();
  assert.equal(reply.status, 200);
  assert.equal(reply.headers?.["content-type"], "application/jwk-set+json");
  assert.equal(reply.headers?.["cache-control"], "public, max-age=300");
  assert.deepEqual(bodyOf(reply), {
    keys: [rsa, old].map(({ jwk }) => ({
      kty: "RSA",
      kid: jwk.kid,
      alg: "RS256",
      use: "sig",
      n: jwk.n,
      e: jwk.e,
    })),
  });
});

test("who has the present set is answered without one", async () => {
  const etag = (await keySet()).headers!["etag"]!;
  assert.match(etag, /^"[\w-]{22}"$/);
  for (const condition of [etag, `W/${etag}`, `"x", ${etag}`, "*", ` ${etag} `]) {
    const reply = await keySet({ "if-none-match": condition });
    assert.deepEqual([reply.status, reply.raw], [304, undefined], condition);
    assert.equal(reply.headers?.["etag"], etag);
    assert.equal(reply.headers?.["cache-control"], "public, max-age=300");
  }
  for (const condition of ['"x"', etag.slice(1), ""]) {
    assert.equal((await keySet({ "if-none-match": condition })).status, 200);
  }
});

test("new keys give another set under another tag", async () => {
  const moving = createKeyRing(makeSnapshot([rsa]));
  const its = createDiscoveryRoutes({ config, keyRing: moving });
  const first = await get("/.well-known/jwks.json", {}, its);
  moving.replace(makeSnapshot([old]));
  const second = await get("/.well-known/jwks.json", {}, its);
  assert.notEqual(first.headers?.["etag"], second.headers?.["etag"]);
  assert.match(second.raw as string, /"rsa-0"/);
});

test("the metadata name the issuer, the keys and the algorithm, and promise nothing else", async () => {
  const reply = await get("/.well-known/openid-configuration");
  assert.equal(reply.headers?.["content-type"], "application/json");
  assert.deepEqual(bodyOf(reply), {
    issuer: OWN,
    jwks_uri: `${OWN}/.well-known/jwks.json`,
    token_endpoint: `${OWN}/oauth/token`,
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    introspection_endpoint: `${OWN}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    revocation_endpoint: `${OWN}/oauth/revoke`,
    revocation_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    response_types_supported: [],
    grant_types_supported: ["client_credentials", "refresh_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
  });
});

test("a public address with a path or a slash gives one good address of the keys", async () => {
  const its = createDiscoveryRoutes({
    config: { ...config, publicUrl: `${OWN}/api/` },
    keyRing: ring,
  });
  const reply = await get("/.well-known/openid-configuration", {}, its);
  assert.equal(bodyOf(reply)["jwks_uri"], `${OWN}/api/.well-known/jwks.json`);
  assert.equal(bodyOf(reply)["issuer"], `${OWN}/api/`);
});

test("jose verifies our tokens by the published keys", async () => {
  const keys = createRemoteJWKSet(new URL(jwksUri));
  const options = { issuer: OWN, audience: OWN, typ: "at+jwt", algorithms: ["RS256"] };
  const { payload } = await jwtVerify(token, keys, options);
  assert.equal(payload.jti, claims["jti" as keyof typeof claims]);
  await assert.rejects(jwtVerify(`${token.slice(0, -8)}AAAAAAAA`, keys, options));
});

test("aws-jwt-verify verifies our tokens by the published keys", async () => {
  const verifier = JwtVerifier.create({ issuer: OWN, audience: OWN, jwksUri });
  // It asks for keys over https only; here it gets what our route answers.
  const response = await fetch(jwksUri);
  verifier.cacheJwks((await response.json()) as Parameters<typeof verifier.cacheJwks>[0]);
  assert.equal((await verifier.verify(token)).sub, goodClaims()["sub"]);
  await assert.rejects(verifier.verify(`${token.slice(0, -8)}AAAAAAAA`));
});

test("anybody may read both, without a token", () => {
  for (const route of routes) assert.deepEqual(route.access, { kind: "public" });
});
