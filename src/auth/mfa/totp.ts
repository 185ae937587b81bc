import { randomBytes } from "node:crypto";
import { Secret, TOTP } from "otpauth";
import { mfaLimits as limits } from "../../platform/limits.ts";

/*
 * RFC 6238 with what every authenticator app can do: SHA-1, six digits, 30 seconds. The codes of
 * the step before and after ours count, because clocks differ and people type slowly (RFC 6238
 * §5.2); a step is taken once at most, so a code that was seen is worth nothing.
 */

const SETTINGS = { algorithm: "SHA1", digits: 6, period: limits.totpStepSeconds } as const;

/** 160 random bits. */
export function newTotpSecret(): Buffer {
  return randomBytes(limits.totpSecretBytes);
}

/** What an authenticator app is shown, as a link or a QR code. */
export function totpUri(secret: Buffer, issuer: string, label: string): string {
  return new TOTP({ ...SETTINGS, issuer, label, secret: toSecret(secret) }).toString();
}

/** The secret as one types it into an app. */
export function totpSecretText(secret: Buffer): string {
  return toSecret(secret).base32;
}

/** The time step whose code this is; undefined for none of the three that count now. */
export function matchTotp(secret: Buffer, code: string, nowMs: number): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const totp = new TOTP({ ...SETTINGS, secret: toSecret(secret) });
  const delta = totp.validate({ token: code, timestamp: nowMs, window: limits.totpWindowSteps });
  return delta === null ? undefined : totp.counter({ timestamp: nowMs }) + delta;
}

function toSecret(secret: Buffer): Secret {
  return new Secret({ buffer: new Uint8Array(secret).buffer });
}
