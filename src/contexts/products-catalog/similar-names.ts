import { productLimits } from "../../platform/limits.ts";

/** A product that may have a similar name. `prepared` is its name as `prepareName` makes it. */
export interface Candidate {
  readonly id: string;
  readonly name: string;
  readonly prepared: string;
  /** Trigram similarity to the query, 0–1. */
  readonly similarity: number;
}

/**
 * How well a candidate fits, as keys of falling weight (each: larger is better). `query` and the
 * candidate's name are prepared; q are the query's words, t the candidate's:
 *
 *  1 first words equal                    2 q[0] inside t[0]
 *  3 equal words at the same place        4 their letters
 *  5 q[i] inside t[i] at the same place   6 their letters
 *  7 pairs of equal words anywhere        8 their letters
 *  9 pairs with q inside t anywhere      10 their letters
 * 11 trigram similarity                  12 shortness: 1 / letters of the name
 */
export function rankKeys(query: string, candidate: Candidate): readonly number[] {
  // A name of hundreds of words is no name, and each would be compared with each.
  const q = query.split(" ", productLimits.similarWordsMax);
  const t = candidate.prepared.split(" ", productLimits.similarWordsMax);
  const keys = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, candidate.similarity, 1 / candidate.prepared.length];
  const add = (key: number, word: string) => {
    keys[key]! += 1;
    keys[key + 1]! += word.length;
  };
  keys[0] = q[0] === t[0] ? 1 : 0;
  keys[1] = t[0]!.includes(q[0]!) ? 1 : 0;
  for (const [place, word] of q.entries()) {
    const opposite = t[place];
    if (opposite === word) add(2, word);
    if (opposite?.includes(word)) add(4, word);
    for (const other of t) {
      if (other === word) add(6, word);
      if (other.includes(word)) add(8, word);
    }
  }
  return keys;
}

const COOKING_WORDS = ["frito", "frita", "assado", "assada", "cozido", "cozida"];

/** False when the candidate is cooked in a way that the query does not name by the same word. */
function isAsRawAs(query: ReadonlySet<string>, candidate: Candidate): boolean {
  const words = candidate.prepared.split(/[^\p{L}\p{N}]+/u);
  return COOKING_WORDS.every((word) => !words.includes(word) || query.has(word));
}

/**
 * The candidates in the order of their fit, best first; ties by name, then id. Of several with
 * exactly the same name only the best one; cooked ones only when the query names that cooking.
 * @param query prepared, not empty
 */
export function rankCandidates(
  query: string,
  candidates: readonly Candidate[],
  limit: number,
): Candidate[] {
  const queryWords = new Set(query.split(/[^\p{L}\p{N}]+/u));
  const ranked = candidates
    .filter((candidate) => isAsRawAs(queryWords, candidate))
    .map((candidate) => ({ candidate, keys: rankKeys(query, candidate) }))
    .sort((a, b) => compareKeys(b.keys, a.keys) || compareText(a.candidate, b.candidate));
  const byName = new Map<string, Candidate>();
  for (const { candidate } of ranked) {
    if (byName.size === limit) break;
    if (!byName.has(candidate.name)) byName.set(candidate.name, candidate);
  }
  return [...byName.values()];
}

function compareKeys(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < a.length; index++) {
    const difference = a[index]! - b[index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareText(a: Candidate, b: Candidate): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}
