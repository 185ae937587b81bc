import type { Page } from "../../http/paging.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { ClientSort } from "./client.ts";
import { createBodyMemory, type BodyMemory, type JsonBody } from "./json-body.ts";
import type { Caller } from "./owner.ts";
import { createLookUps, type FoundBody } from "./store-look-ups.ts";
import { menuTextsOf, type MenuDetail } from "./store-menu-parts.ts";
import { createTextLists } from "./store-pages.ts";
import { revisionOf, revisionOfAuthor } from "./store-revisions.ts";
import { hasTags, tagsOf } from "./store-tags.ts";
import type { TagFilter } from "./tag-filter.ts";

/** What a client list may be narrowed by. Lists are alternatives. */
export interface ClientFilter {
  readonly id?: readonly string[];
  readonly menuId?: readonly string[];
  readonly authorId?: readonly string[];
  readonly nameContains?: string;
  readonly tags?: TagFilter;
  readonly tagsNotExists?: TagFilter;
  readonly createdAtGte?: Date;
  readonly createdAtLte?: Date;
}

export interface ClientList {
  readonly filter: ClientFilter;
  readonly sort: ClientSort;
  readonly page: Page;
  readonly menus: MenuDetail;
}

/** Reads clients; those of other tenants and discarded ones are not there. */
export interface ClientStore {
  find(id: string, menus: MenuDetail): Promise<FoundBody | undefined>;
  /** Own ones; of a manager all of the tenant. */
  list(caller: Caller, list: ClientList): Promise<JsonBody>;
}

/** JSON text of `clients c` before and after the texts of its menus, for a SELECT list. */
export const clientHead = sql`(
  select left(to_json(head)::text, -1) || ',"menus":['
    from (select c.id, recipes_catalog.instant_text(c.created_at) as created_at,
                 recipes_catalog.instant_text(c.updated_at) as updated_at, c.version, c.discarded,
                 c.author_id,
                 (select to_json(p) from (select c.name, c.birthday, c.sex) p) as profile,
                 c.contact_info, c.address, ${tagsOf("client", sql`c.id`)} as tags) head)`;
export const clientTail = sql`(
  select '],' || substr(to_json(tail)::text, 2) from (select c.notes, c.onboarding_data) tail)`;

const clientText = (menus: MenuDetail) => sql`
  ${clientHead} || coalesce(${menuTextsOf(sql`c.id`, menus)}, '') || ${clientTail}`;

// The id runs in the same direction, so that one index serves both.
const ORDERS: Readonly<Record<ClientSort, Sql>> = {
  created_at: sql`c.created_at, c.id`,
  "-created_at": sql`c.created_at desc, c.id desc`,
  updated_at: sql`c.updated_at, c.id`,
  "-updated_at": sql`c.updated_at desc, c.id desc`,
  name: sql`c.name, c.id`,
  "-name": sql`c.name desc, c.id desc`,
};

export function createClientStore(
  database: Database,
  memory: BodyMemory = createBodyMemory(),
): ClientStore {
  const findBody = createLookUps("client", database, memory);
  const listTexts = createTextLists("clients", database, memory);

  return {
    find: (id, menus) =>
      findBody(
        `${id}/${menus}`,
        () => sql`
        select c.tenant_id, c.author_id, c.version, ${clientText(menus)} as json,
               ${revisionOfAuthor(sql`c.tenant_id`, sql`c.author_id`)} as revision
          from recipes_catalog.clients c where c.id = ${id} and not c.discarded`,
      ),

    list: (caller, { filter, sort, page, menus }) =>
      listTexts({
        matching: [filter, caller],
        sort,
        detail: menus,
        page,
        revision: revisionOf(caller, caller.isManager ? "tenant" : "author"),
        found: () => sql`recipes_catalog.clients c where ${conditionOf(caller, filter)}`,
        id: sql`c.id`,
        order: ORDERS[sort],
        shown: sql`
          join recipes_catalog.clients c on c.id = page.id
         where ${isOwnClient(caller)}`,
        text: clientText(menus),
      }),
  };
}

function isOwnClient(caller: Caller): Sql {
  const isThere = sql`c.tenant_id = ${caller.tenantId} and not c.discarded`;
  return caller.isManager ? isThere : sql`${isThere} and c.author_id = ${caller.userId}`;
}

function conditionOf(caller: Caller, filter: ClientFilter): Sql {
  const parts: Sql[] = [isOwnClient(caller)];
  const { id, menuId, authorId, nameContains, createdAtGte, createdAtLte } = filter;
  if (authorId !== undefined) parts.push(sql`c.author_id = any(${authorId}::uuid[])`);
  if (id !== undefined) parts.push(sql`c.id = any(${id}::uuid[])`);
  if (menuId !== undefined) {
    parts.push(sql`c.id = any(array(
      select n.client_id from recipes_catalog.menus n
       where n.id = any(${menuId}::uuid[]) and not n.discarded))`);
  }
  if (nameContains !== undefined) {
    const pattern = `%${nameContains.replaceAll(/[\\%_]/g, "\\$&")}%`;
    parts.push(sql`lower(c.name) like lower(${pattern}::text collate "und-x-icu")`);
  }
  if (createdAtGte !== undefined) parts.push(sql`c.created_at >= ${createdAtGte}::timestamptz`);
  if (createdAtLte !== undefined) parts.push(sql`c.created_at <= ${createdAtLte}::timestamptz`);
  const { tags, tagsNotExists } = filter;
  if (tags !== undefined) parts.push(hasTags("client", sql`c.id`, tags, caller.userId));
  if (tagsNotExists !== undefined) {
    parts.push(sql`not ${hasTags("client", sql`c.id`, tagsNotExists, caller.userId)}`);
  }
  return sql.join(parts, sql` and `);
}
