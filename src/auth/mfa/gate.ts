import type { Database } from "../../platform/postgres.ts";
import { ALLOW, type LoginGate } from "../session/login-gate.ts";
import type { PolicyOf } from "../tenants/policies.ts";
import { isTrustedDevice } from "./store-devices.ts";

export interface MfaGateOptions {
  readonly database: Pick<Database, "read">;
  readonly policyOf: PolicyOf;
}

/** Asks for the second factor that an account has, and for one where its tenant requires it. */
export function createMfaGate({ database, policyOf }: MfaGateOptions): LoginGate {
  return async ({ account: { id, tenantId, factors }, trustedDeviceToken }) => {
    const { mode } = (await policyOf(tenantId)).mfa;
    if (mode === "off" || (mode === "optional" && factors.length === 0)) return ALLOW;
    if (factors.length > 0 && trustedDeviceToken !== undefined) {
      if (await isTrustedDevice(database, id, trustedDeviceToken)) return ALLOW;
    }
    return { kind: "challenge", reasons: ["factor"], withoutFactor: "enrol" };
  };
}
