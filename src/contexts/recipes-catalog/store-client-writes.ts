import { isDeepStrictEqual } from "node:util";
import { platformErrors } from "../../platform/errors.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { ClientFields } from "./client.ts";
import { owned, type Caller, type Owned } from "./owner.ts";
import { discardMenus } from "./store-discard.ts";
import { replaceTags } from "./store-tags.ts";
import type { Tag } from "./tag.ts";

export interface Versioned {
  readonly id: string;
  readonly version: number;
}

/** What a change makes of a client; without tags they stay. */
export interface ClientChange {
  readonly fields: ClientFields;
  readonly tags?: readonly Tag[] | undefined;
}

/** Writes clients. */
export interface ClientWriter {
  insert(
    id: string,
    caller: Caller,
    client: ClientFields & { readonly tags: readonly Tag[] },
    now: Date,
  ): Promise<Versioned>;
  /**
   * Locks the client, lets `change` make its new state, and stores that under the next version if
   * it is anything new.
   * @throws AppError `not_found`, `permission_denied`, `version_conflict`
   */
  change(
    id: string,
    caller: Caller,
    expectedVersion: number | undefined,
    change: (stored: StoredClient) => ClientChange,
    now: Date,
  ): Promise<Versioned>;
  /**
   * Marks the client, its menus, their meals and the recipes of those as discarded, all or nothing.
   * @throws AppError `not_found`, `permission_denied`, `version_conflict`
   */
  discard(
    id: string,
    caller: Caller,
    expectedVersion: number | undefined,
    now: Date,
  ): Promise<Versioned>;
}

export interface StoredClient extends ClientFields, Owned {
  readonly version: number;
}

export function createClientWriter(database: Database): ClientWriter {
  return {
    insert: (id, caller, client, now) =>
      database.withTransaction(async (tx) => {
        const { userId, tenantId } = caller;
        const { name, birthday, sex, notes } = client;
        await tx.query(sql`
          insert into recipes_catalog.clients (
              id, tenant_id, author_id, created_at, updated_at, name, birthday, sex, contact_info,
              address, notes, onboarding_data)
          values (${id}, ${tenantId}, ${userId}, ${now}, ${now}, ${name}, ${birthday}, ${sex},
                  ${jsonText(client.contact_info)}::jsonb, ${jsonText(client.address)}::jsonb,
                  ${notes}, ${jsonText(client.onboarding_data)}::jsonb)`);
        await replaceTags(tx, "client", id, userId, tenantId, client.tags);
        return { id, version: 1 };
      }),

    change: (id, caller, expectedVersion, change, now) =>
      database.withTransaction(async (tx) => {
        const stored = await lockClient(tx, id, caller, expectedVersion);
        const { fields, tags } = change(stored);
        const hasNewTags =
          tags !== undefined &&
          (await replaceTags(tx, "client", id, stored.author_id, stored.tenant_id, tags));
        if (!hasNewTags && isDeepStrictEqual({ ...fields }, { ...stored })) {
          return { id, version: stored.version };
        }
        await tx.query(sql`
          update recipes_catalog.clients
             set version = version + 1, updated_at = ${now}, name = ${fields.name},
                 birthday = ${fields.birthday}, sex = ${fields.sex}, notes = ${fields.notes},
                 contact_info = ${jsonText(fields.contact_info)}::jsonb,
                 address = ${jsonText(fields.address)}::jsonb,
                 onboarding_data = ${jsonText(fields.onboarding_data)}::jsonb
           where id = ${id}`);
        return { id, version: stored.version + 1 };
      }),

    discard: (id, caller, expectedVersion, now) =>
      database.withTransaction(async (tx) => {
        const { version } = await lockClient(tx, id, caller, expectedVersion);
        const { rows } = await tx.query<{ id: string }>(sql`
          select id from recipes_catalog.menus where client_id = ${id} and not discarded`);
        await discardMenus(
          tx,
          rows.map((row) => row.id),
          now,
        );
        await tx.query(sql`
          update recipes_catalog.clients
             set discarded = true, version = version + 1, updated_at = ${now} where id = ${id}`);
        return { id, version: version + 1 };
      }),
  };
}

async function lockClient(
  tx: Transaction,
  id: string,
  caller: Caller,
  expectedVersion: number | undefined,
): Promise<StoredClient> {
  const { rows } = await tx.query<StoredClient>(sql`
    select tenant_id, author_id, version, name, birthday, sex, contact_info, address, notes,
           onboarding_data
      from recipes_catalog.clients where id = ${id} and not discarded for no key update`);
  const stored = owned(rows[0], caller);
  if (expectedVersion !== undefined && expectedVersion !== stored.version) {
    throw platformErrors.failure("version_conflict");
  }
  return stored;
}

function jsonText(value: object | null): string | null {
  return value && JSON.stringify(value);
}
