import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { newId } from "../../../../src/platform/ids.ts";
import { platformErrors } from "../../../../src/platform/errors.ts";
import { withDatabase, type TestDatabase } from "../../../support/database.ts";
import { readPdf } from "../../../support/pdf.ts";
import { insertClient } from "../support.ts";
import { insertMeal, insertMenu, serveShopping, type ShoppingServer } from "./support.ts";

let db: TestDatabase;
let server: ShoppingServer;
before(async () => {
  db = await withDatabase();
  server = await serveShopping(db.database);
});
after(async () => {
  server.close();
  await db.drop();
});

const PATH = "/v1/shopping-lists/pdf";
const rice = { shopping_name: "Arroz", unit: "g", quantity: 1500 };
const draw = (body: object, query = "", headers = {}) =>
  server.call("POST", PATH + query, { body, headers });
const textOf = async (bytes: Uint8Array) =>
  (await readPdf(bytes)).pages.map((page) => page.text).join(" ");

test("the lines of the body are drawn, ordered, in the language asked for", async () => {
  const body = {
    shopping_items: [
      { ...rice, store_departament_name: "Mercearia", meals_names: ["Jantar"] },
      { ...rice, shopping_name: "Pão", unit: "un", quantity: 2, store_department_name: "Padaria" },
      { ...rice, shopping_name: "Açúcar", store_departament_name: "Mercearia", meals_names: null },
    ],
    created_at: "2026-03-09",
  };
  const answer = await draw(body);
  assert.equal(answer.status, 201);
  assert.equal(answer.headers.get("content-type"), "application/pdf");
  assert.match(answer.headers.get("content-disposition")!, /shopping-list\.pdf/);
  assert.equal(
    await textOf(answer.bytes),
    "Lista de compras 9 de março de 2026 Mercearia 1,5 kg Açúcar 1,5 kg Arroz Refeições: Jantar " +
      "Padaria 2 un Pão Página 1 de 1",
  );
  assert.deepEqual((await draw(body)).bytes, answer.bytes);
  const english = await draw(body, "?lang=en");
  assert.match(await textOf(english.bytes), /^Shopping list March 9, 2026 .* Page 1 of 1$/);
  const alias = await server.call("POST", "/v1/shopping-list/pdf", { body });
  assert.deepEqual(alias.bytes, answer.bytes);
});

test("whoever takes JSON and no PDF gets the document in base64", async () => {
  const body = { shopping_items: [rice] };
  const { bytes } = await draw(body);
  const answer = await draw(body, "", { accept: "application/json" });
  assert.equal(answer.status, 201);
  assert.deepEqual(answer.body, {
    data: {
      message: "PDF created successfully",
      "shopping-list": Buffer.from(bytes).toString("base64"),
    },
  });
  for (const accept of ["*/*", "application/pdf", "application/json, application/pdf"]) {
    const other = await draw(body, "", { accept });
    assert.equal(other.headers.get("content-type"), "application/pdf", accept);
  }
});

test("a kept list is drawn with what is ticked off, dated by its making", async () => {
  const clientId = await insertClient(db.database);
  const menuId = await insertMenu(db.database, clientId);
  await insertMeal(db.database, menuId, [{ name: "Couve", quantity: 3, unit: "fatia" }]);
  const made = await server.call("POST", "/v1/shopping-lists", {
    body: { client_id: clientId, menu_ids: [menuId] },
  });
  const id = made.body.data.id as string;
  const list = (await server.call("GET", `/v1/shopping-lists/${id}`)).body.data;
  const open = await draw({ shopping_list_id: id });
  assert.equal(open.status, 201);
  assert.match(await textOf(open.bytes), /Outros 75 g Couve Refeições: Almoço/);
  const { info } = await readPdf(open.bytes);
  const seconds = list.created_at.replaceAll(/[-:T]|\.\d+/g, "");
  assert.equal(info["CreationDate"], `D:${seconds}`);
  assert.deepEqual((await draw({ shopping_list_id: id })).bytes, open.bytes);
  const tick = { item_id: list.shopping_items[0].id, checked: true };
  await server.call("PATCH", `/v1/shopping-lists/${id}`, { body: tick });
  const ticked = (await draw({ shopping_list_id: id })).bytes;
  assert.notDeepEqual(ticked, open.bytes);
  // What was read can be sent as it is.
  const { shopping_items } = (await server.call("GET", `/v1/shopping-lists/${id}`)).body.data;
  const { created_at } = list;
  assert.deepEqual((await draw({ shopping_items, created_at })).bytes, ticked);
});

test("a body that is neither a list nor the name of one is refused with its place", async () => {
  const items = { shopping_items: [rice] };
  const bad: [object, string][] = [
    [{}, "/body/shopping_items"],
    [{ shopping_items: null }, "/body/shopping_items"],
    [{ shopping_items: [{ ...rice, shopping_name: "" }] }, "/body/shopping_items/0/shopping_name"],
    [{ shopping_items: [{ ...rice, quantity: "1" }] }, "/body/shopping_items/0/quantity"],
    [{ shopping_items: [{ ...rice, quantity: -1 }] }, "/body/shopping_items/0/quantity"],
    [{ shopping_items: [{ ...rice, price: 1 }] }, "/body/shopping_items/0/price"],
    [{ shopping_items: [{ unit: "g", quantity: 1 }] }, "/body/shopping_items/0/shopping_name"],
    [{ ...items, order_by: "price" }, "/body/order_by"],
    [{ ...items, created_at: "yesterday" }, "/body/created_at"],
    [{ ...items, shopping_list_id: newId() }, "/body/shopping_items"],
    [{ created_at: "2026-03-09", shopping_list_id: newId() }, "/body/created_at"],
    [{ shopping_list_id: "1" }, "/body/shopping_list_id"],
    [{ shopping_items: Array.from({ length: 2_001 }, () => rice) }, "/body/shopping_items"],
  ];
  for (const [body, path] of bad) {
    const answer = await draw(body);
    assert.equal(answer.status, 422, JSON.stringify(body).slice(0, 200));
    assert.ok(
      answer.body.errors.some((fault: any) => fault.path === path),
      answer.text,
    );
  }
  for (const query of ["?lang=fr", "?lang=", "?page=1"]) {
    assert.equal((await draw(items, query)).status, 422, query);
  }
  assert.equal((await draw({ shopping_list_id: newId() })).status, 404);
});

test("names of any kind are drawn: markup, statements, other scripts, signs that turn text", async () => {
  const strange = [
    "<script>alert(1)</script>",
    "'; drop table recipes_catalog.recipes; --",
    "🍚🥕",
    "שלום",
    "\u202egnp.exe",
    "a\u0007b\nc",
    "x".repeat(500),
  ];
  const { status, bytes } = await draw({
    shopping_items: strange.map((shopping_name) => ({ ...rice, shopping_name })),
  });
  assert.equal(status, 201);
  const text = await textOf(bytes);
  assert.ok(text.includes(strange[0]!) && text.includes(strange[1]!));
  assert.match(text, /Um \? está no lugar/);
});

const STRANGE = [
  "🍚🥕 Arroz com cenoura 👩‍🍳",
  "خبز عربي",
  "לחם \u202eהפוך\u202c",
  "Pão ".repeat(125).trim(),
  "a\u0301".repeat(120),
  "豆腐",
];

test("a list of a thousand lines is drawn whole: A4, grouped, a box for each line, pages numbered", async () => {
  const shopping_items = Array.from({ length: 1_000 }, (_, index) => ({
    shopping_name: index % 50 === 0 ? STRANGE[(index / 50) % STRANGE.length]! : `Item ${index}`,
    unit: index % 3 === 0 ? "g" : "un",
    quantity: (index * 37) % 2_500,
    meals_names: index % 2 === 0 ? ["Almoço", "Jantar 🌙"] : null,
    store_departament_name: index % 7 === 0 ? null : `Setor ${index % 11}`,
  }));
  for (const lang of ["pt-BR", "en"]) {
    const { status, bytes } = await draw({ shopping_items }, `?lang=${lang}`);
    assert.equal(status, 201);
    const { pages } = await readPdf(bytes);
    assert.ok(pages.length > 10 && pages.length < 100, `${pages.length}`);
    for (const [index, page] of pages.entries()) {
      assert.deepEqual([Math.round(page.width), Math.round(page.height)], [595, 842]);
      const foot = lang === "en" ? `Page ${index + 1} of` : `Página ${index + 1} de`;
      assert.ok(page.text.endsWith(`${foot} ${pages.length}`), page.text.slice(-60));
    }
    const boxes = pages.reduce((sum, page) => sum + page.boxCount, 0);
    assert.equal(boxes, 1_000);
    const pieces = pages.flatMap((page) => page.pieces.map(({ text }) => text.trim()));
    const shown = new Set(pieces);
    for (const { shopping_name: name } of shopping_items.filter((_, index) => index % 50 !== 0)) {
      assert.ok(shown.has(name), name);
    }
    // Each department has one heading, and what has none comes last.
    const headings = pieces.filter((text) => /^(?:Setor \d+|Outros|Other)$/.test(text));
    assert.equal(headings.length, new Set(headings).size);
    assert.equal(headings.length, 12);
    assert.match(headings.at(-1)!, /^O/);
    for (const { pieces: onPage } of pages) {
      for (const piece of onPage) assert.ok(piece.left >= 47 && piece.right <= 548, piece.text);
    }
  }
});

test("order_by orders the lines of each department, in any attribute of an item", async () => {
  const shopping_items = [
    { ...rice, shopping_name: "C", quantity: 1, unit: "un", substitutes: "b" },
    { ...rice, shopping_name: "A", quantity: 2, unit: "g", substitutes: null },
    {
      ...rice,
      shopping_name: "B",
      quantity: 3,
      unit: "fatia",
      meals_names: ["a"],
      substitutes: "a",
    },
  ];
  const namesBy = async (order_by?: string | null) => {
    const { status, bytes } = await draw({ shopping_items, ...(order_by && { order_by }) });
    assert.equal(status, 201);
    const { pages } = await readPdf(bytes);
    return pages[0]!.pieces
      .map(({ text }) => text)
      .filter((text) => /^[ABC]$/.test(text))
      .join("");
  };
  const wanted: [string | null | undefined, string][] = [
    [undefined, "ABC"],
    [null, "ABC"],
    ["shopping_name", "ABC"],
    ["quantity", "CAB"],
    ["unit", "BAC"],
    ["meals_names", "BAC"],
    ["substitutes", "BCA"],
    ["store_departament_name", "ABC"],
    ["store_department_name", "ABC"],
    ["recommended_brands_and_products", "ABC"],
  ];
  for (const [orderBy, names] of wanted) assert.equal(await namesBy(orderBy), names, `${orderBy}`);
  const withNull = await draw({ shopping_items, order_by: null });
  assert.equal(withNull.status, 201);
});

test("without room for a document the answer is 503 with Retry-After", async () => {
  const busy = await serveShopping(db.database, () => {
    const headers = { "retry-after": "1" };
    return Promise.reject(platformErrors.failure("overloaded", { headers }));
  });
  const answer = await busy.call("POST", PATH, { body: { shopping_items: [rice] } });
  busy.close();
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "1"]);
});
