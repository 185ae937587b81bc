import type { Route } from "../../http/route.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Config } from "../../platform/config.ts";
import type { QueueMail } from "../../platform/mail.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import type { Invalidate, LoadRoles } from "../index.ts";
import type { Passwords } from "../password/password-port.ts";
import type { Enter } from "../session/enter.ts";
import type { PassGates } from "../session/pass-gates.ts";
import type { TokenOptions } from "../session/tokens.ts";
import type { PolicyOf } from "../tenants/policies.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { createChangeFactors } from "./change-factors.ts";
import { createCheckFactor } from "./check-factor.ts";
import { createChallengeCompletion } from "./complete.ts";
import { createEnrolTotp } from "./enrol-totp.ts";
import { createFactors } from "./factors.ts";
import { createPasskeyLogin } from "./passkey-login.ts";
import { createResetRoutes } from "./routes-admin.ts";
import { createChallengeRoutes } from "./routes-challenge.ts";
import { createDeviceRoutes } from "./routes-devices.ts";
import { createFactorRoutes } from "./routes-factors.ts";
import { createPasskeyRoutes } from "./routes-passkeys.ts";
import { createStepUpRoutes } from "./routes-step-up.ts";
import { createSealingKeys } from "../keys/sealing-keys.ts";
import { createStepUp } from "./step-up.ts";
import { toRelyingParty } from "./webauthn.ts";

export interface MfaRoutesOptions {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly keyRing: TokenOptions["keyRing"];
  readonly invalidate: Invalidate;
  readonly queueMail: QueueMail;
  readonly throttle: Throttle;
  readonly policyOf: PolicyOf;
  readonly enter: Enter;
  readonly loadRoles: LoadRoles;
  readonly passGates: PassGates;
  readonly config: Config;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Second factors, passkeys, trusted devices and stepping up. */
export function createMfaRoutes(options: MfaRoutesOptions): Route[] {
  const { config, passwords } = options;
  const ownIssuer = config.publicUrl;
  const party = toRelyingParty(config.publicUrl, config.corsOrigins);
  const deps = { ...options, ownIssuer, party, sealingKeys: createSealingKeys(config) };
  const checkFactor = createCheckFactor(deps);
  const enrolTotp = createEnrolTotp({
    ...deps,
    drawQr: (text, signal) => passwords.drawQr(text, signal),
  });
  const changeFactors = createChangeFactors(deps);
  const factors = createFactors({ ...deps, changeFactors, enrolTotp });
  const completion = createChallengeCompletion({ ...deps, checkFactor, enrolTotp });
  return [
    ...createChallengeRoutes({ ...deps, completion, passkeyLogin: createPasskeyLogin(deps) }),
    ...createFactorRoutes({ ...deps, factors }),
    ...createPasskeyRoutes({ ...deps, factors }),
    ...createDeviceRoutes(deps),
    ...createStepUpRoutes({ ...deps, stepUp: createStepUp({ ...deps, checkFactor }) }),
    ...createResetRoutes({ ...deps, changeFactors }),
  ];
}
