import assert from "node:assert/strict";
import { after, test } from "node:test";
import { KINDS } from "../../../src/contexts/products-catalog/classification.ts";
import { createClassificationStore } from "../../../src/contexts/products-catalog/store-classifications.ts";
import { newId } from "../../../src/platform/ids.ts";
import { requestScope } from "../../../src/platform/log.ts";
import { withDatabase } from "../../support/database.ts";
import { AUTO, MANAGER, MANUAL, newProduct, openCatalog, READER, TACO } from "./support.ts";

const { database, drop } = await withDatabase();
after(drop);
const call = openCatalog(database);

const PRODUCT_KEYS = {
  sources: "source_id",
  brands: "brand_id",
  categories: "category_id",
  "parent-categories": "parent_category_id",
  "food-groups": "food_group_id",
  "process-types": "process_type_id",
} as const;

for (const kind of KINDS) {
  const path = `/v1/products/${kind}`;
  const read = (id: string) =>
    call("GET", `${path}/${id}${kind === "sources" ? "?full=true" : ""}`, { as: READER });

  test(`${kind} are made, read, changed and discarded`, async () => {
    const body = { name: "  Nome, 1  ", description: "linha 1\nlinha 2" };
    const made = await call("POST", path, { body });
    assert.equal(made.status, 201, made.text);
    assert.match(made.body.data.message, /created successfully$/);
    const { id } = made.body.data;
    const { created_at: _c, updated_at: _u, ...row } = (await read(id)).body.data;
    assert.deepEqual(row, {
      id,
      name: "Nome, 1",
      description: "linha 1\nlinha 2",
      author_id: MANAGER.userId,
      discarded: false,
      version: 1,
    });
    const changed = await call("PATCH", `${path}/${id}`, { body: { name: "Outro", version: 1 } });
    assert.equal(changed.body.data.version, 2);
    assert.equal((await read(id)).body.data.description, "linha 1\nlinha 2");
    const stale = await call("PATCH", `${path}/${id}`, { body: { name: "X", version: 1 } });
    assert.equal(stale.body.error_code, "version_conflict");
    assert.equal((await call("DELETE", `${path}/${id}?version=1`)).status, 409);
    assert.equal((await call("DELETE", `${path}/${id}`)).status, 200);
    assert.equal((await read(id)).status, 404);
    assert.equal((await call("DELETE", `${path}/${id}`)).status, 404);
    assert.equal((await call("GET", `${path}/42`)).status, 422);
  });

  test(`${kind} need manage_products to be written`, async () => {
    const as = READER;
    const id = crypto.randomUUID();
    assert.equal((await call("POST", path, { as, body: { name: "x" } })).status, 403);
    assert.equal((await call("PATCH", `${path}/${id}`, { as, body: {} })).status, 403);
    assert.equal((await call("DELETE", `${path}/${id}`, { as })).status, 403);
  });

  test(`a name of ${kind} is unique among the living`, async () => {
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => call("POST", path, { body: { name: "Único" } })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409]);
    assert.equal(answers.find(({ status }) => status === 409)!.body.error_code, "name_taken");
    const other = (await call("POST", path, { body: { name: "Dois" } })).body.data.id as string;
    assert.equal(
      (await call("PATCH", `${path}/${other}`, { body: { name: "Único" } })).status,
      409,
    );
    const { id } = answers.find(({ status }) => status === 201)!.body.data;
    await call("DELETE", `${path}/${id}`);
    assert.equal(
      (await call("PATCH", `${path}/${other}`, { body: { name: "Único" } })).status,
      200,
    );
  });

  test(`${kind} that a product uses are not discarded`, async () => {
    const { id } = (await call("POST", path, { body: { name: "Usado" } })).body.data;
    const product = await call("POST", "/v1/products", {
      body: newProduct({ [PRODUCT_KEYS[kind]]: id }),
    });
    assert.equal(product.status, 201, product.text);
    const refused = await call("DELETE", `${path}/${id}`);
    assert.equal(refused.status, 409);
    assert.equal(refused.body.error_code, "classification_in_use");
    await call("DELETE", `/v1/products/${product.body.data.id}`);
    assert.equal((await call("DELETE", `${path}/${id}`)).status, 200);
    const late = await call("POST", "/v1/products", {
      body: newProduct({ [PRODUCT_KEYS[kind]]: id }),
    });
    assert.equal(late.status, 422);
  });
}

test("discarding races with a product that begins to use it: never both", async () => {
  for (let round = 0; round < 12; round++) {
    const made = await call("POST", "/v1/products/brands", { body: { name: `Corrida ${round}` } });
    const { id } = made.body.data;
    const [product, discarded] = await Promise.all([
      call("POST", "/v1/products", { body: newProduct({ brand_id: id }) }),
      call("DELETE", `/v1/products/brands/${id}`),
    ]);
    const outcome = [product.status, discarded.status].join();
    assert.ok(["201,409", "422,200"].includes(outcome), outcome);
  }
});

test("sources are read as a map from id to name, or as rows", async () => {
  const map = (await call("GET", "/v1/products/sources?sort=created_at", { as: READER })).body;
  assert.equal(map.data[TACO], "taco");
  assert.equal(map.data[MANUAL], "manual");
  assert.equal(map.pagination.total, Object.keys(map.data).length);
  assert.deepEqual((await call("GET", `/v1/products/sources/${TACO}`)).body, {
    data: { [TACO]: "taco" },
  });
  const rows = (await call("GET", "/v1/products/sources?full=true&name=taco")).body;
  assert.equal(rows.data[0].id, TACO);
  assert.deepEqual(rows.pagination, { page: 1, limit: 200, total: 1, pages: 1 });
});

test("the sources that the program names are neither renamed nor discarded", async () => {
  const path = `/v1/products/sources/${AUTO}`;
  const renamed = await call("PATCH", path, { body: { name: "automatic" } });
  assert.equal(renamed.body.error_code, "source_reserved");
  assert.equal((await call("DELETE", path)).body.error_code, "source_reserved");
  assert.equal((await call("PATCH", path, { body: { description: "x" } })).status, 200);
});

test("lists of classifications have filters, order, pages and true totals", async () => {
  const path = "/v1/products/food-groups";
  for (const name of ["Beta", "alfa", "Álcool", "gama"]) {
    await call("POST", path, { body: { name } });
  }
  const { body } = await call("GET", `${path}?author_id=${MANAGER.userId}&sort=name&limit=3`);
  assert.deepEqual(
    body.data.map(({ name }: { name: string }) => name),
    ["Álcool", "alfa", "Beta"],
  );
  const { total } = body.pagination;
  const far = (await call("GET", `${path}?skip=1000`)).body;
  assert.deepEqual(far.data, []);
  assert.equal(far.pagination.total, total);
  assert.equal((await call("GET", `${path}?created_at_lte=2001-01-01`)).body.pagination.total, 0);
  assert.equal(
    (await call("GET", `${path}?created_at_gte=2001-01-01`)).body.pagination.total,
    total,
  );
  for (const query of ["limit=0", "sort=author", "full=true", "author_id=1", "created_at_gte=x"]) {
    assert.equal((await call("GET", `${path}?${query}`)).status, 422, query);
  }
});

test("a classification without a good name is refused", async () => {
  for (const body of [
    {},
    { name: " " },
    { name: "a\tb" },
    { name: "x".repeat(201) },
    { nome: "x" },
  ]) {
    assert.equal((await call("POST", "/v1/products/brands", { body })).status, 422);
  }
});

test("none is made by an attempt at a request that another attempt has overtaken", async () => {
  const store = createClassificationStore(database);
  const made = { id: newId(), name: "Late", description: null, authorId: MANAGER.userId };
  const overtaken = new Error("overtaken");
  const scope = { requestId: "r", traceparent: "t", beforeCommit: () => Promise.reject(overtaken) };
  await assert.rejects(
    requestScope.run(scope, () => store.insert("brands", made, new Date())),
    overtaken,
  );
  assert.equal(await store.find("brands", made.id), undefined);
});
