import { platformErrors } from "../../platform/errors.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import type { PlacedMeal } from "./menu-input.ts";
import { owned, type Caller, type Owned } from "./owner.ts";
import type { Versioned } from "./store-client-writes.ts";
import { discardMenus } from "./store-discard.ts";
import { replaceGrid } from "./store-grid.ts";
import { replaceTags } from "./store-tags.ts";
import type { Tag } from "./tag.ts";

/** What a change makes of a menu; what is undefined stays. */
export interface MenuChange {
  readonly description: string | null | undefined;
  readonly grid: readonly PlacedMeal[] | undefined;
  readonly tags: readonly Tag[] | undefined;
}

/** Writes menus. All throw `not_found`, `permission_denied`; the last two `version_conflict`. */
export interface MenuWriter {
  /** A menu belongs to the author of its client, whoever makes it; so do its tags. */
  insert(
    id: string,
    clientId: string,
    caller: Caller,
    menu: {
      readonly description: string | null;
      tags(authorId: string): readonly Tag[];
    },
    now: Date,
  ): Promise<Versioned>;
  /** A change that changes nothing makes no version. @param mealIds those of the new grid */
  change(
    place: MenuAddress,
    caller: Caller,
    expectedVersion: number | undefined,
    mealIds: readonly string[],
    change: (stored: Owned) => MenuChange,
    now: Date,
  ): Promise<Versioned>;
  /** Marks the menu, its meals and their recipes as discarded, all or nothing. */
  discard(
    place: MenuAddress,
    caller: Caller,
    expectedVersion: number | undefined,
    now: Date,
  ): Promise<Versioned>;
}

/** A menu is found under its own client only. */
export interface MenuAddress {
  readonly clientId: string;
  readonly menuId: string;
}

export function createMenuWriter(database: Database): MenuWriter {
  return {
    insert: (id, clientId, caller, { description, tags }, now) =>
      database.withTransaction(async (tx) => {
        // Shared, so that nobody discards the client meanwhile.
        const { rows } = await tx.query<Owned>(sql`
          select tenant_id, author_id from recipes_catalog.clients
           where id = ${clientId} and not discarded for share`);
        const { tenant_id: tenantId, author_id: authorId } = owned(rows[0], caller);
        await tx.query(sql`
          insert into recipes_catalog.menus
            (id, tenant_id, author_id, client_id, created_at, updated_at, description)
          values (${id}, ${tenantId}, ${authorId}, ${clientId}, ${now}, ${now}, ${description})`);
        await replaceTags(tx, "menu", id, authorId, tenantId, tags(authorId));
        return { id, version: 1 };
      }),

    change: (place, caller, expectedVersion, mealIds, change, now) =>
      database.withTransaction(async (tx) => {
        await lockMenusInOrder(tx, place.menuId, mealIds);
        const stored = await lockMenuOf(tx, place, caller, expectedVersion);
        const { menuId: id } = place;
        const { tenant_id: tenantId, author_id: authorId } = stored;
        const { grid, tags, description = stored.description } = change(stored);
        const hasNewGrid =
          grid !== undefined &&
          (await replaceGrid(tx, { id, tenantId, authorId }, caller, grid, now));
        const hasNewTags =
          tags !== undefined && (await replaceTags(tx, "menu", id, authorId, tenantId, tags));
        if (!hasNewGrid && !hasNewTags && description === stored.description) {
          return { id, version: stored.version };
        }
        await tx.query(sql`
          update recipes_catalog.menus
             set version = version + 1, updated_at = ${now}, description = ${description}
           where id = ${id}`);
        return { id, version: stored.version + 1 };
      }),

    discard: (place, caller, expectedVersion, now) =>
      database.withTransaction(async (tx) => {
        const { version } = await lockMenuOf(tx, place, caller, expectedVersion);
        await discardMenus(tx, [place.menuId], now);
        return { id: place.menuId, version: version + 1 };
      }),
  };
}

/** Meals may come from other grids, which change too: two that exchange theirs must not collide. */
async function lockMenusInOrder(tx: Transaction, menuId: string, mealIds: readonly string[]) {
  if (mealIds.length === 0) return;
  await tx.query(sql`
    select from recipes_catalog.menus
     where id = ${menuId} or id in (
       select menu_id from recipes_catalog.menu_meals where meal_id = any(${mealIds}::uuid[]))
     order by id for no key update`);
}

interface LockedMenu extends Owned {
  readonly version: number;
  readonly description: string | null;
}

async function lockMenuOf(
  tx: Transaction,
  { clientId, menuId }: MenuAddress,
  caller: Caller,
  expectedVersion: number | undefined,
): Promise<LockedMenu> {
  const { rows } = await tx.query<LockedMenu>(sql`
    select tenant_id, author_id, version, description from recipes_catalog.menus
     where id = ${menuId} and client_id = ${clientId} and not discarded for no key update`);
  const stored = owned(rows[0], caller);
  if (expectedVersion !== undefined && expectedVersion !== stored.version) {
    throw platformErrors.failure("version_conflict");
  }
  return stored;
}
