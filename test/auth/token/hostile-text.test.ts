import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createJudge,
  encode,
  goodClaims,
  goodHeader,
  makeIssuer,
  makeKey,
  NOW,
  OWN,
  signEncoded,
  signToken,
} from "./token-factory.ts";

// Ed25519 because its signature is short and its unused bits are not zero by chance.
const key = makeKey("EdDSA", "ed-1");
const judge = createJudge(makeIssuer([key]));
const good = signToken(key, goodHeader(key), goodClaims());
const [header, payload, signature] = good.split(".") as [string, string, string];
const withPayload = (json: string | Uint8Array) => signToken(key, goodHeader(key), json);
const withHeader = (json: string | Uint8Array) => signToken(key, json, goodClaims());
const claimsText = JSON.stringify(goodClaims());
const headerText = JSON.stringify(goodHeader(key));
/** The same text with another member in front of the first one. */
const claimsWith = (member: string) => `{${member},${claimsText.slice(1)}`;
const headerWith = (member: string) => `{${member},${headerText.slice(1)}`;

type Case = readonly [number, string, string, string];

function each(row: number, name: string, tokens: readonly string[], fault: string): Case[] {
  return tokens.map((token, index): Case => [row, `${name} (${index + 1})`, token, fault]);
}

/** Another last character that decodes to the same bytes in a lenient decoder. */
function alias(part: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return part.slice(0, -1) + alphabet[alphabet.indexOf(part.at(-1)!) ^ 1]!;
}

/** Claims whose encoding leaves unused bits, and whose standard base64 has a `+` or `/`. */
const oddClaims = encode(JSON.stringify({ ...goodClaims(), scope: "ÿþÿ" }).padEnd(430, " "));
const spaced = [
  ` ${good}`,
  `${header}. ${payload}.${signature}`,
  `${good}\n`,
  `${good}\t`,
  `"${good}"`,
];
const inSignature = (text: string) => `${header}.${payload}.${text}${signature}`;

const textCases: Case[] = [
  ...each(
    70,
    "parts",
    [
      "",
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
      `${header}.${payload}.`,
    ],
    "shape",
  ),
  [70, "an empty payload", signEncoded(key, header, ""), "json"],
  [71, "10 000 dots", ".".repeat(10_000), "shape"],
  [71, "1 000 000 dots", ".".repeat(1_000_000), "length"],
  ...each(72, "white space and quotes", spaced, "base64url"),
  [73, "padding", `${good}=`, "base64url"],
  [
    73,
    "a padded payload, signed so",
    signEncoded(key, header, Buffer.from(`${claimsText} `.padEnd(430)).toString("base64")),
    "base64url",
  ],
  [
    74,
    "the standard alphabet, signed so",
    signEncoded(key, header, oddClaims.replaceAll("-", "+").replaceAll("_", "/")),
    "base64url",
  ],
  [75, "unused bits of the signature", `${header}.${payload}.${alias(signature)}`, "base64url"],
  [
    75,
    "unused bits of the payload, signed so",
    signEncoded(key, header, alias(encode(claimsText.padEnd(430)))),
    "base64url",
  ],
  [
    75,
    "unused bits of the header, signed so",
    signEncoded(key, alias(encode(headerText.padEnd(64))), payload),
    "base64url",
  ],
  ...each(
    76,
    "a foreign character",
    [" ", "*", "é", "\0", "%2E", "．", "+", "/", "\u{1f600}"].map(inSignature),
    "base64url",
  ),
  [76, "a length of 1 modulo 4", `${header}.${payload}.AAAAA`, "base64url"],
  ...each(
    77,
    "JSON serialisation",
    [
      JSON.stringify({ protected: header, payload, signature }),
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
    ],
    "shape",
  ),
  ...each(
    91,
    "JWE",
    ["RSA-OAEP", "PBES2-HS256+A128KW", "dir"].map(
      (alg) => `${encode({ alg, enc: "A256GCM", p2c: 2_147_483_647, kid: key.kid })}.a.b.c.d`,
    ),
    "shape",
  ),
  [93, "JWE members in a JWS", withHeader(headerWith('"enc":"A256GCM"')), "header_refused"],
  [116, "20 kB", withPayload(claimsWith(`"x":"${"x".repeat(20_000)}"`)), "length"],
];

const BROKEN = [
  "",
  "{",
  "nul",
  '{"a":1}x',
  '{"a":1}{"b":2}',
  '\u{feff}{"a":1}',
  '{"a":1/*x*/}',
  '{"a":NaN}',
  "{'a':1}",
  '{"a":1,}',
  '{"a":01}',
  '{"a":"\u0001"}',
];
const NO_OBJECTS = ["[]", '"text"', "1", "null", "true"];
const INVALID_UTF8 = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80]].map((bad) =>
  Buffer.concat([
    Buffer.from('{"scope":"'),
    Buffer.from(bad),
    Buffer.from(`",${claimsText.slice(1)}`),
  ]),
);

const jsonCases: Case[] = [
  ...each(78, "header JSON", BROKEN.slice(1).map(withHeader), "json"),
  ...each(78, "header that is no object", NO_OBJECTS.map(withHeader), "object"),
  ...each(79, "payload JSON", BROKEN.map(withPayload), "json"),
  ...each(79, "payload that is no object", NO_OBJECTS.map(withPayload), "object"),
  ...each(80, "invalid UTF-8 in the payload", INVALID_UTF8.map(withPayload), "utf8"),
  ...each(80, "invalid UTF-8 in the header", INVALID_UTF8.map(withHeader), "utf8"),
  ...each(
    80,
    "a lone surrogate by escapes",
    [
      withPayload(claimsWith('"x":"\\ud800"')),
      withPayload(claimsWith('"x":{"\\udc00":1}')),
      withPayload(claimsWith('"x":["\\ud800\\ud800"]')),
      withHeader(headerWith('"x":"\\udfff"')),
    ],
    "text",
  ),
  ...each(
    81,
    "a header name twice",
    ['"alg":"EdDSA"', '"kid":"ed-1"', '"alg":"none"'].map((one) => withHeader(headerWith(one))),
    "name_repeated",
  ),
  ...each(
    82,
    "a claim twice",
    ['"sub":"x"', `"exp":${NOW + 9}`, `"iss":"${OWN}"`, '"aud":"x"'].map((one) =>
      withPayload(claimsWith(one)),
    ),
    "name_repeated",
  ),
  ...each(
    83,
    "a claim twice through an escape",
    [withPayload(claimsWith('"\\u0073ub":"x"')), withHeader(headerWith('"\\u0061lg":"none"'))],
    "name_repeated",
  ),
  ...each(
    83,
    "a name twice further inside",
    [
      withPayload(claimsWith('"x":{"a":1,"a":1}')),
      withPayload(claimsWith('"x":[{"a":{"b":1,"b":{"c":1}}}]')),
    ],
    "name_repeated",
  ),
  ...each(
    84,
    "__proto__",
    [
      withPayload(claimsWith('"__proto__":{"polluted":true}')),
      withPayload(claimsWith('"x":{"__proto__":{"polluted":true}}')),
      withPayload(claimsWith('"x":[{"\\u005f_proto__":1}]')),
      withHeader(headerWith('"__proto__":{"typ":"at+jwt"}')),
    ],
    "name_forbidden",
  ),
  [85, "6 000 nested lists", withPayload(`${"[".repeat(6_000)}${"]".repeat(6_000)}`), "nesting"],
  [85, "6 000 lists that never end", withPayload("[".repeat(6_000)), "nesting"],
  [
    85,
    "nine objects inside of each other",
    withPayload(claimsWith(`"x":${'{"x":'.repeat(8)}1${"}".repeat(8)}`)),
    "nesting",
  ],
  [
    86,
    "10 000 claims",
    withPayload(
      claimsWith(Array.from({ length: 10_000 }, (_, index) => `"c${index}":0`).join(",")),
    ),
    "length",
  ],
];

for (const [row, name, token, fault] of [...textCases, ...jsonCases]) {
  test(`${row}: ${name} is refused for its ${fault}`, () => {
    assert.equal(judge(token), fault);
    assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
  });
}

test("what looks like a repeated name, and is none, is accepted", () => {
  const harmless = [
    '"x":"\\"sub\\":1,\\"sub\\":2"',
    '"x":{"sub":1,"y":{"sub":2}}',
    '"x":[{"a":1},{"a":2}]',
    '"x":"a:b:c{[","y":"\\\\"',
    '"x":"\\":"',
    '"x":"\\\\","y":"\\\\\\":{["',
    '"fault":"expired"',
    '"x":"\\ud83d\\ude00"',
    '"proto":1,"constructor":2,"toString":3',
  ];
  for (const member of harmless)
    assert.equal(typeof judge(withPayload(claimsWith(member))), "object");
  assert.equal(typeof judge(withPayload(` \n${claimsText.replaceAll(",", " ,\t")} `)), "object");
  assert.equal(
    typeof judge(withPayload(claimsWith(`"x":${"[".repeat(7)}${"]".repeat(7)}`))),
    "object",
  );
});

test("a header is read anew when only its text resembles one that is known", () => {
  assert.equal(typeof judge(good), "object");
  assert.equal(
    judge(`${alias(encode(headerText.padEnd(64)))}.${payload}.${signature}`),
    "base64url",
  );
  assert.equal(judge(`${header.slice(0, -2)}.${payload}.${signature}`), "json");
  assert.equal(
    judge(`${encode(headerText.replace("ed-1", "ed-2"))}.${payload}.${signature}`),
    "key",
  );
});

test("thousands of different headers neither fail nor stay", () => {
  for (let number = 0; number < 1_000; number++) {
    const kid = `kid-${number}`;
    assert.equal(judge(`${encode({ alg: "EdDSA", kid })}.${payload}.${signature}`), "key");
  }
  const long = encode(headerWith(`"x":"${"x".repeat(500)}"`));
  assert.equal(judge(`${long}.${payload}.${signature}`), "signature");
  assert.equal(judge(`${long}.${payload}.${signature}`), "signature");
  assert.equal(typeof judge(good), "object");
});
