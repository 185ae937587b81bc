import type { KeyObject } from "node:crypto";
import { verifyPoolLimits } from "../../platform/limits.ts";
import { toKeyObject, verifySignature, type PublicJwk, type VerificationKey } from "./verify.ts";

/** One signature to check. */
export interface VerifyTask {
  readonly signingInput: string;
  /** Canonical base64url. */
  readonly signature: string;
  readonly key: VerificationKey;
}

/** Several tasks as one message: cloning one long text is much cheaper than many small objects. */
export interface Batch {
  /** Signing input and signature of every task, a line each: neither holds a line's end. */
  readonly lines: string;
  /** For every task, which of `keys` it wants. */
  readonly keyOf: readonly number[];
  /** Everything a thread needs that may never have seen the key. */
  readonly keys: readonly { readonly id: string; readonly jwk: PublicJwk }[];
}

/** A verdict for each task of a batch: 1 verified, 0 refused. */
export type Verdicts = readonly (0 | 1)[];

/** Packs tasks whose keys are public ones. */
export function toBatch(tasks: readonly VerifyTask[]): Batch {
  const keys: { id: string; jwk: PublicJwk }[] = [];
  const places = new Map<VerificationKey, number>();
  const keyOf: number[] = [];
  const lines: string[] = [];
  for (const { key, signingInput, signature } of tasks) {
    let place = places.get(key);
    if (place === undefined) {
      places.set(key, (place = keys.length));
      keys.push({ id: key.id, jwk: key.jwk! });
    }
    keyOf.push(place);
    lines.push(signingInput, signature);
  }
  return { lines: lines.join("\n"), keyOf, keys };
}

/** Keys made ready in this thread, by the name of their material. */
const readyKeys = new Map<string, KeyObject>();

/** Checks every signature of a batch. A signature that cannot be checked is refused. */
export function verifyBatch(batch: Batch): Verdicts {
  const keys = batch.keys.map(({ id, jwk }) => ({ alg: jwk.alg, keyObject: readyKey(id, jwk) }));
  const lines = batch.lines.split("\n");
  return batch.keyOf.map((place, index) => {
    const [signingInput = "", signature = ""] = lines.slice(2 * index, 2 * index + 2);
    return verifySignature(keys[place]!, signingInput, signature) ? 1 : 0;
  });
}

function readyKey(id: string, jwk: PublicJwk): KeyObject {
  let keyObject = readyKeys.get(id);
  if (keyObject === undefined) {
    keyObject = toKeyObject(jwk);
    if (readyKeys.size >= verifyPoolLimits.workerKeysMax) readyKeys.clear();
    readyKeys.set(id, keyObject);
  }
  return keyObject;
}
