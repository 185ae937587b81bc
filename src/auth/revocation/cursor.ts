import type { InvalidationKey } from "../index.ts";
import { EVERYTHING } from "./invalidation-keys.ts";
import type { LogPage } from "./invalidation-log.ts";

/** Up to where a process has applied the log, and of which history. */
export interface Cursor {
  readonly incarnation: string;
  readonly position: number;
  /** Of the entry at the position; undefined when there was none. */
  readonly mark: string | undefined;
}

/** Why everything had to be dropped. */
export type JumpReason = "start" | "incarnation" | "behind" | "trimmed" | "rewritten";

export interface Step {
  readonly cursor: Cursor;
  readonly keys: readonly InvalidationKey[];
  readonly jump: JumpReason | undefined;
  /** Nothing above the cursor was there when the page was read. */
  readonly isComplete: boolean;
}

/**
 * What a page means for a process at `cursor`: the keys to bump and where it stands then. When the
 * page does not continue the history that we applied, everything is dropped and we stand at its
 * highest number. Gaps in the numbers mean nothing: a rolled-back transaction leaves one.
 */
export function advance(cursor: Cursor | undefined, page: LogPage): Step {
  const jump = jumpReason(cursor, page);
  if (cursor === undefined || jump !== undefined) {
    const { incarnation, highest: position, highestMark: mark } = page;
    const next = { incarnation, position, mark };
    return { cursor: next, keys: EVERYTHING, jump: jump ?? "start", isComplete: true };
  }
  const last = page.entries.at(-1);
  if (last === undefined) return { cursor, keys: [], jump: undefined, isComplete: true };
  return {
    cursor: { incarnation: cursor.incarnation, position: last.number, mark: last.mark },
    keys: page.entries.flatMap((entry) => entry.keys),
    jump: undefined,
    isComplete: last.number >= page.highest,
  };
}

function jumpReason(cursor: Cursor | undefined, page: LogPage): JumpReason | undefined {
  // What was cached before the first read has an unknown age.
  if (cursor === undefined) return "start";
  if (page.incarnation !== cursor.incarnation) return "incarnation";
  if (page.highest < cursor.position) return "behind";
  if (page.trimmedTo > cursor.position) return "trimmed";
  // Restored below our position and grown past it again: the number is there, the entry is not
  // ours. An entry that was trimmed away in the meantime is no news.
  const wasTrimmed = page.positionMark === undefined && page.trimmedTo === cursor.position;
  if (page.positionMark !== cursor.mark && !wasTrimmed) return "rewritten";
  return undefined;
}
