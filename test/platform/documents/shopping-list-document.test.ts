import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  drawShoppingList,
  type ShoppingLine,
  type ShoppingListDocument,
} from "../../../src/platform/documents/shopping-list-document.ts";
import { readPdf } from "../../support/pdf.ts";

function line(name: string, changes: Partial<ShoppingLine> = {}): ShoppingLine {
  return {
    name,
    quantity: 100,
    unit: "g",
    department: null,
    meals: [],
    brands: null,
    substitutes: null,
    isChecked: false,
    ...changes,
  };
}

const CREATED = "2026-03-09T23:59:59.000Z";
function listOf(
  lines: readonly ShoppingLine[],
  changes: Partial<ShoppingListDocument> = {},
): ShoppingListDocument {
  return { language: "pt-BR", createdAt: CREATED, lines, ...changes };
}
const draw = async (list: ShoppingListDocument) => readPdf(await drawShoppingList(list));

const MARKET = [
  line("Sal grosso", { quantity: 0.25, unit: "pitada", substitutes: "Sal refinado" }),
  line("Pão de queijo", { department: "Padaria", quantity: 1250, meals: ["Café da manhã"] }),
  line("Maçã", { department: "Hortifrúti", quantity: 3, unit: "un", isChecked: true }),
  line("Leite", { department: "Padaria", quantity: 1500, unit: "ml", brands: "Marca Boa" }),
];

test("the list is on A4, grouped by department, with what is not in one at the end", async () => {
  const { pages } = await draw(listOf(MARKET));
  const [page] = pages;
  assert.equal(pages.length, 1);
  assert.deepEqual([page!.boxCount, page!.tickCount], [4, 1]);
  assert.deepEqual([Math.round(page!.width), Math.round(page!.height)], [595, 842]);
  assert.equal(
    page!.text,
    "Lista de compras 9 de março de 2026 " +
      "Padaria 1,25 kg Pão de queijo Refeições: Café da manhã " +
      "1,5 l Leite Marcas e produtos: Marca Boa " +
      "Hortifrúti 3 un Maçã " +
      "Outros 0,25 pitada Sal grosso Substitutos: Sal refinado " +
      "Página 1 de 1",
  );
});

test("in English the words, the numbers and the measures are English", async () => {
  const { pages, info } = await draw(listOf(MARKET, { language: "en" }));
  assert.equal(
    pages[0]!.text,
    "Shopping list March 9, 2026 " +
      "Padaria 1.25 kg Pão de queijo Meals: Café da manhã " +
      "1.5 l Leite Brands and products: Marca Boa " +
      "Hortifrúti 3 pcs Maçã " +
      "Other 0.25 pinch Sal grosso Substitutes: Sal refinado " +
      "Page 1 of 1",
  );
  assert.equal(info["Title"], "Shopping list");
  assert.equal(info["Language"], "en");
});

test("every character of Portuguese and of the reader's fonts comes back as it was", async () => {
  const alphabet = "ÁÀÂÃÇÉÊÍÓÔÕÚÜáàâãçéêíóôõúü ºª €–—“”‘’…•½¼ Ññ Øø ß Œœ Šš";
  const { pages } = await draw(listOf([line(alphabet)]));
  assert.ok(pages[0]!.text.includes(alphabet), pages[0]!.text);
  assert.ok(!pages[0]!.text.includes("caractere"));
});

test("letters that the fonts lack lose their accents; other scripts are marked and explained", async () => {
  const { pages } = await draw(
    listOf([line("Kőrös łosoś e\u0301"), line("豆腐 tofu 🍚"), line("العربية")]),
  );
  assert.match(pages[0]!.text, /Korös losos é/);
  assert.match(pages[0]!.text, /\?\? tofu \?/);
  assert.match(pages[0]!.text, /Um \? está no lugar de um caractere/);
});

test("the same list makes the same bytes, and its date is the list's", async () => {
  const list = listOf(MARKET);
  const first = await drawShoppingList(list);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  assert.deepEqual(await drawShoppingList(structuredClone(list)), first);
  assert.notDeepEqual(await drawShoppingList({ ...list, createdAt: null }), first);
  assert.equal((await readPdf(first)).info["CreationDate"], "D:20260309235959Z");
  const undated = await draw({ ...list, createdAt: null });
  assert.equal(undated.info["CreationDate"], undefined);
  assert.doesNotMatch(undated.pages[0]!.text, /1970/);
});

test("long lists go over pages with numbers, and a heading never stands alone", async () => {
  const lines = Array.from({ length: 150 }, (_, index) =>
    line(`Produto ${index}`, { department: `Seção ${Math.floor(index / 9)}`, meals: ["Jantar"] }),
  );
  const { pages } = await draw(listOf(lines));
  assert.ok(pages.length > 3);
  const text = pages.map((page) => page.text).join(" ");
  for (const { name } of lines) assert.ok(text.includes(name), name);
  for (const [index, page] of pages.entries()) {
    assert.ok(page.text.endsWith(`Página ${index + 1} de ${pages.length}`), page.text);
    const heads = page.pieces.slice(0, -1).map((piece) => piece.text);
    assert.doesNotMatch(heads.at(-1)!, /^Seção/);
    if (index > 0) assert.match(heads[0]!, /^Seção \d+( \(continuação\))?$/);
  }
});

test("long names and endless words are wrapped inside the page, away from the amount", async () => {
  const name = "Feijão carioca orgânico cozido ".repeat(16).trim();
  const word = "x".repeat(500);
  const { pages } = await draw(listOf([line(name), line(word), line("Fim")]));
  const pieces = pages.flatMap((page) => page.pieces);
  for (const piece of pieces) {
    assert.ok(piece.left >= 47 && piece.right <= 595 - 47, JSON.stringify(piece));
  }
  const text = pieces.map((piece) => piece.text).join("");
  assert.equal(text.replaceAll(/[^x]/g, "").length, 500);
  assert.equal(text.match(/orgânico/g)?.length, 16);
  const amounts = pieces.filter(({ text: shown }) => shown === "100 g");
  const amountLeft = Math.min(...amounts.map(({ left }) => left));
  for (const piece of pieces.filter(({ text: shown }) => /Feij|xxx/.test(shown))) {
    assert.ok(piece.right < amountLeft, JSON.stringify(piece));
  }
});

test("a line that is longer than a page flows on, and the next one follows it", async () => {
  const meals = Array.from({ length: 900 }, (_, index) => `Refeição número ${index}`);
  const { pages } = await draw(listOf([line("Arroz", { meals }), line("Fim da lista")]));
  const text = pages.map((page) => page.text).join(" ");
  assert.ok(text.includes("Refeição número 899"));
  assert.ok(pages.at(-1)!.text.includes("Fim da lista"));
});

test("an empty list says so", async () => {
  const { pages } = await draw(listOf([]));
  assert.match(pages[0]!.text, /Não há nada para comprar\. Página 1 de 1$/);
});

test("no text is too strange to be drawn", async () => {
  const text = fc.string({ unit: "binary", maxLength: 80 });
  const anyLine = fc.record({
    name: text,
    quantity: fc.double({ noNaN: true, noDefaultInfinity: true }),
    unit: text,
    department: fc.option(text),
    meals: fc.array(text, { maxLength: 3 }),
    brands: fc.option(text),
    substitutes: fc.option(text),
    isChecked: fc.boolean(),
  });
  const anyList = fc.record({
    language: fc.constantFrom("pt-BR" as const, "en" as const),
    createdAt: fc.constantFrom(null, CREATED),
    lines: fc.array(anyLine, { maxLength: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(anyList, async (list) => {
      const { pages } = await draw(list);
      assert.ok(pages.length >= 1);
    }),
    { numRuns: 40 },
  );
});
