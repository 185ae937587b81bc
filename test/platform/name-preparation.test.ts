import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { prepareName } from "../../src/platform/name-preparation.ts";
import { testSeed, testSize } from "../support/size.ts";

const EXAMPLES: readonly (readonly [string, string])[] = [
  ["Qj. branco", "queijo. branco"],
  ["Pão de queijo", "pao queijo"],
  ["Contra filé", "ct file"],
  ["Leite c/ café", "leite com/ cafe"],
  ["Suína, costelinha", "porco costela"],
  ["Salada verde", "salada verde"],
  ["Cidade", "cidade"],
  ["Mus s/ sal", "mozarela sem/ sal"],
  ["Musse", "musse"],
  ["DE  Da\tDÁ", ""],
  ["Straße Œuf Łódź", "strasse oeuf lodz"],
  ["  , ", ""],
  ["", ""],
  ["Arroz, tipo 1, cru", "arroz tipo 1 cru"],
];

for (const [name, prepared] of EXAMPLES) {
  test(`"${name}" is prepared as "${prepared}"`, () => assert.equal(prepareName(name), prepared));
}

const WORDS = [
  "qj",
  "contra",
  "mus",
  "costelinha",
  "suina",
  "c",
  "s",
  "de",
  "da",
  "Pão",
  "é",
  "c/",
  "a,b",
  "verde",
  "İ",
  "ﬁ",
];
const names = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.array(fc.constantFrom(...WORDS), { maxLength: 6 }).map((words) => words.join(" ")),
);

test("a prepared name is lower case, without commas, marks or outer blanks, and stays as it is", () => {
  fc.assert(
    fc.property(names, (name) => {
      const prepared = prepareName(name);
      assert.equal(prepareName(prepared), prepared);
      assert.equal(prepared, prepared.trim());
      assert.doesNotMatch(prepared, /,|\p{M}|\s\s/u);
      const words = prepared.split(" ");
      assert.ok(!words.includes("de") && !words.includes("da"));
    }),
    { seed: testSeed(), numRuns: testSize(1_000, 50_000) },
  );
});
