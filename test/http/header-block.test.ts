import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultHeaders, headerBlock, headerLine } from "../../src/http/header-block.ts";
import { headersOf, statusLine } from "../../src/http/wire.ts";

test("no name or value can begin a line of its own", () => {
  for (const control of ["\r\n", "\n", "\r", "\0", "\u007f", "\u0001"]) {
    assert.throws(() => headerLine("x-a", `v${control}x-injected: 1`), TypeError);
    assert.throws(() => headerLine(`x-a${control}`, "v"), TypeError);
  }
  for (const name of ["", "a b", "a:", "é", "a\u0000"]) assert.throws(() => headerLine(name, "v"));
  assert.equal(headerLine("X-A", "v\tw é"), "x-a: v\tw é");
});

test("a block reads back as the record it was made from", () => {
  const headers = { "content-type": "a/b", link: "<x>; rel=next", date: "10:30:00" };
  const wire = {
    status: 200,
    requestId: "id",
    head: headerBlock(headers),
    body: "",
    headOnly: false,
  };
  assert.deepEqual(headersOf(wire), { "x-request-id": "id", ...headers });
});

test("HSTS is sent in production behind https only", () => {
  const hstsOf = (production: boolean, publicUrl: string) =>
    defaultHeaders({ production, publicUrl, varyOrigin: false })["strict-transport-security"];
  assert.match(hstsOf(true, "https://a")!, /^max-age=31536000/);
  assert.equal(hstsOf(true, "http://a"), undefined);
  assert.equal(hstsOf(false, "https://a"), undefined);
});

test("every answer keeps browsers from making more of it", () => {
  const headers = defaultHeaders({ production: false, publicUrl: "http://a", varyOrigin: false });
  assert.deepEqual(headers, {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
  });
});

test("a status we have no phrase for still makes a status line", () => {
  assert.equal(statusLine(422), "422 Unprocessable Content");
  assert.equal(statusLine(299), "299 Status");
});
