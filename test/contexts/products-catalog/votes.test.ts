import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import {
  ACCEPTANCE_LINE,
  housesChoice,
  type AcceptanceStep,
} from "../../../src/contexts/products-catalog/votes.ts";
import { withDatabase } from "../../support/database.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { MANAGER, newProduct, openCatalog, READER } from "./support.ts";

const { database, drop } = await withDatabase({ connections: 8 });
after(drop);
const call = openCatalog(database);

/** The rule word for word: nearest threshold, ties to the smaller, step back when above. */
function literalChoice(food: number, notFood: number, line: readonly AcceptanceStep[]) {
  const total = food + notFood;
  let nearest = 0;
  for (const [index, { threshold }] of line.entries()) {
    if (Math.abs(threshold - total) < Math.abs(line[nearest]!.threshold - total)) nearest = index;
  }
  if (line[nearest]!.threshold > total) nearest -= 1;
  const ratio = line[nearest]?.ratio ?? null;
  if (ratio === null || total === 0) return null;
  if (food / total >= ratio) return true;
  return notFood / total >= ratio ? false : null;
}

test("the choice follows the written rule for every line", () => {
  const line = fc
    .uniqueArray(
      fc.record({
        threshold: fc.nat(30),
        ratio: fc.option(fc.double({ min: 0.51, max: 1, noNaN: true })),
      }),
      {
        selector: (step) => step.threshold,
        minLength: 1,
      },
    )
    .map((steps) => steps.toSorted((a, b) => a.threshold - b.threshold));
  fc.assert(
    fc.property(fc.nat(30), fc.nat(30), line, (food, notFood, steps) => {
      assert.equal(housesChoice(food, notFood, steps), literalChoice(food, notFood, steps));
      assert.equal(housesChoice(food, notFood), literalChoice(food, notFood, ACCEPTANCE_LINE));
    }),
    { seed: testSeed(), numRuns: testSize(500, 20_000) },
  );
});

test("few votes decide nothing, three or four must agree, from five on 70 % decide", () => {
  const table: readonly (readonly [number, number, boolean | null])[] = [
    [0, 0, null],
    [1, 0, null],
    [2, 0, null],
    [0, 2, null],
    [3, 0, true],
    [2, 1, null],
    [0, 3, false],
    [4, 0, true],
    [3, 1, null],
    [0, 4, false],
    [5, 0, true],
    [4, 1, true],
    [3, 2, null],
    [1, 4, false],
    [7, 3, true],
    [6, 3, null],
    [14, 6, true],
    [13, 7, null],
    [3, 7, false],
  ];
  for (const [food, notFood, choice] of table) {
    assert.equal(housesChoice(food, notFood), choice, `${food}:${notFood}`);
  }
});

async function create(): Promise<string> {
  const { body } = await call("POST", "/v1/products", { body: newProduct() });
  return body.data.id as string;
}

function vote(id: string, houseId: string, isFood: boolean, as = MANAGER) {
  const body = { house_id: houseId, is_food: isFood };
  return call("PUT", `/v1/products/${id}/votes`, { as, body });
}

test("a house has one vote: voting the other way moves it, repeating does nothing", async () => {
  const id = await create();
  await vote(id, "a", true);
  await vote(id, "b", true);
  await vote(id, "b", true);
  assert.equal((await vote(id, "c", true)).body.data.is_food_houses_choice, true);
  const moved = (await vote(id, "b", false)).body.data;
  assert.deepEqual(moved, {
    id,
    is_food_votes: {
      acceptance_line: { "0.0": null, "3.0": 1, "5.0": 0.7 },
      is_food_houses: ["a", "c"],
      is_not_food_houses: ["b"],
    },
    is_food_houses_choice: null,
  });
  const { data } = (await call("GET", `/v1/products/${id}`)).body;
  assert.deepEqual(data.is_food_votes, moved.is_food_votes);
  assert.equal(data.is_food_houses_choice, null);
  assert.equal(data.version, 1);
});

test("the choice is right after votes at the same moment", async () => {
  const id = await create();
  const isFood = (index: number) => index % 5 !== 0;
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => vote(id, `house-${index}`, isFood(index))),
  );
  assert.ok(answers.every(({ status }) => status === 200));
  const { data } = (await call("GET", `/v1/products/${id}`)).body;
  assert.equal(data.is_food_votes.is_food_houses.length, 16);
  assert.equal(data.is_food_votes.is_not_food_houses.length, 4);
  assert.equal(data.is_food_houses_choice, true);
});

test("a caller votes for itself; for other houses it needs manage_products", async () => {
  const id = await create();
  assert.equal((await vote(id, READER.userId, true, READER)).status, 200);
  const other = await vote(id, "somebody", true, READER);
  assert.equal(other.status, 403);
  assert.equal(other.body.error_code, "permission_denied");
  assert.equal((await vote(crypto.randomUUID(), "a", true)).status, 404);
  for (const house of ["", "  ", "x".repeat(65), "a\u0001"]) {
    assert.equal((await vote(id, house, true)).status, 422);
  }
});
