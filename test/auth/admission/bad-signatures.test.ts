import assert from "node:assert/strict";
import { test } from "node:test";
import { createBadSignatures } from "../../../src/auth/admission/bad-signatures.ts";
import { networkOf } from "../../../src/http/forwarded.ts";
import { createManualClock } from "../../support/clock.ts";
import { admissionLimits } from "../../../src/platform/limits.ts";

test("a network is heard again when its minute is over", () => {
  const clock = createManualClock();
  const bad = createBadSignatures(clock);
  for (let i = 0; i < admissionLimits.badSignaturesMax - 1; i++) bad.charge("192.0.2.1");
  assert.equal(bad.retryAfterSeconds("192.0.2.1"), 0);
  clock.advanceMs(20_000);
  bad.charge("192.0.2.1");
  assert.equal(bad.retryAfterSeconds("192.0.2.1"), 40);
  assert.equal(bad.retryAfterSeconds("192.0.2.2"), 0, "nobody else pays");
  clock.advanceMs(40_000);
  assert.equal(bad.retryAfterSeconds("192.0.2.1"), 0);
  bad.charge("192.0.2.1");
  assert.equal(bad.retryAfterSeconds("192.0.2.1"), 0, "a new minute begins at one");
});

test("the number of networks is bounded, and the oldest goes first", () => {
  const bad = createBadSignatures(createManualClock());
  const charge = (address: string) => {
    for (let i = 0; i < admissionLimits.badSignaturesMax; i++) bad.charge(address);
  };
  charge("first");
  charge("second");
  for (let i = 0; i < admissionLimits.badSignatureNetworksMax - 1; i++) bad.charge(`n${i}`);
  assert.equal(bad.retryAfterSeconds("first"), 0);
  assert.ok(bad.retryAfterSeconds("second") > 0);
});

test("one IPv6 subscriber is one network, whatever the address is spelled like", () => {
  const same = [
    "2001:db8:0:12::1",
    "2001:db8:0:12:ffff:ffff:ffff:ffff",
    "2001:0DB8:0000:0012:0000:0000:0000:0001",
  ];
  for (const address of same) assert.equal(networkOf(address), "2001:db8:0:12", address);
  assert.notEqual(networkOf("2001:db8:0:13::1"), networkOf("2001:db8:0:12::1"));
  assert.equal(networkOf("::1"), "0:0:0:0");
  assert.equal(networkOf("2001:db8::"), "2001:db8:0:0");
  assert.equal(networkOf("192.0.2.7"), "192.0.2.7");
  assert.equal(networkOf(""), "");
});
