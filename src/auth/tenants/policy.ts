import type { Config } from "../../platform/config.ts";

/** What a tenant decides for itself. Deeply frozen; every field has a value. */
export interface TenantPolicy {
  readonly password: {
    readonly profile: "standard" | "strict" | "nist";
    /** Former passwords that may not come back; 0: none is kept. */
    readonly historyCount: number;
    /** 0: passwords do not expire. */
    readonly expiryDays: number;
    /** How long before the end the owner is reminded by mail. */
    readonly reminderDays: number;
  };
  readonly sessions: {
    readonly perAccount: number;
    readonly atLimit: "evict" | "refuse";
    readonly idleSeconds: number;
    readonly absoluteSeconds: number;
    readonly rememberMeSeconds: number;
    /** Ends a session whose network (IPv4 /24, IPv6 /48) changed, where it is refreshed. */
    readonly strictNetwork: boolean;
  };
  readonly network: {
    /** CIDR blocks nobody of this tenant may come from. */
    readonly blocked: readonly string[];
    /** ISO 3166-1 codes. Empty: all but the denied ones. */
    readonly allowedCountries: readonly string[];
    readonly deniedCountries: readonly string[];
  };
  readonly mfa: {
    /** `off`: nobody is asked; `optional`: who has a factor; `required`: everybody. */
    readonly mode: "off" | "optional" | "required";
    readonly trustedDeviceDays: number;
  };
  readonly risk: {
    /** What a login at or above the score is answered with. 101: never. Scores go from 0 to 100. */
    readonly challengeScore: number;
    readonly refuseScore: number;
  };
  readonly lockout: {
    /** Wrong passwords in a row before unknown devices are locked out. */
    readonly failuresMax: number;
    readonly lockSeconds: number;
  };
}

const MODES: readonly TenantPolicy["mfa"]["mode"][] = ["off", "optional", "required"];

/** Whether a policy asks fewer people for a second factor than the one before it. */
export function asksLess(now: TenantPolicy, before: TenantPolicy): boolean {
  return MODES.indexOf(now.mfa.mode) < MODES.indexOf(before.mfa.mode);
}

/** What is stored: any part of it. */
export type StoredPolicy = {
  readonly [Section in keyof TenantPolicy]?: Partial<TenantPolicy[Section]>;
};

export type PolicySettings = Pick<
  Config,
  | "passwordProfile"
  | "sessionsPerAccount"
  | "sessionLimit"
  | "refreshTokenSeconds"
  | "sessionAbsoluteSeconds"
  | "rememberMeSeconds"
>;

/** The policy of a tenant that decided nothing. */
export function defaultPolicy(config: PolicySettings): TenantPolicy {
  return {
    password: {
      profile: config.passwordProfile,
      historyCount: 5,
      expiryDays: 0,
      reminderDays: 7,
    },
    sessions: {
      perAccount: config.sessionsPerAccount,
      atLimit: config.sessionLimit,
      idleSeconds: config.refreshTokenSeconds,
      absoluteSeconds: config.sessionAbsoluteSeconds,
      rememberMeSeconds: config.rememberMeSeconds,
      strictNetwork: false,
    },
    network: { blocked: [], allowedCountries: [], deniedCountries: [] },
    mfa: { mode: "optional", trustedDeviceDays: 30 },
    risk: { challengeScore: 60, refuseScore: 101 },
    lockout: { failuresMax: 30, lockSeconds: 1_800 },
  };
}

/** The defaults with what is stored over them. Fields that we do not know are left out. */
export function mergePolicy(defaults: TenantPolicy, stored: StoredPolicy): TenantPolicy {
  const sections = Object.entries(defaults).map(([section, fields]) => {
    const own = stored[section as keyof TenantPolicy] as Record<string, unknown> | undefined;
    const merged = Object.entries(fields).map(([field, value]) => {
      const chosen = own?.[field] ?? value;
      return [field, Array.isArray(chosen) ? Object.freeze([...chosen]) : chosen];
    });
    return [section, Object.freeze(Object.fromEntries(merged))];
  });
  return Object.freeze(Object.fromEntries(sections)) as TenantPolicy;
}
