import type { InvalidationKey } from "../index.ts";

/** What a reader applies: the keys of the log, or everything. */
export const EVERYTHING: readonly InvalidationKey[] = Object.freeze([
  Object.freeze({ kind: "global" as const }),
]);

/**
 * The keys of one log entry. An entry we cannot read in full (a newer program wrote it, or a hand)
 * drops everything: an invalidation may cost too much but never be lost.
 */
export function readKeys(stored: unknown): readonly InvalidationKey[] {
  if (!Array.isArray(stored)) return EVERYTHING;
  const keys: InvalidationKey[] = [];
  for (const value of stored) {
    const key = readKey(value);
    if (key === undefined) return EVERYTHING;
    keys.push(key);
  }
  return keys;
}

function readKey(value: unknown): InvalidationKey | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { kind, id, issuer, subject } = value as Readonly<Record<string, unknown>>;
  switch (kind) {
    case "global":
    case "roles":
    case "policies":
    case "clients":
      return { kind };
    case "session":
    case "api_key":
    case "token":
    case "tenant":
      return typeof id === "string" ? { kind, id } : undefined;
    case "issuer":
      return typeof issuer === "string" ? { kind, issuer } : undefined;
    case "identity":
      return typeof issuer === "string" && typeof subject === "string"
        ? { kind, issuer, subject }
        : undefined;
    default:
      return undefined;
  }
}
