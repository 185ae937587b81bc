import { throttleLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";

/** `count` units at once, all given back in `seconds`. */
export interface BudgetSize {
  readonly count: number;
  readonly seconds: number;
}

/** One budget: its key is known to all processes. */
export interface Budget extends BudgetSize {
  readonly key: string;
}

/** Which budget had no unit left, and the seconds until it has one. */
export interface BudgetRefusal {
  readonly key: string;
  readonly retryAfterSeconds: number;
}

type Asker = Pick<Database, "query">;

export const unitMicroseconds = ({ count, seconds }: BudgetSize) =>
  Math.floor((seconds * 1e6) / count);

/**
 * Takes a unit of each budget, in this order, until one refuses. One statement on the database's
 * clock: however many ask at once, in however many processes, `count` of them are let through.
 */
export async function takeBudgets(
  asker: Asker,
  budgets: readonly Budget[],
): Promise<BudgetRefusal | undefined> {
  const { rows } = await asker.query<{ refused: number; retry_seconds: number }>(sql`
    SELECT refused, retry_seconds FROM auth.take_budgets(
      ${budgets.map(({ key }) => key)}::text[],
      ${budgets.map(unitMicroseconds)}::bigint[],
      ${budgets.map(({ seconds }) => seconds * 1e6)}::bigint[])`);
  const row = rows[0];
  return (
    row && {
      key: budgets[row.refused - 1]!.key,
      retryAfterSeconds: Math.max(1, Math.ceil(row.retry_seconds)),
    }
  );
}

/**
 * Gives one unit back to each budget: what it was taken for did not happen. A statement each: one
 * that held a row while it waits for another could wait in a circle with `take_budgets`.
 */
export async function returnUnits(asker: Asker, budgets: readonly Budget[]): Promise<void> {
  await Promise.all(
    budgets.map((budget) =>
      asker.query(sql`
        UPDATE auth.throttle_budgets
           SET arrival = arrival - ${unitMicroseconds(budget)} * interval '1 microsecond'
         WHERE key = ${budget.key}`),
    ),
  );
}

/** Makes one budget whole again. */
export async function refillBudget(asker: Asker, key: string): Promise<void> {
  await asker.query(sql`DELETE FROM auth.throttle_budgets WHERE key = ${key}`);
}

/** Removes a batch of budgets that are whole again; returns how many went. */
export async function removeIdleBudgets(asker: Asker): Promise<number> {
  const { rowCount } = await asker.query(sql`
    DELETE FROM auth.throttle_budgets WHERE key IN (
      SELECT key FROM auth.throttle_budgets WHERE arrival < clock_timestamp()
       LIMIT ${throttleLimits.cleanBatchMax} FOR UPDATE SKIP LOCKED)`);
  return rowCount;
}
