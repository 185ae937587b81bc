import { mealLimits } from "../../platform/limits.ts";
import { createRecent, type Recent } from "../../platform/recent.ts";

/** The whole body of an answer, in UTF-8. */
export type JsonBody = Uint8Array;

/** What keeping one costs beside its bytes and its key. */
const ENTRY_BYTES = 256;

/** Answers of all kinds that a thread keeps: those go first that were not asked for the longest. */
export interface BodyMemory {
  /** Those of one kind. @param bytesOf what a value holds */
  of<Value>(kind: string, bytesOf: (value: Value) => number): Pick<Recent<Value>, "get" | "set">;
}

export function createBodyMemory(bytesMax: number = mealLimits.keptBytesMax): BodyMemory {
  const all = createRecent<{ readonly value: unknown; readonly bytes: number }>(
    bytesMax,
    (key, { bytes }) => ENTRY_BYTES + key.length + bytes,
  );
  return {
    of: <Value>(kind: string, bytesOf: (value: Value) => number) => ({
      get: (key: string) => all.get(`${kind}/${key}`)?.value as Value | undefined,
      set: (key: string, value: Value) =>
        all.set(`${kind}/${key}`, { value, bytes: bytesOf(value) }),
    }),
  };
}
