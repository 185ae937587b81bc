import type { Clock } from "../../platform/clock.ts";
import { newId } from "../../platform/ids.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import type { Sealer } from "../../platform/sealer.ts";
import { sealKey } from "./accounts.ts";
import type { TypeformConnection } from "./connection.ts";
import { createKeyStore, removeKey, replaceKey, type KeyStanding } from "./store-keys.ts";

export interface KeysOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly sealer: Sealer;
  readonly isServerKeySet: boolean;
  /** Undefined: there is no webhook secret, and TypeForm was told of nothing. */
  readonly typeform: Pick<TypeformConnection, "retelling"> | undefined;
}

/** Whose key is changed, by whom, and how that is written into the audit log. */
export interface KeyChange {
  readonly tenantId: string;
  /** An account id, or `cli`. */
  readonly by: string;
  record(tx: Transaction, action: "set" | "clear"): Promise<void>;
}

/** Everything that is told of a tenant's key: never the key. */
export interface KeyState {
  readonly own: KeyStanding | undefined;
  /** Which key TypeForm is asked with. */
  readonly inUse: "tenant" | "server" | "none";
}

/** Keys for TypeForm that tenants have of their own, in place of the server's. */
export function createKeys({ database, clock, sealer, isServerKeySet, typeform }: KeysOptions) {
  const store = createKeyStore(database);
  const retell = (tx: Transaction, tenantId: string) =>
    typeform?.retelling.askTenant(tx, tenantId) ?? Promise.resolve(0);

  return {
    async find(tenantId: string): Promise<KeyState> {
      const own = await store.findStanding(tenantId);
      return { own, inUse: own !== undefined ? "tenant" : isServerKeySet ? "server" : "none" };
    },

    /** TypeForm is told of the tenant's forms again, with the new key and a secret that goes with it. */
    async set(apiKey: string, { tenantId, by, record }: KeyChange): Promise<void> {
      const sealed = await sealKey(sealer, { id: newId(), tenantId, apiKey });
      const standing = { setBy: by, setAt: new Date(clock.nowMs()) };
      await database.withTransaction(async (tx) => {
        await replaceKey(tx, sealed, standing);
        await retell(tx, tenantId);
        await record(tx, "set");
      });
    },

    /** The server's key is used again. Returns whether there was another one. */
    async clear({ tenantId, record }: KeyChange): Promise<boolean> {
      return database.withTransaction(async (tx) => {
        if (!(await removeKey(tx, tenantId))) return false;
        await retell(tx, tenantId);
        await record(tx, "clear");
        return true;
      });
    },
  };
}

export type Keys = ReturnType<typeof createKeys>;
