import type { Page } from "../../http/paging.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import { withAllFacts } from "./facts-text.ts";
import { createBodyMemory, type BodyMemory } from "./json-body.ts";
import type { MenuSort } from "./menu.ts";
import type { Owned } from "./owner.ts";
import { createLookUps, type FoundBody } from "./store-look-ups.ts";
import { menuText, type MenuDetail } from "./store-menu-parts.ts";
import { revisionOfAuthor } from "./store-revisions.ts";

/** A page of texts, comma separated, and how many there are on all. */
export interface MenuPage extends Owned {
  readonly texts: string;
  readonly total: number;
}

/** Reads menus through the client they belong to; who may see them is asked by the owner. */
export interface MenuStore {
  find(clientId: string, menuId: string): Promise<FoundBody | undefined>;
  /** With the client's owner, who is also the author of its menus; undefined without the client. */
  list(
    clientId: string,
    detail: MenuDetail,
    sort: MenuSort,
    page: Page,
  ): Promise<MenuPage | undefined>;
}

const ORDERS: Readonly<Record<MenuSort, Sql>> = {
  created_at: sql`n.created_at, n.id`,
  "-created_at": sql`n.created_at desc, n.id desc`,
  updated_at: sql`n.updated_at, n.id`,
  "-updated_at": sql`n.updated_at desc, n.id desc`,
};

export function createMenuStore(
  database: Database,
  memory: BodyMemory = createBodyMemory(),
): MenuStore {
  const findBody = createLookUps("menu", database, memory);
  return {
    find: (clientId, menuId) =>
      findBody(
        `${clientId}/${menuId}`,
        () => sql`
        select n.tenant_id, n.author_id, n.version, ${menuText("full")} as json,
               ${revisionOfAuthor(sql`n.tenant_id`, sql`n.author_id`)} as revision
          from recipes_catalog.menus n
         where n.id = ${menuId} and n.client_id = ${clientId} and not n.discarded`,
      ),

    async list(clientId, detail, sort, { skip, limit }) {
      const isOfClient = sql`n.client_id = c.id and not n.discarded`;
      const [row] = await database.read<Owned & { total: number; texts: string | null }>(sql`
        select c.tenant_id, c.author_id,
               (select count(*) from recipes_catalog.menus n where ${isOfClient}) as total,
               (select string_agg(${menuText(detail)}, ',' order by ${ORDERS[sort]})
                  from (select n.* from recipes_catalog.menus n where ${isOfClient}
                         order by ${ORDERS[sort]} offset ${skip} limit ${limit}) n) as texts
          from recipes_catalog.clients c where c.id = ${clientId} and not c.discarded`);
      return row && { ...row, texts: withAllFacts(row.texts ?? "") };
    },
  };
}
