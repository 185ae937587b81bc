import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  rankCandidates,
  rankKeys,
  type Candidate,
} from "../../../src/contexts/products-catalog/similar-names.ts";
import { testSeed, testSize } from "../../support/size.ts";

/** The twelve keys, each from its own sentence of the contract. */
function naiveKeys(query: string, { prepared, similarity }: Candidate): number[] {
  const q = query.split(" ");
  const t = prepared.split(" ");
  const letters = (words: readonly string[]) => words.join("").length;
  const both = q.slice(0, Math.min(q.length, t.length));
  const fullAtPlace = both.filter((word, i) => word === t[i]);
  const partAtPlace = both.filter((word, i) => t[i]!.indexOf(word) !== -1);
  const pairs = q.flatMap((a) => t.map((b) => [a, b] as const));
  const fullPairs = pairs.filter(([a, b]) => a === b).map(([a]) => a);
  const partPairs = pairs.filter(([a, b]) => b.indexOf(a) !== -1).map(([a]) => a);
  return [
    Number(q[0] === t[0]),
    Number(t[0]!.indexOf(q[0]!) !== -1),
    fullAtPlace.length,
    letters(fullAtPlace),
    partAtPlace.length,
    letters(partAtPlace),
    fullPairs.length,
    letters(fullPairs),
    partPairs.length,
    letters(partPairs),
    similarity,
    1 / prepared.length,
  ];
}

const word = fc.constantFrom("a", "ab", "abc", "b", "bc", "arroz", "arrozina", "integral", "cru");
const phrase = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join(" "));
const candidate = (name: string, id: number, similarity = 0.5): Candidate => ({
  id: String(id).padStart(4, "0"),
  name,
  prepared: name,
  similarity,
});
const candidates = fc
  .array(fc.tuple(phrase, fc.constantFrom(0.1, 0.5, 0.9)), { maxLength: 30 })
  .map((all) => all.map(([name, similarity], index) => candidate(name, index, similarity)));

test("the keys are those of the contract", () => {
  fc.assert(
    fc.property(phrase, candidates, (query, all) => {
      for (const one of all) assert.deepEqual(rankKeys(query, one), naiveKeys(query, one));
    }),
    { seed: testSeed(), numRuns: testSize(500, 20_000) },
  );
});

test("the order is by the keys from first to last, whatever order the candidates come in", () => {
  fc.assert(
    fc.property(phrase, candidates, fc.nat(25), (query, all, limit) => {
      const ranked = rankCandidates(query, all, limit);
      const reversed = rankCandidates(query, all.toReversed(), limit);
      assert.deepEqual(ranked, reversed);
      assert.ok(ranked.length <= limit);
      assert.equal(new Set(ranked.map(({ name }) => name)).size, ranked.length);
      for (let i = 1; i < ranked.length; i++) {
        const [above, below] = [naiveKeys(query, ranked[i - 1]!), naiveKeys(query, ranked[i]!)];
        const at = above.findIndex((key, index) => key !== below[index]);
        assert.ok(at === -1 || above[at]! > below[at]!);
      }
    }),
    { seed: testSeed(), numRuns: testSize(500, 20_000) },
  );
});

const named = (...names: string[]) => names.map((name, index) => candidate(name, index));

test("cooked foods are left out unless the query names that very cooking", () => {
  const all = named(
    "ovo cru",
    "ovo cozido",
    "ovo frito",
    "batata frita",
    "cozidos ovo",
    "ovo, cozida",
  );
  const found = (query: string) =>
    rankCandidates(query, all, 20)
      .map(({ name }) => name)
      .sort();
  assert.deepEqual(found("ovo"), ["cozidos ovo", "ovo cru"]);
  assert.deepEqual(found("ovo cozido"), ["cozidos ovo", "ovo cozido", "ovo cru"]);
  assert.deepEqual(found("ovo frita"), ["batata frita", "cozidos ovo", "ovo cru"]);
});

test("of equal names the best is kept", () => {
  const twice = [candidate("arroz", 1, 0.2), candidate("arroz", 2, 0.9)];
  assert.deepEqual(rankCandidates("arroz", twice, 20), [twice[1]]);
});

test("of a name of hundreds of words the first ones are compared", () => {
  const words = Array.from({ length: 250 }, (_, index) => `w${index}`);
  const candidate = (prepared: string): Candidate => ({
    id: "1",
    name: "x",
    prepared,
    similarity: 0,
  });
  const query = words.slice(0, 100).join(" ");
  const all = rankKeys(query, candidate(words.join(" ")));
  const first = words.slice(0, 32).join(" ");
  assert.deepEqual(all.slice(0, 10), rankKeys(first, candidate(first)).slice(0, 10));
});
