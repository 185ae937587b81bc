import { auditLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { dropOldestMonth, makeMissingMonths, makeMonth } from "./store-months.ts";

type Asker = Pick<Database, "query" | "withTransaction">;

/**
 * Makes the partitions of the log for this month and the next ones, and drops those that are older
 * than `monthsKept` months (0 = keeps all). Returns how many were made or dropped.
 */
export async function keepMonths(database: Asker, monthsKept: number): Promise<number> {
  let changed = await makeMissingMonths(database);
  for (let further = 0; further <= auditLimits.monthsAhead; further++) {
    if (await makeMonth(database, further)) changed++;
  }
  if (monthsKept === 0) return changed;
  while (await dropOldestMonth(database, monthsKept, auditLimits.dropLockMs)) changed++;
  return changed;
}
