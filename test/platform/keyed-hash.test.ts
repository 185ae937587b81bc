import assert from "node:assert/strict";
import { test } from "node:test";
import { createKeyedHash } from "../../src/platform/keyed-hash.ts";

function hashOf(key: readonly [number, number], text: string): string {
  const hash = createKeyedHash(key);
  hash.digest(text);
  return `${hash.low()},${hash.high()}`;
}

test("the same text and key give the same hash, another text or key another one", () => {
  assert.equal(hashOf([1, 2], "text"), hashOf([1, 2], "text"));
  const hashes = new Set<string>();
  const texts = ["", "\0", "\0\0", "a", "a\0", "ab", "abc", "abcd", "bacd", "é", "𝒳", "abcé"];
  for (const text of texts) hashes.add(hashOf([1, 2], text));
  for (const text of texts) hashes.add(hashOf([1, 3], text));
  for (const text of texts) hashes.add(hashOf([2, 2], text));
  assert.equal(hashes.size, 3 * texts.length);
});

test("both halves are spread evenly over buckets, for texts that differ little", () => {
  const hash = createKeyedHash([0x12345678, -5]);
  for (const half of ["low", "high"] as const) {
    const buckets = new Uint32Array(256);
    for (let text = 0; text < 65_536; text++) {
      hash.digest(`caller-${text}`);
      buckets[hash[half]() & 255]!++;
    }
    // Chi squared with 255 degrees of freedom: 400 is beyond one in a million. The key is fixed.
    let chi = 0;
    for (const count of buckets) chi += (count - 256) ** 2 / 256;
    assert.ok(chi < 400, `${half}: ${chi}`);
  }
});
