import { createKeptByRevision, type AtRevision } from "../../platform/kept-by-revision.ts";
import { onboardingLimits as limits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { createRecent } from "../../platform/recent.ts";
import type { Owner } from "./form.ts";
import { readRevision } from "./store-revisions.ts";

/** What an owner is told, as it goes over the wire. */
export interface ToldJson {
  /** Of UTF-8. */
  readonly json: Uint8Array;
  /** False: there is no such thing, or it is not his. */
  readonly isFound: boolean;
}

/**
 * The memory as one request of one owner sees it.
 *
 * @param asked decides, with the owner, what is told. JSON can hold it.
 * @param make reads the rows, and the revision in the same snapshot
 */
export type Recall = (
  asked: unknown,
  make: () => Promise<AtRevision<ToldJson>>,
) => Promise<ToldJson>;

/** What keeping one costs beside its bytes and its key. */
const ENTRY_BYTES = 256;

/**
 * What owners were told of their forms and answers, kept for as long as these stay as they are.
 * Much of it is about persons: the owner is part of every key, and what was erased raised the
 * revision, so that nobody is told of it again.
 */
export function createOwnerMemory(
  database: Database,
  bytesMax: number = limits.keptBytesMax,
): (owner: Owner) => Recall {
  const kept = createKeptByRevision(
    createRecent<AtRevision<ToldJson>>(
      bytesMax,
      (key, { value }) => ENTRY_BYTES + key.length + value.json.byteLength,
    ),
  );
  return (owner) => {
    // Once for all questions of a request, and only when one of them asks for it.
    let reading: Promise<number> | undefined;
    return async (asked, make) => {
      reading ??= readRevision(database, owner);
      const key = JSON.stringify([owner.tenantId, owner.userId, asked]);
      return kept.at(await reading, key, make);
    };
  };
}

export type OwnerMemory = ReturnType<typeof createOwnerMemory>;
