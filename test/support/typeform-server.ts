/**
 * TypeForm on this machine, for whoever tries the onboarding without an account there:
 *   npx tsx test/support/typeform-server.ts [PORT]
 * Its API answers on PORT (9500); on the next port are its forms: `POST /to/<form id>` fills one in,
 * and what was answered is delivered, signed, to the webhook that our server has registered.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { pathToFileURL } from "node:url";
import { newId } from "../../src/platform/ids.ts";
import { newDelivery, signDelivery, startTypeform } from "./typeform.ts";

const FIELDS = [
  ["nome_completo", "short_text", "Qual é o seu nome completo?", { text: "Ana Lúcia Prado" }],
  ["sexo", "multiple_choice", "Sexo", { choice: { id: "f", label: "Feminino", ref: "f" } }],
  ["nascimento", "date", "Data de nascimento", { date: "1990-08-21" }],
  ["email", "email", "E-mail", { email: "ana.prado@example.com" }],
  ["celular", "phone_number", "Celular", { phone_number: "+5511912345678" }],
  ["cidade", "short_text", "Cidade", { text: "Campinas" }],
  ["estado", "dropdown", "Estado", { choice: { id: "sp", label: "SP", ref: "sp" } }],
] as const;

/** A delivery with every kind of answer that a client is made from. */
function filledIn(formId: string) {
  const fields = FIELDS.map(([ref, type, title], index) => ({ id: `f${index}`, ref, type, title }));
  const answers = FIELDS.map(([ref, type, , value], index) => ({
    type: Object.keys(value)[0],
    ...value,
    field: { id: `f${index}`, type, ref },
  }));
  const definition = { id: formId, title: "Anamnese", fields };
  return newDelivery(formId, newId(), { definition, answers });
}

/** Starts both; `port` 0 takes free ones. */
export async function startTypeformServer(port: number) {
  const typeform = await startTypeform({ anyForm: true, port });
  const forms = createServer((request, response) => void fillIn(request, response));

  async function fillIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, formId] = /^\/to\/([\w-]+)$/.exec(request.url ?? "") ?? [];
    const webhook = formId === undefined ? undefined : typeform.webhookOf(formId);
    if (formId === undefined || webhook?.enabled !== true || webhook.secret === undefined) {
      response.writeHead(404).end("no webhook is told of this form\n");
      return;
    }
    const delivery = filledIn(formId);
    const body = JSON.stringify(delivery);
    const { status } = await fetch(webhook.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "typeform-signature": signDelivery(body, webhook.secret),
      },
      body,
    });
    const { token } = delivery.form_response;
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ delivered: status, response_id: token }));
  }

  await new Promise<void>((resolve) =>
    forms.listen(port === 0 ? 0 : port + 1, "127.0.0.1", resolve),
  );
  const address = forms.address();
  return {
    env: typeform.env,
    formsUrl: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
    async stop() {
      await typeform.stop();
      await new Promise((resolve) => forms.close(resolve));
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { env, formsUrl } = await startTypeformServer(Number(process.argv[2] ?? 9_500));
  for (const [name, value] of Object.entries(env)) console.log(`${name}="${value}"`);
  console.log(`# a form is filled in by: curl -X POST ${formsUrl}/to/FORM_ID`);
}
