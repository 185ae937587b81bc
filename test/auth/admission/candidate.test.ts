import assert from "node:assert/strict";
import { test } from "node:test";
import { readCandidate } from "../../../src/auth/admission/candidate.ts";
import { createForeignIssuer } from "../../../src/auth/issuers/foreign.ts";
import type { ForeignKeys } from "../../../src/auth/issuers/foreign-keys.ts";
import { createIssuerRegistry } from "../../../src/auth/issuers/registry.ts";
import { toPublicJwk, toVerificationKey } from "../../../src/auth/keys/material.ts";
import { oidcIssuer } from "../../../src/platform/issuer-settings.ts";
import { makeKey, NOW, signToken } from "../token/token-factory.ts";

test("a token that expired while its key was waited for is judged by the later time", () => {
  const key = makeKey("ES256", "new");
  let isHere = false;
  const keys: ForeignKeys = {
    find: (_issuer, kid) =>
      isHere && kid === key.kid ? toVerificationKey(toPublicJwk(key.jwk, "ES256")) : undefined,
    isUsable: () => true,
    want: () => Promise.resolve(),
  };
  const iss = "https://idp.example";
  const settings = oidcIssuer({ issuer: iss, audiences: ["api"], algorithms: ["ES256"] });
  const issuers = createIssuerRegistry([createForeignIssuer(settings, keys)]);
  const claims = { iss, sub: "a", aud: "api", iat: NOW - 10, exp: NOW + 2 };
  const token = signToken(key, { alg: key.alg, kid: key.kid }, claims);
  const candidate = readCandidate(token, issuers, NOW);
  assert.ok("complete" in candidate);
  assert.equal(candidate.complete(NOW), undefined, "the key is still away");
  isHere = true;
  assert.equal(candidate.complete(NOW + 1)?.claims?.subject, "a");
  const late = candidate.complete(NOW + 2);
  assert.ok(late !== undefined && late.claims === undefined, "expired, if the signature is good");
});
