import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cleanText, cleanUrl, expectedVersion, readInstant } from "../../src/http/rules.ts";
import { testSeed, testSize } from "../support/size.ts";

test("text is trimmed and otherwise kept, whatever it looks like", () => {
  const rule = { charactersMax: 40 };
  const text = "<b>data:</b> -- drop table; 💖 é e\u0301";
  assert.deepEqual(cleanText(`  ${text}\n`, rule), { text });
  assert.deepEqual(cleanText(" \t\n ", rule), { text: null });
  assert.deepEqual(cleanText("a\nb", { ...rule, hasLines: true }), { text: "a\nb" });
});

test("length is counted in characters, not in halves of them", () => {
  assert.deepEqual(cleanText("💖💖💖", { charactersMax: 3 }), { text: "💖💖💖" });
  assert.ok("code" in cleanText("💖💖💖💖", { charactersMax: 3 }));
});

test("control characters and halves of characters are refused", () => {
  for (const bad of ["a\u0000", "a\u0007b", "a\u001bb", "a\u007fb", "a\u0085b", "a\ud800b"]) {
    assert.ok("code" in cleanText(bad, { charactersMax: 9, hasLines: true }), JSON.stringify(bad));
  }
  assert.ok("code" in cleanText("a\tb", { charactersMax: 9 }));
});

test("a text that is clean stays as it is, and cleaning it again changes nothing", () => {
  const rule = { charactersMax: 50, hasLines: true };
  // Whole Unicode has so few control characters that it hardly ever makes one.
  const low = fc.integer({ min: 0, max: 0xa0 }).map((code) => String.fromCharCode(code));
  const texts = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: low }));
  fc.assert(
    fc.property(texts, fc.boolean(), (text, hasLines) => {
      const cleaned = cleanText(text, { ...rule, hasLines });
      if (!("text" in cleaned)) return;
      const again =
        cleaned.text === null ? cleaned : cleanText(cleaned.text, { ...rule, hasLines });
      assert.deepEqual(again, cleaned);
      assert.equal(cleaned.text ?? "", text.trim());
      assert.doesNotMatch(cleaned.text ?? "", /[\0\p{Surrogate}]/u);
      const controls = hasLines ? /(?![\t\n\r])\p{Cc}/u : /\p{Cc}/u;
      assert.doesNotMatch(cleaned.text ?? "", controls);
    }),
    { seed: testSeed(), numRuns: testSize(1_000, 50_000) },
  );
});

test("an address is http or https, in its normal form, and not too long", () => {
  assert.equal(cleanUrl(" https://example.org "), "https://example.org/");
  assert.equal(cleanUrl("HTTP://EXAMPLE.org/a b"), "http://example.org/a%20b");
  for (const bad of [
    "",
    "example.org",
    "ftp://x",
    "javascript:x",
    `http://x/${"a".repeat(2083)}`,
  ]) {
    assert.equal(cleanUrl(bad), undefined);
  }
});

const INSTANTS: readonly (readonly [string, string | undefined])[] = [
  ["2026-02-28", "2026-02-28T00:00:00.000Z"],
  ["2026-02-28T10:20", "2026-02-28T10:20:00.000Z"],
  ["2026-02-28T10:20:30.456Z", "2026-02-28T10:20:30.456Z"],
  ["2026-02-28 10:20:30-03:00", "2026-02-28T13:20:30.000Z"],
  ["2026-02-28t10:20:30-0300", "2026-02-28T13:20:30.000Z"],
  ["2024-02-29", "2024-02-29T00:00:00.000Z"],
  ["2026-02-29", undefined],
  ["2026-13-01", undefined],
  ["2026-02-28T25:00", undefined],
  ["2026-02-28T10:20:30+25:00", undefined],
  ["28/02/2026", undefined],
  ["1772236800", undefined],
  ["", undefined],
];
for (const [text, expected] of INSTANTS) {
  test(`"${text}" is ${expected ?? "no instant"}`, () => {
    assert.equal(readInstant(text)?.toISOString(), expected);
  });
}

test("the version seen comes from If-Match or the body", () => {
  assert.equal(expectedVersion(undefined, undefined), undefined);
  assert.equal(expectedVersion(undefined, 3), 3);
  for (const field of ['"3"', "3", 'W/"3"', ' "3" ']) assert.equal(expectedVersion(field, 3), 3);
  assert.equal(expectedVersion("*", undefined), undefined);
  for (const bad of ["", "x", '"3", "4"', "-1"]) {
    assert.throws(() => expectedVersion(bad, undefined), { code: "validation_failed" });
  }
});
