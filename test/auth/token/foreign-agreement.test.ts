import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { CognitoJwtVerifier, JwtVerifier } from "aws-jwt-verify";
import { decodeJwt, importJWK, jwtVerify, type JWTVerifyOptions } from "jose";
import { readCandidate } from "../../../src/auth/admission/candidate.ts";
import { verifySignature } from "../../../src/auth/token/verify.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { createForgery, FAMILIES, type Family } from "./foreign-forgery.ts";
import { APP, AUDIENCE, IDP, jwksOf, makeRegistry, POOL, POOL_ID } from "./three-issuers.ts";
import { createRandom, NOW, OWN } from "./token-factory.ts";

const seed = testSeed();
const registry = makeRegistry();
const TOLERANCE_SECONDS = 5;

// Both others look at the clock of the machine.
mock.timers.enable({ apis: ["Date"], now: NOW * 1_000 });

/** The way of a request up to the look-ups: the reason of a refusal, or undefined. */
function refusalOfOurs(token: string): string | undefined {
  const candidate = readCandidate(token, registry, NOW);
  if ("rejected" in candidate) return candidate.note ?? candidate.code;
  if (!("task" in candidate)) return "key";
  const { key, signingInput, signature } = candidate.task;
  if (!verifySignature(key, signingInput, signature)) return "signature";
  return candidate.claims === undefined ? "expired" : undefined;
}

const imported = new Map(
  await Promise.all(
    Object.entries(jwksOf).flatMap(([issuer, keys]) =>
      keys.map(
        async ({ kid, jwk, alg }) => [`${issuer} ${kid}`, await importJWK(jwk, alg)] as const,
      ),
    ),
  ),
);

const joseOptions: Readonly<Record<string, JWTVerifyOptions>> = {
  [OWN]: {
    typ: "at+jwt",
    audience: OWN,
    algorithms: ["RS256"],
    requiredClaims: ["sub", "iat", "jti", "sid", "tid", "client_id"],
  },
  [POOL]: { algorithms: ["RS256"], requiredClaims: ["sub", "iat", "exp", "token_use"] },
  [IDP]: {
    audience: [AUDIENCE, "https://api2.example"],
    algorithms: ["ES256", "EdDSA"],
    requiredClaims: ["sub", "iat", "exp"],
  },
};

/** jose with everything it can be told, and with what Cognito's documentation leaves to its caller. */
async function joseAccepts(token: string): Promise<boolean> {
  try {
    const { iss = "" } = decodeJwt(token);
    const options = joseOptions[iss];
    if (options === undefined) return false;
    const { payload } = await jwtVerify(token, ({ kid }) => imported.get(`${iss} ${kid}`)!, {
      ...options,
      issuer: iss,
      clockTolerance: TOLERANCE_SECONDS,
      currentDate: new Date(NOW * 1_000),
    });
    if (iss !== POOL) return true;
    const { token_use: use, client_id: client, aud } = payload;
    if (use === "access") return client === APP || client === "second";
    return use === "id" && [aud].flat().some((one) => one === APP || one === "second");
  } catch {
    return false;
  }
}

const jwks = (issuer: string) =>
  ({ keys: jwksOf[issuer]!.map(({ jwk }) => ({ ...jwk })) }) as never;
const pool = CognitoJwtVerifier.create({
  userPoolId: POOL_ID,
  clientId: [APP, "second"],
  tokenUse: null,
  graceSeconds: TOLERANCE_SECONDS,
});
pool.cacheJwks(jwks(POOL));
const others = JwtVerifier.create([
  { issuer: OWN, audience: OWN, graceSeconds: TOLERANCE_SECONDS },
  {
    issuer: IDP,
    audience: [AUDIENCE, "https://api2.example"],
    graceSeconds: TOLERANCE_SECONDS,
  },
]);
others.cacheJwks(jwks(OWN), OWN);
others.cacheJwks(jwks(IDP), IDP);

function awsAccepts(token: string): boolean {
  return [pool, others].some((verifier) => {
    try {
      verifier.verifySync(token as never);
      return true;
    } catch {
      return false;
    }
  });
}

/** Why another verifier may refuse what ours accepts: nothing else may be. */
const REASONS: Readonly<Partial<Record<Family, Partial<Record<"jose" | "aws", string>>>>> = {};

test(`nothing that we accept is refused by jose or by aws-jwt-verify (seed ${seed})`, async (t) => {
  const forge = createForgery(createRandom(seed));
  const rounds = testSize(2_000, 100_000);
  const counts = { accepted: 0, refused: 0 };
  const stricter = new Map<string, number>();
  const seen = new Set<Family>();
  for (let round = 0; round < rounds; round++) {
    const { family, kind, token, isGood } = forge(round);
    const note = `${family}, ${kind}, seed ${seed}, round ${round}: ${token}`;
    const reason = refusalOfOurs(token);
    const verdicts = { jose: await joseAccepts(token), aws: awsAccepts(token) };
    seen.add(family);
    if (isGood) assert.equal(reason, undefined, `a good token is refused: ${note}`);
    if (reason === undefined) {
      counts.accepted++;
      for (const name of ["jose", "aws"] as const) {
        const isKnown = REASONS[family]?.[name] !== undefined;
        assert.ok(verdicts[name] || isKnown, `accepted, but not by ${name}: ${note}`);
      }
      continue;
    }
    counts.refused++;
    for (const name of ["jose", "aws"] as const) {
      if (!verdicts[name]) continue;
      const key = `${family}: ${reason} (${name})`;
      stricter.set(key, (stricter.get(key) ?? 0) + 1);
    }
  }
  t.diagnostic(`seed ${seed}: ${rounds} tokens, ${JSON.stringify(counts)}`);
  t.diagnostic("refused by us and accepted by another:");
  for (const key of [...stricter.keys()].sort()) t.diagnostic(`  ${key}: ${stricter.get(key)}`);
  assert.deepEqual([...seen].sort(), [...FAMILIES].sort());
  assert.ok(counts.accepted > rounds / 20 && counts.refused > rounds / 4, JSON.stringify(counts));
});
