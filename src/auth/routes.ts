import type { Route } from "../http/route.ts";
import type { Clock } from "../platform/clock.ts";
import type { Config } from "../platform/config.ts";
import type { QueueMail } from "../platform/mail.ts";
import type { Logger } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Database } from "../platform/postgres.ts";
import type { Sealer } from "../platform/sealer.ts";
import { createAccounts } from "./accounts/accounts.ts";
import { createRegister } from "./accounts/register.ts";
import { createOwnKeys } from "./api-keys/own-keys.ts";
import { createDefence } from "./defence.ts";
import type {
  Authenticate,
  Invalidate,
  ProvisionUser,
  WaitForCluster,
  DocumentCache,
  FindIdentity,
  LoadRoles,
  DiscardUser,
  GiveAdministrator,
} from "./index.ts";
import type { IssuerKeys } from "./issuers/key-set-health.ts";
import type { KeyRing } from "./keys/key-ring.ts";
import { locateCallers } from "./locate-callers.ts";
import type { BlockOf } from "./network/blocks.ts";
import type { CountryOf } from "./network/country.ts";
import { createCheckBreach } from "./password/breach.ts";
import { createChangePassword } from "./password/change.ts";
import { createPasswordJudge } from "./password/judge.ts";
import { createMfaGate } from "./mfa/gate.ts";
import { createMfaRoutes } from "./mfa/routes.ts";
import { createFindPasswordLapse } from "./password/lapse.ts";
import { createChangeCounters } from "./password/new-password.ts";
import type { Passwords } from "./password/password-port.ts";
import { createApiKeyRoutes } from "./routes-api-keys.ts";
import { createKeyRoutes } from "./routes-keys.ts";
import { createAuditRoutes } from "./routes-audit.ts";
import { createAddressRoutes } from "./routes-address.ts";
import { createAdminAccountRoutes } from "./routes-admin-accounts.ts";
import { createAdminIssuerRoutes } from "./routes-admin-issuers.ts";
import { createAdminKeyRoutes } from "./routes-admin-api-keys.ts";
import { createAdminTenantRoutes } from "./routes-admin-tenants.ts";
import { createCognitoRoutes } from "./routes-cognito.ts";
import { createEmailRoutes } from "./routes-email.ts";
import { createLoginRoutes } from "./routes-login.ts";
import { createPasswordPolicyRoutes } from "./routes-password-policy.ts";
import { createPasswordRoutes } from "./routes-passwords.ts";
import { createProfileRoutes } from "./routes-profile.ts";
import { createMachineRoutes } from "./oauth/index.ts";
import { createAdminTokenRoutes } from "./routes-admin-tokens.ts";
import { createAdminUserRoutes } from "./routes-admin-users.ts";
import { createAdminAttackRoutes } from "./routes-admin-attacks.ts";
import { createAdminSessionRoutes } from "./routes-admin-sessions.ts";
import { createSessionRoutes } from "./routes-sessions.ts";
import { createUnlockRoutes } from "./routes-unlock.ts";
import { createTokenRoutes } from "./routes-tokens.ts";
import { createSessionMetrics } from "./session/metrics.ts";
import { createEnter } from "./session/enter.ts";
import type { LoginGate } from "./session/login-gate.ts";
import { createLogin } from "./session/login.ts";
import { createPassGates } from "./session/pass-gates.ts";
import { createEndSessions } from "./session/end.ts";
import { createRefresh } from "./session/refresh.ts";
import type { PolicyOf } from "./tenants/policies.ts";
import { createTenantGate, type IsTenantActive } from "./tenants/standing.ts";
import type { LoginLimits } from "./throttle/store-attempts.ts";
import type { ThrottleSizes } from "./throttle/throttle.ts";

export interface AuthRoutesOptions {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly keyRing: KeyRing;
  readonly invalidate: Invalidate;
  readonly waitForCluster: WaitForCluster;
  readonly authenticate: Authenticate;
  readonly policyOf: PolicyOf;
  readonly countryOf: CountryOf;
  readonly blockOf: BlockOf;
  /** For what is kept sealed in the database. */
  readonly sealer: Sealer;
  readonly queueMail: QueueMail;
  readonly provisionUser: ProvisionUser;
  readonly loadRoles: LoadRoles;
  readonly findIdentity: FindIdentity;
  readonly documents: DocumentCache;
  readonly discardUser: DiscardUser;
  readonly giveAdministrator: GiveAdministrator;
  readonly isTenantActive: IsTenantActive;
  /** Of foreign issuers. */
  readonly issuerKeys: IssuerKeys;
  readonly config: Config;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Other budgets, for tests. */
  readonly budgets?: ThrottleSizes;
  readonly loginLimits?: LoginLimits;
}

/** The routes under `/auth` and `/users/me`. */
export function createAuthRoutes(options: AuthRoutesOptions): Route[] {
  // Its series are there from the start: main learns once which ones a thread has.
  createSessionMetrics(options.metrics);
  const { database, invalidate, metrics, config, authenticate, waitForCluster, countryOf } =
    options;
  const defence = createDefence(options);
  const { throttle } = defence;
  const judge = createPasswordJudge({ ...options, checkBreach: createCheckBreach(options) });
  const deps = { ...options, ...defence, judge };
  const findPasswordLapse = createFindPasswordLapse(options.policyOf);
  const enter = createEnter({ ...deps, findPasswordLapse });
  const gates: LoginGate[] = [
    createTenantGate(options.isTenantActive),
    ...defence.gates,
    createMfaGate(options),
  ];
  const changes = createChangeCounters(metrics);
  const passGates = createPassGates({ database, enter, gates, config });
  const ownIssuer = config.publicUrl;
  const endSessions = createEndSessions({ database, invalidate, throttle, metrics, ownIssuer });
  const routes = [
    ...createLoginRoutes({
      register: createRegister({ ...deps, accounts: createAccounts(deps) }),
      login: createLogin({ ...deps, passGates }),
      refresh: createRefresh(deps),
    }),
    ...createSessionRoutes({ database, waitForCluster, endSessions }),
    ...createAdminSessionRoutes({ database, waitForCluster, endSessions, countryOf }),
    ...createAdminTokenRoutes({ ...deps, ownIssuer, foreignIssuers: config.issuers }),
    ...createAdminUserRoutes(deps),
    ...createMachineRoutes({ ...deps, ownIssuer, endSessions }),
    ...createApiKeyRoutes({
      database,
      waitForCluster,
      ownKeys: createOwnKeys({ database, invalidate, throttle }),
    }),
    ...createPasswordPolicyRoutes(deps),
    ...createMfaRoutes({ ...deps, enter, passGates }),
    ...createKeyRoutes(deps),
    ...createAdminIssuerRoutes(deps),
    ...createAuditRoutes({ database }),
    ...createEmailRoutes(deps),
    ...createCognitoRoutes(deps),
    ...createAddressRoutes(deps),
    ...createAdminAccountRoutes(deps),
    ...createAdminKeyRoutes(deps),
    ...createAdminAttackRoutes({ database, invalidate }),
    ...createUnlockRoutes({ database, throttle }),
    ...createAdminTenantRoutes(deps),
    ...createPasswordRoutes({
      changePassword: createChangePassword({ ...deps, changes }),
      reset: { ...deps, changes },
      waitForCluster,
    }),
    ...createProfileRoutes({ database, invalidate, config }),
  ];
  // Those of tokens write nothing down, and are asked by services at each of their requests.
  return [...locateCallers(routes, countryOf), ...createTokenRoutes({ authenticate })];
}
