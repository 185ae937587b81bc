import type { Page } from "../../http/paging.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { ClientSort } from "./client.ts";
import type { ClientRow } from "./client-view.ts";
import type { Caller } from "./owner.ts";
import { menusOfClient, type MenuDetail } from "./store-menu-parts.ts";
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
  find(id: string, menus: MenuDetail): Promise<ClientRow | undefined>;
  /** Own ones; of a manager all of the tenant. */
  list(
    caller: Caller,
    list: ClientList,
  ): Promise<{ readonly clients: readonly ClientRow[]; readonly total: number }>;
}

/** What `ClientRow` wants of `clients c` beside its tags and menus. */
export const clientColumns = sql`
  c.id, c.tenant_id, c.author_id, c.version, c.discarded, c.created_at, c.updated_at, c.name,
  c.birthday, c.sex, c.contact_info, c.address, c.notes, c.onboarding_data`;

// The id runs in the same direction, so that one index serves both.
const ORDERS: Readonly<Record<ClientSort, Sql>> = {
  created_at: sql`c.created_at, c.id`,
  "-created_at": sql`c.created_at desc, c.id desc`,
  updated_at: sql`c.updated_at, c.id`,
  "-updated_at": sql`c.updated_at desc, c.id desc`,
  name: sql`c.name, c.id`,
  "-name": sql`c.name desc, c.id desc`,
};

const selection = (menus: MenuDetail) => sql`
  ${clientColumns}, ${tagsOf("client", sql`c.id`)} as tags, ${menusOfClient(sql`c.id`, menus)} as menus`;

export function createClientStore(database: Database): ClientStore {
  return {
    async find(id, menus) {
      const [row] = await database.read<ClientRow>(sql`
        select ${selection(menus)} from recipes_catalog.clients c
         where c.id = ${id} and not c.discarded`);
      return row;
    },

    async list(caller, { filter, sort, page, menus }) {
      const condition = conditionOf(caller, filter);
      const statement = sql`
        select counted.total, ${selection(menus)}
          from (select count(*) as total from recipes_catalog.clients c where ${condition}) counted
          left join (
            select ${clientColumns} from recipes_catalog.clients c where ${condition}
             order by ${ORDERS[sort]} offset ${page.skip} limit ${page.limit}
          ) c on true
         order by ${ORDERS[sort]}`;
      // Filters make many texts: only the plain lists are kept prepared.
      const isPlain = Object.keys(filter).length === 0;
      const { rows } = await database.query<ClientRow & { total: number }>(
        isPlain ? statement : sql.unnamed(statement),
      );
      return { clients: rows.filter((row) => row.id !== null), total: rows[0]!.total };
    },
  };
}

function conditionOf(caller: Caller, filter: ClientFilter): Sql {
  const parts: Sql[] = [sql`c.tenant_id = ${caller.tenantId} and not c.discarded`];
  if (!caller.isManager) parts.push(sql`c.author_id = ${caller.userId}`);
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
