import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { forAll } from "../support/for-all.ts";
import { sampled, testSeed, testSize } from "../support/size.ts";
import { createTextTrial, isNamed } from "./field-texts.ts";
import { NAUGHTY } from "./naughty.ts";
import { openRouteTable, type Answer, type Operation, type RouteTable } from "./route-table.ts";
import { variantsOf, type Variant } from "./schema-faults.ts";

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
}
function done() {
  assert.deepEqual(faults.splice(0), []);
}

// An emergency takes everybody's token, those of this test included; it has tests of its own.
const TAKES_ALL = "POST /v1/admin/keys/rotate";
const operations = () => table.operations.filter(({ label }) => label !== TAKES_ALL);
const withBody = () => operations().filter(({ body }) => body !== undefined);

const OK = [200, 201, 202, 204];
const REFUSED = [400, 401, 403, 422];

const QUERY_VALUES = [
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
];

test("no bad query value is too much for any route", async () => {
  let turn = 0;
  await forAll(operations(), async (operation) => {
    const queries = operation.parameters.filter(({ in: place }) => place === "query");
    if (queries.length === 0) return;
    const { token, ...caller } = await table.makeCaller(table.permissions);
    const { path, body } = await table.goodRequest(operation, { token, ...caller });
    const [bare, rest] = path.split("?");
    const { method } = operation;
    for (const { name, schema } of queries) {
      const others = rest !== undefined && !rest.startsWith(name) ? `&${rest}` : "";
      for (const value of sampled(QUERY_VALUES, 5, (turn += 1))) {
        const query = `${name}=${value.includes("%") ? value : encodeURIComponent(value)}`;
        const answer = await table.ask({ method, path: `${bare}?${query}${others}`, token, body });
        const what = `${query}: ${JSON.stringify(schema)}`;
        expect(operation, answer, [...OK, 400, 404, 409, 422], what);
      }
    }
  });
  done();
});

test("a body with one thing wrong is refused by its place, and none is too much", async () => {
  await forAll(withBody(), async (operation) => {
    let caller = await table.makeCaller(table.permissions);
    const { method, label, body: bodyDoc } = operation;
    if (label === "POST /auth/login") return;
    const { path, body } = await table.goodRequest(operation, caller);
    const variants = variantsOf(bodyDoc!.schema, body);
    for (const variant of sampled(variants, 16)) {
      const answer = await table.ask({ method, path, raw: variant.raw(), token: caller.token });
      if (label === "POST /auth/logout" || label === "POST /auth/step-up") {
        // The token is of no use any more, or so many wrong attempts are too many for one account.
        caller = await table.makeCaller();
      }
      judge(operation, variant, answer);
    }
  });
  done();
});

function judge(operation: Operation, variant: Variant, answer: Answer) {
  const isWrong = variant.isWrong();
  expect(operation, answer, isWrong ? REFUSED : [...OK, ...REFUSED, 404, 409], variant.what);
  if (
    isWrong &&
    answer.status === 422 &&
    variant.path.length > 0 &&
    !isNamed(answer, variant.path)
  ) {
    faults.push(`${operation.label}, ${variant.what}: not named in ${answer.text.slice(0, 300)}`);
  }
}

test("texts of every kind are refused, or stored exactly as they were sent", async () => {
  let stored = 0;
  const tryTexts = createTextTrial({ table, expect, fault: (text) => void faults.push(text) });
  const first = testSeed();
  await forAll(withBody(), async (operation) => {
    // Each costs a password hash.
    const isCostly = /\/auth\/(login|register|password$|password\/reset)/.test(operation.path);
    const count = isCostly ? 2 : testSize(5, NAUGHTY.length);
    const rounds = Array.from({ length: count }, (_, round) => first + round * 11);
    const caller = await table.makeCaller(table.permissions);
    const storedHere = await tryTexts(operation, caller, rounds);
    stored += storedHere;
  });
  done();
  assert.ok(stored > testSize(300, 2_000), `${stored} texts were stored`);
});

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
        const headers = { [name]: field };
        const answer = await table.ask({ method: "GET", path: "/users/me", token, headers });
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
