import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openAuthorisationCallers, type AuthorisationCallers } from "./authorisation-callers.ts";
import { COLUMNS, createObserver, openingOf } from "./authorisation-observer.ts";
import { AUTHORISATION } from "./authorisation-table.ts";
import { openRouteTable, type Operation, type RouteTable } from "./route-table.ts";

let table: RouteTable;
let callers: AuthorisationCallers;
before(async () => {
  table = await openRouteTable();
  callers = await openAuthorisationCallers(table);
});
after(() => table.close());

test("the table has a line for every operation, and a line has an operation", () => {
  const labels = table.everyOperation.map(({ label }) => label);
  assert.deepEqual(Object.keys(AUTHORISATION).toSorted(), labels.toSorted());
  for (const { label, isPublic } of table.everyOperation) {
    assert.equal(rowOf(label).length, isPublic ? 2 : COLUMNS.length, label);
  }
});

test("a route is open to the callers that it is meant for, and to no other", async () => {
  const observer = createObserver(table, callers);
  await Promise.all([
    observer.furnish(await callers.find("owner", [])),
    callers.find("former", []),
  ]);
  const wrong: string[] = [];
  await forAll(table.everyOperation, async (operation) => {
    const wanted = rowOf(operation.label);
    const found = await observer.observe(operation, wanted);
    if (found.join(" ") === wanted.join(" ")) return;
    wrong.push(`${operation.label}: ${found.join(" ")} and not ${wanted.join(" ")}`);
  });
  assert.deepEqual([...wrong, ...new Set(observer.faults())], []);
});

/** What belongs to a person alone: a program must not change how its owner gets in. */
const FOR_PEOPLE = /^\/(auth|users)\//;
const FOR_ANYBODY = new Set(["GET /auth/whoami", "POST /auth/verify"]);

test("programs call where programs may, and nowhere else", () => {
  for (const operation of table.everyOperation.filter(({ isPublic }) => !isPublic)) {
    const { callers: kinds, keyScope, label, path } = operation;
    if (FOR_PEOPLE.test(path) && !FOR_ANYBODY.has(label)) assert.deepEqual(kinds, ["user"], label);
    // A program of either kind is a program: where one may call, so may the other.
    if (kinds.includes("machine")) assert.ok(kinds.includes("api_key"), label);
    assert.equal(keyScope !== undefined, kinds.includes("api_key"), label);
    const isManaged = rowOf(label)[COLUMNS.indexOf("manager")] !== "-";
    assert.equal(isManaged, openingOf(operation).length > 0, label);
  }
});

const rowOf = (label: string) => AUTHORISATION[label]?.split(" ") ?? [];

/** Runs for every operation, eight at a time. */
async function forAll(
  operations: readonly Operation[],
  run: (operation: Operation) => Promise<void>,
): Promise<void> {
  const queue = [...operations];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(next);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}
