import assert from "node:assert/strict";
import { test } from "node:test";
import type { Account } from "../../../src/auth/accounts/store.ts";
import {
  ALLOW,
  judgeLogin,
  type GateVerdict,
  type LoginAttempt,
} from "../../../src/auth/session/login-gate.ts";

const attemptOf = (factors: string[]) =>
  ({ account: { factors } as unknown as Account, amr: ["pwd"] }) as unknown as LoginAttempt;
const ask = (factors: string[], ...verdicts: GateVerdict[]) =>
  judgeLogin(
    verdicts.map((verdict) => () => verdict),
    attemptOf(factors),
  );
const challenge = (
  reason: string,
  withoutFactor: "allow" | "refuse" | "enrol" = "allow",
): GateVerdict => ({ kind: "challenge", reasons: [reason], withoutFactor });
const refusal = { kind: "refuse", code: "permission_denied", reason: "country" } as const;

test("without a gate, or when all allow, the login goes on", async () => {
  assert.deepEqual(await ask([]), ALLOW);
  assert.deepEqual(await ask(["totp"], ALLOW, ALLOW), ALLOW);
});

test("challenges add up, and the first refusal ends it, wherever it stands", async () => {
  const both = await ask(["totp"], challenge("factor"), ALLOW, challenge("new country"));
  assert.deepEqual(both, {
    kind: "challenge",
    reasons: ["factor", "new country"],
    isEnrol: false,
  });
  assert.deepEqual(await ask(["totp"], challenge("factor"), refusal, ALLOW), refusal);
});

test("an account without a factor is let in, made to enrol or refused, by the strictest gate", async () => {
  assert.deepEqual(await ask([], challenge("risk")), ALLOW);
  assert.deepEqual(await ask([], challenge("risk"), challenge("policy", "enrol")), {
    kind: "challenge",
    reasons: ["policy"],
    isEnrol: true,
  });
  const verdict = await ask([], challenge("policy", "enrol"), challenge("risk", "refuse"));
  assert.deepEqual(verdict, {
    kind: "refuse",
    code: "credentials_invalid",
    reason: "no factor: risk",
  });
});
