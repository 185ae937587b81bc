import { createPrivateKey } from "node:crypto";
import { createLocalIssuer } from "../../src/auth/issuers/local.ts";
import { generateSigningKeyPair } from "../../src/auth/keys/key-pair.ts";
import { toVerificationKey } from "../../src/auth/keys/material.ts";
import { issueAccessToken } from "../../src/auth/token/issue.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { newId } from "../../src/platform/ids.ts";

export const BENCH_ISSUER = "http://bench.example";

/** An issuer with one RS256 key, and tokens of it that nobody has seen. */
export async function createTokenMaker() {
  const pair = await generateSigningKeyPair("RS256");
  const keyObject = createPrivateKey({
    key: Buffer.from(pair.privateKey),
    format: "der",
    type: "pkcs8",
  });
  const key = toVerificationKey(pair.publicJwk);
  const issuer = createLocalIssuer(
    { publicUrl: BENCH_ISSUER, jwtAudience: BENCH_ISSUER, staleSeconds: 4.5 },
    { verificationKey: (kid) => (kid === pair.kid ? key : undefined) },
  );
  async function make(): Promise<string> {
    const now = systemClock.nowSeconds();
    const claims = {
      iss: BENCH_ISSUER,
      sub: newId(),
      aud: BENCH_ISSUER,
      iat: now,
      exp: now + 1800,
      jti: newId(),
      sid: newId(),
      tid: newId(),
      client_id: "brigade",
      amr: ["pwd"],
      auth_time: now,
    };
    return await issueAccessToken({ kid: pair.kid, alg: "RS256", keyObject }, claims);
  }
  return { issuer, key, make };
}
