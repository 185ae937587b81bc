import type { Page } from "../../../http/paging.ts";
import { platformErrors } from "../../../platform/errors.ts";
import { shoppingLimits as limits } from "../../../platform/limits.ts";
import type { Database, Transaction } from "../../../platform/postgres.ts";
import { sql, type Sql } from "../../../platform/sql.ts";
import { validationFailure } from "../../../http/rules.ts";
import type { Caller } from "../owner.ts";
import { shoppingErrors } from "./errors.ts";
import type { ShoppingItem } from "./shopping-item.ts";
import type { ShoppingRequest } from "./shopping-request.ts";

export interface SavedItem {
  readonly id: string;
  readonly checked: boolean;
  readonly item: ShoppingItem;
}

export interface ShoppingListRow {
  readonly id: string;
  readonly client_id: string;
  readonly author_id: string;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly request: ShoppingRequest;
}

/** In a database that was restored from a copy a version may come again; not at that instant. */
export type ListState = Pick<ShoppingListRow, "id" | "version" | "updated_at">;

export interface SavedList extends ShoppingListRow {
  readonly items: readonly SavedItem[];
}

/** A list among others: how much is on it, and how much of that is done. */
export interface ListSummary extends ShoppingListRow {
  readonly item_count: number;
  readonly checked_count: number;
}

export interface NewList {
  readonly id: string;
  readonly clientId: string;
  readonly request: ShoppingRequest;
}
export type ToItems = (tx: Transaction) => Promise<readonly NewItem[]>;
export interface NewItem {
  readonly id: string;
  readonly item: ShoppingItem;
}

export interface CheckOff {
  readonly itemId: string;
  readonly checked: boolean;
  readonly version: number | undefined;
}

export const LIST_SORTS = ["created_at", "-created_at", "updated_at", "-updated_at"] as const;
export type ListSort = (typeof LIST_SORTS)[number];

export interface Written {
  readonly id: string;
  readonly version: number;
}

/**
 * Lists that are kept for a client. Whoever may act on the client may act on them; for everybody
 * else they are not there.
 */
export interface ShoppingListStore {
  /**
   * Keeps the items that `toItems` computes once there is room for them.
   * @throws AppError `not_found` without the client; `shopping_lists_full`
   */
  insert(caller: Caller, list: NewList, toItems: ToItems, now: Date): Promise<Written>;
  find(caller: Caller, id: string): Promise<SavedList | undefined>;
  /** What tells a state of the list from every other. */
  findState(caller: Caller, id: string): Promise<ListState | undefined>;
  /** @throws AppError `not_found` without the client */
  list(
    caller: Caller,
    clientId: string,
    sort: ListSort,
    page: Page,
  ): Promise<{ readonly lists: readonly ListSummary[]; readonly total: number }>;
  /** @throws AppError `not_found`; `version_conflict`; `validation_failed` without the item */
  check(caller: Caller, id: string, change: CheckOff, now: Date): Promise<Written>;
  /** @throws AppError `not_found`; `version_conflict` */
  remove(caller: Caller, id: string, version: number | undefined): Promise<Written>;
}

export function createShoppingListStore(database: Database): ShoppingListStore {
  return {
    insert: (caller, list, toItems, now) =>
      database.withTransaction(async (tx) => {
        await takePlace(tx, caller, list.clientId);
        return insertList(tx, caller, list, await toItems(tx), now);
      }),

    async find(caller, id) {
      const { rows } = await database.query<ShoppingListRow & { items: SavedItem[] }>(sql`
        select ${rowColumns}, coalesce((
                 select jsonb_agg(jsonb_build_object('id', i.id, 'checked', i.checked,
                                                     'item', i.item) order by i.position)
                   from recipes_catalog.shopping_items i where i.list_id = l.id), '[]') as items
          from recipes_catalog.shopping_lists l
          join recipes_catalog.clients c on c.id = l.client_id
         where l.id = ${id} and ${mayActOnClient(caller)}`);
      return rows[0];
    },

    async findState(caller, id) {
      const [row] = await database.read<ListState>(sql`
        select l.id, l.version, l.updated_at from recipes_catalog.shopping_lists l
          join recipes_catalog.clients c on c.id = l.client_id
         where l.id = ${id} and ${mayActOnClient(caller)}`);
      return row;
    },

    async list(caller, clientId, sort, { skip, limit }) {
      const { rows } = await database.query<ListSummary & { total: number }>(sql`
        select page.*,
               (select count(*) from recipes_catalog.shopping_lists l where l.client_id = c.id) as total
          from recipes_catalog.clients c
          left join lateral (
            select ${rowColumns}, counts.*, row_number() over (order by ${ORDERS[sort]}) as place
              from recipes_catalog.shopping_lists l
              cross join lateral (
                select count(*) as item_count, count(*) filter (where i.checked) as checked_count
                  from recipes_catalog.shopping_items i where i.list_id = l.id) counts
             where l.client_id = c.id order by ${ORDERS[sort]} offset ${skip} limit ${limit}
          ) page on true
         where c.id = ${clientId} and ${mayActOnClient(caller)} order by page.place`);
      if (rows[0] === undefined) throw platformErrors.failure("not_found");
      return { lists: rows.filter(({ id }) => id !== null), total: rows[0].total };
    },

    check: (caller, id, change, now) =>
      database.withTransaction(async (tx) => {
        const version = await lockList(tx, caller, id, change.version);
        if (!(await checkItem(tx, id, change))) return { id, version };
        const { rows } = await tx.query<Written>(sql`
          update recipes_catalog.shopping_lists set version = version + 1, updated_at = ${now}
           where id = ${id} returning id, version`);
        return rows[0]!;
      }),

    remove: (caller, id, version) =>
      database.withTransaction(async (tx) => {
        const last = await lockList(tx, caller, id, version);
        await tx.query(sql`delete from recipes_catalog.shopping_lists where id = ${id}`);
        return { id, version: last };
      }),
  };
}

const rowColumns = sql`l.id, l.client_id, l.author_id, l.version, l.created_at, l.updated_at, l.request`;

const ORDERS: Readonly<Record<ListSort, Sql>> = {
  created_at: sql`l.created_at, l.id`,
  "-created_at": sql`l.created_at desc, l.id desc`,
  updated_at: sql`l.updated_at, l.id`,
  "-updated_at": sql`l.updated_at desc, l.id desc`,
};

function mayActOnClient({ tenantId, userId, isManager }: Caller): Sql {
  return sql`c.tenant_id = ${tenantId} and not c.discarded
    and (${isManager} or c.author_id = ${userId})`;
}

/** The client is locked, so of two lists at the same moment the second counts the first. */
async function takePlace(tx: Transaction, caller: Caller, clientId: string): Promise<void> {
  const { rows: clients } = await tx.query(sql`
    select from recipes_catalog.clients c
     where c.id = ${clientId} and ${mayActOnClient(caller)} for no key update`);
  if (clients.length === 0) throw platformErrors.failure("not_found");
  const { rows } = await tx.query<{ count: number }>(sql`
    select count(*) as count from recipes_catalog.shopping_lists where client_id = ${clientId}`);
  if (rows[0]!.count >= limits.listsPerClientMax) {
    throw shoppingErrors.failure("shopping_lists_full");
  }
}

async function insertList(
  tx: Transaction,
  { tenantId, userId }: Caller,
  { id, clientId, request }: NewList,
  items: readonly NewItem[],
  now: Date,
): Promise<Written> {
  await tx.query(sql`
    insert into recipes_catalog.shopping_lists
      (id, tenant_id, author_id, client_id, created_at, updated_at, request)
    values (${id}, ${tenantId}, ${userId}, ${clientId}, ${now}, ${now},
            ${JSON.stringify(request)}::jsonb)`);
  await tx.query(sql`
    insert into recipes_catalog.shopping_items (id, list_id, position, item)
    select v.id, ${id}, v.place - 1, v.item
      from unnest(${items.map((one) => one.id)}::uuid[],
                  ${items.map(({ item }) => JSON.stringify(item))}::jsonb[])
           with ordinality as v (id, item, place)`);
  return { id, version: 1 };
}

/** One after the other, so no change of an item is lost and each makes a version of its own. */
async function lockList(
  tx: Transaction,
  caller: Caller,
  id: string,
  version: number | undefined,
): Promise<number> {
  const { rows } = await tx.query<{ version: number }>(sql`
    select l.version from recipes_catalog.shopping_lists l
      join recipes_catalog.clients c on c.id = l.client_id
     where l.id = ${id} and ${mayActOnClient(caller)} for update of l`);
  const stored = rows[0]?.version;
  if (stored === undefined) throw platformErrors.failure("not_found");
  if (version !== undefined && version !== stored) {
    throw platformErrors.failure("version_conflict");
  }
  return stored;
}

/** Returns whether it was not so before; the list is locked. */
async function checkItem(
  tx: Transaction,
  listId: string,
  { itemId, checked }: CheckOff,
): Promise<boolean> {
  const item = sql`id = ${itemId} and list_id = ${listId}`;
  const { rowCount } = await tx.query(sql`
    update recipes_catalog.shopping_items set checked = ${checked}
     where ${item} and checked <> ${checked}`);
  if (rowCount > 0) return true;
  const { rows } = await tx.query(sql`select from recipes_catalog.shopping_items where ${item}`);
  if (rows.length > 0) return false;
  const message = "must be an item of this list";
  throw validationFailure([{ path: "/body/item_id", code: "unknown_item", message }]);
}
