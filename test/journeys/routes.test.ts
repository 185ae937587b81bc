import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newId } from "../../src/platform/ids.ts";
import { sql } from "../../src/platform/sql.ts";
import { testSeed, testSize } from "../support/size.ts";
import { badBodies, naughtyPlaces, NAUGHTY, type Place } from "./naughty.ts";
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

// The kinds of classification are one piece of code: two of them stand for all in a short run.
const ALIKE = /\/(categories|parent-categories|food-groups|process-types)/;
// An emergency takes everybody's token, those of this test included; it has tests of its own.
const TAKES_ALL = "POST /v1/admin/keys/rotate";
const varied = () =>
  table.operations.filter(
    ({ path, label }) => label !== TAKES_ALL && (testSize(0, 1) === 1 || !ALIKE.test(path)),
  );

/** Runs for every item, eight at a time. */
async function forAll<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(next);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

const OK = [200, 201, 202, 204];

test("the server describes its routes, and each answers a good request as described", async () => {
  assert.ok(table.operations.length >= 60);
  for (const operation of table.operations) {
    const caller = await table.makeCaller(table.permissions);
    const { path, body } = await table.goodRequest(operation, caller);
    const { method } = operation;
    const headers = { "x-forwarded-for": "200.160.2.3" };
    const answer = await table.ask({ method, path, body, token: caller.token, headers });
    expect(operation, answer, OK, "good");
  }
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
  for (const operation of table.operations) {
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
  }
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

test("unknown query keys, ids that are none, and broken bodies are refused by kind", async () => {
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
      for (const id of ["1", "not-a-uuid", `${newId()}x`, "__proto__", "%27%20OR%201=1", "🍚"]) {
        const wrong = operation.path
          .replace("{context}/{name}", "iam/user")
          .replace(`{${name}}`, encodeURI(id).replaceAll("%25", "%"));
        expect(operation, await table.ask({ method, path: wrong, body, token }), [422], `id ${id}`);
      }
    }
    if (operation.body === undefined) return;
    for (const raw of ["{", "[1,", '{"a":1}x', "{'a':1}", '{"a":1,"a":2}', '{"__proto__":{}}']) {
      expect(operation, await table.ask({ method, path, raw, token }), [400], `body ${raw}`);
    }
    expect(
      operation,
      await table.ask({ method, path, raw: "[".repeat(9_000), token }),
      [400],
      "depth",
    );
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

test("no bad body and no bad query value is too much for any route", async () => {
  await forAll(varied(), async (operation) => {
    let administrator = await table.makeCaller(table.permissions);
    const { method, body: bodyDoc } = operation;
    const { path, body } = await table.goodRequest(operation, administrator);
    for (const { name, in: place, schema } of operation.parameters) {
      if (place !== "query") continue;
      const [bare, rest] = path.split("?");
      const others = rest !== undefined && !rest.startsWith(name) ? `&${rest}` : "";
      for (const value of [
        "",
        "-1",
        "0",
        "1e9",
        "999999999999999",
        "9".repeat(40),
        "NaN",
        "true",
        "0000-00-00",
        "9999-12-31T23:59:59-23:59",
        "%00",
        "%ff",
        "%F0%9F%8D%9A",
        "' OR 1=1 --",
        "x".repeat(1_500),
      ]) {
        const query = `${name}=${value.includes("%") ? value : encodeURIComponent(value)}`;
        const answer = await table.ask({
          method,
          path: `${bare}?${query}${others}`,
          token: administrator.token,
          body,
        });
        expect(
          operation,
          answer,
          [...OK, 400, 404, 409, 422],
          `${query}: ${JSON.stringify(schema)}`,
        );
      }
    }
    if (bodyDoc === undefined || operation.label === "POST /auth/login") return;
    for (const { what, raw, isWrong } of badBodies(bodyDoc.schema, body)) {
      const answer = await table.ask({ method, path, raw, token: administrator.token });
      if (operation.label === "POST /auth/logout") administrator = await table.makeCaller();
      expect(
        operation,
        answer,
        isWrong ? [400, 401, 403, 422] : [...OK, 400, 401, 403, 404, 409, 422],
        what,
      );
    }
  });
  done();
});

// Accepted because the whole answer of a GET may be sent back; an address is normalised.
const READ_ONLY = new Set(["created_at", "last_login", "image_url"]);

/** Where a text that was written can be read again: the path, and the value in the answer. */
function readBack(operation: Operation, path: string, answer: Answer, place: Place) {
  const id = answer.body?.data?.id as string | undefined;
  if (READ_ONLY.has(place.name)) return undefined;
  if (/^(POST|PATCH) \/v1\/products/.test(operation.label)) {
    const base = operation.method === "POST" ? `${path}/${id}` : path;
    return path.includes("/sources") ? `${base}?full=true` : base;
  }
  if (operation.label === "POST /v1/recipes") return `${path}/${id}`;
  if (/^PATCH \/v1\/(recipes|meals)/.test(operation.label)) return path;
  return operation.label === "PUT /users/me" ? path : undefined;
}

test("texts of every kind are refused, or stored exactly as they were sent", async () => {
  let stored = 0;
  await forAll(varied(), async (operation) => {
    if (operation.body === undefined) return;
    const places = naughtyPlaces(operation.body.schema);
    for (const place of places) {
      const count = await tryTexts(operation, place);
      stored += count;
    }
  });
  done();
  assert.ok(stored > testSize(125, 500), `${stored} texts were stored`);
});

let tried = 0;

async function tryTexts(operation: Operation, place: Place): Promise<number> {
  // Each costs a password hash.
  const isCostly = /\/auth\/(login|register|password$|password\/reset)/.test(operation.path);
  // Every text is tried at some place, and in the long run at every place.
  const share = isCostly ? 5 : testSize(4, 1);
  const begin = (testSeed() + tried++) % share;
  const texts = NAUGHTY.filter((_, index) => index % share === begin);
  const caller = await table.makeCaller(table.permissions);
  const good = await table.goodRequest(operation, caller);
  let stored = 0;
  for (const text of texts) {
    const fresh =
      operation.method === "POST" ? (await table.goodRequest(operation, caller)).body : good.body;
    const body = place.put(fresh, text);
    const { method } = operation;
    const answer = await table.ask({ method, path: good.path, body, token: caller.token });
    const what = `${place.name} = ${JSON.stringify(text).slice(0, 60)}`;
    // Wrong passwords of one account are few.
    const isCounted = operation.label === "PUT /auth/password" ? [429] : [];
    expect(operation, answer, [...OK, 400, 401, 403, 404, 409, 422, ...isCounted], what);
    const where = OK.includes(answer.status)
      ? readBack(operation, good.path, answer, place)
      : undefined;
    if (where === undefined) continue;
    const read = await table.ask({ method: "GET", path: where, token: caller.token });
    const found = place.get(read.body.data ?? read.body);
    const wanted = text.trim() === "" ? null : text.trim();
    if (found === wanted || (place.name === "username" && found === null)) stored += 1;
    else if (found !== wanted?.normalize("NFC"))
      faults.push(`${operation.label}, ${what}: read ${JSON.stringify(found)}`);
  }
  return stored;
}

test("texts of every kind in paths, queries and header fields do no harm", async () => {
  const { token } = table.administrator;
  const names = [
    "x-request-id",
    "x-correlation-id",
    "traceparent",
    "user-agent",
    "if-match",
    "origin",
    "if-none-match",
    "accept",
    "x-forwarded-for",
    "cookie",
  ];
  await forAll(
    NAUGHTY.filter((text) => text.length < 1_000),
    async (text) => {
      const encoded = encodeURIComponent(text.replace(/\p{Surrogate}/gu, "?"));
      for (const path of [
        `/v1/products/${encoded}`,
        `/v1/roles/iam/${encoded}`,
        `/v1/products/search?name=${encoded}`,
        `/v1/products/search/similar-names?name=${encoded}`,
        `/v1/products/search?brand=${encoded}&category=${encoded}`,
        `/v1/users?subject=${encoded}`,
      ]) {
        const answer = await table.ask({ method: "GET", path, token });
        if (answer.status >= 500) faults.push(`${path}: ${answer.text}`);
      }
      const field = Buffer.from(text, "utf8")
        .toString("latin1")
        .replace(/[^\t\x20-\x7e\x80-\xff]/g, "");
      for (const name of names) {
        const answer = await table.ask({
          method: "GET",
          path: "/users/me",
          token,
          headers: { [name]: field },
        });
        if (![200, 400, 422].includes(answer.status))
          faults.push(`${name}: ${field}: ${answer.status} ${answer.text}`);
        if (/[\r\n]/.test(String(answer.headers["x-request-id"])))
          faults.push(`${name} splits the answer`);
      }
    },
  );
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
