import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { KINDS, PLACES } from "../../../src/contexts/products-catalog/classification.ts";
import { createProductsCatalog } from "../../../src/contexts/products-catalog/index.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { offeredLists, planOf, sentBy, type Plan } from "../../support/plans.ts";
import { openCatalog } from "./support.ts";

/** Of each kind, by many authors. */
const ROWS = 1_500;
const AUTHOR = "00000000-0000-7000-8000-0000000a0001";
const { database: db, drop } = await withDatabase({ connections: 4 });
after(drop);
const { database, statements } = sentBy(db);
const call = openCatalog(database);
const lists = offeredLists(
  createProductsCatalog({ database, clock: systemClock, log: silentLog }).routes,
);

before(async () => {
  for (const { table, type } of Object.values(PLACES)) {
    const [column, value] = type === null ? [sql.empty, sql.empty] : [sql`, type`, sql`, ${type}`];
    await db.query(
      sql.unnamed(sql`
        insert into ${table} (id, name, author_id, created_at, updated_at ${column})
        select gen_random_uuid(), 'name ' || n,
               case when n = 1 then ${AUTHOR}::uuid else md5((n % 300)::text)::uuid end,
               now() - n * interval '7 minutes', now() - (n * 7919 % ${ROWS}) * interval '1 minute'
               ${value}
          from generate_series(1, ${ROWS}::int) n`),
    );
  }
  await db.query(sql`vacuum analyze`);
});

async function plansOf(path: string, query: string): Promise<Plan[]> {
  statements.length = 0;
  const { status, text } = await call("GET", `${path}?limit=1&${query}`);
  assert.equal(status, 200, `${path} ${query}: ${text}`);
  const plans = await Promise.all(statements.splice(0).map((statement) => planOf(db, statement)));
  assert.ok(plans.length > 0);
  return plans;
}

const scansOf = (plans: readonly Plan[]) => plans.flatMap(({ scans }) => scans);

/** The ends of the names of the indexes, which are those of each table. */
const HELD: Readonly<Record<string, RegExp>> = {
  created_at: /_created_at$/,
  updated_at: /_updated_at$/,
  name: /_name_key$/,
};
const NARROWED: Readonly<Record<string, readonly [value: string, index: RegExp]>> = {
  name: ["name 7", /_name_key$/],
  author_id: [AUTHOR, /_of_author$/],
  created_at_gte: ["2100-01-01", /_created_at$/],
  created_at_lte: ["2001-01-01", /_created_at$/],
};

for (const kind of KINDS) {
  const path = `/v1/products/${kind}`;
  const { sorts, filters } = lists.find((list) => list.path === path)!;

  test(`${path}: every order is held by an index`, async () => {
    assert.equal(sorts.length, 6);
    for (const sort of sorts) {
      const plans = await plansOf(path, `sort=${sort}`);
      const held = HELD[sort.replace("-", "")];
      assert.ok(held, `nobody said which index holds the order ${sort}`);
      const scans = scansOf(plans);
      assert.ok(!scans.some(({ kind: how }) => how === "Seq Scan"), sort);
      // The page: what is counted is read from an index alone, whichever it is.
      const walked = scans.filter(({ kind: how }) => how === "Index Scan");
      assert.equal(walked.length, 1, sort);
      assert.match(walked[0]!.index!, held, sort);
      // No two living rows have one name: to bring those of one name into order is to do nothing.
      const sorted = plans.flatMap((plan) => plan.sorts).filter((key) => !/\.name /.test(key));
      assert.deepEqual(sorted, [], `${sort} is sorted`);
    }
  });

  test(`${path}: every filter narrows by an index, in every order`, async () => {
    // `full` decides what is shown of a source, and not which.
    for (const filter of filters.filter((name) => name !== "full")) {
      const known = NARROWED[filter];
      assert.ok(known, `nobody said which index narrows by ${filter}`);
      const [value, index] = known;
      for (const sort of sorts) {
        const label = `${filter} in the order ${sort}`;
        const scans = scansOf(
          await plansOf(path, `${filter}=${encodeURIComponent(value)}&sort=${sort}`),
        );
        assert.ok(scans.length > 0, label);
        for (const scan of scans) {
          assert.match(scan.index ?? scan.kind, index, label);
          assert.ok(scan.condition !== undefined, label);
        }
      }
    }
  });
}
