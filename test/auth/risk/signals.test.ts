import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  assessLogin,
  deviceTrust,
  scoreOf,
  WEIGHTS,
  type LoginHistory,
  type Signal,
} from "../../../src/auth/risk/signals.ts";

const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 5, 1, 12);

const usual: LoginHistory = {
  logins: 100,
  hours: Array.from({ length: 24 }, (_, hour) => (hour >= 8 && hour <= 20 ? 8 : 0)),
  countries: ["BR"],
  agents: ["Firefox on Linux"],
  lastCountry: "BR",
  lastAtMs: NOON - 10 * HOUR,
  devices: 1,
  device: { firstAtMs: NOON - 60 * 24 * HOUR, logins: 90 },
  hadReuse: false,
  networkFailures: 0,
};
const here = { nowMs: NOON, country: "BR", agent: "Firefox on Linux" };
const judge = (history: Partial<LoginHistory>, login: Partial<typeof here> = {}) =>
  assessLogin({ ...usual, ...history }, { ...here, ...login });

test("what is as usual has no score, and a first login has nothing to differ from", () => {
  assert.deepEqual(judge({}), { score: 0, trust: 100, signals: [] });
  const first = {
    logins: 0,
    hours: [],
    countries: [],
    agents: [],
    lastCountry: undefined,
    lastAtMs: undefined,
    devices: 0,
    device: undefined,
  };
  assert.deepEqual(judge(first).signals, []);
});

test("each thing that is unusual is named", () => {
  const signalsOf = (...given: Parameters<typeof judge>) => judge(...given).signals;
  assert.deepEqual(signalsOf({ device: undefined }), ["new_device"]);
  assert.deepEqual(signalsOf({}, { agent: "curl" }), ["changed_agent"]);
  assert.deepEqual(signalsOf({ lastCountry: "AR" }, { country: "AR" }), ["new_country"]);
  const leap = { countries: ["BR", "JP"], lastAtMs: NOON - HOUR };
  assert.deepEqual(signalsOf(leap, { country: "JP" }), ["impossible_travel"]);
  assert.deepEqual(signalsOf({ ...leap, lastAtMs: NOON - 30 * HOUR }, { country: "JP" }), []);
  const neighbours = { countries: ["DE", "FR"], lastCountry: "DE", lastAtMs: NOON - 60_000 };
  assert.deepEqual(signalsOf(neighbours, { country: "FR" }), [], "over a border in a minute");
  assert.deepEqual(signalsOf({ hadReuse: true }), ["refresh_reuse"]);
  assert.deepEqual(signalsOf({ networkFailures: 20 }), ["stuffing_network"]);
  assert.deepEqual(signalsOf({}, { nowMs: NOON - 9 * HOUR }), ["unusual_hour"]);
  assert.deepEqual(signalsOf({ logins: 10 }, { nowMs: NOON - 9 * HOUR }), [], "too few to tell");
});

test("one signal more never lowers the score, trust never raises it, and it stays in its bounds", () => {
  const some = fc.subarray(Object.keys(WEIGHTS) as Signal[]);
  const trust = fc.nat(100);
  fc.assert(
    fc.property(some, some, trust, trust, (fewer, more, one, other) => {
      const all = [...fewer, ...more];
      assert.ok(scoreOf(all, one) >= scoreOf(fewer, one));
      assert.ok(scoreOf(all, Math.max(one, other)) <= scoreOf(all, Math.min(one, other)));
      assert.ok(scoreOf(all, one) >= 0 && scoreOf(all, one) <= 100);
      assert.equal(scoreOf(all, one), scoreOf(all.toReversed(), one), "whatever their order");
    }),
  );
});

test("a device is trusted the more the longer and the oftener it is used", () => {
  const trusts = [
    deviceTrust(undefined, NOON),
    deviceTrust({ firstAtMs: NOON, logins: 1 }, NOON),
    deviceTrust({ firstAtMs: NOON - 10 * 24 * HOUR, logins: 1 }, NOON),
    deviceTrust({ firstAtMs: NOON - 10 * 24 * HOUR, logins: 15 }, NOON),
    deviceTrust({ firstAtMs: 0, logins: 10_000 }, NOON),
  ];
  assert.deepEqual(trusts, [0, 51, 61, 75, 100]);
});
