import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openAuthorisationCallers, type AuthorisationCallers } from "./authorisation-callers.ts";
import { COLUMNS, createObserver, openingOf } from "./authorisation-observer.ts";
import { AUTHORISATION } from "./authorisation-table.ts";
import { BODY_IDS, OTHER_IDS } from "./body-id-table.ts";
import {
  furnishVictim,
  idPlacesOf,
  nothing,
  openRows,
  withId,
  type Ids,
  type Kind,
} from "./body-ids.ts";
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

// Before any key of TypeForm is set: forms that are told again would be written meanwhile.
test("every id that a body or a query may name has a line, and a line has such an id", () => {
  const places = table.operations.flatMap((operation) =>
    idPlacesOf(operation).map((place) => `${operation.label} ${place}`),
  );
  const asked = places.filter((place) => !OTHER_IDS.some((pattern) => pattern.test(place)));
  const lines = Object.keys(BODY_IDS);
  assert.deepEqual(
    asked.filter((place) => !lines.includes(place)),
    [],
  );
  const labels = new Set(table.operations.map(({ label }) => label));
  for (const line of lines) assert.ok(labels.has(line.replace(/ \S+$/, "")), line);
});

test("an id of somebody else, in a body or a query, opens and changes nothing of theirs", async () => {
  const victims = [await table.makeCaller(), await table.makeCaller([], callers.tenantId)];
  const ids = [
    await furnishVictim(table, victims[0]!),
    await furnishVictim(table, victims[1]!),
    nothing(),
  ];
  const known = ids.slice(0, 2).flatMap((one) => Object.values(one).filter(isTelling));
  const rows = await openRows(table);
  const had = await rows.mentioning(known);
  const wrong: string[] = [];
  for (const [line, expected] of Object.entries(BODY_IDS)) {
    const found = await askWithIds(line, expected, { ids, known, rows, wrong });
    if (found !== expected) wrong.push(`${line}: ${found} and not ${expected}`);
  }
  for (const { token } of victims) {
    const answer = await table.ask({ method: "GET", path: "/auth/whoami", token });
    if (answer.status !== 200) wrong.push(`a session of somebody else ended: ${answer.text}`);
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(await rows.mentioning(known), had);
  assert.ok(had.length >= 40, `${had.length} rows`);
});

/** A number is in many texts. */
const isTelling = (id: string | number): id is string => typeof id === "string";

interface Victims {
  /** Of another user, of another tenant, and of nothing. */
  readonly ids: readonly Ids[];
  readonly known: readonly string[];
  readonly rows: Awaited<ReturnType<typeof openRows>>;
  readonly wrong: string[];
}

async function askWithIds(line: string, expected: string, { ids, known, rows, wrong }: Victims) {
  const [, label, place] = /^(.*) (\S+)$/.exec(line)!;
  const operation = table.operations.find((one) => one.label === label)!;
  const [kind, ...statuses] = expected.split(" ") as [Kind, ...string[]];
  const held = operation.permission === undefined ? [] : [operation.permission];
  const owner = await callers.find("owner", held);
  const shared = await table.goodRequest(operation, owner);
  const found: string[] = [kind];
  for (const [index, status] of statuses.entries()) {
    if (status === "-") {
      found.push(status);
      continue;
    }
    const id = ids[index]![kind];
    const good = status.startsWith("4") ? shared : await table.goodRequest(operation, owner);
    const stop = await rows.watch();
    const sent = withId(good, place!, id);
    const answer = await table.ask({ method: operation.method, ...sent, token: owner.token });
    const { written, emptied } = await stop();
    const isRefused = answer.status >= 400;
    const others = known.filter((text) => text !== id);
    const isTheirs = (row: string) => known.some((text) => row.includes(text));
    const changes = isRefused ? [...written, ...emptied] : written.filter(isTheirs);
    if (changes.length > 0) wrong.push(`${line}, ${id} writes ${changes.join("\n")}`);
    wrong.push(...operation.faultsOf(answer));
    const tells = !isRefused && others.some((text) => answer.text.includes(text));
    found.push(`${answer.status}${tells ? "!" : ""}`);
    if (found.at(-1) !== status) wrong.push(`${line}, ${id}: ${answer.text.slice(0, 300)}`);
  }
  return found.join(" ");
}

test("a route is open to the callers that it is meant for, and to no other", async () => {
  const observer = createObserver(table, callers);
  await Promise.all([
    observer.furnish(await callers.find("owner", [])),
    callers.find("former", []),
  ]);
  const wrong: string[] = [];
  // Another key changes how all forms of the tenant are told to TypeForm.
  const isLast = ({ path }: Operation) => Number(path.endsWith("/typeform-key"));
  const ordered = table.everyOperation.toSorted((one, other) => isLast(one) - isLast(other));
  await forAll(ordered, async (operation) => {
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
