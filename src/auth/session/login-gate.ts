import type { Account } from "../accounts/store.ts";
import type { authErrors } from "../errors.ts";
import type { DeviceInfo } from "./device.ts";
import type { Caller } from "./open.ts";

/** Somebody whose first factor was right, before the session is opened. */
export interface LoginAttempt {
  readonly account: Account;
  readonly caller: Caller;
  readonly device: DeviceInfo | undefined;
  readonly rememberMe: boolean;
  /** What was proven so far (RFC 8176). */
  readonly amr: readonly string[];
  /** The secret of a device that was remembered after a second factor. */
  readonly trustedDeviceToken: string | undefined;
}

export type GateVerdict =
  | { readonly kind: "allow" }
  | {
      readonly kind: "challenge";
      /** For the audit log: constant words. */
      readonly reasons: readonly string[];
      /** What becomes of an account that has no second factor to ask for. */
      readonly withoutFactor: "allow" | "refuse" | "enrol";
    }
  | {
      readonly kind: "refuse";
      /** What the caller, who proved the password, is told. */
      readonly code: keyof typeof authErrors.table;
      /** For the audit log. */
      readonly reason: string;
    };

/** Asked at each login between the right password and the session. Writes nothing for `allow`. */
export type LoginGate = (attempt: LoginAttempt) => GateVerdict | Promise<GateVerdict>;

/** What all gates say together. */
export type LoginVerdict =
  | { readonly kind: "allow" }
  | { readonly kind: "challenge"; readonly reasons: readonly string[]; readonly isEnrol: boolean }
  | Extract<GateVerdict, { kind: "refuse" }>;

export const ALLOW = Object.freeze({ kind: "allow" as const });

/**
 * Asks the gates in order. The first refusal ends it; challenges add up. Who is asked for a factor
 * and has none is let in, refused, or made to enrol, whichever of the gates is the strictest.
 */
export async function judgeLogin(
  gates: readonly LoginGate[],
  attempt: LoginAttempt,
): Promise<LoginVerdict> {
  const reasons: string[] = [];
  let isEnrol = false;
  for (const gate of gates) {
    const verdict = await gate(attempt);
    if (verdict.kind === "refuse") return verdict;
    // Nothing stronger could be asked for.
    if (verdict.kind === "allow" || attempt.amr.includes("mfa")) continue;
    if (attempt.account.factors.length > 0) reasons.push(...verdict.reasons);
    else if (verdict.withoutFactor === "refuse") {
      const reason = `no factor: ${verdict.reasons.join(", ")}`;
      return { kind: "refuse", code: "credentials_invalid", reason };
    } else if (verdict.withoutFactor === "enrol") {
      isEnrol = true;
      reasons.push(...verdict.reasons);
    }
  }
  return reasons.length === 0 ? ALLOW : { kind: "challenge", reasons, isEnrol };
}
