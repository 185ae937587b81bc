import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { describeDevice, deviceDigestOf, deviceIdOf } from "../../../src/auth/session/device.ts";

test("program and system by the user agent, without versions", () => {
  const cases: [string, string | undefined][] = [
    ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"],
    [
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0",
      "Edge on Windows",
    ],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
      "Safari on iOS",
    ],
    [
      "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
      "Chrome on Android",
    ],
    ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1", "Safari on macOS"],
    ["curl/8.5.0", "curl"],
    ["", undefined],
    ["something/1.0", undefined],
    [`${"x".repeat(600)} Firefox/128.0`, undefined],
  ];
  for (const [agent, shown] of cases) assert.equal(describeDevice(undefined, agent), shown, agent);
});

test("the device's own words come first; control characters are not shown", () => {
  assert.equal(describeDevice({ name: " Kitchen tablet " }, "curl/8"), "Kitchen tablet");
  assert.equal(describeDevice({ name: "Tablet", platform: "Android" }, ""), "Tablet on Android");
  assert.equal(describeDevice({ name: "bad\u001b[2J" }, "curl/8"), "curl");
});

test("of a device's secret only the digest is known, of that the token names half", () => {
  const digest = createHash("sha256").update("0123456789abcdef").digest();
  assert.deepEqual(deviceDigestOf({ secret: "0123456789abcdef" }), digest);
  assert.equal(deviceDigestOf({ name: "Tablet" }), undefined);
  assert.equal(deviceDigestOf(undefined), undefined);
  assert.equal(deviceIdOf(digest), digest.subarray(0, 16).toString("base64url"));
  assert.equal(deviceIdOf(undefined), undefined);
});
