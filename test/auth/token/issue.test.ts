import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { decodeProtectedHeader, importJWK, jwtVerify } from "jose";
import { newId } from "../../../src/platform/ids.ts";
import { createLocalIssuer } from "../../../src/auth/issuers/local.ts";
import { createKeyRing } from "../../../src/auth/keys/key-ring.ts";
import type { Claims } from "../../../src/auth/token/claims.ts";
import { tokenDigest, tokenLabel } from "../../../src/auth/token/digest.ts";
import {
  issueAccessToken,
  issueToken,
  type AccessTokenClaims,
} from "../../../src/auth/token/issue.ts";
import { createJudge, makeKey, makeSnapshot, NOW, OWN } from "./token-factory.ts";

const ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"] as const;
const settings = { publicUrl: OWN, jwtAudience: OWN, staleSeconds: 4.5 };

function fullClaims(): AccessTokenClaims {
  return {
    iss: OWN,
    sub: newId(),
    aud: OWN,
    iat: NOW,
    exp: NOW + 1_800,
    jti: newId(),
    sid: newId(),
    tid: newId(),
    did: randomBytes(16).toString("base64url"),
    client_id: "brigade",
    amr: ["pwd", "otp"],
    auth_time: NOW,
    scope: "openid profile email",
  };
}

for (const alg of ALGORITHMS) {
  test(`an ${alg} access token is accepted by us and by jose, and is under 1 KiB`, async () => {
    const key = makeKey(alg);
    const ring = createKeyRing(makeSnapshot([key]));
    const claims = fullClaims();
    const token = await issueAccessToken(ring.signingKey(), claims);
    assert.ok(token.length < 1_024, String(token.length));
    const accepted = createJudge(createLocalIssuer(settings, ring))(token) as Claims;
    assert.equal(accepted.tokenId, claims.jti);
    const verified = await jwtVerify(token, await importJWK(key.jwk, alg), {
      typ: "at+jwt",
      issuer: OWN,
      audience: OWN,
      algorithms: [alg],
      currentDate: new Date(NOW * 1_000),
    });
    assert.deepEqual(verified.payload, claims);
    assert.deepEqual(decodeProtectedHeader(token), { alg, typ: "at+jwt", kid: key.kid });
  });
}

test("with a shared secret, tokens are HS256 and no key is public", async () => {
  const shared = { kid: "hs-1", secret: randomBytes(32) };
  const ring = createKeyRing({
    ...makeSnapshot([makeKey("EdDSA")]),
    alg: "HS256",
    signatures: [],
    shared,
  });
  const token = await issueAccessToken(ring.signingKey(), fullClaims());
  const judge = createJudge(createLocalIssuer(settings, ring));
  assert.equal(typeof judge(token), "object");
  assert.equal(judge(`${token.slice(0, -8)}AAAAAAAA`), "signature");
  assert.equal(judge(token.slice(0, -3)), "signature");
  await jwtVerify(token, shared.secret, { currentDate: new Date(NOW * 1_000) });
  assert.deepEqual(ring.jwks(), { keys: [] });
});

test("another type of token is not an access token", async () => {
  const ring = createKeyRing(makeSnapshot([makeKey("EdDSA")]));
  const token = await issueToken(ring.signingKey(), "mfa+jwt", fullClaims());
  assert.equal(createJudge(createLocalIssuer(settings, ring))(token), "typ");
});

test("a key that cannot sign fails the issue, not the process", async () => {
  const key = makeKey("RS256");
  const broken = { kid: key.kid, alg: "RS256" as const, keyObject: key.publicKey };
  await assert.rejects(async () => issueAccessToken(broken, fullClaims()));
});

test("a digest differs for every token and every set of rules", () => {
  const digests = [
    tokenDigest("a.b.c", "local"),
    tokenDigest("a.b.d", "local"),
    tokenDigest("a.b.c", "other"),
    tokenDigest("ocal\0a.b.c", "l"),
  ].map((digest) => digest.toString("hex"));
  assert.equal(new Set(digests).size, 4);
  assert.equal(digests[0]!.length, 64);
  assert.equal(tokenDigest("a.b.c", "local").toString("hex"), digests[0]);
});

test("a label shows eight digits and nothing of the token", () => {
  assert.match(tokenLabel("a.b.c"), /^[0-9a-f]{8}$/);
  assert.notEqual(tokenLabel("a.b.c"), tokenLabel("a.b.d"));
});
