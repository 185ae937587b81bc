import { auditLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { CHAIN_BEGIN, chainOf, sealOf } from "./chain.ts";
import {
  moveSealer,
  readHeads,
  readUnsealed,
  takeSealer,
  writeSeals,
  type Head,
  type Seal,
  type Sealer,
  type UnsealedEvent,
} from "./store-seals.ts";

/**
 * Seals what was written since the last time, one batch; returns how many events that were. One
 * process at a time: a chain that two append to would fork. Events come into their chain in the
 * order of their numbers as far as they are committed; one that commits later comes later.
 *
 * A month is sealed to its end before the next one begins, so that a dropped month is the front of
 * every chain.
 */
export async function sealEvents(database: Pick<Database, "withTransaction">): Promise<number> {
  return database.withTransaction(async (tx) => {
    const sealer = await takeSealer(tx);
    if (sealer === undefined) return 0;
    const unsealed = await readUnsealed(tx, sealer, auditLimits.sealBatchMax);
    const due = unsealed.filter((event) => event.is_due);
    if (due.length > 0) {
      const chains = [...new Set(due.map(chainOf))];
      const { seals, heads } = chained(due, await readHeads(tx, chains));
      await writeSeals(tx, seals, heads);
    }
    const isAll = due.length === unsealed.length && unsealed.length < auditLimits.sealBatchMax;
    const next = moved(sealer, due, isAll);
    if (next !== undefined) await moveSealer(tx, next);
    return due.length;
  });
}

function chained(events: readonly UnsealedEvent[], known: readonly Head[]) {
  const heads = new Map(known.map((head) => [head.chain, head]));
  const seals: Seal[] = [];
  for (const event of events) {
    const chain = chainOf(event);
    const { position, hash } = heads.get(chain) ?? { position: 0, hash: CHAIN_BEGIN };
    const head = { chain, position: position + 1, hash: sealOf(hash, event) };
    heads.set(chain, head);
    seals.push({ ...head, number: event.number, at: event.at });
  }
  return { seals, heads: [...heads.values()] };
}

/**
 * How far the log is sealed after this batch. A mark is set only when everything that could be seen
 * is sealed, and counts once whatever was under way then is over.
 */
function moved(sealer: Sealer, sealed: readonly UnsealedEvent[], isAll: boolean) {
  const last = sealed.at(-1);
  const isSettled = sealer.isMarkOld && sealer.marked > sealer.settled;
  const settled = isSettled ? sealer.marked : sealer.settled;
  const isMarkedNow = isAll && last !== undefined && settled === sealer.marked;
  if (!isSettled && last === undefined) return undefined;
  const marked = isMarkedNow
    ? sealed.reduce((highest, { number }) => Math.max(highest, number), settled)
    : sealer.marked;
  return { settled, marked, isMarkedNow, month: last?.month ?? sealer.month };
}
