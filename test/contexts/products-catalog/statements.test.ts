import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { KINDS } from "../../../src/contexts/products-catalog/classification.ts";
import { PRODUCT_SORTS } from "../../../src/contexts/products-catalog/product-filter.ts";
import { createProductAnswers } from "../../../src/contexts/products-catalog/product-answers.ts";
import { createProductStore } from "../../../src/contexts/products-catalog/store.ts";
import {
  CLASSIFICATION_SORTS,
  createClassificationStore,
} from "../../../src/contexts/products-catalog/store-classifications.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
before(async () => void (database = await withDatabase({ connections: 2 })));
after(() => database.drop());

/** Plans that the one connection of the pool keeps. */
async function keptPlans(): Promise<number> {
  const { rows } = await database.database.query<{ count: number }>(sql`
    SELECT count(*)::int AS count FROM pg_prepared_statements`);
  return rows[0]!.count;
}

test("filters and orders in every combination leave few plans with a connection", async () => {
  // Who starts now has kept no answer.
  const openStore = () =>
    createProductStore(database.database, createProductAnswers(database.database));
  const store = openStore();
  const filters = { source: ["taco"], name: ["a", "b"], isFood: true, brand: "x", category: ["x"] };
  const names = Object.keys(filters) as (keyof typeof filters)[];
  const before = await keptPlans();
  for (let mask = 0; mask < 2 ** names.length; mask++) {
    const chosen = names.filter((_, bit) => (mask & (1 << bit)) !== 0);
    const filter = Object.fromEntries(chosen.map((name) => [name, filters[name]]));
    for (const sort of PRODUCT_SORTS) await store.list(filter, sort, { skip: 20, limit: 20 });
  }
  const usual = names.length + PRODUCT_SORTS.length;
  // Lists and their totals.
  assert.ok((await keptPlans()) - before <= 2 * usual, `${await keptPlans()} plans`);
  await store.list({}, "-created_at", { skip: 0, limit: 20 });
  const once = await keptPlans();
  await openStore().list({}, "-created_at", { skip: 0, limit: 20 });
  assert.equal(await keptPlans(), once, "the usual list is kept");
});

test("filters of classifications leave no plans", async () => {
  const store = createClassificationStore(database.database);
  const page = { skip: 0, limit: 20 };
  for (const kind of KINDS) {
    for (const sort of CLASSIFICATION_SORTS) await store.list(kind, {}, sort, page);
  }
  const kept = await keptPlans();
  for (const kind of KINDS) {
    for (const sort of CLASSIFICATION_SORTS) await store.list(kind, { name: "x" }, sort, page);
  }
  assert.equal(await keptPlans(), kept);
});
