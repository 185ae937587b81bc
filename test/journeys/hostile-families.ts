import { createPublicKey, type KeyObject } from "node:crypto";
import {
  encode,
  hmacToken,
  makeKey,
  signEncoded,
  signToken,
  type TestKey,
} from "../auth/token/token-factory.ts";

/** The keys a server trusts, and the claims of a token that it would accept now. */
export interface HostileInput {
  readonly rsa: TestKey;
  readonly ec: TestKey;
  readonly ed: TestKey;
  /** A key that the server has forgotten. */
  readonly gone: TestKey;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Where nobody must connect to. */
  readonly trap: string;
}

/** Number of the case in the security rules, what it is, the token. */
export type HostileToken = readonly [row: number, name: string, token: string];

export const numbered = (row: number, name: string, tokens: readonly string[]): HostileToken[] =>
  tokens.map((token, index): HostileToken => [row, `${name} (${index + 1})`, token]);

/** Every family of forged, broken and misused tokens that fits into a header field. */
export function hostileTokens(input: HostileInput): HostileToken[] {
  return [...hostileForms(input), ...claimSets(input), ...types(input)];
}

/** The families that are the same whoever the issuer is: rows 1 to 93. */
export function hostileForms(input: HostileInput): HostileToken[] {
  return [
    ...algorithms(input),
    ...keySources(input),
    ...kids(input),
    ...signatures(input),
    ...texts(input),
    ...jsons(input),
  ];
}

const headerOf = (key: TestKey, changes: Record<string, unknown> = {}) => ({
  alg: key.alg,
  typ: "at+jwt",
  kid: key.kid,
  ...changes,
});

function without(object: Readonly<Record<string, unknown>>, name: string) {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
}

const SECRETS = ["secret", "your-256-bit-secret", "password", "123456", "changeme", "key", "jwt"];

function algorithms({ rsa, ec, ed, claims }: HostileInput): HostileToken[] {
  const good = signToken(rsa, headerOf(rsa), claims);
  const [, payload, signature] = good.split(".");
  const signed = (alg: unknown) => signToken(rsa, headerOf(rsa, { alg }), claims);
  const hs = (secret: string | Uint8Array, kid = rsa.kid, bits = 256) =>
    hmacToken(secret, { alg: `HS${bits}`, typ: "at+jwt", kid }, claims, bits);
  const pem = rsa.publicKey.export({ format: "pem", type: "spki" }) as string;
  const nones = ["none", "None", "NONE", "nOnE", "nonE"].map((alg) =>
    encode(headerOf(rsa, { alg })),
  );
  return [
    ...numbered(
      1,
      "alg none",
      nones.map((header) => `${header}.${payload}.`),
    ),
    ...numbered(
      2,
      "alg none, signed",
      nones.map((header) => `${header}.${payload}.${signature}`),
    ),
    [3, "alg none, two parts", `${nones[0]}.${payload}`],
    [5, "alg missing", signToken(rsa, without(headerOf(rsa), "alg"), claims)],
    ...numbered(6, "alg of a wrong type", ["", null, 1, [], {}, true].map(signed)),
    ...numbered(7, "alg spelled otherwise", ["rs256", "RS256 "].map(signed)),
    ...numbered(
      9,
      "HMAC with the PEM",
      [256, 384, 512].map((bits) => hs(pem, rsa.kid, bits)),
    ),
    ...numbered(10, "HMAC with another form of the key", [
      hs(pem.trimEnd()),
      hs(rsa.publicKey.export({ format: "pem", type: "pkcs1" }) as string),
      hs(rsa.publicKey.export({ format: "der", type: "spki" })),
      hs(Buffer.from(rsa.jwk.n!, "base64url")),
      hs(rsa.jwk.n!),
      hs(JSON.stringify(rsa.jwk)),
      hs(JSON.stringify({ keys: [rsa.jwk] })),
      hs(""),
      hs(rsa.kid),
      hs(Buffer.from(ec.jwk.x!, "base64url"), ec.kid),
      hs(Buffer.from(ed.jwk.x!, "base64url"), ed.kid),
      hs("\0", "/dev/null"),
    ]),
    ...numbered(
      20,
      "HMAC with a well-known secret",
      SECRETS.map((secret) => hs(secret)),
    ),
    ...numbered(
      21,
      "another RSA algorithm",
      ["RS384", "RS512", "PS256", "PS384", "PS512"].map(signed),
    ),
    [22, "ES256 with an RSA kid", signToken(ec, headerOf(ec, { kid: rsa.kid }), claims)],
    [23, "RS256 with an EC kid", signToken(rsa, headerOf(rsa, { kid: ec.kid }), claims)],
    [24, "ES256K", signToken(ec, headerOf(ec, { alg: "ES256K" }), claims)],
  ];
}

function keySources({ rsa, claims, trap }: HostileInput): HostileToken[] {
  const attacker = makeKey("RS256", rsa.kid);
  const forged = (changes: Record<string, unknown>) =>
    signToken(attacker, headerOf(rsa, changes), claims);
  const signed = (changes: Record<string, unknown>) =>
    signToken(rsa, headerOf(rsa, changes), claims);
  const { host } = new URL(trap);
  const addresses = [
    trap,
    `http://brigade.test@${host}/jwks.json`,
    "file:///etc/passwd",
    `${trap}#brigade.test`,
    "http://169.254.169.254/latest/meta-data",
  ];
  const privateJwk = attacker.privateKey.export({ format: "jwk" });
  const nested = signToken(rsa, headerOf(rsa), claims);
  return [
    [32, "jwk, no kid", signToken(attacker, { alg: "RS256", jwk: attacker.jwk }, claims)],
    ...numbered(
      33,
      "jwk",
      [attacker.jwk, { kty: "oct", k: "c2VjcmV0" }, privateJwk].map((jwk) => forged({ jwk })),
    ),
    ...numbered(
      35,
      "jku",
      addresses.map((jku) => forged({ jku })),
    ),
    ...numbered(
      36,
      "x5u",
      addresses.map((x5u) => forged({ x5u })),
    ),
    [37, "x5c", forged({ x5c: ["MIIB"] })],
    [38, "x5t#S256", forged({ "x5t#S256": "AAAA" })],
    [51, "a trusted kid and the key of an attacker", forged({})],
    ...numbered(
      87,
      "crit",
      [["exp2"], [], "exp", ["alg"], 1].map((crit) => signed({ crit })),
    ),
    ...numbered(88, "b64", [{ b64: false, crit: ["b64"] }, { b64: false }].map(signed)),
    [89, "zip", signed({ zip: "DEF" })],
    [90, "a token inside of a token", signToken(rsa, headerOf(rsa, { cty: "JWT" }), nested)],
    [90, "a token as the payload", signToken(rsa, headerOf(rsa), nested)],
  ];
}

function kids({ rsa, gone, claims, trap }: HostileInput): HostileToken[] {
  const signed = (kid: unknown) => signToken(rsa, headerOf(rsa, { kid }), claims);
  const texts = [
    "../../../../dev/null",
    "' OR '1'='1",
    "x'; DROP TABLE auth.signing_keys; --",
    "$(id)",
    trap,
    `${rsa.kid}\0`,
    `${rsa.kid}\r\nx: y`,
    "${jndi:ldap://127.0.0.1/a}",
    "__proto__",
    "constructor",
    `${rsa.kid} `,
    rsa.kid.toUpperCase() === rsa.kid ? rsa.kid.toLowerCase() : rsa.kid.toUpperCase(),
    "*",
    "unknown",
    "",
    "k".repeat(2_000),
  ];
  return [
    ...numbered(39, "kid", texts.map(signed)),
    ...numbered(47, "kid of a wrong type", [null, 1, [], {}, true].map(signed)),
    [48, "kid missing", signToken(rsa, without(headerOf(rsa), "kid"), claims)],
    [50, "kid of a forgotten key", signToken(gone, headerOf(gone), claims)],
  ];
}

const ORDER_P256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const ORDER_ED25519 = 2n ** 252n + 27742317777372353535851937790883648493n;
const toNumber = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
const toBytes = (value: bigint, length = 32) =>
  Buffer.from(value.toString(16).padStart(length * 2, "0"), "hex");

function cut(token: string): [input: string, signature: Buffer] {
  const dot = token.lastIndexOf(".");
  return [token.slice(0, dot), Buffer.from(token.slice(dot + 1), "base64url")];
}

function signatures({ rsa, ec, ed, claims }: HostileInput): HostileToken[] {
  const [input, bytes] = cut(signToken(rsa, headerOf(rsa), claims));
  const [ecInput, ecBytes] = cut(signToken(ec, headerOf(ec), claims));
  const [edInput, edBytes] = cut(signToken(ed, headerOf(ed), claims));
  const [r, s] = [toNumber(ecBytes.subarray(0, 32)), toNumber(ecBytes.subarray(32))];
  const zero = Buffer.alloc(1);
  const flipped = (bit: number) => {
    const copy = Buffer.from(bytes);
    copy[bit >> 3]! ^= 1 << (bit & 7);
    return copy;
  };
  const [, otherBytes] = cut(signToken(rsa, headerOf(rsa), { ...claims, scope: "other" }));
  const raised = toNumber(Buffer.from(edBytes.subarray(32)).reverse()) + ORDER_ED25519;
  const n1 = ORDER_P256 - 1n;
  const ecPairs = [
    [0n, 0n],
    [0n, s],
    [r, 0n],
    [1n, 1n],
    [n1, n1],
    [ORDER_P256, ORDER_P256],
  ] as const;
  const [header, payload] = input.split(".");
  return [
    [57, "signature removed", `${input}.`],
    ...numbered(
      58,
      "RSA signature",
      [
        flipped(0),
        flipped(bytes.length * 4),
        flipped(bytes.length * 8 - 1),
        bytes.subarray(0, -1),
        Buffer.concat([bytes, zero]),
        Buffer.concat([zero, bytes]),
        Buffer.alloc(bytes.length),
        toBytes(1n, bytes.length),
        otherBytes,
      ].map((changed) => `${input}.${encode(changed)}`),
    ),
    [62, "header changed", `${encode(headerOf(rsa, { x: 1 }))}.${payload}.${encode(bytes)}`],
    [62, "payload changed", `${header}.${encode({ ...claims, scope: "x" })}.${encode(bytes)}`],
    ...numbered(
      63,
      "ECDSA",
      ecPairs.map(
        (pair) => `${ecInput}.${encode(Buffer.concat([toBytes(pair[0]), toBytes(pair[1])]))}`,
      ),
    ),
    [65, "ECDSA, 66 bytes", `${ecInput}.${encode(Buffer.concat([zero, ecBytes, zero]))}`],
    [
      67,
      "Ed25519, S + L",
      `${edInput}.${encode(Buffer.concat([edBytes.subarray(0, 32), toBytes(raised).reverse()]))}`,
    ],
    [68, "Ed25519 of an attacker", signToken(makeKey("EdDSA", ed.kid), headerOf(ed), claims)],
  ];
}

/** Another last character that decodes to the same bytes in a lenient decoder. */
export function aliasOf(part: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return part.slice(0, -1) + alphabet[alphabet.indexOf(part.at(-1)!) ^ 1]!;
}

function texts({ rsa, claims }: HostileInput): HostileToken[] {
  const good = signToken(rsa, headerOf(rsa), claims);
  const [header, payload, signature] = good.split(".") as [string, string, string];
  const json = JSON.stringify(claims);
  return [
    ...numbered(70, "parts", [
      ".",
      "..",
      "...",
      "a",
      "a.b",
      header,
      `${header}.${payload}`,
      `${good}.x`,
      `${good}.x.y`,
      `.${payload}.${signature}`,
      `${good}.`,
    ]),
    [70, "an empty payload", signEncoded(rsa, header, "")],
    [71, "10 000 dots", ".".repeat(10_000)],
    ...numbered(72, "white space and quotes", [
      ` ${good}`,
      `${header}. ${payload}.${signature}`,
      `${header}.${payload}\t.${signature}`,
      `"${good}"`,
      `${good} ${good}`,
      `${good},`,
    ]),
    ...numbered(73, "padding", [
      `${good}=`,
      signEncoded(
        rsa,
        header,
        Buffer.from(json.padEnd(json.length + 3 - (json.length % 3) + 1)).toString("base64"),
      ),
    ]),
    [75, "unused bits of the signature", `${header}.${payload}.${aliasOf(signature)}`],
    ...numbered(
      76,
      "a foreign character",
      [" ", "*", "é", "%2E", "．", "+", "/", "\u{1f600}"].map(
        (text) => `${header}.${payload}.${text}${signature}`,
      ),
    ),
    [76, "a length of 1 modulo 4", `${header}.${payload}.AAAAA`],
    ...numbered(77, "JSON serialisation", [
      JSON.stringify({ protected: header, payload, signature }),
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
    ]),
    ...numbered(
      91,
      "JWE",
      ["RSA-OAEP", "PBES2-HS256+A128KW", "dir"].map(
        (alg) => `${encode({ alg, enc: "A256GCM", p2c: 2_147_483_647, kid: rsa.kid })}.a.b.c.d`,
      ),
    ),
    [93, "JWE members in a JWS", signToken(rsa, headerOf(rsa, { enc: "A256GCM" }), claims)],
    ...numbered(0, "other kinds of credentials", ["brg_abcdefghijklmnop", "x".repeat(8_000)]),
  ];
}

const BROKEN = [
  "",
  "{",
  "nul",
  '{"a":1}x',
  '{"a":1}{"b":2}',
  '\u{feff}{"a":1}',
  '{"a":NaN}',
  "{'a':1}",
];
const NO_OBJECTS = ["[]", '"text"', "1", "null", "true"];

function jsons({ rsa, claims }: HostileInput): HostileToken[] {
  const json = JSON.stringify(claims);
  const headerJson = JSON.stringify(headerOf(rsa));
  const withPayload = (text: string | Uint8Array) => signToken(rsa, headerOf(rsa), text);
  const withHeader = (text: string | Uint8Array) => signToken(rsa, text, claims);
  const payloadWith = (member: string) => withPayload(`{${member},${json.slice(1)}`);
  const headerWith = (member: string) => withHeader(`{${member},${headerJson.slice(1)}`);
  const badUtf8 = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80]].map((bad) =>
    Buffer.concat([Buffer.from('{"x":"'), Buffer.from(bad), Buffer.from(`",${json.slice(1)}`)]),
  );
  return [
    ...numbered(78, "header JSON", [...BROKEN.slice(1), ...NO_OBJECTS].map(withHeader)),
    ...numbered(79, "payload JSON", [...BROKEN, ...NO_OBJECTS].map(withPayload)),
    ...numbered(80, "invalid UTF-8", [...badUtf8.map(withPayload), ...badUtf8.map(withHeader)]),
    ...numbered(
      81,
      "a header name twice",
      ['"alg":"RS256"', '"alg":"none"', `"kid":"${rsa.kid}"`, '"\\u0061lg":"none"'].map(headerWith),
    ),
    ...numbered(
      82,
      "a claim twice",
      [
        `"sub":${JSON.stringify(claims["sub"])}`,
        '"exp":9999999999',
        `"iss":${JSON.stringify(claims["iss"])}`,
        '"aud":"x"',
        '"\\u0073ub":"x"',
        '"x":{"a":1,"a":2}',
      ].map(payloadWith),
    ),
    ...numbered(
      84,
      "__proto__",
      ['"__proto__":{"polluted":true}', '"x":[{"\\u005f_proto__":{"polluted":true}}]'].map(
        payloadWith,
      ),
    ),
    [84, "__proto__ in the header", headerWith('"__proto__":{"typ":"at+jwt"}')],
    [85, "6 000 nested lists", withPayload(`${"[".repeat(3_000)}${"]".repeat(3_000)}`)],
    [
      86,
      "1 000 claims with a forged signature",
      `${payloadWith(Array.from({ length: 1_000 }, (_, index) => `"c${index}":0`).join())}A`,
    ],
  ];
}

/** A row, a claim, and what it must not be. */
export type ClaimFamily = readonly [row: number, name: string, values: readonly unknown[]];

/** A signed token for each value. */
export function withClaims(
  key: TestKey,
  header: object,
  claims: Readonly<Record<string, unknown>>,
  families: readonly ClaimFamily[],
): HostileToken[] {
  return families.flatMap(([row, name, values]) =>
    numbered(
      row,
      name,
      values.map((value) => signToken(key, header, { ...claims, [name]: value })),
    ),
  );
}

/** What is nearly the name of an issuer, or no name. */
export const issuerVariants = (iss: string): readonly unknown[] => [
  undefined,
  `${iss}/`,
  iss.toUpperCase(),
  iss.replace("http:", "https:"),
  `${iss}:80`,
  iss.replace("//", "//a@"),
  `${iss}.attacker.example`,
  ` ${iss}`,
  `${iss}\0`,
  iss.replace("t", "т"),
  "local",
  "",
  [iss],
  { iss },
  null,
  1,
];

export const NAMES = [undefined, "", 1, [], {}, null, "x".repeat(300), "a\0b", "a\r\nb"];
export const NO_TIMES = ["1800001000", null, true, [], {}, "2027-01-15T08:00:00Z", ""];

function claimSets({ rsa, claims }: HostileInput): HostileToken[] {
  const iss = claims["iss"] as string;
  const iat = claims["iat"] as number;
  const families: readonly ClaimFamily[] = [
    [94, "exp", [undefined, 0, -1, ...NO_TIMES, 2 ** 53 + 2, (iat + 600) * 1_000, iat + 3_601]],
    [98, "nbf", [iat + 3_000, "1", null, {}]],
    [99, "iat", [undefined, ...NO_TIMES, 0, iat + 3_000]],
    [100, "iss", issuerVariants(iss)],
    [
      104,
      "aud",
      [undefined, "https://wrong.example", iss.toUpperCase(), `${iss}/x`, iss.slice(0, -1)].concat([
        ["x"],
        [],
        [1, 2],
        [[iss]],
        { 0: iss },
        null,
        1,
        "",
        "*",
        `${iss} x`,
        [iss, 1],
      ] as never[]),
    ],
    [105, "sub", NAMES],
    [106, "jti", [...NAMES, "x".repeat(5_000)]],
    [107, "scope", [{}, ["openid"], null, 1]],
    [107, "amr", ["pwd", {}, null, [1], [["pwd"]]]],
    [107, "auth_time", NO_TIMES],
    [110, "client_id", NAMES],
    [114, "cnf", [{ jkt: "AAAA" }, {}, null, "x"]],
    [123, "sid", [...NAMES, "no session", "0", "01890000-0000-7000-8000-00000000000g"]],
    [123, "sid", ["01890000-0000-7000-8000-000000000000"]],
    [123, "sub", ["01890000-0000-7000-8000-000000000000", "somebody"]],
    [123, "tid", [...NAMES, "01890000-0000-7000-8000-000000000000", "default"]],
  ];
  const tokens = withClaims(rsa, headerOf(rsa), claims, families);
  const endless = JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', '"exp":1e400');
  return [...tokens, [97, "exp without end", signToken(rsa, headerOf(rsa), endless)]];
}

const TYPES = ["JWT", undefined, "rt+jwt", "logout+jwt", "dpop+jwt", "id+jwt", "secevent+jwt"];

function types({ rsa, claims }: HostileInput): HostileToken[] {
  const more = ["token-introspection+jwt", "AT+JWT", "mfa+jwt", "reset+jwt", ["at+jwt"]];
  return numbered(
    112,
    "typ",
    [...TYPES, ...more].map((typ) => signToken(rsa, headerOf(rsa, { typ }), claims)),
  );
}

/** The public half, in the form of the factory. */
export function toTestKey(entry: {
  readonly kid: string;
  readonly alg: TestKey["alg"];
  readonly publicJwk: object;
  readonly privateKey: KeyObject;
}): TestKey {
  const { kid, alg, privateKey } = entry;
  const publicKey = createPublicKey({ key: { ...entry.publicJwk }, format: "jwk" });
  return { kid, alg, privateKey, publicKey, jwk: { ...entry.publicJwk } };
}
