export type Severity = "error" | "warning";

/** A fault that `brigade doctor` can find: why it is one, and what to do. */
export interface FindingKind {
  /** `error`: something does not work, or is not safe. `warning`: it works for now. */
  readonly severity: Severity;
  readonly cause: string;
  /** A command to run, or the setting to change. */
  readonly command: string;
}

const error = (cause: string, command: string): FindingKind => ({
  severity: "error",
  cause,
  command,
});
const warning = (cause: string, command: string): FindingKind => ({
  severity: "warning",
  cause,
  command,
});

/** Every code. They are stable: `docs/doctor.md` and alerts name them. */
export const FINDINGS = Object.freeze({
  settings_invalid: error(
    "A setting is missing or wrong; the server does not start",
    "correct it in the environment or `.env`; README lists every setting",
  ),
  node_unsupported: error(
    "There is no HTTP server binary for this version of Node.js",
    "nvm install 22",
  ),
  open_files_few: warning(
    "Each connection takes a file descriptor, and the limit is low",
    "ulimit -n 65536",
  ),
  disk_full: warning("The embedded database has little room left", "df -h"),
  database_away: error(
    "The database does not answer, or refuses us",
    'psql "$DATABASE_URL" -c "SELECT 1"',
  ),
  database_too_old: error(
    "PostgreSQL before 15 lacks what the tables need",
    'psql "$DATABASE_URL" -c "SHOW server_version"',
  ),
  database_untried: warning(
    "The server was never run with this version of PostgreSQL",
    'psql "$DATABASE_URL" -c "SHOW server_version"',
  ),
  clock_apart: warning(
    "Sessions end by the database's clock, tokens by ours, and the two differ",
    "chronyc tracking",
  ),
  clock_far_apart: error("The clocks differ by more than tokens tolerate", "chronyc makestep"),
  connections_few: warning(
    "During a reload there are twice as many processes, and the database has not enough connections",
    'psql "$DATABASE_URL" -c "ALTER SYSTEM SET max_connections = 200"',
  ),
  connections_exceeded: error(
    "The processes want more connections than the database allows",
    "lower DATABASE_CONNECTIONS or WEB_CONCURRENCY",
  ),
  notifications_lost: warning(
    "A transaction pooler delivers no notifications: revocations travel by polling alone",
    "set DATABASE_URL to the server itself, past the pooler",
  ),
  migrations_waiting: warning("The tables are older than this version", "brigade migrate"),
  migrations_changed: error(
    "A migration was changed after it was applied, or the database is of a newer version",
    "brigade migrate",
  ),
  keys_unreadable: error(
    "A stored key does not open or is not sound; the server does not start",
    "brigade keys restore FILE",
  ),
  keys_sealed_by_older: warning(
    "Keys are sealed with a key-encryption key that is not the first one",
    "brigade keys reseal",
  ),
  secrets_sealed_by_older: warning(
    "Secrets of second factors, mails that wait, or keys for TypeForm are sealed with a key-encryption key that is not the first one",
    "brigade keys reseal",
  ),
  secrets_sealed_by_unknown: error(
    "Secrets of second factors, mails that wait, or keys for TypeForm are sealed with a key that is not in KEY_ENCRYPTION_KEYS: nobody can open them",
    "put the key back behind the first one of KEY_ENCRYPTION_KEYS",
  ),
  typeform_untold: warning(
    "TypeForm signs deliveries of some forms with another secret or was told of them with another key: it is being told, or does not let it",
    "keep TYPEFORM_WEBHOOK_SECRET_PREVIOUS; look for outbox_given_up in the log",
  ),
  key_rotation_stuck: warning(
    "A rotation was asked for an hour ago or more, and waits for a process that has not loaded the next key",
    "brigade keys list",
  ),
  key_file_open: warning(
    "Other users of this machine may read a file that holds a secret",
    "chmod 600 FILE",
  ),
  proxy_hops_missing: warning(
    "PUBLIC_URL says https, which a proxy must end, and no proxy is trusted: every caller has its address",
    "TRUSTED_PROXY_HOPS=1",
  ),
  proxy_hops_needless: warning(
    "Forwarded addresses are believed where no proxy is to be seen: a caller may invent his own",
    "TRUSTED_PROXY_HOPS=0",
  ),
  secret_weak: error(
    "A secret is a well-known word, a pattern, or too short to be one",
    "openssl rand -base64 32",
  ),
  database_password_weak: warning(
    "The database's password is missing or well known, and the server is not on this machine",
    "set another one and change DATABASE_URL",
  ),
  issuer_away: warning(
    "Nobody answers at an issuer's address: tokens cannot be verified by others",
    "curl -fsS $PUBLIC_URL/.well-known/openid-configuration",
  ),
  issuer_mismatch: error(
    "What answers at an issuer's address is another issuer, or publishes other keys",
    "curl -fsS $PUBLIC_URL/.well-known/jwks.json",
  ),
  foreign_issuer_away: warning(
    "A foreign issuer does not answer: its tokens are accepted for a day after it last did",
    "curl -fsS ISSUER/.well-known/openid-configuration",
  ),
  foreign_issuer_unusable: error(
    "A foreign issuer answers as another one, or publishes no key that may be used: its tokens are refused",
    "curl -fsS ISSUER/.well-known/openid-configuration",
  ),
  hash_too_cheap: warning(
    "One password hash takes so little time that stolen ones are guessed quickly",
    "PASSWORD_HASH=argon2id",
  ),
  hash_too_costly: warning(
    "One password hash takes so long on this machine that logins wait for each other",
    "PASSWORD_HASH=argon2id, or a faster machine",
  ),
  smtp_missing: warning(
    "In production no mail is sent without a mail server: no verification, no reset",
    "set SMTP_URL and MAIL_FROM",
  ),
  smtp_away: error(
    "Mails cannot be delivered: nobody answers at SMTP_URL as a mail server",
    "nc -vz HOST PORT",
  ),
  redis_away: warning(
    "Nobody answers at REDIS_URL as Redis: request rates are counted by each process for itself",
    'redis-cli -u "$REDIS_URL" ping',
  ),
} satisfies Record<string, FindingKind>);

export type FindingCode = keyof typeof FINDINGS;

/** What one look found: that something is well, or a finding with its code. */
export interface Finding {
  readonly name: string;
  readonly text: string;
  /** Undefined: well. */
  readonly code?: FindingCode;
}

export type Tell = (finding: Finding) => void;

export const well = (name: string, text: string): Finding => ({ name, text });
export const found = (name: string, code: FindingCode, text: string): Finding => ({
  name,
  code,
  text,
});

export function severityOf({ code }: Finding): "ok" | Severity {
  return code === undefined ? "ok" : FINDINGS[code].severity;
}

/** As `--json` prints it. */
export function toJson(finding: Finding) {
  const { name, text, code } = finding;
  const kind = code === undefined ? undefined : FINDINGS[code];
  return {
    name,
    severity: severityOf(finding),
    code: code ?? null,
    text,
    cause: kind?.cause ?? null,
    command: kind?.command ?? null,
  };
}
