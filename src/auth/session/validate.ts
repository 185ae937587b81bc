import { platformErrors } from "../../platform/errors.ts";
import type { Database } from "../../platform/postgres.ts";
import type { CountryOf } from "../network/country.ts";
import { changesOf, seenPlaceOf, trustOf, type SessionFlag } from "./changes.ts";
import { findSession } from "./store.ts";

export interface ValidateOptions {
  readonly database: Pick<Database, "query">;
  readonly countryOf: CountryOf;
}

/** A use of a session, as another service saw it. */
export interface SessionUse {
  readonly sessionId: string;
  readonly tenantId: string;
  readonly address: string;
  readonly userAgent: string;
}

export type SessionValidation =
  | { readonly active: false }
  | {
      readonly active: true;
      /** In what this use differs from the last refresh. */
      readonly changes: readonly SessionFlag[];
      /** In what any refresh differed from the one before. */
      readonly flags: readonly SessionFlag[];
      /** From 0 to 100, this use included. */
      readonly trust: number;
    };

/**
 * Whether a session is alive, and how much this use looks like its own. Changes nothing. Throws
 * `not_found` for a session that is none of the tenant.
 */
export async function validateSession(
  { database, countryOf }: ValidateOptions,
  { sessionId, tenantId, address, userAgent }: SessionUse,
): Promise<SessionValidation> {
  const found = await findSession(database, sessionId, tenantId);
  if (found === undefined) throw platformErrors.failure("not_found");
  const { session, isAlive } = found;
  if (!isAlive) return { active: false };
  const now = await seenPlaceOf({ address, userAgent, requestId: "" }, countryOf);
  const changes = changesOf(session.seen, now);
  const { flags, deviceDigest } = session;
  const trust = trustOf([...new Set([...flags, ...changes])], deviceDigest !== undefined);
  return { active: true, changes, flags, trust };
}
