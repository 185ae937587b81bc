import inspector from "node:inspector";
import { availableCores } from "./cores.ts";
import { readAlerts, type AlertWebhook } from "./config-alerts.ts";
import { readCognito, readIssuers, type CognitoSettings } from "./config-issuers.ts";
import { readMail, type MailSender, type SmtpSettings } from "./config-mail.ts";
import {
  type ALGORITHMS,
  checkRelations,
  readDatabase,
  readHttp,
  readPasswords,
  readProcess,
  readSessions,
  readTokens,
} from "./config-parts.ts";
import { readOnboarding, type TypeformSettings } from "./config-onboarding.ts";
import { readOutgoing } from "./config-outgoing.ts";
import { createEnvironmentReader, type Environment } from "./environment.ts";
import type { ForeignIssuerSettings } from "./issuer-settings.ts";
import { findProductionSigns } from "./production-signs.ts";

export { databaseShares } from "./config-parts.ts";

/** All settings, read once. Frozen, and plain enough to be handed to a thread. */
export interface Config {
  readonly environment: "development" | "test" | "production";
  readonly host: string;
  readonly port: number;
  /** 0 = off. */
  readonly adminPort: number;
  readonly httpThreads: number;
  readonly verifyThreads: number;
  readonly passwordThreads: number;
  readonly authCacheSlots: number;
  readonly authCacheTtlSeconds: number;
  readonly webConcurrency: number;
  /** `NODE_APP_INSTANCE` of PM2, else 0. */
  readonly processNumber: number;
  readonly underProcessManager: boolean;
  /** Undefined: the embedded PostgreSQL. */
  readonly databaseUrl: string | undefined;
  readonly databaseConnections: number;
  readonly dataDir: string;
  readonly publicUrl: string;
  readonly jwtAudience: string;
  readonly jwtAlgorithm: (typeof ALGORITHMS)[number];
  readonly jwtSecret: string | undefined;
  /** The first one seals. Empty: one is made in `dataDir`. */
  readonly keyEncryptionKeys: readonly KeyEncryptionKey[];
  readonly jwksMaxAgeSeconds: number;
  /** 0: a key is followed by the next only when somebody asks for it. */
  readonly keyRotationDays: number;
  readonly signingKeyFile: string | undefined;
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
  readonly rememberMeSeconds: number;
  readonly sessionAbsoluteSeconds: number;
  readonly sessionsPerAccount: number;
  readonly sessionLimit: "evict" | "refuse";
  readonly leaseMs: number;
  readonly staleSeconds: number;
  /** Others whose tokens we accept; the pool of `cognito` is the first. */
  readonly issuers: readonly ForeignIssuerSettings[];
  readonly cognito: CognitoSettings | undefined;
  /** Undefined: nothing is sent; outside production mails are shown at `/dev/mail`. */
  readonly smtp: SmtpSettings | undefined;
  readonly mailFrom: MailSender;
  /** The pages that the links of mails lead to; undefined: ours. */
  readonly mailLinkBase: string | undefined;
  /** Whom alerts about attacks go to. */
  readonly alertEmail: string | undefined;
  readonly alertWebhook: AlertWebhook | undefined;
  readonly emailVerification: "off" | "optional" | "required";
  readonly passwordHash: "argon2id" | "bcrypt";
  readonly passwordProfile: "standard" | "strict" | "nist";
  readonly breachCheck: "offline" | "hibp";
  readonly hibpUrl: string;
  /** Months of the audit log that are kept besides the present one; 0 = all. */
  readonly auditRetentionMonths: number;
  readonly typeform: TypeformSettings;
  /** How long answers to onboarding forms are kept. */
  readonly onboardingRetentionDays: number;
  /** Undefined: each process counts requests for itself. */
  readonly redisUrl: string | undefined;
  readonly breakerFailures: number;
  readonly breakerResetSeconds: number;
  readonly rateLimitEnabled: boolean;
  readonly rateLimit: { readonly count: number; readonly seconds: number };
  readonly corsOrigins: readonly string[];
  readonly trustedProxyHops: number;
  readonly allowedHosts: readonly string[];
  readonly bodyBytesMax: number;
  readonly docs: boolean;
  readonly accessLog: boolean;
  readonly accessLogPerSecond: number;
  readonly logLevel: string;
  /** `built-in` or a path; undefined: no address has a country. */
  readonly countryDatabase: string | undefined;
}

export interface KeyEncryptionKey {
  readonly id: string;
  readonly keyBase64: string;
}

/** Names every setting that is wrong, and none of the values. */
export class ConfigError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`The configuration is not usable: ${faults.join("; ")}`);
    this.name = "ConfigError";
    this.faults = faults;
  }
}

/** The settings of an environment. Throws `ConfigError` with all faults at once. */
export function readConfig(given: Environment, cores = availableCores()): Config {
  const raw = { ...given, NODE_ENV: environmentName(given) };
  const inProduction = raw.NODE_ENV === "production";
  const reader = createEnvironmentReader(raw, inProduction);
  const tokens = readTokens(reader, inProduction);
  const sessions = readSessions(reader);
  const config: Config = {
    environment: reader.choice("NODE_ENV", ["development", "test", "production"]),
    ...readProcess(reader, inProduction, cores),
    ...readDatabase(reader, raw, inProduction),
    ...tokens,
    ...readMail(reader, inProduction, tokens.publicUrl),
    ...readAlerts(reader),
    ...sessions,
    ...readIssuers(reader, inProduction, {
      publicUrl: tokens.publicUrl,
      staleMs: sessions.staleSeconds * 1000,
    }),
    ...readPasswords(reader, inProduction),
    ...readHttp(reader),
    ...readOutgoing(reader),
    ...readOnboarding(reader, inProduction),
  };
  checkRelations(config, reader);
  if (reader.faults.length > 0) throw new ConfigError(reader.faults);
  return deepFreeze(config);
}

/** The settings of this process; a `.env` file fills in what the environment does not say. */
export function loadConfig(): Config {
  loadEnvironmentFile();
  return readConfig(process.env);
}

/** Fills in what the environment does not say from `.env`, if there is one. */
export function loadEnvironmentFile(): void {
  try {
    process.loadEnvFile();
  } catch (error) {
    // Usually there is no such file; one that cannot be read must not be passed over.
    if ((error as { code?: string }).code !== "ENOENT") {
      throw new ConfigError([".env cannot be read"]);
    }
  }
}

/** Whom `brigade smoke` logs in as; read apart, so that a password is never part of a `Config`. */
export function smokeCredentials(env: Environment = process.env): {
  email: string | undefined;
  password: string | undefined;
} {
  return { email: env["BRIGADE_SMOKE_EMAIL"], password: env["BRIGADE_SMOKE_PASSWORD"] };
}

/** Of `brigade keys backup`; read apart, so that it is never part of a `Config`. */
export function backupPassphrase(env: Environment = process.env): string | undefined {
  return env["KEY_BACKUP_PASSPHRASE"];
}

/** Of `brigade dev-issuer`; read apart, as the passphrase is. */
export function devIssuerSecret(env: Environment = process.env): string | undefined {
  return env["DEV_ISSUER_CLIENT_SECRET"]?.trim() || undefined;
}

/** Variables of this process that say it serves others; empty on a workstation. */
export function productionSigns(): string[] {
  return findProductionSigns(process.env);
}

/** The pool of `COGNITO_*` alone: for programs that use the providers without a server. */
export function cognitoFromEnvironment(env: Environment = process.env): {
  readonly cognito: CognitoSettings | undefined;
  readonly faults: readonly string[];
} {
  const inProduction = environmentName(env) === "production";
  const reader = createEnvironmentReader(env, inProduction);
  return { cognito: readCognito(reader, inProduction), faults: reader.faults };
}

/** What a child process may know of our environment: nothing that could be a secret. */
export function childEnvironment(
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of ["PATH", "HOME", "TMPDIR", "TEMP", "SystemRoot", "LANG"]) {
    const value = process.env[name];
    if (value !== undefined) passed[name] = value;
  }
  return { ...passed, ...extra };
}

/** uWebSockets.js reads this once, and only what main set before a thread started. */
export function setHeaderBlockBytes(bytes: number): void {
  process.env["UWS_HTTP_MAX_HEADERS_SIZE"] ??= String(bytes);
}

/** A debugger may stop a thread for minutes: nobody is to be convicted of being hung then. */
export function isInspectorOpen(): boolean {
  return (
    inspector.url() !== undefined || process.execArgv.some((arg) => arg.startsWith("--inspect"))
  );
}

function environmentName(given: Environment): string | undefined {
  return [given["NODE_ENV"], given["APP_ENV"], given["ENVIRONMENT"]]
    .map((name) => name?.trim())
    .find((name) => name !== undefined && name !== "");
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === "object" && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
