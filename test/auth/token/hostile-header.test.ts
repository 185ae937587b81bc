import assert from "node:assert/strict";
import { test } from "node:test";
import type { Claims } from "../../../src/auth/token/claims.ts";
import {
  createJudge,
  encode,
  goodClaims,
  goodHeader,
  hmacToken,
  makeIssuer,
  makeKey,
  signToken,
} from "./token-factory.ts";

const rsa = makeKey("RS256", "rsa-1");
const ec = makeKey("ES256", "ec-1");
const ed = makeKey("EdDSA", "ed-1");
const attacker = makeKey("RS256", "rsa-1");
const judge = createJudge(makeIssuer([rsa, ec, ed]));

const header = (changes: Record<string, unknown>) => ({ ...goodHeader(rsa), ...changes });
const without = (name: string) => {
  const copy = goodHeader(rsa);
  delete copy[name];
  return copy;
};
const signed = (changes: Record<string, unknown>) => signToken(rsa, header(changes), goodClaims());
const good = signToken(rsa, goodHeader(rsa), goodClaims());
const [, goodPayload, goodSignature] = good.split(".") as [string, string, string];

/** Number of the case in the security rules, what it is, the token, why it is refused. */
type Case = readonly [number, string, string, string];

function each(row: number, name: string, tokens: readonly string[], fault: string): Case[] {
  return tokens.map((token, index): Case => [row, `${name} (${index + 1})`, token, fault]);
}

const NONES = ["none", "None", "NONE", "nOnE", "nonE"];
const SECRETS = [
  "secret",
  "your-256-bit-secret",
  "password",
  "123456",
  "changeme",
  "key",
  "jwt",
  "admin",
  "test",
  "qwerty",
];
const pem = rsa.publicKey.export({ format: "pem", type: "spki" }) as string;
const hs = (secret: string | Uint8Array, changes: Record<string, unknown> = {}, bits = 256) =>
  hmacToken(secret, header({ alg: `HS${bits}`, ...changes }), goodClaims(), bits);

const algorithmCases: Case[] = [
  ...each(
    1,
    "alg none",
    NONES.map((alg) => `${encode(header({ alg }))}.${goodPayload}.`),
    "shape",
  ),
  ...each(
    2,
    "alg none, signature left on",
    NONES.map((alg) => `${encode(header({ alg }))}.${goodPayload}.${goodSignature}`),
    "key",
  ),
  [3, "alg none, two parts", `${encode(header({ alg: "none" }))}.${goodPayload}`, "shape"],
  [4, "alg none for our own issuer", signed({ alg: "none" }), "key"],
  [5, "alg missing", signToken(rsa, without("alg"), goodClaims()), "alg"],
  ...each(
    6,
    "alg of a wrong type",
    ["", null, 1, [], {}, true].map((alg) => signed({ alg })),
    "alg",
  ),
  [7, "alg in lower case", signed({ alg: "rs256" }), "key"],
  [8, "alg with a trailing space", signed({ alg: "RS256 " }), "key"],
  ...each(
    9,
    "HMAC keyed with the PEM",
    [256, 384, 512].map((bits) => hs(pem, {}, bits)),
    "key",
  ),
  [10, "HMAC keyed with the PEM without its newline", hs(pem.trimEnd()), "key"],
  [
    11,
    "HMAC keyed with the PKCS #1 PEM",
    hs(rsa.publicKey.export({ format: "pem", type: "pkcs1" })),
    "key",
  ],
  [12, "HMAC keyed with the DER", hs(rsa.publicKey.export({ format: "der", type: "spki" })), "key"],
  [13, "HMAC keyed with the bytes of n", hs(Buffer.from(rsa.jwk.n!, "base64url")), "key"],
  [14, "HMAC keyed with the text of n", hs(rsa.jwk.n!), "key"],
  ...each(
    15,
    "HMAC keyed with JWK and JWK Set",
    [JSON.stringify(rsa.jwk), JSON.stringify({ keys: [rsa.jwk] })].map((key) => hs(key)),
    "key",
  ),
  [16, "HMAC keyed with nothing", hs(""), "key"],
  [17, "HMAC keyed with the kid", hs(rsa.kid), "key"],
  [
    18,
    "HMAC keyed with an x coordinate",
    hs(Buffer.from(ec.jwk.x!, "base64url"), { kid: ec.kid }),
    "key",
  ],
  [
    19,
    "HMAC keyed with an Ed25519 public key",
    hs(Buffer.from(ed.jwk.x!, "base64url"), { kid: ed.kid }),
    "key",
  ],
  ...each(
    20,
    "HMAC keyed with a well-known secret",
    SECRETS.map((secret) => hs(secret)),
    "key",
  ),
  ...each(
    21,
    "an algorithm that is not the key's",
    ["RS384", "RS512", "PS256", "PS384", "PS512"].map((alg) => signed({ alg })),
    "key",
  ),
  [
    22,
    "ES256 with the kid of an RSA key",
    signToken(ec, { ...goodHeader(ec), kid: rsa.kid }, goodClaims()),
    "key",
  ],
  [23, "RS256 with the kid of an EC key", signed({ kid: ec.kid }), "key"],
  [24, "ES256K", signToken(ec, { ...goodHeader(ec), alg: "ES256K" }, goodClaims()), "key"],
  [115, "HMAC for our own issuer", hs("a secret of thirty-two bytes or more"), "key"],
];

const JKUS = [
  "https://attacker.example/jwks.json",
  "https://brigade.example@attacker.example/jwks.json",
  "https://brigade.example/../../attacker/jwks.json",
  "http://169.254.169.254/latest/meta-data",
  "file:///etc/passwd",
  "https://attacker.example/#brigade.example",
  "https://brigade.example.attacker.example/jwks.json",
];
const byAttacker = (changes: Record<string, unknown>) =>
  signToken(attacker, header(changes), goodClaims());
const privateJwk = attacker.privateKey.export({ format: "jwk" });

const keySourceCases: Case[] = [
  [
    32,
    "jwk in the header, no kid",
    signToken(attacker, { ...without("kid"), jwk: attacker.jwk }, goodClaims()),
    "header_refused",
  ],
  [33, "jwk in the header, a known kid", byAttacker({ jwk: attacker.jwk }), "header_refused"],
  ...each(
    34,
    "a secret or private jwk in the header",
    [{ kty: "oct", k: "c2VjcmV0" }, privateJwk].map((jwk) => byAttacker({ jwk })),
    "header_refused",
  ),
  ...each(
    35,
    "jku",
    JKUS.map((jku) => byAttacker({ jku })),
    "header_refused",
  ),
  [36, "x5u", byAttacker({ x5u: JKUS[0] }), "header_refused"],
  [37, "x5c", byAttacker({ x5c: ["MIIB"] }), "header_refused"],
  [38, "x5t#S256 and the key of an attacker", byAttacker({ "x5t#S256": "AAAA" }), "signature"],
  [51, "a trusted kid and the key of an attacker", byAttacker({}), "signature"],
  ...each(
    87,
    "crit",
    [["exp2"], [], "exp", ["alg"], ["absent"], 1].map((crit) => signed({ crit })),
    "header_refused",
  ),
  ...each(88, "b64", [{ b64: false, crit: ["b64"] }, { b64: false }].map(signed), "header_refused"),
  [89, "zip", signed({ zip: "DEF" }), "header_refused"],
  ...each(
    90,
    "a token inside of a token",
    [
      signToken(rsa, header({ cty: "JWT" }), good),
      signToken(rsa, header({ cty: "JWT" }), `${encode({ alg: "none" })}.${goodPayload}.`),
    ],
    "header_refused",
  ),
  [90, "a token as the payload, without cty", signToken(rsa, goodHeader(rsa), good), "json"],
];

const KIDS: Record<number, readonly string[]> = {
  39: ["../../../../dev/null", "..\\..\\windows\\win.ini"],
  40: ["' OR '1'='1", "x'; DROP TABLE keys; --"],
  41: ["| id", "$(id)"],
  42: ["https://attacker.example/key"],
  43: ["rsa-1\0", "rsa-1\r\nx: y", "${jndi:ldap://attacker.example/a}", "*)(uid=*"],
  44: ["__proto__", "constructor", "toString"],
  45: ["rsа-1", "rsá-1", "RSA-1", "rsa-1 ", "*"],
  49: ["unknown"],
  50: ["retired-1"],
};
const kidCases: Case[] = [
  ...Object.entries(KIDS).flatMap(([row, kids]) =>
    each(
      Number(row),
      "kid",
      kids.map((kid) => signed({ kid })),
      "key",
    ),
  ),
  ...each(
    46,
    "kid empty or too long",
    ["", "k".repeat(2_000), "é".repeat(65)].map((kid) => signed({ kid })),
    "kid",
  ),
  ...each(
    47,
    "kid of a wrong type",
    [null, 1, [], {}, true].map((kid) => signed({ kid })),
    "kid",
  ),
  [48, "kid missing", signToken(rsa, without("kid"), goodClaims()), "kid"],
  ...each(
    52,
    "/dev/null and an empty key",
    ["", "\0"].map((key) => hs(key, { kid: "/dev/null" })),
    "key",
  ),
];

const TYPES = [
  "JWT",
  undefined,
  "rt+jwt",
  "logout+jwt",
  "dpop+jwt",
  "id+jwt",
  "token-introspection+jwt",
  "secevent+jwt",
  "AT+JWT",
];
const typeCases: Case[] = [
  ...each(
    112,
    "typ",
    TYPES.map((typ) => signed({ typ })),
    "typ",
  ),
  [112, "typ as a list", signed({ typ: ["at+jwt"] }), "typ"],
  ...each(
    113,
    "a token for something else",
    ["mfa+jwt", "reset+jwt"].map((typ) => signed({ typ })),
    "typ",
  ),
];

for (const [row, name, token, fault] of [
  ...algorithmCases,
  ...keySourceCases,
  ...kidCases,
  ...typeCases,
]) {
  test(`${row}: ${name} is refused for its ${fault}`, () => assert.equal(judge(token), fault));
}

test("good tokens of every algorithm of the ring are accepted", () => {
  for (const key of [rsa, ec, ed]) {
    const claims = judge(signToken(key, goodHeader(key), goodClaims())) as Claims;
    assert.equal(claims.subject, goodClaims()["sub"]);
  }
});

test("names of the key that we do not read do no harm", () => {
  assert.equal(typeof judge(signed({ x5t: "AAAA", "x5t#S256": "AAAA", extra: 1 })), "object");
  assert.equal(typeof judge(signed({ kid: "rsa-1", typ: "at+jwt" })), "object");
});
