import { pagination } from "../../http/paging.ts";
import { closed, instant, Type, uuid } from "../../http/schema.ts";
import { platformErrors, type FieldFault } from "../../platform/errors.ts";
import { accountLimits, tenantLimits as limits } from "../../platform/limits.ts";
import { readCidr } from "../network/cidr.ts";
import { mergePolicy, type StoredPolicy, type TenantPolicy } from "./policy.ts";
import type { Tenant } from "./store-admin.ts";

const whole = (minimum: number, maximum: number) =>
  Type.Optional(Type.Integer({ minimum, maximum }));
const seconds = whole(60, limits.durationMaxSeconds);
const countries = Type.Optional(
  Type.Array(Type.String({ pattern: "^[A-Z]{2}$" }), {
    maxItems: limits.countriesMaxCount,
    uniqueItems: true,
  }),
);

/** Every field of a policy with its bounds; what is left out is the server's default. */
export const storedPolicy = closed({
  password: Type.Optional(
    closed({
      profile: Type.Optional(Type.Enum(["standard", "strict", "nist"])),
      historyCount: whole(0, limits.historyMaxCount),
      expiryDays: whole(0, limits.daysMax),
      reminderDays: whole(0, limits.daysMax),
    }),
  ),
  sessions: Type.Optional(
    closed({
      perAccount: whole(1, 1_000),
      atLimit: Type.Optional(Type.Enum(["evict", "refuse"])),
      idleSeconds: seconds,
      absoluteSeconds: seconds,
      rememberMeSeconds: seconds,
      strictNetwork: Type.Optional(Type.Boolean()),
    }),
  ),
  network: Type.Optional(
    closed({
      blocked: Type.Optional(
        Type.Array(Type.String({ minLength: 2, maxLength: 64 }), {
          maxItems: limits.blockedMaxCount,
          uniqueItems: true,
        }),
      ),
      allowedCountries: countries,
      deniedCountries: countries,
    }),
  ),
  mfa: Type.Optional(
    closed({
      mode: Type.Optional(Type.Enum(["off", "optional", "required"])),
      trustedDeviceDays: whole(0, limits.daysMax),
    }),
  ),
  risk: Type.Optional(closed({ challengeScore: whole(0, 101), refuseScore: whole(0, 101) })),
  lockout: Type.Optional(
    closed({ failuresMax: whole(1, limits.failuresMax), lockSeconds: seconds }),
  ),
});

/** Throws `validation_failed` for a policy whose parts contradict each other. */
export function assertCoherent(stored: StoredPolicy, defaults: TenantPolicy): void {
  const { sessions, network, password } = mergePolicy(defaults, stored);
  const errors: FieldFault[] = [];
  const fault = (path: string, code: string, message: string) =>
    void errors.push({ path: `/body/policy/${path}`, code, message });
  if (sessions.idleSeconds > sessions.absoluteSeconds) {
    fault("sessions/idleSeconds", "order", "must not exceed absoluteSeconds");
  }
  if (sessions.idleSeconds > sessions.rememberMeSeconds) {
    fault("sessions/rememberMeSeconds", "order", "must not be less than idleSeconds");
  }
  if (password.expiryDays > 0 && password.reminderDays >= password.expiryDays) {
    fault("password/reminderDays", "order", "must be less than expiryDays");
  }
  for (const [at, text] of network.blocked.entries()) {
    if (readCidr(text) === undefined) {
      fault(`network/blocked/${at}`, "cidr", "must be a network like 192.0.2.0/24");
    }
  }
  if (errors.length > 0) throw platformErrors.failure("validation_failed", { errors });
}

const name = Type.String({ pattern: "^[a-z0-9][a-z0-9-]{1,62}$", description: "Unique." });
export const tenantParams = closed({ tenant_id: uuid });
export const createBody = closed({
  name,
  administrator: Type.Optional(
    closed({
      email: Type.String({ minLength: 3, maxLength: accountLimits.emailMaxCharacters }),
      name: Type.Optional(
        Type.String({ minLength: 1, maxLength: accountLimits.nameMaxCharacters }),
      ),
      language: Type.Optional(Type.Enum(["en", "pt-BR"])),
    }),
  ),
});
export const policyBody = closed({
  policy: storedPolicy,
  version: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
});

const tenantView = closed({
  id: uuid,
  name: Type.String(),
  active: Type.Boolean(),
  policy: Type.Record(Type.String(), Type.Unknown(), { description: "What it decided." }),
  effective_policy: Type.Record(Type.String(), Type.Unknown()),
  version: Type.Integer(),
  created_at: instant,
});
export const tenantAnswer = closed({ data: tenantView });
export const tenantListAnswer = closed({ data: Type.Array(tenantView), pagination });

export function toTenantView(tenant: Tenant, defaults: TenantPolicy) {
  const { id, name, active, policy, version, createdAt } = tenant;
  return {
    id,
    name,
    active,
    policy,
    effective_policy: mergePolicy(defaults, policy),
    version,
    created_at: createdAt.toISOString(),
  };
}
