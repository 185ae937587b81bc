import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newId } from "../../src/platform/ids.ts";
import { sql } from "../../src/platform/sql.ts";
import { forAll } from "../support/for-all.ts";
import { sampled } from "../support/size.ts";
import { openRouteTable, type Answer, type Operation, type RouteTable } from "./route-table.ts";

let table: RouteTable;
before(async () => void (table = await openRouteTable()));
after(() => table.close());

const faults: string[] = [];
/** Collects what is wrong, so that one run tells of all routes. */
function expect(operation: Operation, answer: Answer, wanted: readonly number[], what: string) {
  if (!wanted.includes(answer.status)) {
    faults.push(`${operation.label}, ${what}: ${answer.status} ${answer.text.slice(0, 300)}`);
  }
  faults.push(...operation.faultsOf(answer));
  // What everybody may read may be kept: the keys and the name of the issuer.
  const isKept = operation.path.startsWith("/.well-known/") && answer.status === 200;
  if (!isKept && answer.headers["cache-control"] !== "no-store") {
    faults.push(`${operation.label}, ${what}: may be kept by a cache`);
  }
}
function done() {
  assert.deepEqual(faults.splice(0), []);
}

// An emergency takes everybody's token, those of this test included.
const TAKES_ALL = "POST /v1/admin/keys/rotate";
const harmless = () => table.operations.filter(({ label }) => label !== TAKES_ALL);

const OK = [200, 201, 202, 204];

test("the server describes its routes, and each answers a good request as described", async () => {
  assert.ok(table.operations.length >= 60);
  const askWell = async (operation: Operation) => {
    const caller = await table.makeCaller(table.permissions);
    const { path, body } = await table.goodRequest(operation, caller);
    const { method } = operation;
    const headers = { "x-forwarded-for": "200.160.2.3" };
    const answer = await table.ask({ method, path, body, token: caller.token, headers });
    expect(operation, answer, OK, "good");
  };
  // What hashes passwords and codes has few threads: these take their turns.
  const isOfAccounts = ({ path }: Operation) => /^\/auth\/|accounts/.test(path);
  await forAll(
    harmless().filter((operation) => !isOfAccounts(operation)),
    askWell,
  );
  for (const operation of harmless().filter(isOfAccounts)) await askWell(operation);
  await askWell(table.operations.find(({ label }) => label === TAKES_ALL)!);
  done();
});

test("every event that a request leaves in the log names the country of its address", async () => {
  const { rows } = await table.database.database.query<{ action: string; country: string }>(sql`
    SELECT DISTINCT action, country FROM auth.audit_log WHERE network = '200.160.2.0/24'`);
  assert.ok(rows.length >= 30, `${rows.length} kinds of events`);
  assert.deepEqual(
    rows.filter(({ country }) => country !== "BR"),
    [],
  );
});

test("aliases and a slash at the end lead to the same route", async () => {
  let count = 0;
  await forAll(harmless(), async (operation) => {
    for (const form of [`${operation.method} ${operation.path}/`, ...operation.aliases]) {
      const [method, pattern] = form.split(" ") as [string, string];
      const caller = await table.makeCaller(table.permissions);
      const good = await table.goodRequest(operation, caller);
      const names = operation.path.split("/");
      const values = good.path.split("?")[0]!.split("/");
      const path = pattern
        .split("/")
        .map((part) => (part.startsWith("{") ? values[names.indexOf(part)]! : part))
        .join("/");
      const query = good.path.includes("?") ? `?${good.path.split("?")[1]}` : "";
      const { token } = caller;
      const answer = await table.ask({ method, path: path + query, body: good.body, token });
      expect(operation, answer, OK, form);
      count += form.endsWith("/") ? 0 : 1;
    }
  });
  assert.ok(count >= 10, `${count} aliases`);
  done();
});

test("a method that a path does not know gets 405 and those it knows", async () => {
  await forAll([...groupByPath().entries()], async ([path, operations]) => {
    const known = operations.map(({ method }) => method);
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
      if (known.includes(method)) continue;
      const filled = path.replaceAll(/\{[a-z_]+\}/g, newId());
      const answer = await table.ask({ method, path: filled });
      // The page behind a link of a mail has the path of what it sends.
      if (method === "GET" && String(answer.headers["content-type"]).startsWith("text/html"))
        continue;
      assert.equal(answer.status, 405, `${method} ${path}: ${answer.text}`);
      const allowed = String(answer.headers["allow"]).split(", ");
      for (const name of known) assert.ok(allowed.includes(name), `${path} allows ${name}`);
      assert.ok(!allowed.includes(method));
    }
  });
});

function groupByPath() {
  const paths = new Map<string, Operation[]>();
  for (const operation of table.operations) {
    paths.set(operation.path, [...(paths.get(operation.path) ?? []), operation]);
  }
  return paths;
}

const BROKEN = [
  "{",
  "[1,",
  '{"a":1}x',
  "{'a':1}",
  '{"a":1,"a":2}',
  '{"__proto__":{}}',
  '{"a":NaN}',
  '{"a":-Infinity}',
  "[".repeat(9_000),
];
const BAD_IDS = ["1", "not-a-uuid", "__proto__", "%27%20OR%201=1", "🍚", `${newId()}x`];

test("unknown query keys, ids that are none, and broken bodies are refused by kind", async () => {
  let turn = 0;
  await forAll(table.operations, async (operation) => {
    const { token } = await table.makeCaller(table.permissions);
    const { method } = operation;
    const path = operation.path
      .replace("{context}/{name}", "iam/user")
      .replace("{form_id}", "1")
      .replaceAll(/\{[a-z_]+\}/g, newId());
    const body = operation.body?.example;
    const join = path.includes("?") ? "&" : "?";
    for (const query of ["no_such_key=1", "__proto__=1", "constructor[x]=1"]) {
      const answer = await table.ask({ method, path: `${path}${join}${query}`, body, token });
      if (answer.status !== 422) faults.push(`${operation.label}?${query}: ${answer.text}`);
    }
    for (const { name, schema, in: place } of operation.parameters) {
      if (place !== "path" || schema.format !== "uuid") continue;
      for (const id of sampled(BAD_IDS, 2, (turn += 1))) {
        const wrong = operation.path
          .replace("{context}/{name}", "iam/user")
          .replace(`{${name}}`, encodeURI(id).replaceAll("%25", "%"));
        expect(operation, await table.ask({ method, path: wrong, body, token }), [422], `id ${id}`);
      }
    }
    if (operation.body === undefined) return;
    for (const raw of sampled(BROKEN, 3, (turn += 1))) {
      expect(operation, await table.ask({ method, path, raw, token }), [400], `body ${raw}`);
    }
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "application/json; charset=latin1",
    ]) {
      const headers = { "content-type": type };
      expect(operation, await table.ask({ method, path, body, headers, token }), [415], type);
    }
    const raw = JSON.stringify({ x: "x".repeat(300_000) });
    expect(operation, await table.ask({ method, path, raw, token }), [413], "too large");
  });
  done();
});

test("the server lived through it without an error of its own", () => {
  const lines = table.server.logLines();
  assert.deepEqual(
    lines.filter(({ level }) => level === "error" || level === "fatal"),
    [],
  );
  assert.equal(table.server.process.exitCode, null);
});
