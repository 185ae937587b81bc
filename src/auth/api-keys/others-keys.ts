import { platformErrors } from "../../platform/errors.ts";
import type { Database } from "../../platform/postgres.ts";
import type { Account } from "../accounts/store.ts";
import type { By } from "../accounts/standing.ts";
import { recordEvent } from "../audit/store.ts";
import type { Invalidate, InvalidationReceipt } from "../index.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { revokeKey } from "./store.ts";

export interface OthersKeysOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly throttle: Pick<Throttle, "take">;
}

/** Revokes a key of somebody whom `by` administers. Throws `not_found`, `rate_limited`. */
export async function revokeOthersKey(
  { database, invalidate, throttle }: OthersKeysOptions,
  { id: accountId, tenantId }: Pick<Account, "id" | "tenantId">,
  id: string,
  by: By,
): Promise<InvalidationReceipt> {
  await throttle.take("revokeAccount", by.actor);
  return database.withTransaction(
    async (tx) => {
      if (!(await revokeKey(tx, { id, accountId }))) throw platformErrors.failure("not_found");
      const reason = `key ${id}`;
      const action = "api_key.revoke" as const;
      await recordEvent(tx, { action, ...by, subject: accountId, tenantId, reason });
      return invalidate(tx, [{ kind: "api_key", id }]);
    },
    { revocation: true },
  );
}
