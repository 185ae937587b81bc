import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { clientLimits } from "../../platform/limits.ts";
import type { Client } from "./store.ts";

/** 256 random bits: nothing to guess, so one round of SHA-256 keeps it as well as any other. */
export function makeSecret(): { readonly secret: string; readonly digest: Buffer } {
  const secret = randomBytes(clientLimits.secretBytes).toString("base64url");
  return { secret, digest: digestOf(secret) };
}

const NOBODY = randomBytes(32);

/** Compares with both secrets of a client in constant time; with nobody's when there is none. */
export function isSecretOf(client: Client | undefined, secret: string, nowMs: number): boolean {
  const given = digestOf(secret);
  const isPresent = timingSafeEqual(given, client?.secretDigest ?? NOBODY);
  const isFormer = timingSafeEqual(given, client?.previousDigest ?? NOBODY);
  // What a thread knows of a client may be older than the end of the overlap.
  const isOverlap = (client?.previousUntil?.getTime() ?? 0) > nowMs;
  return client !== undefined && (isPresent || (isFormer && isOverlap));
}

function digestOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
