import assert from "node:assert/strict";
import { test } from "node:test";
import {
  acceptedId,
  createRequestIds,
  readTraceparent,
  traceparentFor,
} from "../../src/http/trace.ts";

test("request ids are UUIDs and never come twice", () => {
  const ids = createRequestIds();
  const other = createRequestIds();
  const seen = new Set<string>();
  for (let n = 0; n < 70_000; n += 1) seen.add(ids.next()).add(other.next());
  assert.equal(seen.size, 140_000);
  for (const id of [...seen].slice(0, 1_000)) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

test("a caller's id is taken when it can be repeated safely", () => {
  for (const good of [
    "a",
    "abc-123",
    "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
    "x".repeat(128),
    "Root=1-5e:/+@",
  ]) {
    assert.equal(acceptedId(good), good);
  }
  for (const bad of [
    undefined,
    "",
    "x".repeat(129),
    "a b",
    'a"b',
    "a\u0000",
    "é",
    "<script>",
    "a,b",
  ]) {
    assert.equal(acceptedId(bad), undefined, String(bad));
  }
});

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

test("a well-formed traceparent is carried on under a span of our own", () => {
  const ours = traceparentFor(`00-${TRACE}-${SPAN}-01`);
  assert.match(ours, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  assert.ok(!ours.includes(SPAN));
});

test("a malformed traceparent begins a new trace, not sampled", () => {
  for (const bad of [
    undefined,
    "",
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
  ]) {
    assert.equal(readTraceparent(bad), undefined, bad);
    assert.match(traceparentFor(bad), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  }
  assert.equal(readTraceparent(`01-${TRACE}-${SPAN}-00-later`)?.traceId, TRACE);
});
