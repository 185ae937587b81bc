import { platformErrors } from "../../platform/errors.ts";
import { tagLimits } from "../../platform/limits.ts";
import type { Transaction } from "../../platform/postgres.ts";
import { sql, type Sql } from "../../platform/sql.ts";
import type { Tag, TagParent } from "./tag.ts";
import type { TagFilter } from "./tag-filter.ts";

interface Association {
  readonly table: Sql;
  readonly parentId: Sql;
}
const ASSOCIATIONS: Readonly<Record<TagParent, Association>> = {
  recipe: { table: sql`recipes_catalog.recipes_tags`, parentId: sql`recipe_id` },
  meal: { table: sql`recipes_catalog.meals_tags`, parentId: sql`meal_id` },
  menu: { table: sql`recipes_catalog.menus_tags`, parentId: sql`menu_id` },
  client: { table: sql`recipes_catalog.clients_tags`, parentId: sql`client_id` },
};

/** What a parent is to have. */
export interface TagsOfParent {
  readonly id: string;
  readonly tags: readonly Tag[];
}

/**
 * Gives each parent exactly its tags. What other parents have stays; a tag that nobody has any
 * more is gone. The same few statements, however many parents there are.
 * @returns the parents that had others before
 */
export async function replaceTagsOfMany(
  tx: Transaction,
  parent: TagParent,
  parents: readonly TagsOfParent[],
  authorId: string,
  tenantId: string,
): Promise<ReadonlySet<string>> {
  if (parents.length === 0) return new Set();
  const { table, parentId: column } = ASSOCIATIONS[parent];
  const pairs = parents.flatMap(({ id, tags }) => tags.map((tag) => ({ id, ...tag })));
  const wanted = sql`unnest(${pairs.map(({ id }) => id)}::uuid[],
      ${pairs.map(({ key }) => key)}::text[], ${pairs.map(({ value }) => value)}::text[])
    as wanted (parent_id, key, value)`;
  const changed = await addTags(tx, parent, authorId, tenantId, {
    labels: sql`select distinct wanted.key, wanted.value from ${wanted}`,
    pairs: sql`select wanted.parent_id, t.id from ${wanted}
      join shared_kernel.tags t on t.key = wanted.key and t.value = wanted.value`,
    pairCount: pairs.length,
  });
  const { rows } = await tx.query<{ tag_id: number; parent_id: string }>(sql`
    delete from ${table} a using shared_kernel.tags t
     where a.${column} = any(${parents.map(({ id }) => id)}::uuid[]) and t.id = a.tag_id
       and not exists (
         select from ${wanted}
          where wanted.parent_id = a.${column} and wanted.key = t.key and wanted.value = t.value)
    returning a.tag_id, a.${column} as parent_id`);
  const ids = new Set(rows.map((row) => row.tag_id));
  if (ids.size > 0) await removeUnused(tx, [...ids].toSorted(byNumber));
  return new Set([...changed, ...rows.map((row) => row.parent_id)]);
}

/** @returns whether the one parent had other tags before */
export async function replaceTags(
  tx: Transaction,
  parent: TagParent,
  id: string,
  authorId: string,
  tenantId: string,
  tags: readonly Tag[],
): Promise<boolean> {
  const changed = await replaceTagsOfMany(tx, parent, [{ id, tags }], authorId, tenantId);
  return changed.has(id);
}

/** Gives copies the tags of what they were copied from, as tags of their own author. */
export async function copyTags(
  tx: Transaction,
  parent: TagParent,
  copies: readonly { readonly from: string; readonly to: string }[],
  authorId: string,
  tenantId: string,
): Promise<void> {
  if (copies.length === 0) return;
  const { table, parentId: column } = ASSOCIATIONS[parent];
  const source = sql`unnest(${copies.map(({ from }) => from)}::uuid[],
      ${copies.map(({ to }) => to)}::uuid[]) as copy (source_id, id)
    join ${table} a on a.${column} = copy.source_id
    join shared_kernel.tags old on old.id = a.tag_id`;
  const { rows } = await tx.query<{ count: number }>(sql`select count(*) from ${source}`);
  await addTags(tx, parent, authorId, tenantId, {
    labels: sql`select distinct old.key, old.value from ${source}`,
    pairs: sql`select copy.id, t.id from ${source}
      join shared_kernel.tags t on t.key = old.key and t.value = old.value`,
    pairCount: rows[0]!.count,
  });
}

interface Additions {
  /** SELECT of key and value. */
  readonly labels: Sql;
  /** SELECT of parent and tag, over `shared_kernel.tags t`, without a WHERE. */
  readonly pairs: Sql;
  readonly pairCount: number;
}

/** @returns the parents that got one they had not */
async function addTags(
  tx: Transaction,
  parent: TagParent,
  authorId: string,
  tenantId: string,
  { labels, pairs, pairCount }: Additions,
): Promise<ReadonlySet<string>> {
  if (pairCount === 0) return new Set();
  const { table, parentId: column } = ASSOCIATIONS[parent];
  const changed = new Set<string>();
  // A tag can lose its last parent elsewhere between the two statements: then it is made again.
  for (let attempt = 1; attempt <= tagLimits.addAttemptsMax; attempt++) {
    await tx.query(sql`
      insert into shared_kernel.tags (tenant_id, author_id, type, key, value)
      select ${tenantId}::uuid, ${authorId}::uuid, ${parent}::text, label.key, label.value
        from (${labels}) as label order by label.key, label.value
      on conflict on constraint tags_label do nothing`);
    const { rows } = await tx.query<{ held: number; added: string[] }>(sql`
      with held as (
        ${pairs} where t.author_id = ${authorId} and t.type = ${parent} for key share of t
      ), added as (
        insert into ${table} (${column}, tag_id) select * from held on conflict do nothing
        returning ${column} as parent_id
      )
      select (select count(*) from held) as held,
             array(select distinct parent_id from added) as added`);
    for (const id of rows[0]!.added) changed.add(id);
    if (rows[0]!.held === pairCount) return changed;
  }
  throw platformErrors.failure("overloaded", { note: "tags were removed each time" });
}

/** Two statements: only the second one, begun with the rows locked, sees who took them meanwhile. */
async function removeUnused(tx: Transaction, ids: readonly number[]): Promise<void> {
  await tx.query(sql`
    select from shared_kernel.tags where id = any(${ids}::int[]) order by id for update`);
  const taken = Object.values(ASSOCIATIONS).map(
    ({ table }) => sql`not exists (select from ${table} a where a.tag_id = t.id)`,
  );
  await tx.query(sql`
    delete from shared_kernel.tags t
     where t.id = any(${ids}::int[]) and ${sql.join(taken, AND)}`);
}

const byNumber = (one: number, other: number) => one - other;
const AND = sql` and `;

/** JSON of the tags of a parent, for a SELECT list: `tagsOf("meal", sql`m.id`)`. */
export function tagsOf(parent: TagParent, id: Sql): Sql {
  const { table, parentId: column } = ASSOCIATIONS[parent];
  return sql`(
    select coalesce(json_agg(json_build_object('key', t.key, 'value', t.value,
             'author_id', t.author_id, 'type', t.type) order by t.key, t.value), '[]')
      from ${table} a join shared_kernel.tags t on t.id = a.tag_id where a.${column} = ${id})`;
}

/** Condition: the parent has a tag of the author for every group of the filter. */
export function hasTags(parent: TagParent, id: Sql, filter: TagFilter, authorId: string): Sql {
  const { table, parentId: column } = ASSOCIATIONS[parent];
  const groups = filter.map(
    ({ key, values }) => sql`exists (
      select from ${table} a join shared_kernel.tags t on t.id = a.tag_id
       where a.${column} = ${id} and t.author_id = ${authorId} and t.type = ${parent}
         and t.key = ${key} and t.value = any(${values}::text[]))`,
  );
  return sql`(${sql.join(groups, AND)})`;
}
