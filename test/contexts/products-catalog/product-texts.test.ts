import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findProductTexts, seedProducts } from "../../../src/contexts/products-catalog/index.ts";
import { productLimits } from "../../../src/platform/limits.ts";
import { sql } from "../../../src/platform/sql.ts";
import { watched } from "../../auth/accounts-rig.ts";
import { withDatabase } from "../../support/database.ts";
import { AUTO, newProduct, openCatalog } from "./support.ts";

const { database, drop } = await withDatabase();
after(drop);
const counted = watched(database);
const call = openCatalog(counted.database);
const PAGE = productLimits.pageItemsMax;
const SEEDED = 12 * PAGE;

before(async () => void (await seedProducts(database, SEEDED)));

async function create(changes: object = {}): Promise<string> {
  const answer = await call("POST", "/v1/products", { body: newProduct(changes) });
  assert.equal(answer.status, 201, answer.text);
  return answer.body.data.id;
}

/** The same product by each of the ways that lead to it. */
async function seen(id: string, name: string) {
  const one = await call("GET", `/v1/products/${id}`);
  const list = await call("GET", `/v1/products/search?id=${id}&source=auto&source=manual`);
  const similar = await call(
    "GET",
    `/v1/products/search/similar-names?name=${encodeURIComponent(name)}`,
  );
  const texts = await findProductTexts(database, [id]);
  const all = [
    one.body.data,
    list.body.data[0],
    similar.body.data.find((product: { id: string }) => product.id === id),
    texts.map((text) => JSON.parse(text))[0],
  ];
  for (const other of all) assert.deepEqual(other, all[0]);
  return all[0];
}

/** Whole rows read while `run` runs. */
async function rowsRead(run: () => Promise<unknown>): Promise<number> {
  counted.statements.length = 0;
  await run();
  return counted.statements.filter((text) => text.includes("amounts")).length;
}

test("what was shown and has not changed is not read again", async () => {
  const id = await create({ name: "Umbu maduro" });
  await seen(id, "Umbu maduro");
  assert.equal(await rowsRead(() => seen(id, "Umbu maduro")), 0);
});

test("a product that changes is shown as it is at once, whoever changed it", async () => {
  const id = await create({ name: "Cajá doce", source_id: AUTO });
  assert.equal((await seen(id, "Cajá doce")).shopping_name, null);
  const change = { body: { shopping_name: "Cajá", nutri_facts: { calories: 46 } } };
  assert.equal((await call("PATCH", `/v1/products/${id}`, change)).status, 200);
  const changed = await seen(id, "Cajá doce");
  assert.equal(changed.shopping_name, "Cajá");
  assert.equal(changed.nutri_facts.calories.value, 46);
  // Not by the program: neither version nor instant tells of it.
  await database.query(sql`
    update products_catalog.products set shopping_name = 'Cajá-mirim' where id = ${id}`);
  assert.equal((await seen(id, "Cajá doce")).shopping_name, "Cajá-mirim");
});

test("each vote is shown at once, also one that changes no choice and one that goes", async () => {
  const id = await create({ name: "Pitomba", source_id: AUTO });
  const houses = async () => (await seen(id, "Pitomba")).is_food_votes;
  assert.deepEqual((await houses()).is_food_houses, []);
  const vote = (isFood: boolean) =>
    call("PUT", `/v1/products/${id}/votes`, { body: { house_id: "house-1", is_food: isFood } });
  assert.equal((await vote(true)).status, 200);
  assert.deepEqual((await houses()).is_food_houses, ["house-1"]);
  assert.equal((await vote(false)).status, 200);
  assert.deepEqual((await houses()).is_food_houses, []);
  assert.deepEqual((await houses()).is_not_food_houses, ["house-1"]);
  await database.query(sql`
    delete from products_catalog.houses_is_food_registry where product_id = ${id}`);
  assert.deepEqual((await houses()).is_not_food_houses, []);
});

test("a discarded product is shown no more", async () => {
  const id = await create({ name: "Mangaba" });
  await seen(id, "Mangaba");
  assert.equal((await call("DELETE", `/v1/products/${id}`)).status, 200);
  assert.equal((await call("GET", `/v1/products/${id}`)).status, 404);
  assert.deepEqual(await findProductTexts(database, [id]), []);
  const list = await call("GET", `/v1/products/search?id=${id}`);
  assert.deepEqual([list.body.data, list.body.pagination.total], [[], 0]);
});

test("a transaction that sees the past is shown the past, and spoils no one's present", async () => {
  const id = await create({ name: "Araçá" });
  const nameIn = (texts: readonly string[]) => JSON.parse(texts[0]!).shopping_name as string | null;
  await database.withTransaction(
    async (tx) => {
      assert.equal(nameIn(await findProductTexts(tx, [id])), null);
      await database.query(sql`
        update products_catalog.products set shopping_name = 'Araçá-boi' where id = ${id}`);
      assert.equal((await seen(id, "Araçá")).shopping_name, "Araçá-boi");
      assert.equal(nameIn(await findProductTexts(tx, [id])), null);
    },
    { isolation: "repeatable read" },
  );
  assert.equal((await seen(id, "Araçá")).shopping_name, "Araçá-boi");
});

test("two states within one transaction are two", async () => {
  const id = await create({ name: "Buriti" });
  await database.withTransaction(async (tx) => {
    for (const name of ["Buriti novo", "Buriti velho"]) {
      await tx.query(sql`
        update products_catalog.products set shopping_name = ${name} where id = ${id}`);
      const [text] = await findProductTexts(tx, [id]);
      assert.equal(JSON.parse(text!).shopping_name, name);
    }
  });
});

test("more products than are kept are shown one as the other, and are read again", async () => {
  assert.ok(SEEDED > productLimits.textsMax);
  const products = await database.read<{ id: string; name: string }>(sql`
    select id, name from products_catalog.products where not discarded order by id`);
  const readAll = async () => {
    const names: string[] = [];
    for (let at = 0; at < products.length; at += PAGE) {
      const ids = products.slice(at, at + PAGE).map(({ id }) => id);
      const texts = await findProductTexts(counted.database, ids);
      names.push(...texts.map((text) => JSON.parse(text).name as string));
    }
    return names;
  };
  const once = await readAll();
  assert.deepEqual(
    once,
    products.map(({ name }) => name),
  );
  assert.equal(await rowsRead(readAll), Math.ceil(products.length / PAGE));
  assert.deepEqual(await readAll(), once);
});
