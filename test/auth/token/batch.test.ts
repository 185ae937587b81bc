import assert from "node:assert/strict";
import { test } from "node:test";
import { verifyPoolLimits } from "../../../src/platform/limits.ts";
import { importVerificationKey } from "../../../src/auth/keys/material.ts";
import { toBatch, verifyBatch, type VerifyTask } from "../../../src/auth/token/batch.ts";
import verify from "../../../workers/jwt.ts";
import { makeKey, signInput, type TestKey } from "./token-factory.ts";

const keys = [makeKey("ES256", "ec-1"), makeKey("EdDSA", "ed-1"), makeKey("RS256", "rsa-1")];
async function taskOf(key: TestKey, input: string, signed = input): Promise<VerifyTask> {
  const imported = await importVerificationKey(key.jwk, key.alg);
  return { signingInput: input, signature: signInput(key, signed), key: imported };
}

test("every task of a batch is judged by its own key", async () => {
  const tasks = await Promise.all(
    keys.flatMap((key) => [
      taskOf(key, `a.${key.kid}`),
      taskOf(key, "a.b", "a.c"),
      taskOf(key, ""),
    ]),
  );
  const wrongKey = { ...tasks[0]!, key: tasks[3]!.key };
  const batch = structuredClone(toBatch([...tasks, wrongKey]));
  assert.deepEqual(verifyBatch(batch), [1, 0, 1, 1, 0, 1, 1, 0, 1, 0]);
  assert.deepEqual(verify(batch), verifyBatch(batch));
});

test("a key goes along once, and nothing private with it", async () => {
  const [one, other] = [await taskOf(keys[1]!, "a.b"), await taskOf(keys[0]!, "a.b")];
  const batch = toBatch([one, other, one, { ...one, signingInput: "a.c" }]);
  assert.deepEqual(batch.keyOf, [0, 1, 0, 0]);
  assert.deepEqual(
    batch.keys.map(({ id }) => id),
    [one.key.id, other.key.id],
  );
  assert.doesNotMatch(JSON.stringify(batch), /"d":/);
});

test("an empty batch has no verdicts", () => {
  assert.deepEqual(verifyBatch(toBatch([])), []);
});

test("more keys than are kept ready are judged all the same", async () => {
  const first = await taskOf(keys[1]!, "a.b");
  for (let round = 0; round <= verifyPoolLimits.workerKeysMax; round++) {
    const task = await taskOf(makeKey("EdDSA", `key-${round}`), "a.b");
    assert.deepEqual(verifyBatch(toBatch([task, first])), [1, 1]);
  }
});
