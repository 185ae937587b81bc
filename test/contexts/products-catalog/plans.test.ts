import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  createProductsCatalog,
  seedProducts,
} from "../../../src/contexts/products-catalog/index.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { newId } from "../../../src/platform/ids.ts";
import { withDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { offeredLists, planOf, sentBy, type Plan } from "../../support/plans.ts";
import { openCatalog } from "./support.ts";

const { database: db, drop } = await withDatabase({ connections: 4 });
after(drop);
const { database, statements } = sentBy(db);
const call = openCatalog(database);
const [LIST] = offeredLists(
  createProductsCatalog({ database, clock: systemClock, log: silentLog }).routes,
).filter(({ path }) => path === "/v1/products/search");
const { path: PATH, sorts: SORTS, filters: FILTERS } = LIST!;

before(async () => void (await seedProducts(db, 3_000)));

/** The plans of what a list asks the database: of its page, and of its total. */
async function plansOf(query: string): Promise<Plan[]> {
  statements.length = 0;
  const { status, text } = await call("GET", `${PATH}?limit=1&${query}`);
  assert.equal(status, 200, `${query}: ${text}`);
  return Promise.all(statements.splice(0).map((statement) => planOf(db, statement)));
}

/** Has the filter for its condition, and so needs none. */
const HAS_CONDITION = "products_listed_not_food";

/**
 * No row is read to find out whether it belongs to the list: what walks along an index has all that
 * narrows the list in it.
 */
function assertIndexed(label: string, plans: readonly Plan[]): void {
  assert.ok(plans.length > 0, label);
  const scans = plans.flatMap((plan) => plan.scans.filter(({ table }) => table === "products"));
  const faults = scans.filter(
    ({ kind, index, condition }) =>
      kind === "Seq Scan" ||
      (condition === undefined && kind !== "Index Only Scan" && index !== HAS_CONDITION),
  );
  assert.deepEqual(faults, [], label);
}

test("every order of the list is held by an index", async () => {
  assert.ok(SORTS.length >= 8);
  for (const sort of SORTS) {
    const plans = await plansOf(`sort=${sort}`);
    assertIndexed(sort, plans);
    const sorted = plans.flatMap((plan) => plan.sorts).filter((key) => /^p(?:_\d+)?\./.test(key));
    assert.deepEqual(sorted, [], `${sort} is sorted`);
  }
});

interface Narrowed {
  readonly value: string;
  /** The index that begins with it. */
  readonly by: RegExp;
}
const NARROWED: Readonly<Record<string, Narrowed>> = {
  id: { value: newId(), by: /^products_pkey$/ },
  source: { value: "taco", by: /^products_source_created$/ },
  name: { value: "Arroz", by: /^products_listed_name$/ },
  is_food: { value: "false", by: /^products_listed_not_food$/ },
  barcode: { value: "7890000000009", by: /^products_barcode$/ },
  brand: { value: "Serra Azul", by: /^products_brand$/ },
  category: { value: "Frutas", by: /^products_category$/ },
  parent_category: { value: "De origem animal", by: /^products_parent_category$/ },
  food_group: { value: "Frutas", by: /^products_food_group$/ },
  process_type: { value: "In natura", by: /^products_process_type$/ },
  created_at_gte: { value: "2100-01-01", by: /^products_listed_created$/ },
  created_at_lte: { value: "2001-01-01", by: /^products_listed_created$/ },
};

test("every filter of the list narrows it by an index of its own, in every order by some index", async () => {
  for (const filter of FILTERS) {
    const known = NARROWED[filter];
    assert.ok(known, `nobody said which index narrows the list by ${filter}`);
    const query = `${filter}=${encodeURIComponent(known.value)}`;
    const plans = await plansOf(query);
    assertIndexed(filter, plans);
    const indexes = new Set(plans.flatMap(({ scans }) => scans.map(({ index }) => index ?? "")));
    assert.ok(
      [...indexes].some((index) => known.by.test(index)),
      `${filter}: ${[...indexes]}`,
    );
    for (const sort of SORTS) {
      assertIndexed(`${filter} in the order ${sort}`, await plansOf(`${query}&sort=${sort}`));
    }
  }
});

test("filters together, and a far page, read an index alone", async () => {
  const together = ["category=Frutas", "process_type=In%20natura", "is_food=true", "source=manual"];
  for (let count = 2; count <= together.length; count++) {
    const query = together.slice(0, count).join("&");
    for (const sort of SORTS)
      assertIndexed(`${query} ${sort}`, await plansOf(`${query}&sort=${sort}`));
  }
  assertIndexed("a far page", await plansOf("skip=2000"));
});

test("a product, and those that a search for names found, are read by their ids", async () => {
  const { body } = await call("GET", `${PATH}?limit=1`);
  for (const path of [
    `/v1/products/${body.data[0].id}`,
    "/v1/products/search/similar-names?name=arroz%20integral",
  ]) {
    statements.length = 0;
    assert.equal((await call("GET", path)).status, 200);
    const plans = await Promise.all(statements.splice(0).map((one) => planOf(db, one)));
    assertIndexed(path, plans);
    const indexes = plans.flatMap(({ scans }) => scans.map(({ index }) => index));
    assert.ok(indexes.includes("products_pkey"), `${indexes}`);
  }
});
