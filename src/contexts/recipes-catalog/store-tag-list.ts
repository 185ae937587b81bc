import type { Page } from "../../http/paging.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { Tag, TagParent } from "./tag.ts";

export interface TagRow extends Tag {
  readonly id: number;
  readonly author_id: string;
  readonly type: TagParent;
}

export interface TagListFilter {
  readonly key?: readonly string[];
  readonly value?: readonly string[];
  readonly type?: readonly TagParent[];
}

export const TAG_SORTS = ["-key", "key", "-value", "value", "-type", "type"] as const;
export type TagSort = (typeof TAG_SORTS)[number];

const ORDERS: Readonly<Record<TagSort, Sql>> = {
  key: sql`t.key, t.value, t.id`,
  "-key": sql`t.key desc, t.value desc, t.id desc`,
  value: sql`t.value, t.key, t.id`,
  "-value": sql`t.value desc, t.key desc, t.id desc`,
  type: sql`t.type, t.key, t.value, t.id`,
  "-type": sql`t.type desc, t.key desc, t.value desc, t.id desc`,
};

const COLUMNS = sql`t.id, t.key, t.value, t.author_id, t.type`;

/** Reads the tags of one author. */
export interface TagList {
  find(id: number, authorId: string): Promise<TagRow | undefined>;
  list(
    authorId: string,
    filter: TagListFilter,
    sort: TagSort,
    page: Page,
  ): Promise<{ readonly tags: readonly TagRow[]; readonly total: number }>;
}

export function createTagList(database: Database): TagList {
  return {
    async find(id, authorId) {
      const [row] = await database.read<TagRow>(sql`
        select ${COLUMNS} from shared_kernel.tags t
         where t.id = ${id} and t.author_id = ${authorId}`);
      return row;
    },

    async list(authorId, { key, value, type }, sort, { skip, limit }) {
      const condition = sql`t.author_id = ${authorId}
         and t.key = any(coalesce(${key ?? null}::text[], array[t.key]))
         and t.value = any(coalesce(${value ?? null}::text[], array[t.value]))
         and t.type = any(coalesce(${type ?? null}::text[], array[t.type]))`;
      const { rows } = await database.query<TagRow & { total: number }>(sql`
        select counted.total, page.*
          from (select count(*) as total from shared_kernel.tags t where ${condition}) counted
          left join (
            select ${COLUMNS}, row_number() over (order by ${ORDERS[sort]}) as place
              from shared_kernel.tags t where ${condition}
             order by ${ORDERS[sort]} offset ${skip} limit ${limit}
          ) page on true
         order by page.place`);
      return { tags: rows.filter((row) => row.id !== null), total: rows[0]!.total };
    },
  };
}
