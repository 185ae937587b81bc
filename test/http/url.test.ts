import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePath, parseQuery, targetFault } from "../../src/http/url.ts";

test("a target with a byte that may not be there is refused", () => {
  for (const bad of ["/a\\b", "/a\u00e9", "/a b", "/a\u0001", "/a#b", "a"]) {
    assert.equal(targetFault(bad, "")?.code, "malformed_request", JSON.stringify(bad));
  }
  assert.equal(targetFault("/a", "x=\\")?.code, "malformed_request");
  assert.equal(targetFault(`/${"a".repeat(2_048)}`, "")?.code, "uri_too_long");
  assert.equal(targetFault("/a/b-c_~.!$&'()*+,;=:@%20", "q=1&r=a/b?"), undefined);
});

test("a path is decoded once", () => {
  assert.equal(decodePath("/a%20b/%C3%A9"), "/a b/é");
  assert.equal(decodePath("/%2541"), "/%41");
});

test("what could change the meaning of a path when decoded is refused", () => {
  for (const bad of [
    "/a%2fb",
    "/a%5Cb",
    "/%00",
    "/a%0d%0a",
    "/%zz",
    "/%ff",
    "/../x",
    "/a/%2e%2e/b",
    "/./a",
    "/a/..",
  ]) {
    const decoded = decodePath(bad);
    assert.ok(typeof decoded !== "string" && decoded.code === "malformed_request", bad);
  }
  assert.equal(decodePath("/..a/b..c/.well-known"), "/..a/b..c/.well-known");
});

test("a query keeps every value of a repeated key, in order", () => {
  const pairs = parseQuery("a=1&b=x+y&a=%32&c&&d=%26");
  assert.deepEqual(
    [...pairs!],
    [
      ["a", ["1", "2"]],
      ["b", ["x y"]],
      ["c", [""]],
      ["d", ["&"]],
    ],
  );
});

test("a query with a broken escape, a NUL or too many pairs is none", () => {
  for (const bad of ["a=%", "a=%ff", "%zz=1", "a=%00", "a=1&".repeat(65)]) {
    assert.equal(parseQuery(bad), undefined, bad);
  }
});
