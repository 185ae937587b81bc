import assert from "node:assert/strict";
import { test } from "node:test";
import { createHostRule } from "../../src/http/host.ts";

test("any well-formed host is served by default, a malformed one never", () => {
  const isServed = createHostRule(["*"]);
  for (const good of ["a", "example.com", "127.0.0.1:8000", "[::1]:80", "x_y.internal"]) {
    assert.ok(isServed(good), good);
  }
  for (const bad of [
    "",
    "a/b",
    "user@a",
    "a,b",
    "a b",
    "a:b",
    "a:123456",
    "é",
    "[::1",
    "-a",
    "a\\b",
    "a?b",
  ]) {
    assert.ok(!isServed(bad), bad);
    assert.ok(!isServed(bad), `${bad}, the second time`);
  }
});

test("with a list only its hosts are served", () => {
  const isServed = createHostRule(["api.example.com", "*.brigade.example"]);
  for (const good of [
    "api.example.com",
    "API.example.com:8443",
    "x.brigade.example",
    "a.b.brigade.example",
  ]) {
    assert.ok(isServed(good), good);
  }
  for (const bad of [
    "example.com",
    "evil.com",
    "brigade.example",
    "api.example.com.evil.com",
    "xbrigade.example",
  ]) {
    assert.ok(!isServed(bad), bad);
  }
});
