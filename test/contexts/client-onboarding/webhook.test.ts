import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import { createManualClock } from "../../support/clock.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { newDelivery, signDelivery, WEBHOOK_SECRET } from "../../support/typeform.ts";
import { ANA, countResponses, insertForm, openOnboarding } from "./support.ts";

const OLD_SECRET = "the secret that was used before";
let database: TestDatabase;
let api: ReturnType<typeof openOnboarding>;
before(async () => {
  database = await withDatabase();
  api = openOnboarding(database.database, { secrets: [WEBHOOK_SECRET, OLD_SECRET] });
  await insertForm(database.database, "form1");
});
after(() => database.drop());
beforeEach(() => database.database.query(sql`delete from client_onboarding.form_responses`));

const stored = async () => {
  const { rows } = await database.database.query<any>(sql`
    select * from client_onboarding.form_responses order by id`);
  return rows;
};
const post = (raw: string | Uint8Array, signatures: readonly string[], open = api) =>
  open.call("POST", "/webhook", {
    as: null,
    raw,
    headers: signatures.map((value) => ["typeform-signature", value] as const),
  });

test("a signed delivery is stored once, with its questions, and told in a good time", async () => {
  const answer = await api.take(newDelivery("form1", "t1"));
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.data.message, "Webhook processed successfully");
  assert.match(answer.body.data.details.processed_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  const [row] = await stored();
  assert.equal(row.response_id, "t1");
  assert.equal(row.user_id, ANA.userId);
  assert.equal(row.tenant_id, ANA.tenantId);
  assert.deepEqual(row.client_identifiers, {
    name: "Ana Lúcia Prado",
    first_name: "Ana",
    last_name: "Lúcia Prado",
    email: "ana@example.com",
  });
  const { response_data: data } = row;
  assert.deepEqual(
    data.field_responses.map(({ question }: any) => question),
    ["Qual é o seu nome?", "E-mail", "Alergias"],
  );
  assert.deepEqual(data.field_responses[2].answer, [
    { id: "a", label: "Leite", ref: "ra" },
    { id: "b", label: "Soja", ref: "rb" },
  ]);
  assert.equal(data.metadata.calculated_score, 9);
  assert.deepEqual(data.metadata.hidden_fields, { campaign: "spring" });
  assert.equal("form_response_id" in data.metadata, false);
});

test("a copy is answered alike and changes nothing, also when fifty come at once", async () => {
  const payload = newDelivery("form1", "copies");
  const answers = await Promise.all(Array.from({ length: 50 }, () => api.take(payload)));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.equal(await countResponses(database.database), 1);
  const later = await api.take({ ...payload, event_id: "another" });
  assert.equal(later.status, 200);
  assert.equal((await stored())[0].response_data.event_id, "event-copies");
});

test("copies that come while one is being stored ask the database nothing", async () => {
  let statements = 0;
  const counting = new Proxy(database.database, {
    get(target, name) {
      if (name === "query") statements++;
      return Reflect.get(target, name) as unknown;
    },
  });
  const open = openOnboarding(counting as typeof database.database);
  const copies = (form: string) =>
    Promise.all(Array.from({ length: 20 }, () => open.take(newDelivery(form, "together"))));
  assert.deepEqual([...new Set((await copies("form1")).map(({ status }) => status))], [200]);
  assert.equal(statements, 1);
  // The form is part of what is the same; and whoever comes later asks anew.
  assert.deepEqual([...new Set((await copies("nobody")).map(({ status }) => status))], [404]);
  assert.equal((await open.take(newDelivery("form1", "together"))).status, 200);
  assert.equal(statements, 3);
  await database.database.query(sql`alter table client_onboarding.form_responses rename to gone`);
  const failed = (await copies("form1")).map(({ status }) => status);
  await database.database.query(sql`alter table client_onboarding.gone rename to form_responses`);
  assert.deepEqual([...new Set(failed)], [500]);
  assert.equal((await open.take(newDelivery("form1", "together"))).status, 200);
});

test("the secret before the present one is still good, and no other", async () => {
  assert.equal((await api.take(newDelivery("form1", "s1"), OLD_SECRET)).status, 200);
  assert.equal((await api.take(newDelivery("form1", "s2"), "some other secret, long")).status, 401);
  assert.equal(await countResponses(database.database), 1);
});

test("whatever is not exactly our signature over exactly these bytes is refused", async () => {
  const body = JSON.stringify(newDelivery("form1", "sig"));
  const good = signDelivery(body);
  const hex = createHmac("sha256", WEBHOOK_SECRET).update(body).digest("hex");
  const raw = good.slice("sha256=".length);
  const changed = (at: number) =>
    good.slice(0, at) + (good[at] === "A" ? "B" : "A") + good.slice(at + 1);
  const bad: Record<string, readonly string[]> = {
    none: [],
    twice: [good, good],
    "a bad one first": ["sha256=x", good],
    "a good one first": [good, "sha256=x"],
    joined: [`${good},${good}`],
    empty: [""],
    "only the prefix": ["sha256="],
    "no prefix": [raw],
    "another prefix": [`sha1=${raw}`],
    "a prefix in capitals": [`SHA256=${raw}`],
    hexadecimal: [`sha256=${hex}`],
    "the URL alphabet": [`sha256=${Buffer.from(raw, "base64").toString("base64url")}`],
    shorter: [good.slice(0, -1)],
    longer: [`${good}=`],
    "a blank at the end": [`${good} `],
    "the first character": [changed(7)],
    "one in the middle": [changed(25)],
    "the last but one": [changed(good.length - 2)],
    "not ASCII": [`sha256=${"é".repeat(44)}`],
    "over a line end as well": [signDelivery(`${body}\n`)],
    "over other bytes": [signDelivery(`${body} `)],
    "with the text of the secret as hexadecimal": [
      signDelivery(body, Buffer.from(WEBHOOK_SECRET).toString("hex")),
    ],
    "with no secret": [signDelivery(body, "")],
  };
  for (const [name, signatures] of Object.entries(bad)) {
    const answer = await post(body, signatures);
    assert.equal(answer.status, 401, name);
    assert.equal(answer.body.error_code, "webhook_signature_invalid", name);
  }
  assert.equal((await post(`${body} `, [good])).status, 401);
  assert.equal((await post(body.replace("Ana", "Eva"), [good])).status, 401);
  assert.equal(await countResponses(database.database), 0);
  assert.equal((await post(body, [good])).status, 200);
});

test("without a secret nothing is believed, signed with nothing or not at all", async () => {
  const open = openOnboarding(database.database, { secrets: [] });
  const body = JSON.stringify(newDelivery("form1", "closed"));
  for (const signatures of [[], [signDelivery(body, "")], [signDelivery(body, "undefined")]]) {
    const answer = await post(body, signatures, open);
    assert.equal(answer.status, 503);
    assert.doesNotMatch(answer.text, /SECRET/);
  }
  assert.equal(await countResponses(database.database), 0);
});

test("a body above 1 MiB is refused before it is signed or read, one of 1 MiB is taken", async () => {
  const big = (bytes: number) => {
    const text = JSON.stringify(newDelivery("form1", "big"));
    return text + " ".repeat(bytes - Buffer.byteLength(text));
  };
  assert.equal((await post(big(1_048_577), [])).status, 413);
  assert.equal((await api.take(big(1_048_576))).status, 200);
});

test("signed nonsense is refused by kind, and never with 500", async () => {
  const good = newDelivery("form1", "n");
  const wrong: [string, number][] = [
    ["{", 400],
    ["", 400],
    ["\u00ff", 400],
    ['{"a":1,"a":2}', 400],
    ["null", 422],
    ["[]", 422],
    ['"text"', 422],
    ["{}", 422],
    ['{"form_response":null}', 422],
    ['{"form_response":[]}', 422],
    [JSON.stringify(newDelivery("form1", "n", { submitted_at: undefined })), 422],
    [JSON.stringify(newDelivery("form1", "n", { submitted_at: "yesterday" })), 422],
    [JSON.stringify(newDelivery("form1", "n", { submitted_at: 5 })), 422],
    [JSON.stringify(newDelivery("form1", "n", { submitted_at: "2026-02-31T00:00:00Z" })), 422],
    [JSON.stringify(newDelivery("form1", "n", { token: undefined })), 422],
    [JSON.stringify(newDelivery("form1", "n", { token: "" })), 422],
    [JSON.stringify(newDelivery("form1", "n", { token: "x".repeat(256) })), 422],
    [JSON.stringify(newDelivery("form1", "n", { form_id: null })), 422],
    [JSON.stringify(newDelivery("form1", "n", { answers: {} })), 422],
    [JSON.stringify(newDelivery("form1", "n", { answers: null })), 422],
    [JSON.stringify(newDelivery("nobody", "n")), 404],
    [JSON.stringify(good).replace("Ana", "\\u0000"), 422],
    [JSON.stringify(good).replace("Ana", "\\ud800"), 422],
  ];
  for (const [raw, status] of wrong) {
    const answer = await api.take(raw);
    assert.equal(answer.status, status, `${raw.slice(0, 80)}: ${answer.text}`);
    assert.doesNotMatch(answer.text, /Ana|example\.com/);
  }
  assert.equal(await countResponses(database.database), 0);
});

test("answers of any shape are stored or left out, and none breaks the rest", async () => {
  const odd = [null, 5, [], {}, { field: null }, { field: { id: 1, type: "x" } }, "text"];
  const fine = {
    type: "text",
    text: "🍚 ‮ <b>'; drop table",
    field: { id: "q1", type: "long_text" },
  };
  const answer = await api.take(newDelivery("form1", "odd", { answers: [...odd, fine, fine] }));
  assert.equal(answer.status, 200, answer.text);
  const [{ response_data: data }] = await stored();
  assert.deepEqual(
    data.field_responses.map(({ answer: value }: any) => value),
    [fine.text, fine.text],
  );
  const bare = newDelivery("form1", "bare", { answers: undefined, definition: undefined });
  assert.equal((await api.take(bare)).status, 200);
});

test("an event of another kind leaves the token to the whole response", async () => {
  const payload = newDelivery("form1", "part");
  const partial = { ...payload, event_type: "form_response_partial" };
  assert.equal((await api.take(partial)).status, 200);
  assert.equal(await countResponses(database.database), 0);
  assert.equal((await api.take(payload)).status, 200);
  assert.equal(await countResponses(database.database), 1);
});

test("a form that is paused still gets what was on its way, a deleted one does not", async () => {
  await insertForm(database.database, "paused", ANA, "paused");
  await insertForm(database.database, "gone", ANA, "deleted");
  assert.equal((await api.take(newDelivery("paused", "p"))).status, 200);
  assert.equal((await api.take(newDelivery("gone", "g"))).status, 404);
});

test("a copy of an answer that was removed for its age does not bring it back", async () => {
  const submitted = new Date(Date.now() - 366 * 86_400_000).toISOString();
  const answer = await api.take(newDelivery("form1", "aged", { submitted_at: submitted }));
  assert.equal(answer.status, 200);
  assert.equal(await countResponses(database.database), 0);
});

test("TypeForm's network is charged for what is not signed alone; a form pays for its own", async () => {
  await insertForm(database.database, "busy");
  const clock = createManualClock();
  const open = openOnboarding(database.database, { perMinute: 3, clock });
  for (let n = 0; n < 20; n++) {
    assert.equal((await open.take(newDelivery("form1", `day${n}`))).status, 200, String(n));
  }
  // The budget of one form is ten times that of a network; another form does not feel it.
  const statuses = [];
  for (let n = 0; n < 31; n++) {
    statuses.push((await open.take(newDelivery("busy", "copies"))).status);
  }
  assert.deepEqual(statuses, [...Array<number>(30).fill(200), 429]);
  assert.equal((await open.take(newDelivery("form1", "still"))).status, 200);
  const forge = async () => (await post("{}", [signDelivery("{}", "not ours")], open)).status;
  assert.deepEqual(
    [await forge(), await forge(), await forge(), await forge()],
    [401, 401, 401, 429],
  );
});
