import type { Database, Transaction } from "../../platform/postgres.ts";
import { loginLimits, throttleLimits } from "../../platform/limits.ts";
import { sql } from "../../platform/sql.ts";
import type { TenantPolicy } from "../tenants/policy.ts";
import { unitMicroseconds, type BudgetSize } from "./store.ts";

export type LoginLimits = { readonly [Name in keyof typeof loginLimits]: number };

/** Whom a guess is counted for. */
export interface Guess {
  /** Digest of the identifier as typed. */
  readonly identifier: string;
  readonly network: string;
  readonly accountId: string | undefined;
  /** Digest of the device's secret. */
  readonly device: Buffer | undefined;
  /** Only a known device may come from this network. */
  readonly isBlocked: boolean;
  readonly lockout: TenantPolicy["lockout"];
}

export interface Try {
  /**
   * `try`: to be compared. `check`: locked, compared only to tell the right password so. `locked`,
   * `full` and `blocked`: not to be compared. `delay` and `network`: to come back in `waitSeconds`.
   */
  readonly verdict: "try" | "check" | "locked" | "full" | "blocked" | "delay" | "network";
  /** The row it was taken from. */
  readonly key: string;
  readonly waitSeconds: number;
}

type Asker = Pick<Database, "query">;

/** Takes a try, in one statement, before any hashing. */
export async function beginLogin(
  asker: Asker,
  { identifier, network, accountId, device, isBlocked, lockout }: Guess,
  limits: LoginLimits,
  networkBudget: BudgetSize,
): Promise<Try> {
  const { rows } = await asker.query<{
    verdict: Try["verdict"];
    its_key: string;
    wait_seconds: number | null;
  }>(sql`
    SELECT verdict, its_key, wait_seconds FROM auth.begin_login(
      ${identifier}, ${network}, ${accountId ?? null}::uuid, ${device ?? null}::bytea,
      ${isBlocked},
      ${Math.min(lockout.failuresMax, limits.ceilingCount)}, ${lockout.lockSeconds},
      ${limits.ceilingCount}, ${limits.checksMaxCount}, ${limits.deviceFailuresMaxCount},
      ${limits.pendingSeconds}, ${unitMicroseconds(networkBudget)},
      ${networkBudget.seconds * 1e6})`);
  const { verdict, its_key: key, wait_seconds: wait } = rows[0]!;
  return { verdict, key, waitSeconds: Math.max(1, Math.ceil(wait ?? limits.fullRetrySeconds)) };
}

/** Counts a wrong password. True if it began a lock. */
export async function failLogin(
  asker: Asker,
  key: string,
  { identifier, network, accountId, lockout }: Guess,
  limits: LoginLimits,
): Promise<boolean> {
  const failuresMax =
    key === identifier
      ? Math.min(lockout.failuresMax, limits.ceilingCount)
      : limits.deviceFailuresMaxCount;
  const { rows } = await asker.query<{ began: boolean }>(sql`
    SELECT auth.fail_login(
      ${key}, ${identifier}, ${network}, ${accountId ?? null}::uuid,
      ${failuresMax}, ${lockout.lockSeconds},
      ${limits.ceilingCount}, ${limits.freeFailuresCount}, ${limits.delaySecondsMax},
      ${limits.forgottenSeconds}) AS began`);
  return rows[0]!.began;
}

/** The right password was let in: nothing stands against its identifier any more. */
export async function passLogin(
  asker: Asker,
  key: string,
  { identifier, network }: Guess,
  limits: LoginLimits,
  networkBudget: BudgetSize,
): Promise<void> {
  await asker.query(sql`
    SELECT auth.pass_login(${key}, ${identifier}, ${network}, ${limits.forgivenSeconds},
                           ${unitMicroseconds(networkBudget)})`);
}

/** The try ended without a wrong password; what was counted before stays. */
export async function withdrawTry(asker: Asker, key: string): Promise<void> {
  await asker.query(sql`
    UPDATE auth.login_attempts SET pending = greatest(pending - 1, 0) WHERE key = ${key}`);
}

/** Ends the locks of an account and forgets its failures and delays. */
export async function clearAttempts(asker: Asker | Transaction, accountId: string): Promise<void> {
  await asker.query(sql`DELETE FROM auth.login_attempts WHERE account_id = ${accountId}`);
  await asker.query(sql`DELETE FROM auth.login_delays WHERE account_id = ${accountId}`);
}

/** A lock whose owner is to be told. */
export interface UntoldLock {
  readonly accountId: string;
  /** It is one known device that is locked, and nobody else. */
  readonly isDevice: boolean;
  readonly failures: number;
}

/** Takes locks nobody has told the owner of, each once; in the transaction that tells. */
export async function takeUntoldLocks(tx: Transaction): Promise<UntoldLock[]> {
  const { rows } = await tx.query<{ account_id: string; is_device: boolean; failures: number }>(sql`
    UPDATE auth.login_attempts SET told_at = clock_timestamp() WHERE key = ANY(ARRAY(
      SELECT key FROM auth.login_attempts
       WHERE locked_until IS NOT NULL AND told_at IS NULL AND account_id IS NOT NULL
       LIMIT ${throttleLimits.tellBatchMax} FOR UPDATE SKIP LOCKED))
    RETURNING account_id, key LIKE 'device:%' AS is_device, failures`);
  return rows.map((row) => ({
    accountId: row.account_id,
    isDevice: row.is_device,
    failures: row.failures,
  }));
}

/** Removes a batch of what has no meaning any more; returns how many rows went. */
export async function removeIdleAttempts(asker: Asker): Promise<number> {
  const { keptSeconds, forgottenSeconds, pendingSeconds } = loginLimits;
  const { cleanBatchMax } = throttleLimits;
  const attempts = await asker.query(sql`
    DELETE FROM auth.login_attempts WHERE key IN (
      SELECT key FROM auth.login_attempts
       WHERE begun_at < clock_timestamp() - make_interval(secs => CASE
               WHEN failures = 0 AND pending = 0 THEN ${pendingSeconds}::integer
               ELSE ${keptSeconds}::integer END)
         -- At the ceiling: until somebody ends it.
         AND locked_until IS DISTINCT FROM 'infinity'
       LIMIT ${cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  const delays = await asker.query(sql`
    DELETE FROM auth.login_delays WHERE (identifier, network) IN (
      SELECT identifier, network FROM auth.login_delays
       WHERE failed_at < clock_timestamp() - make_interval(secs => ${forgottenSeconds})
         AND not_before < clock_timestamp()
       LIMIT ${cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return attempts.rowCount + delays.rowCount;
}
