import assert from "node:assert/strict";
import { test } from "node:test";
import { importJWK, jwtVerify } from "jose";
import { testSeed, testSize } from "../../support/size.ts";
import {
  createJudge,
  createRandom,
  encode,
  goodClaims,
  goodHeader,
  makeIssuer,
  makeKey,
  NOW,
  OWN,
  signToken,
  type TestKey,
} from "./token-factory.ts";

const seed = testSeed();
const random = createRandom(seed);
const keys = (["RS256", "PS256", "ES256", "EdDSA"] as const).map((alg) => makeKey(alg));
const judge = createJudge(makeIssuer(keys));
const pick = <T>(from: readonly T[]): T => from[random(from.length)]!;

/**
 * Reasons for which we refuse what jose accepts: it decodes base64 leniently, takes the last of two
 * equal names, needs no `kid`, and leaves the lifetime and the other claims to its caller.
 */
const STRICTER = new Set([
  "base64url",
  "name_repeated",
  "name_forbidden",
  "text",
  "nesting",
  "header_refused",
  "iat",
  "lifetime",
  "jti",
  "scope",
  "cnf",
  "sid",
  "exp",
]);

const imported = new Map(
  await Promise.all(
    keys.map(async ({ kid, alg, jwk }) => [kid, await importJWK(jwk, alg)] as const),
  ),
);

/** jose with everything it can be told about our tokens. */
async function joseAccepts(token: string): Promise<boolean> {
  try {
    await jwtVerify(token, ({ kid }) => imported.get(kid ?? "")!, {
      typ: "at+jwt",
      issuer: OWN,
      audience: OWN,
      requiredClaims: ["sub", "iat", "jti", "sid", "tid", "client_id"],
      algorithms: ["RS256", "PS256", "ES256", "EdDSA"],
      clockTolerance: 0,
      currentDate: new Date(NOW * 1_000),
    });
    return true;
  } catch {
    return false;
  }
}

const CLAIM_CHANGES: readonly Record<string, unknown>[] = [
  {},
  { exp: NOW - 1 },
  { exp: NOW },
  { exp: NOW + 100.5 },
  { exp: undefined },
  { exp: "1" },
  { iat: NOW + 3, exp: NOW + 30 },
  { iat: NOW + 30, exp: NOW + 60 },
  { nbf: NOW - 5 },
  { nbf: NOW + 60 },
  { aud: [OWN, "x"] },
  { aud: ["x"] },
  { aud: OWN.toUpperCase() },
  { iss: `${OWN}/` },
  { sub: undefined },
  { jti: 7 },
  { scope: ["a"] },
  { cnf: { jkt: "x" } },
  { exp: NOW + 9_000 },
  { extra: { deep: [1, { a: null }] } },
  { name: "Zoë €\u{1f600}" },
];
const HEADER_CHANGES: readonly Record<string, unknown>[] = [
  { typ: "JWT" },
  { typ: undefined },
  { alg: "RS384" },
  { alg: "none" },
  { kid: "unknown" },
  { kid: undefined },
  { crit: ["b64"], b64: true },
  { jku: "https://attacker.example" },
  { extra: true },
];

/** A pool of good tokens: signing a new one for each round would be most of the test. */
const pool = Array.from({ length: 24 }, (_, index) => {
  const key = keys[index % keys.length]!;
  return signToken(key, goodHeader(key), { ...goodClaims(), jti: `token-${index}` });
});
/** Keys whose signatures are cheap are taken more often. */
const weighted: readonly TestKey[] = [
  ...keys,
  ...Array<TestKey>(8).fill(keys[3]!),
  keys[2]!,
  keys[2]!,
];

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n%é".split(
  "",
);
const at = (text: string) => random(text.length);
const replaced = (text: string, index: number, by: string) =>
  text.slice(0, index) + by + text.slice(index + 1);

const makers: readonly (() => string)[] = [
  () => pick(pool),
  () => {
    const key = pick(weighted);
    return signToken(key, goodHeader(key), { ...goodClaims(), ...pick(CLAIM_CHANGES) });
  },
  () => {
    const key = pick(weighted);
    return signToken(key, { ...goodHeader(key), ...pick(HEADER_CHANGES) }, goodClaims());
  },
  // One character replaced, put in, taken away, or in the other case.
  () => {
    const token = pick(pool);
    return replaced(token, at(token), pick(ALPHABET));
  },
  () => {
    const token = pick(pool);
    const index = at(token);
    return token.slice(0, index) + pick(ALPHABET) + token.slice(index);
  },
  () => {
    const token = pick(pool);
    return replaced(token, at(token), "");
  },
  () => {
    const token = pick(pool);
    const index = at(token);
    const char = token[index]!;
    return replaced(
      token,
      index,
      char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase(),
    );
  },
  // Parts of two tokens, in any order, and two tokens cut and joined.
  () => [0, 1, 2].map(() => pick(pick(pool).split("."))).join("."),
  () => [0, 1, 2].map((part) => pick(pool).split(".")[part]).join("."),
  () => {
    const [one, two] = [pick(pool), pick(pool)];
    const cut = at(one);
    return one.slice(0, cut) + two.slice(cut);
  },
  // One bit of one decoded part.
  () => {
    const parts = pick(pool).split(".");
    const index = random(3);
    const bytes = Buffer.from(parts[index]!, "base64url");
    bytes[random(bytes.length)]! ^= 1 << random(8);
    parts[index] = encode(bytes);
    return parts.join(".");
  },
];

test(`we accept no token that jose refuses, and refuse none without a reason (seed ${seed})`, async () => {
  const counts = { accepted: 0, refused: 0, stricter: 0 };
  const rounds = testSize(4_000, 100_000);
  for (let round = 0; round < rounds; round++) {
    const token = makers[round % makers.length]!();
    const verdict = judge(token);
    const jose = await joseAccepts(token);
    if (typeof verdict === "object") {
      assert.ok(jose, `accepted, but not by jose (seed ${seed}, round ${round}): ${token}`);
      counts.accepted++;
    } else if (jose) {
      assert.ok(STRICTER.has(verdict), `${verdict} (seed ${seed}, round ${round}): ${token}`);
      counts.stricter++;
    } else counts.refused++;
  }
  // Every kind of outcome must have been there for the comparison to say something.
  const least = rounds / 100;
  assert.ok(
    counts.accepted > least && counts.refused > least && counts.stricter > 0,
    JSON.stringify(counts),
  );
});

test(`a changed token is never accepted (seed ${seed})`, () => {
  const originals = new Set(pool);
  const rounds = testSize(20_000, 1_000_000);
  for (let round = 0; round < rounds; round++) {
    const token = makers[3 + (round % (makers.length - 3))]!();
    const verdict = judge(token);
    assert.equal(typeof verdict === "object", originals.has(token), `round ${round}: ${token}`);
  }
});
