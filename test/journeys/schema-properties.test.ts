import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import type { TSchema } from "typebox";
import { Compile } from "typebox/schema";
import { withServer } from "../support/database.ts";
import { sampled, testSeed, testSize } from "../support/size.ts";
import { isNamed } from "./field-texts.ts";
import { pointerOf, typesOf } from "./json-schema.ts";
import { createOtherWrites } from "./other-writes.ts";
import { openRouteTable, type Operation, type RouteTable, type TestCaller } from "./route-table.ts";
import { spotsOf, variantsOf } from "./schema-faults.ts";
import { NO_RULES, sampleOf, validValues, type Rules } from "./schema-values.ts";
import { differences, goodBodies, withNewName, withoutVersions } from "./written-fields.ts";

let table: RouteTable;
let caller: TestCaller;
/** Ids of what is there, by the member that names it. */
const ids: Record<string, string> = {};
before(async () => {
  table = await openRouteTable();
  caller = await table.makeCaller(table.permissions);
  for (const [member, kind] of [
    ["brand_id", "brands"],
    ["category_id", "categories"],
    ["parent_category_id", "parent-categories"],
    ["food_group_id", "food-groups"],
    ["process_type_id", "process-types"],
  ] as const) {
    const path = `/v1/products/${kind}`;
    const { token } = caller;
    const made = await table.ask({ method: "POST", path, token, body: { name: kind } });
    ids[member] = made.body.data.id;
  }
});
after(() => table.close());

const options = (runs: number) => ({ seed: testSeed(), numRuns: runs });
const withBody = () => table.operations.filter(({ body }) => body !== undefined);

test("what is made by a schema is valid by it", async () => {
  for (const { label, body } of withBody()) {
    // Connections that the server closes meanwhile must be seen to be closed.
    await setImmediate();
    const schema = body!.schema;
    const validator = Compile(schema as TSchema);
    assert.ok(validator.Check(sampleOf(schema)), `${label}: ${JSON.stringify(sampleOf(schema))}`);
    fc.assert(
      fc.property(validValues(schema, NO_RULES), (value) => {
        const [, errors] = validator.Errors(value);
        assert.deepEqual(errors, [], label);
      }),
      options(testSize(3, 200)),
    );
  }
});

/** Texts of a form are held to the size of the form. */
test("every text, list and number of a body has its bounds", () => {
  const unbounded = withBody().flatMap(({ label, body }) =>
    spotsOf(body!.schema, undefined).flatMap(({ path, schema: own }) =>
      [own, ...(own.anyOf ?? [])].flatMap((schema) => {
        const types = typesOf(schema);
        const { maxLength, pattern, format, maxItems, maximum, exclusiveMaximum } = schema;
        const words = schema.enum ?? schema.const;
        const isFree =
          (types.includes("string") && (maxLength ?? pattern ?? format ?? words) === undefined) ||
          (types.includes("array") && maxItems === undefined) ||
          (types.some((type) => type === "number" || type === "integer") &&
            (maximum ?? exclusiveMaximum) === undefined);
        return isFree ? [`${label} ${pointerOf(path)}`] : [];
      }),
    ),
  );
  assert.deepEqual(unbounded, []);
});

/** Where a resource is written, and read again. */
const WRITES = [
  "POST /v1/products",
  "PATCH /v1/products/{product_id}",
  "POST /v1/products/brands",
  "PATCH /v1/products/sources/{id}",
  "POST /v1/recipes",
  "PATCH /v1/recipes/{recipe_id}",
  "POST /v1/meals",
  "PATCH /v1/meals/{meal_id}",
  "POST /v1/clients",
  "PATCH /v1/clients/{client_id}",
  "POST /v1/clients/{client_id}/menus",
  "PATCH /v1/clients/{client_id}/menus/{menu_id}",
];
const operationOf = (label: string): Operation =>
  table.operations.find((operation) => operation.label === label)!;

async function read(path: string): Promise<any> {
  const full = path.includes("/sources/") ? `${path}?full=true` : path;
  const answer = await table.ask({ method: "GET", path: full, token: caller.token });
  assert.equal(answer.status, 200, answer.text);
  return answer.body.data;
}

/** A request that is good, and the ids that its body may name. */
async function prepare(operation: Operation) {
  const good = await table.goodRequest(operation, caller);
  if (!operation.path.endsWith("/menus/{menu_id}")) return { ...good, ids };
  const menu_id = good.path.split("/").at(-1)!;
  const meals: Record<string, string> = {};
  for (const name of ["one", "two", "three"]) {
    const body = { name, menu_id };
    const made = await table.ask({ method: "POST", path: "/v1/meals", token: caller.token, body });
    meals[name] = made.body.data.id;
  }
  return { ...good, ids: meals };
}

/** With room for what an answer has beside it, below every limit of a route. */
const BODY_BYTES = 30_000;
/** A list of one too many may be more than a body may be. */
const BODY_BYTES_WRONG = 200_000;

for (const label of WRITES) {
  test(`${label}: what is good is stored and read exactly as it was sent`, async () => {
    const operation = operationOf(label);
    const { path, body: good, ids: known } = await prepare(operation);
    const { method } = operation;
    const isNew = method === "POST";
    const { token } = caller;
    const bodies = goodBodies(operation.body!.schema, {
      isNew: method === "POST",
      good,
      ids: known,
    });
    const keepName = !/classifications|brands|sources/.test(label);
    await fc.assert(
      fc.asyncProperty(bodies, async (given) => {
        const body = keepName ? given : withNewName(given);
        // Each text may be long; all of them at once are more than a body may be.
        fc.pre(Buffer.byteLength(JSON.stringify(body)) <= BODY_BYTES);
        const answer = await table.ask({ method, path, token, body });
        assert.equal(answer.status, isNew ? 201 : 200, answer.text);
        assert.deepEqual(operation.faultsOf(answer), []);
        const where = isNew ? `${path}/${answer.body.data.id}` : path;
        const stored = await read(where);
        assert.deepEqual(differences(body, stored), []);
        const again = await table.ask({ method: "PATCH", path: where, token, body: stored });
        assert.equal(again.status, 200, again.text);
        assert.deepEqual(withoutVersions(await read(where)), withoutVersions(stored));
        // A meal has room for so many recipes.
        if (label === "POST /v1/recipes") {
          await table.ask({ method: "DELETE", path: where, token });
        }
      }),
      { ...options(testSize(12, 300)), endOnFailure: true },
    );
  });
}

/** Where what was written stands elsewhere, or is told of in other words. */
const OTHERS = [
  "POST /v1/recipes/{recipe_id}/rate",
  "POST /v1/roles",
  "PATCH /v1/roles/{context}/{name}",
  "POST /v1/users",
  "POST /v1/users/{user_id}/roles",
  "POST /v1/roles/{context}/{name}/users",
  "POST /v1/client-onboarding/forms",
  "PATCH /v1/client-onboarding/forms/{form_id}",
  "POST /v1/shopping-lists",
  "PATCH /v1/shopping-lists/{shopping_list_id}",
];

for (const label of OTHERS) {
  test(`${label}: what is good is stored and told as it was sent`, async () => {
    const operation = operationOf(label);
    const write = createOtherWrites(table, caller).find((one) => one.label === label)!;
    const { method } = operation;
    const good = await table.goodRequest(operation, caller);
    const members = write.members(good);
    const rules: Rules = {
      valuesOf: (name, path) =>
        path.length === 1 && name in members
          ? members[name]
          : name === "version"
            ? undefined
            : "as the schema says",
      isNeeded: ([name]) => name === write.needed,
    };
    await fc.assert(
      fc.asyncProperty(validValues(operation.body!.schema, rules), async (given) => {
        const answer = await table.ask({
          method,
          path: good.path,
          token: caller.token,
          body: given,
        });
        assert.ok([200, 201].includes(answer.status), answer.text);
        assert.deepEqual(operation.faultsOf(answer), []);
        const { sent, read: stored } = await write.compare(given, good, answer);
        assert.deepEqual(differences(sent, stored), []);
      }),
      { ...options(testSize(6, 200)), endOnFailure: true },
    );
  });
}

for (const label of [...WRITES, ...OTHERS]) {
  test(`${label}: with one thing wrong nothing is written, and the place is named`, async () => {
    const operation = operationOf(label);
    const { path, body: good, ids: known } = await prepare(operation);
    const { method } = operation;
    const { schema } = operation.body!;
    const [base] = fc.sample(goodBodies(schema, { isNew: method === "POST", good, ids: known }), {
      seed: testSeed(),
      numRuns: 1,
    });
    const wrong = variantsOf(schema, { ...good, ...base }).filter(
      (variant) => Buffer.byteLength(variant.raw()) <= BODY_BYTES_WRONG && variant.isWrong(),
    );
    const before = await fingerprint();
    for (const variant of sampled(wrong, Math.ceil(wrong.length / 40))) {
      const answer = await table.ask({ method, path, token: caller.token, raw: variant.raw() });
      assert.ok([400, 422].includes(answer.status), `${variant.what}: ${answer.text}`);
      const isTold =
        answer.status === 400 || variant.path.length === 0 || isNamed(answer, variant.path);
      assert.ok(isTold, `${variant.what}: ${answer.text}`);
    }
    assert.deepEqual(await fingerprint(), before);
  });
}

/** Changes with every row that is written. */
async function fingerprint(): Promise<unknown> {
  return withServer(table.database.url, async (client) => {
    const { rows: tables } = await client.query<{ name: string }>(`
      SELECT schemaname || '.' || tablename AS name FROM pg_tables
       WHERE schemaname IN ('products_catalog', 'recipes_catalog', 'shared_kernel', 'iam')
          OR tablename IN ('onboarding_forms', 'form_responses') ORDER BY 1`);
    const counts = tables.map(
      ({ name }) => `SELECT '${name}', count(*), max(xmin::text::bigint) FROM ${name}`,
    );
    const { rows } = await client.query({ text: counts.join(" UNION ALL "), rowMode: "array" });
    return rows;
  });
}
