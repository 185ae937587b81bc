import type { Principal } from "../../http/principal.ts";
import { platformErrors } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { apiKeyLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent, type AuditAction } from "../audit/store.ts";
import { authErrors } from "../errors.ts";
import type { Invalidate } from "../index.ts";
import type { Caller } from "../session/open.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { makeKeyText } from "./key-text.ts";
import { permittedOf } from "./principal.ts";
import { insertKey, revokeKey, rotateKey, type ApiKey, type NewApiKey } from "./store.ts";

export interface OwnKeysOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly throttle: Pick<Throttle, "take">;
}

/** Who asks, and from where. */
export interface Owner {
  readonly accountId: string;
  readonly principal: Principal;
  readonly caller: Caller;
}

export type KeyWishes = Pick<
  NewApiKey,
  "name" | "scopes" | "permissions" | "rate" | "quota" | "lifeSeconds"
>;

/** A key with its text, which is told this once and kept nowhere. */
export interface MadeKey {
  readonly key: ApiKey;
  readonly text: string;
}

/** What an account does with its own keys. */
export interface OwnKeys {
  /** Throws `permission_denied` for what the owner may not do, `conflict` for one key too many. */
  create(owner: Owner, wishes: KeyWishes): Promise<MadeKey>;
  /** Throws `not_found`, `rate_limited`. */
  rotate(owner: Owner, id: string, overlapSeconds: number): Promise<MadeKey>;
  /** Throws `not_found`, `rate_limited`. */
  revoke(owner: Owner, id: string): Promise<{ readonly number: number | undefined }>;
}

export function createOwnKeys({ database, invalidate, throttle }: OwnKeysOptions): OwnKeys {
  return {
    async create(owner, wishes) {
      assertHeld(owner, wishes);
      const { accountId, principal } = owner;
      const { id, digest, text } = makeKeyText(newId());
      const key = await database.withTransaction(async (tx) => {
        const made = await insertKey(tx, {
          ...wishes,
          id,
          digest,
          accountId,
          tenantId: principal.tenantId,
        });
        if (made === undefined) {
          throw platformErrors.failure("conflict", {
            detail: `An account has at most ${apiKeyLimits.perAccountMaxCount} live API keys`,
          });
        }
        await record(tx, "api_key.create", owner, id);
        return made;
      });
      return { key, text };
    },
    async rotate(owner, id, overlapSeconds) {
      await throttle.take("revokeAccount", owner.accountId);
      const { digest, text } = makeKeyText(id);
      const key = await database.withTransaction(
        async (tx) => {
          const rotated = await rotateKey(tx, { ...owner, id }, digest, overlapSeconds);
          if (rotated === undefined) throw platformErrors.failure("not_found");
          await record(tx, "api_key.rotate", owner, id);
          // What is cached of the secret before has no end of its own yet.
          invalidate(tx, [{ kind: "api_key", id }]);
          return rotated;
        },
        { revocation: true },
      );
      return { key, text };
    },
    async revoke(owner, id) {
      await throttle.take("revokeAccount", owner.accountId);
      return database.withTransaction(
        async (tx) => {
          const isRevoked = await revokeKey(tx, { ...owner, id });
          // Somebody else's key and no key are one answer.
          if (!isRevoked) throw platformErrors.failure("not_found");
          await record(tx, "api_key.revoke", owner, id);
          return invalidate(tx, [{ kind: "api_key", id }]);
        },
        { revocation: true },
      );
    },
  };
}

/** A key is never given more than its owner holds. It is looked at again at every use. */
function assertHeld({ principal }: Owner, { permissions }: KeyWishes): void {
  const permitted = permittedOf(permissions, principal.permissions);
  const isHeld = Object.entries(permissions).every(([context, names]) => {
    const held = permitted[context as keyof typeof permitted] ?? [];
    return names.every((name) => held.includes(name));
  });
  if (isHeld) return;
  throw authErrors.failure("permission_denied", {
    detail: "The key is to have a permission that the caller does not hold",
  });
}

function record(
  tx: Transaction,
  action: Extract<AuditAction, `api_key.${string}`>,
  { accountId, principal, caller }: Owner,
  id: string,
): Promise<void> {
  return recordEvent(tx, {
    action,
    actor: accountId,
    subject: accountId,
    tenantId: principal.tenantId,
    sessionId: principal.sessionId,
    reason: `key ${id}`,
    ...placeOf(caller),
  });
}
