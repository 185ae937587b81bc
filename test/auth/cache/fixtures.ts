import { createGenerations, type Generations } from "../../../src/auth/cache/generations.ts";
import type { TableEntry } from "../../../src/auth/cache/claims-table.ts";
import type { CacheFill } from "../../../src/auth/cache/auth-cache.ts";
import type { Claims } from "../../../src/auth/token/claims.ts";
import type { Principal } from "../../../src/http/principal.ts";
import { createManualClock } from "../../support/clock.ts";
import { createSharedMemory, type SharedMemory } from "../../../src/platform/shared-memory.ts";

export const ISSUER = "https://auth.example";

export type SharedWithTable = SharedMemory & { readonly claims: SharedArrayBuffer };

/** Shared memory of two threads with a tiny table. */
export function tinyMemory(options: { slots?: number; slotBytes?: number; threads?: number } = {}) {
  const clock = createManualClock();
  const made = createSharedMemory({
    httpThreads: options.threads ?? 2,
    authCacheSlots: options.slots ?? 4,
    ...(options.slotBytes === undefined ? {} : { claimsSlotBytes: options.slotBytes }),
    clock,
  });
  // A fixed key: no two words of these tests fall together, today and tomorrow.
  const shared: SharedMemory = { ...made, hashKey: [1, 2] };
  return { clock, shared: shared as SharedWithTable, generations: createGenerations(shared) };
}

/** 16 bytes; `first` is the word that picks the bucket and is compared before the copy. */
export function digestOf(key: number, first = 0): Uint8Array {
  const digest = new Uint8Array(16);
  const view = new DataView(digest.buffer);
  view.setInt32(0, first, true);
  view.setInt32(4, key, true);
  view.setInt32(12, ~key, true);
  return digest;
}

/** An entry of the session `session-<key>`, captured now, that ends far away. */
export function entryOf(generations: Generations, key: number, payload: unknown): TableEntry {
  const indexes = generations.indexesOf({
    issuer: ISSUER,
    subject: `subject-${key}`,
    sessionId: `session-${key}`,
  });
  const captured = generations.capture(indexes);
  return { payload, expiresAt: 2_000_000_000, deadlineTicks: 1_000_000, indexes, captured };
}

export function claimsOf(subject: string, expiresAt = 1_800_001_800): Claims {
  return {
    issuer: ISSUER,
    subject,
    audiences: ["https://api.example"],
    expiresAt,
    issuedAt: 1_800_000_000,
    tokenId: `token-${subject}`,
    clientId: undefined,
    sessionId: `session-${subject}`,
    tenantId: "default",
    deviceId: undefined,
    amr: ["pwd"],
    authTime: 1_800_000_000,
    scope: undefined,
    actor: undefined,
    groups: undefined,
  };
}

export function principalOf(subject: string, roles: Principal["roles"] = {}): Principal {
  return {
    kind: "user",
    issuer: ISSUER,
    subject,
    userId: subject,
    accountId: subject,
    tenantId: "default",
    sessionId: `session-${subject}`,
    tokenId: `token-${subject}`,
    clientId: undefined,
    email: `${subject}@example.org`,
    username: undefined,
    name: "Ana",
    emailVerified: true,
    hasFactor: false,
    amr: ["pwd"],
    authTime: 1_800_000_000,
    expiresAt: 1_800_001_800,
    scope: undefined,
    actor: undefined,
    groups: undefined,
    apiKey: undefined,
    roles,
    permissions: { products_catalog: ["access_products"] },
  };
}

/** What authenticate hands over after a verification that began now. */
export function fillOf(generations: Generations, subject: string): CacheFill {
  const indexes = generations.indexesOf({
    issuer: ISSUER,
    subject,
    sessionId: `session-${subject}`,
    tokenId: `token-${subject}`,
    tenantId: "default",
  });
  const captured = generations.capture(indexes);
  const claims = claimsOf(subject);
  const { expiresAt } = claims;
  return { claims, principal: principalOf(subject), expiresAt, indexes, captured };
}
