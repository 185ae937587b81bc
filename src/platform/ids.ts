import { randomBytes, randomFillSync } from "node:crypto";
import { systemClock, type Clock } from "./clock.ts";

// Random bytes are bought in bulk: one call of the generator serves 256 ids.
const pool = Buffer.allocUnsafe(256 * 10);
let poolOffset = pool.length;

/**
 * A new UUID version 7 (RFC 9562 §5.7): 48 bits of milliseconds, then 74 random bits. Made by us
 * because PostgreSQL has `uuidv7()` only from version 18 on.
 */
export function newId(clock: Clock = systemClock): string {
  if (poolOffset + 10 > pool.length) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  const random = pool.subarray(poolOffset, (poolOffset += 10));
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeUIntBE(clock.nowMs(), 0, 6);
  random.copy(bytes, 6);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return dashed(bytes.toString("hex"));
}

/** `byteCount` random bytes as base64url without padding. */
export function randomToken(byteCount: number): string {
  return randomBytes(byteCount).toString("base64url");
}

/**
 * Any usual spelling of a UUID (dashed, 32 hex, braces, `urn:uuid:`) as dashed lower case, or
 * undefined when it is none.
 */
export function normaliseUuid(text: string): string | undefined {
  if (text.length > 45) return undefined;
  const match =
    /^(?:urn:uuid:)?(\{?)([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})(\}?)$/i.exec(
      text,
    );
  if (match === null || (match[1] === "") !== (match[3] === "")) return undefined;
  const hex = match[2]!.replaceAll("-", "").toLowerCase();
  return dashed(hex);
}

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The tenant that the first migration makes; everybody belongs to it until others are made. */
export const DEFAULT_TENANT_ID = "00000000-0000-7000-8000-000000000001";
