/** One environment variable. The table is what README and `.env.example` show. */
export interface Setting {
  readonly name: string;
  /** As one would write it; empty: not set. */
  readonly default: string;
  /** In production: `required`, or another default. */
  readonly production?: string;
  readonly description: string;
}

type Row = readonly [name: string, value: string, description: string, production?: string];

const ROWS: readonly Row[] = [
  [
    "NODE_ENV",
    "development",
    "`development`, `test` or `production`; `APP_ENV` and `ENVIRONMENT` are read as aliases",
  ],
  ["HOST", "127.0.0.1", "Address to listen on", "0.0.0.0"],
  ["PORT", "8000", "Port of the API; 0 picks a free one"],
  [
    "ADMIN_PORT",
    "9100 + NODE_APP_INSTANCE",
    "Loopback port of `/metrics` and the health detail; 0 = off",
  ],
  ["HTTP_THREADS", "1", "Threads that serve requests, 1 to 64", "cores / processes − 1, 1 to 8"],
  ["VERIFY_THREADS", "1", "Threads that verify token signatures"],
  ["PASSWORD_THREADS", "cores / 2", "Threads that hash passwords"],
  ["AUTH_CACHE_SLOTS", "16384", "Verified tokens that threads share; a power of two"],
  ["AUTH_CACHE_TTL", "300", "Longest life of a cached principal, seconds, at most 300"],
  ["WEB_CONCURRENCY", "1", "Processes on this machine; 2 under PM2"],
  ["DATABASE_URL", "", "PostgreSQL 15 to 18; not set: the embedded one in `DATA_DIR`", "required"],
  ["DATABASE_CONNECTIONS", "20", "Connections of one process, divided over its threads"],
  [
    "EMBEDDED_DB",
    "0",
    "`1` allows the embedded PostgreSQL where it is refused: in production, on Railway",
  ],
  ["DATA_DIR", "./.data", "Folder of the embedded PostgreSQL and of keys made outside production"],
  [
    "PUBLIC_URL",
    "http://localhost:8000",
    "Our address as callers see it, and the issuer of our tokens",
    "required",
  ],
  ["JWT_AUDIENCE", "PUBLIC_URL", "Audience of our tokens"],
  ["JWT_ALG", "RS256", "`RS256`, `PS256`, `ES256`, `EdDSA`, or `HS256` for a single service"],
  ["JWT_SECRET", "", "Secret of `HS256` alone, at least 32 bytes"],
  [
    "KEY_ENCRYPTION_KEYS",
    "",
    "`id:base64,…`, 32 bytes each; the first one seals. Not set: one made in `DATA_DIR`",
    "required",
  ],
  ["JWKS_MAX_AGE_SECONDS", "300", "How long others may keep our key set"],
  ["KEY_ROTATION_DAYS", "30", "Age at which a key is followed by the next; 0 = only when asked"],
  [
    "SIGNING_KEY_FILE",
    "",
    "File with a private key of `JWT_ALG`, PKCS #8 PEM or a JWK, that is to sign next",
  ],
  ["ACCESS_TOKEN_SECONDS", "1800", "Life of an access token, at most 3600"],
  ["REFRESH_TOKEN_SECONDS", "604800", "Life of a refresh token, and of an idle session"],
  ["REMEMBER_ME_SECONDS", "2592000", "The same with `remember_me`"],
  [
    "SESSION_ABSOLUTE_SECONDS",
    "2592000",
    "Longest life of a session; three times that with `remember_me`",
  ],
  ["SESSIONS_PER_ACCOUNT", "10", "Sessions of one account at a time"],
  ["SESSION_LIMIT", "evict", "At the limit: `evict` the oldest session, or `refuse` the new one"],
  [
    "LEASE_MS",
    "4500",
    "How long a cached principal counts when the invalidation log cannot be read",
  ],
  ["STALE_SECONDS", "4.5", "The same for a single issuer's tokens, in its place"],
  ["COGNITO_USER_POOL_ID", "", "A Cognito user pool whose tokens are accepted"],
  [
    "COGNITO_CLIENT_ID",
    "",
    "Its app client, or several, comma-separated; the first asks for tokens",
  ],
  ["COGNITO_CLIENT_SECRET", "", "Secret of the app client that asks for tokens"],
  ["COGNITO_REGION", "", "Region of the pool; not set: the one that its id begins with"],
  [
    "COGNITO_DOMAIN",
    "",
    "Host of the pool's token endpoint, `name.auth.us-east-1.amazoncognito.com`",
  ],
  ["COGNITO_DEFAULT_SCOPE", "", "Scope that client credentials ask for"],
  [
    "COGNITO_ENDPOINT",
    "",
    "A Cognito-compatible server in place of Amazon's, such as `brigade dev-issuer`",
  ],
  ["COGNITO_TOKEN_USE", "access", "`access`, `id`, or both: tokens of the pool that are accepted"],
  [
    "COGNITO_PROVISION",
    "deny",
    "What becomes of a valid caller whom IAM does not know: `deny`, or `create` a user",
  ],
  ["ISSUERS", "", "JSON array of more issuers; see `docs/issuers.md`"],
  ["ISSUERS_FILE", "", "A file with that array"],
  [
    "SMTP_URL",
    "",
    "`smtp://user:password@host:587` or `smtps://…`; `?tls=opportunistic` sends without TLS where there is none",
  ],
  [
    "MAIL_FROM",
    "",
    "Sender: `Brigade <no-reply@example.com>`; required with `SMTP_URL` in production",
  ],
  ["MAIL_LINK_BASE", "", "Pages that the links of mails lead to; not set: our own"],
  ["ALERT_EMAIL", "", "Address that alerts about attacks are sent to"],
  ["ALERT_WEBHOOK_URL", "", "URL that alerts about attacks are posted to"],
  [
    "ALERT_WEBHOOK_SECRET",
    "",
    "Signs each call (HMAC-SHA-256), at least 16 bytes; required with `ALERT_WEBHOOK_URL`",
  ],
  ["EMAIL_VERIFICATION", "optional", "`off`, `optional` or `required`"],
  ["PASSWORD_HASH", "argon2id", "`argon2id` or `bcrypt` for new passwords"],
  ["PASSWORD_PROFILE", "standard", "`standard`, `strict` or `nist`; a tenant may have its own"],
  [
    "BREACH_CHECK",
    "offline",
    "`offline`: the list of common passwords; `hibp`: Have I Been Pwned as well",
  ],
  ["HIBP_URL", "https://api.pwnedpasswords.com", "Where its range protocol is spoken"],
  [
    "AUDIT_RETENTION_MONTHS",
    "0",
    "Months of the audit log that are kept besides the present one; 0 keeps all",
  ],
  ["TYPEFORM_API_KEY", "", "Token for TypeForm's API; not set: no form can be registered"],
  ["TYPEFORM_API_URL", "https://api.typeform.com", "Where that API is spoken"],
  [
    "TYPEFORM_WEBHOOK_SECRET",
    "",
    "Signs what TypeForm delivers, at least 20 bytes; not set: every delivery is refused",
  ],
  [
    "TYPEFORM_WEBHOOK_SECRET_PREVIOUS",
    "",
    "The secret before that one, accepted as well while it is replaced",
  ],
  [
    "TYPEFORM_WEBHOOK_URL",
    "",
    "Where TypeForm delivers to when a registration names no `webhook_url`",
  ],
  ["ONBOARDING_RETENTION_DAYS", "365", "Days that answers to onboarding forms are kept"],
  [
    "REDIS_URL",
    "",
    "`redis://` or `rediss://`: request rates hold over all processes; not set: each counts alone",
  ],
  ["BREAKER_FAILURES", "5", "Failures in a row after which an outside service is left alone"],
  ["BREAKER_RESET_SECONDS", "30", "Time until it is tried again"],
  ["RATE_LIMIT_ENABLED", "true", "Whether requests are counted per caller"],
  ["RATE_LIMIT_DEFAULT", "600/minute", "`N/second`, `N/minute` or `N/hour`"],
  [
    "CORS_ORIGINS",
    "http://localhost:3000,http://localhost:8000",
    "Origins of browsers that may call us; `none` for none",
    "none",
  ],
  ["TRUSTED_PROXY_HOPS", "0", "Proxies in front of us whose `X-Forwarded-For` counts"],
  ["ALLOWED_HOSTS", "*", "Host names we answer to, comma-separated"],
  ["BODY_BYTES_MAX", "1048576", "Largest request body"],
  ["DOCS", "on", "`/docs` and `/openapi.json`", "off"],
  ["ACCESS_LOG", "on", "One line for each request"],
  ["ACCESS_LOG_PER_SECOND", "400", "Above this rate good answers are sampled; failures never"],
  ["LOG_LEVEL", "info", "`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`"],
  [
    "COUNTRY_DATABASE",
    "built-in",
    "Where the country of an address is looked up: `built-in`, `off`, or the path of an `.mmdb` file",
  ],
  [
    "KEY_BACKUP_PASSPHRASE",
    "",
    "Seals and opens files of `brigade keys backup`; the server itself never reads it",
  ],
  ["BRIGADE_SMOKE_EMAIL", "", "Whom `brigade smoke` logs in as"],
  ["BRIGADE_SMOKE_PASSWORD", "", "The password to it; the server itself never reads the two"],
  [
    "DEV_ISSUER_CLIENT_SECRET",
    "",
    "Secret of the client of `brigade dev-issuer`; left out: a new one at each start",
  ],
];

export const SETTINGS: readonly Setting[] = Object.freeze(
  ROWS.map(([name, value, description, production]) =>
    Object.freeze({
      name,
      default: value,
      description,
      ...(production === undefined ? {} : { production }),
    }),
  ),
);
