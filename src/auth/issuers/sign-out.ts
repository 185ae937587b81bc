import type { Database } from "../../platform/postgres.ts";
import { recordEvent } from "../audit/store.ts";
import type { Identity, Invalidate, InvalidationReceipt } from "../index.ts";
import type { By } from "../accounts/standing.ts";
import { addSignOut } from "./store-sign-outs.ts";

export interface SignOutOptions {
  readonly database: Pick<Database, "withTransaction">;
  readonly invalidate: Invalidate;
}

export interface SignOut {
  readonly tenantId: string;
  readonly reason: string;
  /** How far the issuer's clock may be ahead of ours. */
  readonly toleranceSeconds: number;
  readonly by: By;
}

/**
 * Takes back everything that a subject of a foreign issuer got by an authentication before now, as
 * `GlobalSignOut` does at Cognito: tokens that its refresh tokens bring later too, as far as the
 * issuer writes `auth_time`.
 */
export async function signOutForeign(
  { database, invalidate }: SignOutOptions,
  identity: Identity,
  { tenantId, reason, toleranceSeconds, by }: SignOut,
): Promise<{ readonly receipt: InvalidationReceipt }> {
  return database.withTransaction(
    async (tx) => {
      await addSignOut(tx, identity, toleranceSeconds);
      const { subject, issuer } = identity;
      const said = `${reason} (${issuer})`;
      await recordEvent(tx, { ...by, action: "user.sign_out", subject, tenantId, reason: said });
      return { receipt: invalidate(tx, [{ kind: "identity", ...identity }]) };
    },
    { revocation: true },
  );
}
