/** From sign-up to the shopping list on paper: through a real server, and as the README tells it. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createInlineBrigade } from "../cli/support.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { ask, register } from "../support/journey.ts";
import { readPdf } from "../support/pdf.ts";
import { SEALING_KEY, startServer, type TestServer } from "../support/server.ts";
import { withoutPace } from "../support/typeform.ts";
import { startTypeformServer } from "../support/typeform-server.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SAMPLE = join(ROOT, "src/contexts/products-catalog/import/sample");
const WEEKDAYS = ["Segunda", "Terça", "Quarta", "Quinta", "Sexta", "Sábado", "Domingo"];

let database: TestDatabase;
let typeform: Awaited<ReturnType<typeof startTypeformServer>>;
let server: TestServer;
const folder = mkdtempSync(join(tmpdir(), "brigade-week-"));
before(async () => {
  database = await withDatabase();
  await withoutPace(database);
  typeform = await startTypeformServer(0);
  server = await startServer({
    databaseUrl: database.url,
    env: { NODE_ENV: "development", RATE_LIMIT_ENABLED: "false", ...typeform.env },
  });
});
after(async () => {
  await server?.stop();
  await typeform?.stop();
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** Asks with a token, expects a status and answers `data`. */
function speaker(token: string) {
  return async (status: number, path: string, body?: unknown): Promise<any> => {
    const method = body === undefined ? "GET" : "POST";
    const answer = await ask(`${server.url}${path}`, { method, token, body });
    assert.equal(answer.status, status, `${path}: ${JSON.stringify(answer.body)}`);
    return answer.body["data"];
  };
}
type Say = ReturnType<typeof speaker>;

/** A client, made from what somebody answered to a form. */
async function clientFromForm(say: Say, formId: string, userId: string): Promise<string> {
  const typeform_url = `https://example.typeform.com/to/${formId}`;
  const webhook_url = `${server.url}/v1/client-onboarding/webhook`;
  await say(201, "/v1/client-onboarding/forms", { typeform_url, webhook_url });
  const filledIn = await fetch(`${typeform.formsUrl}/to/${formId}`, { method: "POST" });
  const { delivered, response_id } = (await filledIn.json()) as Record<string, unknown>;
  assert.equal(delivered, 200);
  const query = { query_type: "responses_by_user", user_id: userId };
  const { responses } = await say(200, "/v1/client-onboarding/query-responses", query);
  assert.deepEqual(
    responses.map((response: { response_id: string }) => response.response_id),
    [response_id],
  );
  const { id } = await say(201, "/v1/clients", { form_response_id: response_id });
  return id as string;
}

const recipes = (riceId: string, beansId: string) => [
  {
    name: "Arroz",
    instructions: "Aqueça.",
    weight_in_grams: 150,
    nutri_facts: { calories: 195, protein: 3.9, sodium: { value: 0.003, unit: "g" } },
    ingredients: [
      { name: "Arroz", quantity: 150, unit: "g", position: 0, product_id: riceId },
      { name: "Flor de sal", quantity: 1, unit: "pitada", position: 1 },
    ],
  },
  {
    name: "Feijão",
    instructions: "Aqueça.",
    weight_in_grams: 100,
    nutri_facts: { calories: 77, protein: 4.8, sodium: { value: 2, unit: "mg" } },
    ingredients: [{ name: "Feijão", quantity: 100, unit: "g", position: 0, product_id: beansId }],
  },
];

test("from sign-up, foods and an answered form to a week's meals, their totals, the list and its paper", async () => {
  const { access_token } = await register(server.url, "rita@clinic.example", "four plates of rice");
  const say = speaker(access_token);
  const me = await ask(`${server.url}/auth/whoami`, { token: access_token });

  const brigade = createInlineBrigade({ DATABASE_URL: database.url });
  const imported = await brigade(["import", "products", "--format", "taco", SAMPLE]);
  assert.equal(imported.code, 0, imported.stderr);
  const riceId = (await say(200, "/v1/products/search?name=Arroz,%20branco,%20cozido"))[0].id;
  const beans = await say(200, "/v1/products/search/similar-names?name=aveia");

  const clientId = await clientFromForm(say, "week", me.body["user_id"]);
  const client = await say(200, `/v1/clients/${clientId}`);
  assert.deepEqual(client.profile, {
    name: "Ana Lúcia Prado",
    sex: "feminino",
    birthday: "1990-08-21",
  });
  assert.equal(client.contact_info.main_email, "ana.prado@example.com");
  assert.equal(client.address.city, "Campinas");

  const { id: menuId } = await say(201, `/v1/clients/${clientId}/menus`, {
    description: "Semana 1",
  });
  let mealId = "";
  for (const weekday of WEEKDAYS) {
    const made = await say(201, "/v1/meals", {
      name: `Almoço de ${weekday}`,
      menu_id: menuId,
      menu_meal: { week: 1, weekday, hour: "12:30", meal_type: "almoço" },
      recipes: recipes(riceId, beans[0].id),
    });
    mealId = made.id;
  }

  const meal = await say(200, `/v1/meals/${mealId}`);
  assert.equal(meal.nutri_facts.calories.value, 272);
  // 3 mg that were sent as grams, and 2 mg.
  const { value, unit } = meal.nutri_facts.sodium;
  assert.equal(unit === "g" ? value * 1000 : value, 5);
  assert.equal(meal.weight_in_grams, 250);
  assert.equal(meal.calorie_density.toFixed(3), "108.800");
  const menu = await say(200, `/v1/clients/${clientId}/menus/${menuId}`);
  assert.deepEqual(
    menu.meals.map((slot: any) => [slot.weekday, slot.meal_name, slot.nutri_facts.calories.value]),
    WEEKDAYS.map((weekday) => [weekday, `Almoço de ${weekday}`, 272]),
  );

  const list = await say(200, `/v1/menus/${menuId}/shopping-list?weeks=1`);
  const amounts = list.shopping_items.map((item: any) => [item.quantity, item.unit]);
  assert.deepEqual(
    amounts.toSorted(),
    [
      [1050, "g"],
      [2.1, "g"],
      [700, "g"],
    ].toSorted(),
  );
  const { id: listId } = await say(201, "/v1/shopping-lists", {
    client_id: clientId,
    menu_ids: [menuId],
  });
  const paper = await fetch(`${server.url}/v1/shopping-lists/pdf`, {
    method: "POST",
    headers: { authorization: `Bearer ${access_token}`, "content-type": "application/json" },
    body: JSON.stringify({ shopping_list_id: listId }),
  });
  assert.equal(paper.status, 201);
  const { pages } = await readPdf(new Uint8Array(await paper.arrayBuffer()));
  const text = pages.map((page) => page.text).join(" ");
  for (const word of ["Flor de sal", "Almoço de Domingo", "700 g", "1,05 kg"]) {
    assert.ok(text.includes(word), `${word} in ${text}`);
  }
});

/** The blocks of commands of a section, but for the first, which starts what runs here already. */
function commandsOf(heading: string): string[] {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const section = readme.split(`## ${heading}\n`)[1]!.split("\n## ")[0]!;
  return [...section.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block]) => block!).slice(1);
}

const hasShell = ["bash", "curl"].every(
  (program) => spawnSync(program, ["--version"]).status === 0,
);

test("the week of the README goes as it is written", { skip: !hasShell && "curl" }, async () => {
  const paper = join(folder, "compras.pdf");
  const script = commandsOf("A week for a client")
    .join("\n")
    .replaceAll("http://localhost:8000", server.url)
    .replaceAll("http://localhost:9501", typeform.formsUrl)
    .replace("compras.pdf", paper);
  const { stdout, stderr } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script], {
    cwd: ROOT,
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      TOKEN: "",
      DATABASE_URL: database.url,
      KEY_ENCRYPTION_KEYS: `test:${SEALING_KEY}`,
    },
  });
  assert.doesNotMatch(stdout, /"error_code"/);
  assert.match(stdout, /"name":"Ana Lúcia Prado"/, stderr);
  assert.match(stdout, /\{ unit: 'g', value: 0.006 \}/);
  assert.match(stdout, /"quantity":1050,/);
  const { pages } = await readPdf(readFileSync(paper));
  assert.match(pages[0]!.text, /1,05 kg Arroz/);
});
