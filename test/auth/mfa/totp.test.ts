import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { newRecoveryCodes, recoveryCodeDigest } from "../../../src/auth/mfa/recovery-codes.ts";
import { matchTotp, newTotpSecret, totpSecretText, totpUri } from "../../../src/auth/mfa/totp.ts";
import { drawQrCode } from "../../../src/auth/password/qr-code.ts";

/** RFC 4226 §5.3 by hand: what the library is compared with. */
export function hotp(secret: Buffer, counter: number): string {
  const moving = Buffer.alloc(8);
  moving.writeBigUInt64BE(BigInt(counter));
  const mac = createHmac("sha1", secret).update(moving).digest();
  const at = mac[19]! & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

test("the codes are those of RFC 6238, appendix B, in six digits", () => {
  const secret = Buffer.from("12345678901234567890");
  const vectors: [number, string][] = [
    [59, "287082"],
    [1111111109, "081804"],
    [1111111111, "050471"],
    [1234567890, "005924"],
    [2000000000, "279037"],
    [20000000000, "353130"],
  ];
  for (const [seconds, code] of vectors) {
    assert.equal(matchTotp(secret, code, seconds * 1000), Math.floor(seconds / 30), code);
    assert.equal(hotp(secret, Math.floor(seconds / 30)), code);
  }
});

test("the code of one step before or after counts, and is told as that step; two do not", () => {
  const secret = newTotpSecret();
  const nowMs = 1_800_000_015_000;
  const step = 60_000_000;
  for (const [delta, expected] of [
    [-2, undefined],
    [-1, step - 1],
    [0, step],
    [1, step + 1],
    [2, undefined],
  ] as const) {
    assert.equal(matchTotp(secret, hotp(secret, step + delta), nowMs), expected, String(delta));
  }
});

test("whatever is not six digits is no code", () => {
  const secret = newTotpSecret();
  const code = hotp(secret, 60_000_000);
  for (const text of [
    "",
    `${code} `,
    ` ${code}`,
    code.slice(1),
    `${code}0`,
    "12345a",
    "１２３４５６",
  ]) {
    assert.equal(matchTotp(secret, text, 1_800_000_000_000), undefined, text);
  }
});

test("an app is told issuer, account and a secret of 160 bits", async () => {
  const secret = newTotpSecret();
  const uri = new URL(totpUri(secret, "Brigade", "ana@example.com"));
  assert.equal(uri.protocol, "otpauth:");
  assert.equal(decodeURIComponent(uri.pathname), "/Brigade:ana@example.com");
  assert.deepEqual(Object.fromEntries(uri.searchParams), {
    issuer: "Brigade",
    secret: totpSecretText(secret),
    algorithm: "SHA1",
    digits: "6",
    period: "30",
  });
  assert.match(totpSecretText(secret), /^[A-Z2-7]{32}$/);
  const svg = await drawQrCode(uri.href);
  assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.ok(!/script|style=/.test(svg));
});

test("ten recovery codes of 120 bits, read in any case and grouping", () => {
  const codes = newRecoveryCodes();
  assert.equal(new Set(codes).size, 10);
  for (const code of codes) {
    assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){5}$/);
    const digest = recoveryCodeDigest(code)!;
    const typed = code.toLowerCase().replaceAll("-", " ").replaceAll("0", "o").replaceAll("1", "l");
    assert.deepEqual(recoveryCodeDigest(typed), digest);
    assert.equal(recoveryCodeDigest(code.slice(1)), undefined);
    assert.equal(recoveryCodeDigest(`${code.slice(1)}U`), undefined, "U is in no code");
  }
});
