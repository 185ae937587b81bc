import assert from "node:assert/strict";
import { test } from "node:test";
import { admissionLimits } from "../../src/platform/limits.ts";
import { platformErrors } from "../../src/platform/errors.ts";
import { encode, NOW } from "./token/token-factory.ts";
import { createRig, foreignToken, freshToken, ownToken, strangerKey } from "./authenticate-rig.ts";

type Rig = ReturnType<typeof createRig>;

const REFUSED: readonly [string, (rig: Rig) => string][] = [
  ["shape", () => ""],
  ["shape", () => "a.b"],
  ["length", () => `${"a".repeat(20_000)}.b.c`],
  ["api_key_text", () => "brg_0123456789"],
  ["refresh_token", () => "mac-1.01890000-0000-7000-8000-000000000003.7.AAAAAAAAAAAAAAAAAAAAAAAA"],
  ["alg", () => `${encode({ typ: "at+jwt" })}.${encode({})}.AAAA`],
  ["issuer", () => ownToken({ iss: "https://else.example" })],
  ["key", () => ownToken().replace(/^[^.]+/, encode({ alg: "ES256", kid: "x", typ: "at+jwt" }))],
  ["typ", () => ownToken().replace(/^[^.]+/, encode({ alg: "ES256", kid: "ES256-key" }))],
  ["aud", () => ownToken({ aud: "https://else.example" })],
  ["sid", () => ownToken({ sid: undefined })],
  ["cnf", () => ownToken({ cnf: {} })],
  ["signature", () => ownToken({}, strangerKey)],
  // Expired and wrong in another way as well: only "invalid".
  ["signature", () => ownToken({ iat: NOW - 20, exp: NOW - 1 }, strangerKey)],
  ["aud", () => ownToken({ iat: NOW - 20, exp: NOW - 1, aud: "https://else.example" })],
  [
    "session_ended",
    (rig) => {
      rig.rows.session = undefined;
      return freshToken();
    },
  ],
  ["session_of_another", () => freshToken({ sub: "01890000-0000-7000-8000-0000000000ff" })],
  ["tenant", () => freshToken({ tid: "01890000-0000-7000-8000-0000000000ff" })],
  [
    "account_disabled",
    (rig) => {
      rig.rows.session = { ...rig.rows.session!, disabled: true };
      return freshToken();
    },
  ],
  [
    "token_revoked",
    (rig) => {
      rig.rows.session = { ...rig.rows.session!, tokenRevoked: true };
      return freshToken();
    },
  ],
  [
    "token_revoked",
    (rig) => {
      rig.rows.isTokenRevoked = true;
      return foreignToken();
    },
  ],
];

const AFTER_SIGNATURE = new Set(
  "session_ended session_of_another tenant account_disabled token_revoked".split(" "),
);

for (const [reason, make] of REFUSED) {
  test(`refused with one constant answer: ${reason}`, async () => {
    const rig = createRig();
    const outcome = await rig.authenticate(make(rig));
    assert.ok("rejected" in outcome);
    const { note, who, ...shown } = outcome;
    assert.deepEqual(shown, {
      rejected: true,
      code: "token_invalid",
      status: 401,
      title: "The access token is not valid",
    });
    assert.equal(note, reason);
    // Only a token that its signature proves is said to be somebody's.
    assert.equal(who !== undefined, AFTER_SIGNATURE.has(reason), JSON.stringify(who));
    assert.ok(Object.isFrozen(outcome));
    const line = rig.lines.find((one) => one["event"] === "token_refused");
    assert.equal(line?.["reason"], reason, "the reason is in the log");
    assert.equal(line?.["level"], "info");
    assert.equal(rig.metric("brigade_auth_rejections_total", { code: "token_invalid" }), 1);
  });
}

test("what can be refused without asking anybody is refused at once", () => {
  const rig = createRig();
  for (const token of ["", "x", "brg_x", ownToken({ iss: "https://else.example" })]) {
    assert.ok(!(rig.authenticate(token) instanceof Promise));
  }
  assert.deepEqual(rig.counts, { verified: 0, sessions: 0, roles: 0, revokedTokens: 0 });
});

test("expired is said to whom the signature proves that the token was good", async () => {
  const rig = createRig();
  const token = ownToken({ iat: NOW - 20, exp: NOW });
  assert.equal(await rig.ask(token), "token_expired");
  assert.equal(rig.counts.verified, 1);
  assert.equal(rig.counts.sessions, 0, "nothing more is asked about it");
});

test("a good caller whom IAM does not know is told so, and let in once known", async () => {
  const rig = createRig();
  const known = rig.rows.grants;
  rig.rows.grants = undefined;
  for (const token of [freshToken(), foreignToken()]) {
    const outcome = await rig.authenticate(token);
    assert.ok("rejected" in outcome);
    assert.equal(outcome.code, "principal_unknown");
    assert.equal(outcome.status, 403);
    rig.rows.grants = known;
    assert.equal(await rig.ask(token), "ok", "the refusal was not cached");
    rig.rows.grants = undefined;
  }
});

test("a busy or broken verifier answers 503 and says nothing about the token", async () => {
  const rig = createRig();
  const failures = [platformErrors.failure("overloaded"), new Error("broken")];
  for (const failure of failures) {
    rig.faults.verify = () => Promise.reject(failure);
    const outcome = await rig.authenticate(freshToken());
    assert.ok("rejected" in outcome);
    assert.equal(outcome.status, 503);
    assert.equal(outcome.code, "overloaded");
    assert.equal(outcome.headers?.["retry-after"], "1");
  }
  rig.faults.verify = () => {
    throw new Error("thrown and not rejected");
  };
  assert.equal(await rig.ask(freshToken()), "overloaded");
});

test("bad signatures count against the network they come from", async () => {
  const rig = createRig();
  const known = freshToken();
  assert.equal(await rig.ask(known), "ok");
  const bad = (i: number) => ownToken({ jti: `bad-${i}` }, strangerKey);
  for (let i = 0; i < admissionLimits.badSignaturesMax; i++) {
    assert.equal(await rig.ask(bad(i), "2001:db8::1"), "token_invalid");
  }
  const verified = rig.counts.verified;
  const outcome = rig.authenticate(bad(-1), "2001:db8::2");
  assert.ok("rejected" in outcome, "at once");
  assert.equal(outcome.code, "rate_limited");
  assert.equal(outcome.headers?.["retry-after"], "60");
  assert.equal(rig.counts.verified, verified, "nobody verified it");
  assert.equal(await rig.ask(known, "2001:db8::1"), "ok", "callers we know are not touched");
  assert.equal(await rig.ask(freshToken(), "192.0.2.9"), "ok", "nor are other networks");
  rig.clock.advanceMs(60_000);
  rig.renew();
  assert.equal(await rig.ask(freshToken(), "2001:db8::1"), "ok");
});

test("a flood of garbage fills no log", () => {
  const rig = createRig();
  for (let i = 0; i < 10_000; i++) void rig.authenticate(`garbage-${i}`);
  const refusedLines = rig.lines.filter((line) => line["event"] === "token_refused");
  assert.equal(refusedLines.length, admissionLimits.refusalLinesPerSecondMax);
  assert.equal(rig.metric("brigade_auth_rejections_total", { code: "token_invalid" }), 10_000);
  rig.clock.advanceMs(1_000);
  void rig.authenticate("garbage");
  const told = rig.lines.find((line) => line["event"] === "refusals_not_logged");
  assert.equal(told?.["count"], 10_000 - admissionLimits.refusalLinesPerSecondMax);
});
