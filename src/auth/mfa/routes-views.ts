import type { PasskeyLoginRequest } from "./passkey-login.ts";
import type { FactorAnswer } from "./check-factor.ts";
import type { Passkey } from "./store-passkeys.ts";

/** A passkey in an answer. */
export function toPasskeyView({ id, name, synced, createdAt, lastUsedAt }: Passkey) {
  return {
    id,
    name,
    synced,
    created_at: createdAt.toISOString(),
    last_used_at: lastUsedAt?.toISOString() ?? null,
  };
}

/** A body's answer to a challenge. */
export type AnswerBody =
  | { readonly method: "totp" | "recovery_code"; readonly code: string }
  | { readonly method: "passkey"; readonly assertion: unknown };

/** The schema has seen to the form; what it says is for the verifier. */
export function toFactorAnswer(body: AnswerBody): FactorAnswer {
  if (body.method !== "passkey") return { method: body.method, code: body.code };
  return { method: "passkey", response: toAssertion(body.assertion) };
}

export function toAssertion(assertion: unknown): PasskeyLoginRequest["response"] {
  return assertion as PasskeyLoginRequest["response"];
}
