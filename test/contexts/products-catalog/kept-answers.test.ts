import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createDatabase } from "../../../src/platform/postgres.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { watched } from "../../auth/accounts-rig.ts";
import { withDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { AUTO, MANUAL, newProduct, openCatalog, TACO } from "./support.ts";

const { database, url, drop } = await withDatabase({ connections: 6 });
const other = createDatabase({ url, connections: 3, applicationName: "other", log: silentLog });
after(async () => {
  await other.end();
  await drop();
});
const counted = watched(database);
/** Two processes: the first one keeps answers, the second one writes. */
const keeping = openCatalog(counted.database);
const writing = openCatalog(other);

const REQUESTS = [
  "/v1/products/search?limit=3",
  "/v1/products/search?limit=2&skip=2",
  "/v1/products/search?sort=name&limit=3",
  "/v1/products/search?sort=-updated_at&limit=3",
  "/v1/products/search?source=manual&is_food=true",
  "/v1/products/search?source=auto",
  "/v1/products/search?brand=Engenho&limit=50",
  "/v1/products/search?barcode=7891234567895",
  "/v1/products/search?skip=1000",
  "/v1/products/search/similar-names?name=rapadura",
  "/v1/products/search/similar-names?name=rapadura%20escura",
  "/v1/products/search/similar-names?name=",
];

/** Of each request: what who keeps answers says is what somebody says who starts now. */
async function allAgree(what: string) {
  const fresh = openCatalog(database);
  for (const request of REQUESTS) {
    const [kept, now] = [await keeping("GET", request), await fresh("GET", request)];
    assert.equal(kept.status, 200, kept.text);
    assert.equal(kept.text, now.text, `${what}: ${request}`);
  }
}

async function create(changes: object = {}): Promise<string> {
  const answer = await writing("POST", "/v1/products", { body: newProduct(changes) });
  assert.equal(answer.status, 201, answer.text);
  return answer.body.data.id;
}

const write = (statement: Sql) => other.query(statement);
let id: string;
let oldest: string;
let brand: string;
before(async () => {
  const made = await writing("POST", "/v1/products/brands", { body: { name: "Engenho" } });
  assert.equal(made.status, 201, made.text);
  brand = made.body.data.id;
  oldest = await create({ name: "Rapadura" });
  for (let at = 1; at < 6; at++) await create({ name: `Rapadura ${"ab".repeat(at)}` });
  id = await create({ name: "Rapadura preta" });
});

test("what is asked again and again and has not changed costs one statement, of marks", async () => {
  for (let time = 1; time <= 3; time++) await allAgree(`time ${time}`);
  for (const request of REQUESTS) {
    counted.statements.length = 0;
    await keeping("GET", request);
    assert.equal(counted.statements.length, 1, request);
    assert.match(counted.statements[0]!, /^\s*select revision, \(/, request);
  }
});

const patch = async (body: object, on = id) => {
  const answer = await writing("PATCH", `/v1/products/${on}`, { body });
  assert.equal(answer.status, 200, answer.text);
};
const vote = (house: string, isFood: boolean, on: string) =>
  writing("PUT", `/v1/products/${on}/votes`, { body: { house_id: house, is_food: isFood } });

test("the very next answer shows what another process has written, whatever it is", async () => {
  const auto = await create({ name: "Rapadura batida", source_id: AUTO });
  const writes: Readonly<Record<string, () => Promise<unknown>>> = {
    "a new one that is on no page": () => create({ name: "Zimbro", created_at: undefined }),
    "a new one of the name": () => create({ name: "Rapadura escura" }),
    "a text of one": () => patch({ shopping_name: "Rapadura da feira" }),
    "a text of one that was on no page of the latest": () =>
      patch({ shopping_name: "Rapadura antiga" }, oldest),
    "another name": () => patch({ name: "Rapadura clara" }),
    "its nutrients": () => patch({ nutri_facts: { calories: 352 } }),
    "a brand": () => patch({ brand_id: brand }),
    "a barcode, which takes it from the search": () => patch({ barcode: "7891234567895" }),
    "no barcode any more": () => patch({ barcode: null }),
    "another source": () => patch({ source_id: TACO }),
    "the first source again": () => patch({ source_id: MANUAL }),
    "a vote": () => vote("house-1", true, auto),
    "a vote that decides nothing new": () => vote("house-2", true, auto),
    "the other vote": () => vote("house-1", false, auto),
    "another name of the brand": () =>
      writing("PATCH", `/v1/products/brands/${brand}`, { body: { name: "Engenhos" } }),
    "the first name of the brand": () =>
      writing("PATCH", `/v1/products/brands/${brand}`, { body: { name: "Engenho" } }),
    "no food, told to nobody": () =>
      write(sql`update products_catalog.products set is_food = false where id = ${id}`),
    "food again": () =>
      write(sql`update products_catalog.products set is_food = true where id = ${id}`),
    "a name that is compared in another way": () =>
      write(sql`update products_catalog.products set prepared_name = 'rapadura escura nova'
                 where id = ${id}`),
    "one that is moved by its instant": () =>
      write(sql`update products_catalog.products set created_at = created_at - interval '1 day'
                 where id = ${id}`),
    "an instant of one on no page of the latest": () =>
      write(sql`update products_catalog.products set updated_at = now() where id = ${oldest}`),
    "a text without any trace": () =>
      write(sql`update products_catalog.products set shopping_name = 'x' where id = ${id}`),
    "one that goes": () => writing("DELETE", `/v1/products/${id}`),
    everything: () => write(sql`truncate products_catalog.products cascade`),
  };
  await allAgree("before");
  for (const [what, act] of Object.entries(writes)) {
    await act();
    for (let time = 1; time <= 3; time++) await allAgree(`${what}, time ${time}`);
  }
});

test("what is undone was never shown, and what is kept was not spoilt by it", async () => {
  const one = await create({ name: "Rapadura de leite" });
  await allAgree("at first");
  const undone = other.withTransaction(async (tx) => {
    await tx.query(sql`update products_catalog.products set name = 'Melado' where id = ${one}`);
    await allAgree("while it is written");
    throw new Error("undone");
  });
  await assert.rejects(undone, /undone/);
  await allAgree("afterwards");
});

test("a number of the catalogue never comes back, also where an older copy was put in its place", async () => {
  const revision = async () =>
    (
      await other.read<{ revision: number }>(sql`
      select revision from products_catalog.catalogue_revision`)
    )[0]!.revision;
  const before = await revision();
  await create();
  const first = await revision();
  // As in a copy that was made before.
  await write(sql`update products_catalog.catalogue_revision set revision = ${before}`);
  await create();
  assert.ok((await revision()) > first);
});

test("answers while somebody writes all the time are each of one moment", async () => {
  const name = "/v1/products/search/similar-names?name=cambuci";
  await create({ name: "Cambuci 0" });
  const over = new AbortController();
  const writer = (async () => {
    for (let at = 1; at <= 30; at++) await create({ name: `Cambuci ${at}` });
  })().finally(() => over.abort());
  let seen = 0;
  while (!over.signal.aborted) {
    const list = await keeping("GET", "/v1/products/search?source=manual&limit=200");
    assert.equal(list.body.data.length, list.body.pagination.total);
    assert.ok(list.body.data.length >= seen, "nothing goes again");
    seen = list.body.data.length;
    assert.ok((await keeping("GET", name)).body.data.length > 0);
  }
  await writer;
  await allAgree("at last");
});
