import { assessPassword, type PasswordAssessment } from "./assessment.ts";
import { hashPassword, matchesOne, verifyPassword, type PasswordAlgorithm } from "./hash.ts";
import { drawQrCode } from "./qr-code.ts";
import type { PasswordVerdict } from "./password-port.ts";

/** One piece of work for a password thread, and for the way there. */
export type PasswordTask =
  | { readonly kind: "hash"; readonly password: string }
  | { readonly kind: "verify"; readonly password: string; readonly hash: string | undefined }
  | { readonly kind: "matches"; readonly password: string; readonly hashes: readonly string[] }
  | { readonly kind: "assess"; readonly password: string; readonly words: readonly string[] }
  | { readonly kind: "qr"; readonly text: string };

/** What a password thread gets: the task and how hashes are made today. */
export interface PasswordJob {
  readonly task: PasswordTask;
  readonly algorithm: PasswordAlgorithm;
}

/** A value in any case: an error's code, and the care for what it quotes, would be lost on the way. */
export type PasswordResult =
  | { readonly ok: true; readonly value: string | boolean | PasswordVerdict | PasswordAssessment }
  | { readonly ok: false; readonly fault: string };

export async function runPasswordTask({ task, algorithm }: PasswordJob): Promise<PasswordResult> {
  try {
    switch (task.kind) {
      case "hash":
        return { ok: true, value: hashPassword(task.password, algorithm) };
      case "verify":
        return { ok: true, value: verifyPassword(task.password, task.hash, algorithm) };
      case "matches":
        return { ok: true, value: matchesOne(task.password, task.hashes) };
      case "assess":
        return { ok: true, value: await assessPassword(task.password, task.words) };
      case "qr":
        return { ok: true, value: await drawQrCode(task.text) };
    }
  } catch (error) {
    // The message may quote its argument.
    return { ok: false, fault: error instanceof Error ? error.name : "not an error" };
  }
}
