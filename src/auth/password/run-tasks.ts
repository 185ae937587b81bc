import type { PasswordAssessment } from "./assessment.ts";
import type { Passwords, PasswordVerdict } from "./password-port.ts";
import type { PasswordTask } from "./task.ts";
import type { PasswordAlgorithm } from "./hash.ts";
import { platformErrors } from "../../platform/errors.ts";

/** Does one task somewhere and gives its value. */
export type RunPasswordTask = (task: PasswordTask, signal?: AbortSignal) => Promise<unknown>;

/** The port over whatever runs its tasks. */
export function toPasswords(run: RunPasswordTask): Passwords {
  return {
    hash: (password, signal) => run({ kind: "hash", password }, signal) as Promise<string>,
    verify: (password, hash, signal) =>
      run({ kind: "verify", password, hash }, signal) as Promise<PasswordVerdict>,
    matches: (password, hashes, signal) =>
      run({ kind: "matches", password, hashes }, signal) as Promise<boolean>,
    assess: (password, words, signal) =>
      run({ kind: "assess", password, words }, signal) as Promise<PasswordAssessment>,
    drawQr: (text, signal) => run({ kind: "qr", text }, signal) as Promise<string>,
  };
}

/** In the calling thread: the command line, one task at a time. */
export function createInlinePasswords(algorithm: PasswordAlgorithm = "argon2id"): Passwords {
  return toPasswords(async (task) => {
    // Who only sends tasks elsewhere loads no hash.
    const { runPasswordTask } = await import("./task.ts");
    const result = await runPasswordTask({ task, algorithm });
    if (result.ok) return result.value;
    throw platformErrors.failure("internal", { note: `password work: ${result.fault}` });
  });
}
