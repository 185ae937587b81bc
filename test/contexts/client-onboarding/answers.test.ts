import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readAnswers, type Json } from "../../../src/contexts/client-onboarding/answers.ts";
import { readDelivery } from "../../../src/contexts/client-onboarding/delivery.ts";
import { keyOf } from "../../../src/contexts/client-onboarding/identifier-words.ts";
import { findIdentifiers } from "../../../src/contexts/client-onboarding/identifiers.ts";
import { newDelivery } from "../../support/typeform.ts";

const read = (type: string, sent: object) =>
  readAnswers([{ ...sent, field: { id: "f", type, ref: "r" } }], undefined)[0]!.value;

test("each type of question gives its value", () => {
  const cases: [string, object, unknown][] = [
    ["short_text", { type: "text", text: "a" }, "a"],
    ["long_text", { type: "text", text: "b" }, "b"],
    ["email", { type: "email", email: "a@b.c" }, "a@b.c"],
    ["email", { type: "text", text: "a@b.c" }, "a@b.c"],
    ["website", { type: "url", url: "https://x" }, "https://x"],
    ["phone_number", { type: "phone_number", phone_number: "+55" }, "+55"],
    ["number", { type: "number", number: 0 }, 0],
    ["boolean", { type: "boolean", boolean: false }, false],
    ["date", { type: "date", date: "1990-01-02" }, "1990-01-02"],
    ["file_url", { type: "file_url", file_url: "https://f" }, "https://f"],
    [
      "multiple_choice",
      { type: "choice", choice: { id: "1", label: "L", ref: "R" } },
      { id: "1", label: "L", ref: "R" },
    ],
    [
      "multiple_choice",
      { type: "choice", choice: { other: "mine" } },
      { id: null, label: null, ref: null, other: "mine" },
    ],
    [
      "multiple_choice",
      { type: "choices", choices: { ids: ["1", "2"], labels: ["A", "B"], refs: ["x", "y"] } },
      [
        { id: "1", label: "A", ref: "x" },
        { id: "2", label: "B", ref: "y" },
      ],
    ],
    [
      "multiple_choice",
      { type: "choices", choices: { labels: ["A"], other: "mine" } },
      [
        { id: null, label: "A", ref: null },
        { id: null, label: null, ref: null, other: "mine" },
      ],
    ],
    [
      "choices",
      { type: "choices", choices: [{ id: "1", label: "A", ref: "x" }] },
      [{ id: "1", label: "A", ref: "x" }],
    ],
    [
      "payment",
      { type: "payment", payment: { amount: "5", last4: "1234", name: "A", success: true } },
      { amount: "5", last4: "1234", name: "A" },
    ],
    ["short_text", { type: "text" }, null],
    ["multiple_choice", { type: "choice" }, null],
  ];
  for (const [type, sent, wanted] of cases) assert.deepEqual(read(type, sent), wanted, type);
  for (const type of [
    "yes_no",
    "dropdown",
    "rating",
    "opinion_scale",
    "legal",
    "picture_choice",
    "file_upload",
  ]) {
    const sent = { type: "x", x: 1 };
    assert.deepEqual(read(type, sent), { ...sent, field: { id: "f", type, ref: "r" } }, type);
  }
});

test("answers keep their order, and two of one reference are both kept", () => {
  const field = (id: string, ref?: string) => ({ id, type: "short_text", ...(ref ? { ref } : {}) });
  const sent = [
    { type: "text", text: "1", field: field("a", "same") },
    { type: "text", text: "2", field: field("b") },
    { type: "text", text: "3", field: field("c", "same") },
  ];
  const delivery = readDelivery(newDelivery("f", "t", { answers: sent }), new Date(0))!;
  const data = delivery.responseData as any;
  assert.deepEqual(
    data.answers.map(({ text }: any) => text),
    ["1", "2", "3"],
  );
  assert.deepEqual(
    data.field_responses.map(({ field_ref }: any) => field_ref),
    ["same", null, "same"],
  );
});

test("what is stored of a delivery has each answer by its kind, and of the rest what was there", () => {
  const field = (type: string) => ({ id: type, type, ref: `r-${type}` });
  const answers = [
    { type: "text", text: "a", field: field("short_text") },
    { type: "email", email: "a@b.c", field: field("email") },
    { type: "number", number: 5, field: field("number") },
    { type: "boolean", boolean: true, field: field("boolean") },
    { type: "url", url: "https://x", field: field("website") },
  ];
  const definition = { fields: [{ id: "number", title: "Quantos?" }] };
  const at = new Date("2026-01-02T03:04:05Z");
  const sent = newDelivery("f", "t", { answers, definition, response_id: "r1", hidden: null });
  const { submitted_at: submitted } = sent.form_response;
  const { responseData } = readDelivery(sent, at)!;
  assert.deepEqual(responseData, {
    event_id: "event-t",
    event_type: "form_response",
    form_id: "f",
    response_token: "t",
    submitted_at: submitted,
    answers: [
      { field: field("short_text"), type: "text", text: "a" },
      { field: field("email"), type: "email", email: "a@b.c" },
      { field: field("number"), type: "number", number: 5 },
      { field: field("boolean"), type: "boolean", answer: true },
      { field: field("website"), type: "url", answer: "https://x" },
    ],
    field_responses: answers.map((answer) => ({
      field_id: answer.field.id,
      field_type: answer.field.type,
      question: answer.type === "number" ? "Quantos?" : null,
      answer: Object.values(answer)[1],
      field_ref: answer.field.ref,
    })),
    client_identifiers: { email: "a@b.c" },
    metadata: {
      webhook_received_at: "2026-01-02T03:04:05.000Z",
      typeform_event_id: "event-t",
      typeform_event_type: "form_response",
      form_response_id: "r1",
      landed_at: "2026-01-18T18:07:02Z",
      calculated_score: 9,
      variables: [{ key: "score", type: "number", number: 9 }],
    },
  });
});

test("titles come from the definition, those in groups as well; an unknown question has none", () => {
  const definition = {
    fields: [
      {
        id: "g",
        type: "group",
        title: "Endereço",
        properties: { fields: [{ id: "a", title: "Rua" }] },
      },
      { id: 5, title: "no id" },
      null,
    ],
  };
  const sent = ["a", "zz"].map((id) => ({
    type: "text",
    text: id,
    field: { id, type: "short_text" },
  }));
  assert.deepEqual(
    readAnswers(sent, definition).map(({ question }) => question),
    ["Rua", null],
  );
});

/** Pairs of a question (or `ref:` and a reference) and an answer. */
function identify(...pairs: [string, string | Json, string?][]) {
  const definition = {
    fields: pairs.map(([question], index) => ({ id: `f${index}`, title: question })),
  };
  const sent = pairs.map(([question, value, type = "short_text"], index) => ({
    ...(typeof value === "string" ? { type: "text", text: value } : value),
    field: {
      id: `f${index}`,
      type,
      ...(question.startsWith("ref:") ? { ref: question.slice(4) } : {}),
    },
  }));
  const named = { fields: definition.fields.filter(({ title }) => !title.startsWith("ref:")) };
  return findIdentifiers(readAnswers(sent, named));
}

test("questions are known by whole words, whatever their accents and capitals", () => {
  assert.deepEqual(identify(["Sobrenome", "Prado"]), { last_name: "Prado", name: "Prado" });
  assert.deepEqual(identify(["Nome", "Ana"], ["Sobrenome", "Prado"]), {
    first_name: "Ana",
    last_name: "Prado",
    name: "Ana Prado",
  });
  assert.deepEqual(identify(["NOME COMPLETO", "Ana Maria Prado"]), {
    first_name: "Ana",
    last_name: "Maria Prado",
    name: "Ana Maria Prado",
  });
  assert.deepEqual(identify(["ref:nomeDoCliente", "Ana"], ["ref:paísAtual", "Brasil"]), {
    first_name: "Ana",
    name: "Ana",
    country: "Brasil",
    address: "Brasil",
  });
  assert.deepEqual(identify(["ref:firstName", "Ana"], ["ref:last_name", "Prado"]), {
    first_name: "Ana",
    last_name: "Prado",
    name: "Ana Prado",
  });
  assert.deepEqual(
    identify(
      ["Endereco", "Rua A, 1"],
      ["Município", "Recife"],
      ["ESTADO", "PE"],
      ["CEP", "50000-000"],
      ["País", "Brasil"],
    ),
    {
      address_line1: "Rua A, 1",
      city: "Recife",
      state: "PE",
      zip: "50000-000",
      country: "Brasil",
      address: "Rua A, 1, Recife, PE, 50000-000, Brasil",
    },
  );
  assert.deepEqual(
    identify(["Gênero", { type: "choice", choice: { label: "Feminino" } }, "multiple_choice"]),
    { gender: "Feminino" },
  );
  assert.deepEqual(identify(["Seu nome de batismo", "José"]), { first_name: "José", name: "José" });
  assert.deepEqual(identify(["Company name", "Acme"]), { company: "Acme" });
});

/** The words of the contract, told here anew. */
const WORDS: Record<string, string> = {
  first_name: "first name, firstname, given name, nome, nome proprio, nome de batismo",
  last_name: "last name, lastname, surname, sobrenome, apelido",
  full_name: "name, full name, client name, your name, nome completo",
  email: "email, email address, contact email, e-mail",
  phone: "phone, phone number, contact phone, mobile, whatsapp, celular, telefone",
  company: "company, company name, organization, business name, empresa",
  gender: "gender, genero, sexo",
  birthday: "birth, birthday, dob, data de nascimento, nascimento, nasceu",
  address_line1: "address, endereco",
  address_line2: "address line 2, endereco linha 2, complemento",
  city: "city, town, cidade, municipio",
  state: "state, region, province, estado, regiao, provincia, uf",
  zip: "zip, postal, post code, postcode, cep, codigo postal",
  country: "country, pais",
};
/** A combining accent on every vowel. */
const accented = (text: string) => text.replaceAll(/[aeiou]/g, "$&\u0301");

test("every word of the contract is known whole, in capitals and accents, and never inside another", () => {
  for (const [key, list] of Object.entries(WORDS)) {
    for (const words of list.split(", ")) {
      for (const question of [
        words,
        words.toUpperCase(),
        accented(words),
        accented(words).normalize("NFC"),
        `Por favor: ${words}?`,
        `${words}/${words}`,
      ]) {
        assert.equal(keyOf([null, question]), key, question);
      }
      assert.equal(keyOf([words.replaceAll(/[ -]/g, "_"), null]), key, words);
      assert.equal(keyOf([`x${words}x`.replaceAll(" ", "x")]), undefined, words);
    }
  }
});

test("an answer to a field of mail, of phone or of a day is nothing else, whatever was asked", () => {
  const [email, phone, date] = [
    { type: "email", email: "ana@example.com" },
    { type: "phone_number", phone_number: "+55 11 91234-5678" },
    { type: "date", date: "2020-05-17" },
  ];
  assert.deepEqual(
    identify(
      ["Endereço de e-mail", email, "email"],
      ["Endereço do segundo e-mail", { ...email, email: "b@example.com" }, "email"],
      ["Nome do contato", phone, "phone_number"],
      ["Cidade, desde quando?", date, "date"],
    ),
    { email: "ana@example.com", phone: "+55 11 91234-5678" },
  );
  for (const question of ["E-mail address", "Endereço de e-mail", "Seu endereço de email"]) {
    assert.deepEqual(identify([question, "ana@example.com"]), { email: "ana@example.com" });
  }
  assert.equal(identify(["Please state your goals", "emagrecer"], ["Nome da rua", "A"]), null);
});

test("a full name wins over its parts, and fills those that are missing", () => {
  assert.deepEqual(identify(["Nome completo", "Ana Maria Prado"], ["Sobrenome", "Lima"]), {
    first_name: "Ana",
    last_name: "Lima",
    name: "Ana Maria Prado",
  });
  assert.deepEqual(identify(["Full name", "Ana"]), { first_name: "Ana", name: "Ana" });
  assert.deepEqual(
    identify(
      ["Country", "Brasil"],
      ["Address line 2", "ap. 3"],
      ["Zip", "50000-000"],
      ["Address", "Rua A, 1"],
    ),
    {
      country: "Brasil",
      address_line2: "ap. 3",
      zip: "50000-000",
      address_line1: "Rua A, 1",
      address: "Rua A, 1, ap. 3, 50000-000, Brasil",
    },
  );
});

test("nothing is made of words inside words, of other questions, or of answers that cannot be it", () => {
  assert.equal(
    identify(["Codinome", "x"], ["Renomear", "y"], ["Gostosuras", "z"], ["Estadia", "w"]),
    null,
  );
  assert.equal(identify(["Estado civil", "Casada"], ["Nome da mãe", "Rosa"]), null);
  assert.equal(
    identify(["Quando começou a dieta?", { type: "date", date: "2020-01-01" }, "date"]),
    null,
  );
  assert.equal(identify(["Data de nascimento", "não lembro"]), null);
  assert.equal(identify(["E-mail", "não tenho"], ["Telefone", "nenhum"]), null);
  assert.equal(identify(["Nome", { type: "boolean", boolean: true }, "yes_no"]), null);
  assert.equal(identify(["Nome", "   "]), null);
  assert.equal(identify(), null);
});

test("a birthday is a day that was given for one", () => {
  const date = { type: "date", date: "1990-05-17" };
  assert.deepEqual(identify(["Data de nascimento", date, "date"]), { birthday: "1990-05-17" });
  assert.deepEqual(identify(["When is your birthday?", "1990-05-17"]), { birthday: "1990-05-17" });
  assert.equal(identify(["Nascimento", "1990-02-31"]), null);
});

test("the type of a field comes before its words, and the first of a kind wins", () => {
  const email = (text: string) => ({ type: "email", email: text });
  assert.deepEqual(
    identify(
      ["Contact email", "z@z.com"],
      ["Onde escrevemos?", email("a@a.com"), "email"],
      ["E o outro?", email("b@b.com"), "email"],
    ),
    { email: "a@a.com" },
  );
  assert.deepEqual(identify(["WhatsApp", "11 91234-5678"], ["Telefone", "11 3333-4444"]), {
    phone: "11 91234-5678",
  });
});

test("whatever JSON is delivered is read or refused by rule", () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.jsonValue(),
      fc.array(fc.jsonValue()),
      (value, definition, answers) => {
        for (const payload of [
          value,
          { form_response: value },
          newDelivery("f", "t", { definition, answers }),
          newDelivery("f", "t", {
            definition,
            answers: answers.map((one, index) => ({
              ...(one as object),
              field: { id: `q${index}`, type: "multiple_choice", ref: one },
            })),
          }),
        ]) {
          try {
            readDelivery(payload, new Date(0));
          } catch (error) {
            assert.equal((error as { code?: string }).code, "validation_failed");
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});
