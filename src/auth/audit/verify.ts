import { auditLimits } from "../../platform/limits.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { CHAIN_BEGIN, sealOf, type EventText } from "./chain.ts";
import {
  isCheckpointTold,
  listChains,
  readSealed,
  readUnsealable,
  type Head,
  type SealedEvent,
} from "./store-seals.ts";

/**
 * - `changed`: the event does not fit its seal.
 * - `removed`: a place of the chain is empty.
 * - `inserted`: an event or a place that the chain does not know.
 * - `reordered`: the event is right and in another's place.
 */
export type BreakKind = "changed" | "removed" | "inserted" | "reordered";

export interface ChainBreak {
  readonly kind: BreakKind;
  /** Place in the chain; undefined for an event that has none. */
  readonly position: number | undefined;
  readonly event: Pick<EventText, "number" | "at" | "action"> | undefined;
}

export interface ChainReport {
  readonly chain: string;
  /** Events that were looked at and are what they were. */
  readonly sealed: number;
  /** Written and not sealed yet. */
  readonly waiting: number;
  /** The last sealed place; kept elsewhere it proves later that nothing before it has changed. */
  readonly head: { readonly position: number; readonly hash: string } | undefined;
  readonly broken: ChainBreak | undefined;
}

/** A place of a chain and its hash that somebody wrote down elsewhere. */
export interface Anchor {
  readonly position: number;
  readonly hash: string;
}

/** Looks every chain over, or one, in one snapshot of the database. */
export async function verifyAudit(
  database: Pick<Database, "withTransaction">,
  only?: string,
  anchor?: Anchor,
): Promise<ChainReport[]> {
  return database.withTransaction(
    async (tx) => {
      const reports: ChainReport[] = [];
      for (const { chain, head, checkpoint } of await listChains(tx)) {
        if (only !== undefined && only !== chain) continue;
        reports.push(await verifyChain(tx, { chain, head, checkpoint, anchor }));
      }
      return reports;
    },
    { isolation: "repeatable read", deadlineMs: auditLimits.verifyDeadlineMs },
  );
}

interface ChainParts {
  readonly chain: string;
  readonly head: Head | undefined;
  readonly checkpoint: Head | undefined;
  readonly anchor: Anchor | undefined;
}

async function verifyChain(tx: Transaction, parts: ChainParts): Promise<ChainReport> {
  const { chain, checkpoint, anchor } = parts;
  const walk = new Walk(checkpoint);
  let broken: ChainBreak | undefined;
  if (checkpoint !== undefined && !(await isCheckpointTold(tx, checkpoint))) {
    broken = { kind: "removed", position: checkpoint.position, event: undefined };
  }
  while (broken === undefined) {
    const page = await readSealed(tx, chain, walk.position, auditLimits.verifyPageMax);
    if (page.length === 0) break;
    broken = walk.over(page, anchor);
  }
  const { first, waiting } = await readUnsealable(tx, chain);
  broken ??=
    endFault(walk, parts) ?? (first && { kind: "inserted", position: undefined, event: first });
  const head =
    walk.count === 0 ? undefined : { position: walk.position, hash: walk.hash.toString("hex") };
  return { chain, sealed: walk.count, waiting, head, broken };
}

/** The chain is whole as far as it goes: whether it goes as far as it did. */
function endFault(walk: Walk, { head, anchor }: ChainParts): ChainBreak | undefined {
  const known = Math.max(head?.position ?? 0, anchor?.position ?? 0);
  if (known > walk.position) {
    return { kind: "removed", position: walk.position + 1, event: undefined };
  }
  if (walk.position === 0) return undefined;
  // A chain without its head may have been longer.
  if (head === undefined) return { kind: "removed", position: walk.position + 1, event: undefined };
  if (head.position < walk.position) {
    return { kind: "inserted", position: head.position + 1, event: undefined };
  }
  return head.hash.equals(walk.hash)
    ? undefined
    : { kind: "changed", position: walk.position, event: undefined };
}

/** One way along a chain, from its beginning or from where older months were cut off. */
class Walk {
  position: number;
  hash: Buffer;
  count = 0;
  #before: SealedEvent | undefined;
  #hashBefore: Buffer | undefined;
  #newestMs = -Infinity;

  constructor(checkpoint: Head | undefined) {
    this.position = checkpoint?.position ?? 0;
    this.hash = checkpoint?.hash ?? CHAIN_BEGIN;
  }

  over(page: readonly SealedEvent[], anchor: Anchor | undefined): ChainBreak | undefined {
    for (const [index, place] of page.entries()) {
      const broken = this.#step(place, page.slice(index + 1));
      if (broken !== undefined) return broken;
      if (anchor?.position === this.position && anchor.hash !== this.hash.toString("hex")) {
        return { kind: "changed", position: this.position, event: place.event };
      }
    }
    return undefined;
  }

  #step(place: SealedEvent, ahead: readonly SealedEvent[]): ChainBreak | undefined {
    const { position, event, hash } = place;
    if (position === this.position) return { kind: "inserted", position, event };
    if (position !== this.position + 1 || event === undefined) {
      return { kind: "removed", position: this.position + 1, event: undefined };
    }
    const seal = sealOf(this.hash, event);
    if (!seal.equals(hash)) return this.#diagnose(place, event, ahead);
    const atMs = Date.parse(event.at);
    // Nobody writes an event that long after it has drawn its time.
    if (atMs < this.#newestMs - auditLimits.backdatedSeconds * 1000) {
      return { kind: "inserted", position, event };
    }
    this.#newestMs = Math.max(this.#newestMs, atMs);
    this.#before = place;
    this.#hashBefore = this.hash;
    this.position = position;
    this.hash = seal;
    this.count++;
    return undefined;
  }

  /** Which of the ways to break a chain this looks like. */
  #diagnose(place: SealedEvent, event: EventText, ahead: readonly SealedEvent[]): ChainBreak {
    const { position } = place;
    if (this.#hashBefore !== undefined && sealOf(this.#hashBefore, event).equals(place.hash)) {
      return { kind: "inserted", position: position - 1, event: this.#before?.event };
    }
    const isElsewhere = ahead.some(({ event: other, hash }) => {
      if (other === undefined) return false;
      const seal = sealOf(this.hash, other);
      return seal.equals(place.hash) || seal.equals(hash);
    });
    return { kind: isElsewhere ? "reordered" : "changed", position, event };
  }
}
