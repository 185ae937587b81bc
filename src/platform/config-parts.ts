import { resolve } from "node:path";
import type { Config, KeyEncryptionKey } from "./config.ts";
import type { Environment, EnvironmentReader } from "./environment.ts";
import { auditLimits, databaseLimits } from "./limits.ts";

export const ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "HS256"] as const;
const LOG_LEVELS = ["info", "trace", "debug", "warn", "error", "fatal", "silent"] as const;
const RATE_SECONDS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600 };
const DAY_SECONDS = 86_400;

/** How the connections of a process are divided. */
export function databaseShares(config: Pick<Config, "databaseConnections" | "httpThreads">): {
  main: number;
  perThread: number;
} {
  const main = databaseLimits.mainConnectionsCount;
  const perThread = Math.floor((config.databaseConnections - main) / config.httpThreads);
  return { main, perThread };
}

export function readProcess(reader: EnvironmentReader, inProduction: boolean, cores: number) {
  const processNumber = reader.integer("NODE_APP_INSTANCE", { min: 0, max: 999 }, 0);
  const underProcessManager =
    reader.given("NODE_APP_INSTANCE") !== undefined || reader.given("pm_id") !== undefined;
  const webConcurrency = reader.integer(
    "WEB_CONCURRENCY",
    { min: 1, max: 256 },
    underProcessManager ? 2 : 1,
  );
  const databaseConnections = reader.integer("DATABASE_CONNECTIONS", { min: 1, max: 1000 });
  // Never more threads by default than the connections suffice for.
  const supplied = Math.floor(
    (databaseConnections - databaseLimits.mainConnectionsCount) /
      databaseLimits.threadConnectionsMinCount,
  );
  const threads = Math.max(1, Math.min(8, supplied, Math.floor(cores / webConcurrency) - 1));
  return {
    host: reader.text("HOST"),
    port: reader.integer("PORT", { min: 0, max: 65_535 }),
    adminPort: reader.integer("ADMIN_PORT", { min: 0, max: 65_535 }, 9_100 + processNumber),
    httpThreads: reader.integer("HTTP_THREADS", { min: 1, max: 64 }, inProduction ? threads : 1),
    verifyThreads: reader.integer("VERIFY_THREADS", { min: 1, max: 64 }),
    passwordThreads: reader.integer(
      "PASSWORD_THREADS",
      { min: 1, max: 64 },
      Math.max(1, Math.floor(cores / 2)),
    ),
    authCacheSlots: reader.integer("AUTH_CACHE_SLOTS", { min: 64, max: 1_048_576 }),
    authCacheTtlSeconds: reader.integer("AUTH_CACHE_TTL", { min: 1, max: 300 }),
    webConcurrency,
    processNumber,
    underProcessManager,
    databaseConnections,
  };
}

export function readDatabase(reader: EnvironmentReader, raw: Environment, inProduction: boolean) {
  const databaseUrl = reader.given("DATABASE_URL");
  const onRailway = Object.keys(raw).some((name) => name.startsWith("RAILWAY_ENVIRONMENT"));
  const allowsEmbedded = reader.flag("EMBEDDED_DB");
  if (databaseUrl === undefined && (inProduction || onRailway) && !allowsEmbedded) {
    reader.fault("DATABASE_URL is required here (EMBEDDED_DB=1 takes the embedded PostgreSQL)");
  }
  checkUrl(reader, "DATABASE_URL", databaseUrl, ["postgres:", "postgresql:"]);
  return { databaseUrl, dataDir: resolve(reader.text("DATA_DIR")) };
}

export function readTokens(reader: EnvironmentReader, inProduction: boolean) {
  const port = reader.given("PORT");
  const localUrl = `http://localhost:${port === undefined || port === "0" ? 8000 : port}`;
  const publicUrl = reader.given("PUBLIC_URL");
  if (publicUrl === undefined && inProduction) reader.fault("PUBLIC_URL is required in production");
  checkUrl(reader, "PUBLIC_URL", publicUrl, ["http:", "https:"]);
  const issuer = (publicUrl ?? localUrl).replace(/\/+$/, "");
  const jwtAlgorithm = reader.choice("JWT_ALG", ALGORITHMS);
  const jwtSecret = reader.given("JWT_SECRET");
  if (jwtAlgorithm === "HS256") {
    if (Buffer.byteLength(jwtSecret ?? "") < 32) {
      reader.fault("JWT_SECRET must have at least 32 bytes for HS256");
    }
  } else if (jwtSecret !== undefined) {
    reader.fault("JWT_SECRET goes with JWT_ALG=HS256 only");
  }
  const signingKeyFile = reader.given("SIGNING_KEY_FILE");
  if (signingKeyFile !== undefined && jwtAlgorithm === "HS256") {
    reader.fault("SIGNING_KEY_FILE does not go with JWT_ALG=HS256");
  }
  return {
    publicUrl: issuer,
    jwtAudience: reader.given("JWT_AUDIENCE") ?? issuer,
    jwtAlgorithm,
    jwtSecret,
    keyEncryptionKeys: readKeyEncryptionKeys(reader, inProduction),
    jwksMaxAgeSeconds: reader.integer("JWKS_MAX_AGE_SECONDS", { min: 0, max: DAY_SECONDS }),
    keyRotationDays: reader.decimal("KEY_ROTATION_DAYS", { min: 0, max: 3650 }),
    signingKeyFile,
  };
}

function readKeyEncryptionKeys(
  reader: EnvironmentReader,
  inProduction: boolean,
): KeyEncryptionKey[] {
  const name = "KEY_ENCRYPTION_KEYS";
  const given = reader.given(name);
  if (given === undefined) {
    if (inProduction) reader.fault(`${name} is required in production`);
    return [];
  }
  const keys = given.split(",").map((entry) => {
    const [, id = "", keyBase64 = ""] = /^([^:]*):(.*)$/.exec(entry.trim()) ?? [];
    return { id, keyBase64 };
  });
  const wellFormed = keys.every(
    ({ id, keyBase64 }) =>
      /^[A-Za-z0-9_-]{1,32}$/.test(id) &&
      /^[A-Za-z0-9+/]{43}=$/.test(keyBase64) &&
      // A key of one repeated byte is a placeholder that somebody forgot.
      new Set(Buffer.from(keyBase64, "base64")).size >= 8,
  );
  if (!wellFormed) reader.fault(`${name} must be id:base64 pairs of 32 random bytes each`);
  if (new Set(keys.map((key) => key.id)).size < keys.length) reader.fault(`${name} repeats an id`);
  return keys;
}

export function readSessions(reader: EnvironmentReader) {
  const years = { min: 60, max: 3650 * DAY_SECONDS };
  return {
    // The cap of an hour is also checked when one of our tokens is verified.
    accessTokenSeconds: reader.integer("ACCESS_TOKEN_SECONDS", { min: 1, max: 3600 }),
    refreshTokenSeconds: reader.integer("REFRESH_TOKEN_SECONDS", years),
    rememberMeSeconds: reader.integer("REMEMBER_ME_SECONDS", years),
    sessionAbsoluteSeconds: reader.integer("SESSION_ABSOLUTE_SECONDS", years),
    sessionsPerAccount: reader.integer("SESSIONS_PER_ACCOUNT", { min: 1, max: 1000 }),
    auditRetentionMonths: reader.integer("AUDIT_RETENTION_MONTHS", {
      min: 0,
      max: auditLimits.retentionMonthsMax,
    }),
    sessionLimit: reader.choice("SESSION_LIMIT", ["evict", "refuse"] as const),
    leaseMs: reader.integer("LEASE_MS", { min: 500, max: 60_000 }),
    staleSeconds: reader.decimal("STALE_SECONDS", { min: 0.5, max: DAY_SECONDS }),
    emailVerification: reader.choice("EMAIL_VERIFICATION", [
      "optional",
      "off",
      "required",
    ] as const),
  };
}

export function readPasswords(reader: EnvironmentReader, inProduction: boolean) {
  const hibpUrl = reader.text("HIBP_URL").replace(/\/+$/, "");
  const protocol = URL.canParse(hibpUrl) ? new URL(hibpUrl).protocol : "";
  if (protocol !== "https:" && (inProduction || protocol !== "http:")) {
    reader.fault("HIBP_URL must be an https URL");
  }
  return {
    passwordHash: reader.choice("PASSWORD_HASH", ["argon2id", "bcrypt"] as const),
    passwordProfile: reader.choice("PASSWORD_PROFILE", ["standard", "strict", "nist"] as const),
    breachCheck: reader.choice("BREACH_CHECK", ["offline", "hibp"] as const),
    hibpUrl,
  };
}

export function readHttp(reader: EnvironmentReader) {
  const corsOrigins = reader.list("CORS_ORIGINS");
  if (
    !corsOrigins.every(
      (origin) => origin === "*" || (URL.canParse(origin) && new URL(origin).origin === origin),
    )
  ) {
    reader.fault("CORS_ORIGINS must be origins like https://app.example, comma-separated");
  }
  const allowedHosts = reader.list("ALLOWED_HOSTS").map((host) => host.toLowerCase());
  if (!allowedHosts.every((host) => /^(\*|[a-z0-9.-]+(:\d+)?|\[[0-9a-f:]+\](:\d+)?)$/.test(host))) {
    reader.fault("ALLOWED_HOSTS must be host names, comma-separated, or *");
  }
  return {
    rateLimitEnabled: reader.flag("RATE_LIMIT_ENABLED"),
    rateLimit: readRate(reader),
    corsOrigins,
    trustedProxyHops: reader.integer("TRUSTED_PROXY_HOPS", { min: 0, max: 16 }),
    allowedHosts,
    bodyBytesMax: reader.integer("BODY_BYTES_MAX", { min: 1024, max: 64 * 1024 * 1024 }),
    docs: reader.flag("DOCS"),
    accessLog: reader.flag("ACCESS_LOG"),
    accessLogPerSecond: reader.integer("ACCESS_LOG_PER_SECOND", { min: 0, max: 1_000_000 }),
    logLevel: reader.choice("LOG_LEVEL", LOG_LEVELS),
    countryDatabase: readCountryDatabase(reader),
  };
}

function readCountryDatabase(reader: EnvironmentReader): string | undefined {
  const value = reader.text("COUNTRY_DATABASE");
  if (value === "off") return undefined;
  return value === "built-in" ? value : resolve(value);
}

function readRate(reader: EnvironmentReader): { count: number; seconds: number } {
  const [, count, unit] =
    /^([1-9]\d{0,8})\/(second|minute|hour)$/.exec(reader.text("RATE_LIMIT_DEFAULT")) ?? [];
  if (count === undefined || unit === undefined) {
    reader.fault("RATE_LIMIT_DEFAULT must be like 600/minute");
    return { count: 1, seconds: 1 };
  }
  return { count: Number(count), seconds: RATE_SECONDS[unit]! };
}

function checkUrl(
  reader: EnvironmentReader,
  name: string,
  value: string | undefined,
  protocols: readonly string[],
): void {
  // `postgres://postgres@/postgres?host=/run/…`: a URL without a host, which URL does not read.
  const readable = value?.replace(/^(postgres(?:ql)?:\/\/[^/]*@)\//, "$1localhost/");
  if (readable === undefined) return;
  if (!URL.canParse(readable) || !protocols.includes(new URL(readable).protocol)) {
    reader.fault(
      `${name} must be a URL that begins with ${protocols.map((p) => `${p}//`).join(" or ")}`,
    );
  }
}

export function checkRelations(config: Config, reader: EnvironmentReader): void {
  const { perThread } = databaseShares(config);
  const needed =
    databaseLimits.mainConnectionsCount +
    databaseLimits.threadConnectionsMinCount * config.httpThreads;
  if (perThread < databaseLimits.threadConnectionsMinCount) {
    reader.fault(`DATABASE_CONNECTIONS must be at least ${needed} for these HTTP_THREADS`);
  }
  if ((config.authCacheSlots & (config.authCacheSlots - 1)) !== 0) {
    reader.fault("AUTH_CACHE_SLOTS must be a power of two");
  }
  if (config.accessTokenSeconds > config.refreshTokenSeconds) {
    reader.fault("ACCESS_TOKEN_SECONDS must not exceed REFRESH_TOKEN_SECONDS");
  }
  if (config.refreshTokenSeconds > config.rememberMeSeconds) {
    reader.fault("REFRESH_TOKEN_SECONDS must not exceed REMEMBER_ME_SECONDS");
  }
  if (config.refreshTokenSeconds > config.sessionAbsoluteSeconds) {
    reader.fault("REFRESH_TOKEN_SECONDS must not exceed SESSION_ABSOLUTE_SECONDS");
  }
  if (
    config.emailVerification === "required" &&
    config.environment === "production" &&
    config.smtp === undefined
  ) {
    reader.fault("EMAIL_VERIFICATION=required needs SMTP_URL: nobody could ever log in");
  }
  if (config.port !== 0 && config.port === config.adminPort) {
    reader.fault("ADMIN_PORT must differ from PORT");
  }
}
