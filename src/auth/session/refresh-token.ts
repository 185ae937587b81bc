import { createHmac, timingSafeEqual } from "node:crypto";
import { sessionLimits as limits } from "../../platform/limits.ts";
import type { RefreshKey } from "../keys/key-ring.ts";
import { decodeBase64url } from "../token/base64url.ts";

/*
 * A refresh token is `kid.session.counter.mac`. Nothing of it is stored: the mac covers session,
 * counter and a secret of the session's row, under a key of the ring, so that neither the database
 * nor the key alone is enough to make one. Three dots tell it from an access token.
 */

/** A well-formed refresh token; nothing of it is proven yet. */
export interface ParsedRefreshToken {
  readonly kid: string;
  readonly sessionId: string;
  readonly counter: number;
  readonly mac: Buffer;
}

const FORM = /^([A-Za-z0-9_-]{1,128})\.([A-Za-z0-9_-]{22})\.(0|[1-9]\d{0,9})\.([A-Za-z0-9_-]{43})$/;
const COUNTER_MAX = 2 ** 31 - 1;

export function makeRefreshToken(
  sessionId: string,
  counter: number,
  refreshSecret: Buffer,
  key: RefreshKey,
): string {
  const session = sessionBytes(sessionId);
  const mac = macOf(session, counter, refreshSecret, key);
  return `${key.kid}.${session.toString("base64url")}.${counter}.${mac.toString("base64url")}`;
}

/** Undefined for anything but the one spelling we make. */
export function parseRefreshToken(text: string): ParsedRefreshToken | undefined {
  if (text.length > limits.refreshTokenMaxCharacters) return undefined;
  const [, kid, session, counterText, macText] = FORM.exec(text) ?? [];
  if (kid === undefined || session === undefined || macText === undefined) return undefined;
  const id = decodeBase64url(session);
  const mac = decodeBase64url(macText);
  if (id === undefined || mac === undefined) return undefined;
  const counter = Number(counterText);
  return counter > COUNTER_MAX ? undefined : { kid, sessionId: toUuid(id), counter, mac };
}

/** Compared in constant time. */
export function isAuthentic(
  token: ParsedRefreshToken,
  refreshSecret: Buffer,
  key: RefreshKey,
): boolean {
  const expected = macOf(sessionBytes(token.sessionId), token.counter, refreshSecret, key);
  return timingSafeEqual(expected, token.mac);
}

/** All parts have a fixed width, so no two inputs run together to the same bytes. */
function macOf(session: Buffer, counter: number, refreshSecret: Buffer, key: RefreshKey): Buffer {
  const counterBytes = Buffer.allocUnsafe(4);
  counterBytes.writeUInt32BE(counter);
  return createHmac("sha256", key.secret)
    .update(session)
    .update(counterBytes)
    .update(refreshSecret)
    .digest();
}

function sessionBytes(sessionId: string): Buffer {
  return Buffer.from(sessionId.replaceAll("-", ""), "hex");
}

function toUuid(bytes: Buffer): string {
  const hex = bytes.toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}
