import type { Page } from "../../http/paging.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { MenuRow, MenuSort } from "./menu.ts";
import type { Owned } from "./owner.ts";
import { menuJson, type MenuDetail } from "./store-menu-parts.ts";

export interface FoundMenu extends Owned {
  readonly menu: MenuRow;
}

/** Reads menus through the client they belong to; who may see them is asked by the owner. */
export interface MenuStore {
  find(clientId: string, menuId: string): Promise<FoundMenu | undefined>;
  /** The client's owner, who is also the author of its menus. */
  ownerOf(clientId: string): Promise<Owned | undefined>;
  list(
    clientId: string,
    detail: MenuDetail,
    sort: MenuSort,
    page: Page,
  ): Promise<{ readonly menus: readonly MenuRow[]; readonly total: number }>;
}

const ORDERS: Readonly<Record<MenuSort, Sql>> = {
  created_at: sql`n.created_at, n.id`,
  "-created_at": sql`n.created_at desc, n.id desc`,
  updated_at: sql`n.updated_at, n.id`,
  "-updated_at": sql`n.updated_at desc, n.id desc`,
};

export function createMenuStore(database: Database): MenuStore {
  return {
    async find(clientId, menuId) {
      const [row] = await database.read<FoundMenu>(sql`
        select n.tenant_id, n.author_id, ${menuJson("full")} as menu from recipes_catalog.menus n
         where n.id = ${menuId} and n.client_id = ${clientId} and not n.discarded`);
      return row;
    },

    async ownerOf(clientId) {
      const [row] = await database.read<Owned>(sql`
        select tenant_id, author_id from recipes_catalog.clients
         where id = ${clientId} and not discarded`);
      return row;
    },

    async list(clientId, detail, sort, { skip, limit }) {
      const condition = sql`n.client_id = ${clientId} and not n.discarded`;
      const { rows } = await database.query<{ total: number; menu: MenuRow | null }>(sql`
        select counted.total, case when n.id is not null then ${menuJson(detail)} end as menu
          from (select count(*) as total from recipes_catalog.menus n where ${condition}) counted
          left join (
            select n.* from recipes_catalog.menus n where ${condition}
             order by ${ORDERS[sort]} offset ${skip} limit ${limit}
          ) n on true
         order by ${ORDERS[sort]}`);
      const menus = rows.map(({ menu }) => menu).filter((menu) => menu !== null);
      return { menus, total: rows[0]!.total };
    },
  };
}
