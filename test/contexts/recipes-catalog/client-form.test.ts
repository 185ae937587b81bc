import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { FormResponse } from "../../../src/contexts/recipes-catalog/client-form.ts";
import { readFormAnswers } from "../../../src/contexts/recipes-catalog/client-form-answers.ts";
import { loadIsPhone } from "../../../src/contexts/recipes-catalog/contact.ts";
import { stateNamed } from "../../../src/contexts/recipes-catalog/state-names.ts";
import { withDatabase } from "../../support/database.ts";
import { ANA, BRUNO, serveRecipes } from "./support.ts";

const { database, drop } = await withDatabase();
const isPhone = await loadIsPhone();
const TODAY = "2026-01-31";
const responses = new Map<string, FormResponse>();
const { call, close } = await serveRecipes(database, {
  findFormResponse: async (id, owner) =>
    owner.userId === ANA.userId && owner.tenantId === ANA.tenantId ? responses.get(id) : undefined,
});
after(async () => {
  close();
  await drop();
});

const answer = (ref: string | null, type: string, value: unknown, key = "text") => ({
  field: { id: `f-${ref ?? type}`, type, ref },
  type: key,
  [key]: value,
});
const responseOf = (
  answers: object[],
  identifiers: Record<string, string> | null = null,
): FormResponse => ({
  form_id: 7,
  response_id: "token",
  response_data: { answers },
  client_identifiers: identifiers,
});
const found = (answers: object[], identifiers: Record<string, string> | null = null) =>
  readFormAnswers(responseOf(answers, identifiers), { isPhone, today: TODAY });

const ANSWERS = [
  answer("full_name", "short_text", "Joana Conceição"),
  answer("birth_date", "date", "1988-02-29", "date"),
  answer("gender", "multiple_choice", { label: "Feminino" }, "choice"),
  answer("email", "email", "Joana@Example.com", "email"),
  answer("phone", "phone_number", "+55 (11) 91234-5678", "phone_number"),
  answer("street", "short_text", "Rua A, 10"),
  answer("city", "short_text", "São Paulo"),
  answer("state", "dropdown", { label: "Sao Paulo" }, "choice"),
  answer("zip_code", "short_text", "01310-100"),
];

test("fields with known references fill the client", () => {
  assert.deepEqual(found(ANSWERS), {
    profile: { name: "Joana Conceição", birthday: "1988-02-29", sex: "feminino" },
    contact: { main_email: "joana@example.com", main_phone: "+5511912345678" },
    address: { street: "Rua A, 10", city: "São Paulo", state: "SP", zip_code: "01310-100" },
    warnings: [],
  });
});

test("questions that were understood by their words fill what no reference tells", () => {
  const identifiers = { name: "João", phone: "(11) 3123-4567", city: "Olinda", state: "PE" };
  const { profile, contact, address } = found([], identifiers);
  assert.deepEqual(profile, { name: "João" });
  assert.deepEqual(contact, { main_phone: "1131234567" });
  assert.deepEqual(address, { city: "Olinda", state: "PE" });
});

test("the type of a field tells a name, an address of mail, a phone, and no street or town", () => {
  const { profile, contact, address } = found([
    answer("x1", "email", "a@example.com", "email"),
    answer("x2", "phone_number", "11912345678", "phone_number"),
    answer("x3", "short_text", "Rui Barbosa"),
    answer("x4", "short_text", "I like rice"),
    answer("x5", "number", 34, "number"),
  ]);
  assert.deepEqual(profile, { name: "Rui Barbosa" });
  assert.deepEqual(contact, { main_email: "a@example.com", main_phone: "11912345678" });
  assert.equal(address, undefined);
});

test("nothing is invented: no birthday from an age, no sex that is none, no day that could be two", () => {
  const { profile, warnings } = found([
    answer("name", "short_text", "Ana"),
    answer("age", "number", 36, "number"),
    answer("sex", "multiple_choice", { label: "Prefiro não dizer" }, "choice"),
    answer("birthday", "short_text", "03/04/1990"),
  ]);
  assert.deepEqual(profile, { name: "Ana" });
  assert.equal(warnings.length, 2);
});

test("days are read in every order that leaves no doubt", () => {
  for (const [text, day] of [
    ["1990-05-17", "1990-05-17"],
    ["1990-05-17 10:20:30", "1990-05-17"],
    ["05/17/1990", "1990-05-17"],
    ["17/05/1990", "1990-05-17"],
    ["5/5/1990", "1990-05-05"],
    ["30/02/1990", undefined],
    ["1899-12-31", undefined],
    ["2026-02-01", undefined],
    ["tomorrow", undefined],
  ] as const) {
    const { profile } = found([answer("birthday", "short_text", text)]);
    assert.equal(profile.birthday, day, text);
  }
});

test("answers of broken shapes are passed over", () => {
  for (const data of [
    null,
    1,
    [],
    {},
    { answers: "x" },
    { answers: [null, 1, {}, { field: 1 }] },
  ]) {
    const response = { ...responseOf([]), response_data: data };
    const { profile, contact, address } = readFormAnswers(response, { isPhone, today: TODAY });
    assert.deepEqual([profile, contact, address], [{}, undefined, undefined]);
  }
});

test("states are known by their names, with and without accents", () => {
  assert.equal(stateNamed("Paraná"), "PR");
  assert.equal(stateNamed("para"), "PA");
  assert.equal(stateNamed("constructor"), undefined);
});

test("a client made from a form has its answers, and what the body says wins", async () => {
  responses.set("good", { ...responseOf(ANSWERS), response_id: "good" });
  const body = {
    form_response_id: "good",
    profile: { name: "Joana C." },
    address: { number: "10" },
    notes: "Sem lactose",
  };
  const made = await call("POST", "/v1/clients", { body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { data } = (await call("GET", `/v1/clients/${made.body.data.id}`)).body;
  assert.deepEqual(data.profile, { name: "Joana C.", birthday: "1988-02-29", sex: "feminino" });
  assert.equal(data.contact_info.main_email, "joana@example.com");
  assert.deepEqual([data.address.city, data.address.number], ["São Paulo", "10"]);
  assert.equal(
    data.notes,
    "Sem lactose\n\n--- Form Response Data ---\nCreated from form 7; Response ID: good",
  );
  assert.deepEqual(data.onboarding_data, responses.get("good"));
});

test("a form that tells no sex makes no client without one", async () => {
  responses.set("bare", responseOf([answer("name", "short_text", "Ana")]));
  const ask = (profile: object, as = ANA) =>
    call("POST", "/v1/clients", { as, body: { form_response_id: "bare", profile } });
  const refused = await ask({});
  assert.equal(refused.status, 422);
  assert.deepEqual(
    refused.body.errors.map(({ path }: { path: string }) => path),
    ["/body/profile/sex"],
  );
  assert.equal((await ask({ sex: "feminino" })).status, 201);
  assert.equal((await ask({ sex: "feminino" }, BRUNO)).status, 422, "a form of somebody else");
});
