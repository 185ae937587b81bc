import assert from "node:assert/strict";
import { test } from "node:test";
import type { Claims } from "../../../src/auth/token/claims.ts";
import type { Issuer } from "../../../src/auth/issuers/issuer.ts";
import {
  createJudge,
  encode,
  goodClaims,
  goodHeader,
  makeIssuer,
  makeKey,
  OWN,
  signToken,
} from "./token-factory.ts";

const rsa = makeKey("RS256", "rsa-1");
const ec = makeKey("ES256", "ec-1");
const ed = makeKey("EdDSA", "ed-1");
const foreign = makeKey("RS256", "foreign-1");
const twin = makeKey("RS256", "rsa-1");
const OTHER = "https://other.example";
const own = makeIssuer([rsa, ec, ed]);
const other: Issuer = makeIssuer([foreign, twin], OTHER);
const judge = createJudge(own, other);

const good = signToken(rsa, goodHeader(rsa), goodClaims());
const [header, payload, signature] = good.split(".") as [string, string, string];
const bytes = Buffer.from(signature, "base64url");
const withSignature = (changed: Uint8Array | string) =>
  `${header}.${payload}.${typeof changed === "string" ? changed : encode(changed)}`;

const ORDER_P256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const ORDER_ED25519 = 2n ** 252n + 27742317777372353535851937790883648493n;
const ecToken = signToken(ec, goodHeader(ec), goodClaims());
const ecInput = ecToken.slice(0, ecToken.lastIndexOf("."));
const ecBytes = Buffer.from(ecToken.slice(ecInput.length + 1), "base64url");
const [r, s] = [toNumber(ecBytes.subarray(0, 32)), toNumber(ecBytes.subarray(32))];
const ecWith = (first: bigint, second: bigint) =>
  `${ecInput}.${encode(Buffer.concat([toBytes(first), toBytes(second)]))}`;
const edToken = signToken(ed, goodHeader(ed), goodClaims());
const edInput = edToken.slice(0, edToken.lastIndexOf("."));
const edBytes = Buffer.from(edToken.slice(edInput.length + 1), "base64url");

function toNumber(be: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(be).toString("hex")}`);
}
function toBytes(value: bigint, length = 32): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, "0"), "hex");
}
function flipped(from: Buffer, bit: number): Buffer {
  const copy = Buffer.from(from);
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}
/** S of an Ed25519 signature is little-endian; S + L satisfies the equation, too. */
function plusOrder(from: Buffer): Buffer {
  const raised = toNumber(Buffer.from(from.subarray(32)).reverse()) + ORDER_ED25519;
  return Buffer.concat([from.subarray(0, 32), toBytes(raised).reverse()]);
}
function der(...values: bigint[]): Buffer {
  const integers = values.map((value) => {
    const raw = toBytes(value);
    const body = raw[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), raw]) : raw;
    return Buffer.concat([Buffer.of(2, body.length), body]);
  });
  const body = Buffer.concat(integers);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

const zero = Buffer.alloc(1);
const modulusBytes = bytes.length;
const forOther = (claims: Record<string, unknown> = {}) => ({
  ...goodClaims(),
  iss: OTHER,
  ...claims,
});
const otherClaims = goodClaims();
otherClaims["sub"] = "somebody-else";

const cases: (readonly [number, string, string, string])[] = [
  [53, "issuer A, key and kid of B", signToken(foreign, goodHeader(foreign), goodClaims()), "key"],
  [
    54,
    "issuer A, a kid both have, key of B",
    signToken(twin, goodHeader(twin), goodClaims()),
    "signature",
  ],
  [55, "issuer B, key of A", signToken(rsa, goodHeader(rsa), forOther()), "signature"],
  [57, "signature removed", `${header}.${payload}.`, "shape"],
  [58, "first bit flipped", withSignature(flipped(bytes, 0)), "signature"],
  [58, "a middle bit flipped", withSignature(flipped(bytes, modulusBytes * 4)), "signature"],
  [58, "last bit flipped", withSignature(flipped(bytes, modulusBytes * 8 - 1)), "signature"],
  [59, "signature cut", withSignature(bytes.subarray(0, -1)), "signature"],
  [59, "zero appended", withSignature(Buffer.concat([bytes, zero])), "signature"],
  [59, "zero before it", withSignature(Buffer.concat([zero, bytes])), "signature"],
  [60, "all zero", withSignature(Buffer.alloc(modulusBytes)), "signature"],
  [60, "the number one", withSignature(toBytes(1n, modulusBytes)), "signature"],
  [61, "a signature of 1 MiB", withSignature("A".repeat(1024 * 1024)), "length"],
  [
    62,
    "the signature of another token",
    withSignature(signToken(rsa, goodHeader(rsa), otherClaims).split(".")[2]!),
    "signature",
  ],
  [
    62,
    "the header changed after signing",
    `${encode({ ...goodHeader(rsa), extra: 1 })}.${payload}.${signature}`,
    "signature",
  ],
  [
    62,
    "the payload changed after signing",
    `${header}.${encode(otherClaims)}.${signature}`,
    "signature",
  ],
  [63, "ECDSA r = 0, s = 0", ecWith(0n, 0n), "signature"],
  [63, "ECDSA r = 0", ecWith(0n, s), "signature"],
  [63, "ECDSA s = 0", ecWith(r, 0n), "signature"],
  [63, "ECDSA r = s = 1", ecWith(1n, 1n), "signature"],
  [63, "ECDSA r = s = n - 1", ecWith(ORDER_P256 - 1n, ORDER_P256 - 1n), "signature"],
  [63, "ECDSA r = s = n", ecWith(ORDER_P256, ORDER_P256), "signature"],
  [64, "ECDSA as DER", `${ecInput}.${encode(der(r, s))}`, "signature"],
  [
    65,
    "ECDSA of 66 bytes",
    `${ecInput}.${encode(Buffer.concat([zero, toBytes(r), zero, toBytes(s)]))}`,
    "signature",
  ],
  [67, "Ed25519 with S + L", `${edInput}.${encode(plusOrder(edBytes))}`, "signature"],
  [
    68,
    "Ed25519 by an attacker",
    signToken(makeKey("EdDSA", "ed-1"), goodHeader(ed), goodClaims()),
    "signature",
  ],
];

for (const [row, name, token, fault] of cases) {
  test(`${row}: ${name} is refused for its ${fault}`, () => assert.equal(judge(token), fault));
}

test("the tokens that the cases are made of are accepted", () => {
  for (const token of [good, ecToken, edToken]) assert.equal(typeof judge(token), "object");
});

test("56: an equal subject of another issuer is somebody else", () => {
  const claims = judge(signToken(foreign, goodHeader(foreign), forOther())) as Claims;
  assert.deepEqual([claims.issuer, claims.subject], [OTHER, goodClaims()["sub"]]);
  assert.equal((judge(good) as Claims).issuer, OWN);
});

test("66: an ECDSA signature with n - s is another text for one token: nothing may hang on the text", () => {
  const claims = judge(ecWith(r, ORDER_P256 - s)) as Claims;
  assert.equal(claims.tokenId, goodClaims()["jti"]);
});
