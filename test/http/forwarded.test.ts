import assert from "node:assert/strict";
import { test } from "node:test";
import { callerAddress, plainAddress } from "../../src/http/forwarded.ts";

test("nobody's claim is believed when no proxy of ours stands in front", () => {
  assert.equal(callerAddress("10.0.0.1", "1.2.3.4", 0), "10.0.0.1");
});

test("the address is what our outermost proxy saw, not what the caller added", () => {
  assert.equal(callerAddress("10.0.0.1", "6.6.6.6, 1.2.3.4", 1), "1.2.3.4");
  assert.equal(callerAddress("10.0.0.1", "6.6.6.6, 1.2.3.4,10.0.0.2", 2), "1.2.3.4");
  assert.equal(callerAddress("10.0.0.1", "2001:db8::1", 1), "2001:db8::1");
});

test("a chain that is too short or no chain of addresses leaves the peer", () => {
  for (const chain of [undefined, "", "unknown", "1.2.3.4, evil", "1.2.3.4:80"]) {
    assert.equal(callerAddress("10.0.0.1", chain, 1), "10.0.0.1", chain);
  }
  assert.equal(callerAddress("10.0.0.1", "1.2.3.4", 2), "10.0.0.1");
});

test("an IPv4 address has one spelling", () => {
  assert.equal(plainAddress("::ffff:1.2.3.4"), "1.2.3.4");
  assert.equal(plainAddress("0000:0000:0000:0000:0000:ffff:0102:0304"), "1.2.3.4");
  assert.equal(plainAddress("127.0.0.1"), "127.0.0.1");
  assert.equal(plainAddress("2001:db8::1"), "2001:db8::1");
});
