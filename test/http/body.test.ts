import assert from "node:assert/strict";
import { test } from "node:test";
import { isJsonType, parseJson } from "../../src/http/body.ts";

const parse = (text: string) => parseJson(Buffer.from(text));
const codeOf = (bytes: Uint8Array | string): string => {
  try {
    parseJson(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
    return "accepted";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test("only UTF-8 JSON is JSON", () => {
  for (const good of [
    "application/json",
    "application/json; charset=utf-8",
    'Application/JSON;charset="UTF-8"',
    "application/merge-patch+json",
  ]) {
    assert.ok(isJsonType(good), good);
  }
  for (const bad of [
    undefined,
    "",
    "text/json",
    "application/jsonx",
    "application/json; charset=latin1",
    "text/plain",
    "application/json, text/plain",
  ]) {
    assert.ok(!isJsonType(bad), String(bad));
  }
});

test("what is not JSON is malformed, and the parser's quotation stays inside", () => {
  for (const bad of ["", "{", '{"a":}', "{'a':1}", "NaN", "[1,]", '"\t"', '{"a":1}x', "\u00001"]) {
    assert.equal(codeOf(bad), "malformed_request", JSON.stringify(bad));
  }
  assert.equal(codeOf(Buffer.from([0x22, 0xff, 0x22])), "malformed_request");
  assert.throws(
    () => parse('{"password":"hunter2"'),
    (error: Error) => !`${error.message}${String(error.cause)}`.includes("hunter2"),
  );
});

test("a name that comes twice is malformed, however it is written", () => {
  assert.equal(codeOf('{"a":1,"a":2}'), "malformed_request");
  assert.equal(codeOf('{"a":1,"\\u0061":2}'), "malformed_request");
  assert.equal(codeOf('{"x":[{"a":1 , "b":{"a":1}, "a" :2}]}'), "malformed_request");
  assert.deepEqual(parse('{"a":{"a":"a","b":["a","a"]},"b":"a"}'), {
    a: { a: "a", b: ["a", "a"] },
    b: "a",
  });
});

test("a __proto__ is refused", () => {
  assert.equal(codeOf('{"__proto__":{"admin":true}}'), "malformed_request");
  assert.equal(codeOf('{"a":{"__pro\\u0074o__":1}}'), "malformed_request");
  assert.equal(codeOf('["__proto__"]'), "accepted");
});

test("nesting is bounded", () => {
  assert.equal(codeOf("[".repeat(32) + "]".repeat(32)), "accepted");
  assert.equal(codeOf("[".repeat(33) + "]".repeat(33)), "malformed_request");
  assert.equal(codeOf("[".repeat(200_000) + "]".repeat(200_000)), "malformed_request");
  assert.equal(codeOf('{"a":'.repeat(33) + "1" + "}".repeat(33)), "malformed_request");
  assert.equal(codeOf(`"${"[{".repeat(100)}"`), "accepted");
});

test("text the database cannot keep breaks validation", () => {
  for (const bad of ['"\\u0000"', '"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '{"\\u0000":1}']) {
    assert.equal(codeOf(bad), "validation_failed", bad);
  }
  assert.equal(parse('"\\ud83d\\ude00\\\\u0000"'), "😀\\u0000");
});
