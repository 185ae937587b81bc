import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { newId } from "../../src/platform/ids.ts";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, withServer, type TestDatabase } from "../support/database.ts";
import { testSeed, testSize } from "../support/size.ts";
import { fillPath, serveContexts } from "./serve.ts";
import { insertWorld, type World } from "./world.ts";

/** All of one name and one moment, so that every order has nothing but ties. */
const ROWS = 9;
let database: TestDatabase;
let served: Awaited<ReturnType<typeof serveContexts>>;
let world: World;

before(async () => {
  database = await withDatabase();
  await withoutIndexes();
  served = await serveContexts(database.database);
  world = await insertWorld(database.database, ROWS);
  await insertWorld(database.database, 2);
});
after(async () => {
  served.close();
  await database.drop();
});

/** An index may put rows in order where the query does not: connections to come use none. */
async function withoutIndexes(): Promise<void> {
  await withServer(database.url, async (client) => {
    const { rows } = await client.query<{ name: string }>("SELECT current_database() AS name");
    for (const way of ["indexscan", "indexonlyscan", "bitmapscan"]) {
      await client.query(`ALTER DATABASE ${rows[0]!.name} SET enable_${way} = off`);
    }
  });
  const { rows } = await database.database.query(sql`show enable_indexscan`);
  assert.deepEqual(rows, [{ enable_indexscan: "off" }]);
}

/** Rows are written again where they come in some other order, as rows that change do. */
async function moveRows(): Promise<void> {
  await database.database.query(sql`
    do $$
    declare moved record;
    begin
      for moved in
        select format('%I.%I', n.nspname, c.relname) as name,
               (select quote_ident(a.attname) from pg_attribute a
                 where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                   and a.attidentity = '' and a.attgenerated = '' order by a.attnum limit 1) as col
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'r'
           and n.nspname in ('products_catalog', 'recipes_catalog', 'shared_kernel',
                             'client_onboarding', 'iam')
      loop
        execute format('update %s set %s = %s where random() < 0.5', moved.name, moved.col, moved.col);
      end loop;
    end $$`);
}

interface List {
  readonly path: string;
  readonly sorts: readonly string[];
}

/** What the routes themselves say: lists that have pages, with every order they offer. */
function lists(): List[] {
  return served.routes.flatMap(({ method, path, query }) => {
    const { skip, sort } =
      ((query as { properties?: Record<string, { enum?: string[] }> }) ?? {}).properties ?? {};
    if (method !== "GET" || skip === undefined) return [];
    return [{ path, sorts: sort?.enum ?? [] }];
  });
}

async function pageOf(path: string, query: Record<string, string | number>) {
  const words = Object.entries(query).map(([key, value]) => `${key}=${value}`);
  if (path.endsWith("/products/sources")) words.push("full=true");
  const answer = await served.ask(world, {
    method: "GET",
    path: `${fillPath(path, world)}?${words.join("&")}`,
  });
  const ids = answer.data.map((row: any) => String(row.id ?? JSON.stringify(row)));
  return { ids: ids as string[], total: answer.pagination.total as number };
}

/** All rows, in pages of these sizes, which come again and again. */
async function readAll(path: string, sort: string | undefined, sizes: readonly number[]) {
  const seen: string[] = [];
  for (let turn = 0; ; turn++) {
    const limit = sizes[turn % sizes.length]!;
    const query = { skip: seen.length, limit, ...(sort === undefined ? {} : { sort }) };
    const { ids, total } = await pageOf(path, query);
    seen.push(...ids);
    if (ids.length < limit || seen.length >= total) return { seen, total };
    if (turn === 0) await moveRows();
  }
}

const sizes = fc.array(fc.integer({ min: 2, max: 6 }), { minLength: 1, maxLength: 4 });
const RUNS = { numRuns: testSize(1, 10), seed: testSeed() };

test("pages of any sizes have every row exactly once, in every order of every list", async () => {
  const all = lists();
  assert.ok(all.length >= 12, `${all.length} lists`);
  for (const { path, sorts } of all) {
    const { seen: usual } = await readAll(path, undefined, [9]);
    for (const sort of sorts.length > 0 ? sorts : [undefined]) {
      await fc.assert(
        fc.asyncProperty(sizes, async (given) => {
          const { seen, total } = await readAll(path, sort, given);
          const what = `${path} by ${sort}, pages of ${given}`;
          assert.equal(new Set(seen).size, seen.length, `${what}: a row came twice`);
          assert.equal(seen.length, total, `${what}: a row is missing`);
          assert.deepEqual(new Set(seen), new Set(usual), `${what}: other rows`);
        }),
        RUNS,
      );
    }
  }
});

test("what is added behind the page being read moves no row of the pages to come", async () => {
  const { rows } = await database.database.query<{ id: string }>(sql`
    select id from recipes_catalog.clients where author_id = ${world.userId}`);
  const seen: string[] = [];
  for (;;) {
    const query = { skip: seen.length, limit: 4, sort: "created_at" };
    const { ids } = await pageOf("/v1/clients/search", query);
    seen.push(...ids);
    if (seen.length >= 3 * ROWS || ids.length < 4) break;
    await database.database.query(sql`
      insert into recipes_catalog.clients (id, tenant_id, author_id, name, sex)
      values (${newId()}, ${world.tenantId}, ${world.userId}, 'later', 'feminino')`);
  }
  assert.equal(new Set(seen).size, seen.length);
  for (const { id } of rows) assert.ok(seen.includes(id), `${id} is missing`);
});
