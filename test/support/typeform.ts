import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { sql } from "../../src/platform/sql.ts";
import type { TestDatabase } from "./database.ts";

export const TYPEFORM_KEY = "tfp_a-key-of-the-tests-alone";
export const WEBHOOK_SECRET = "a webhook secret of the tests";

/** A webhook as TypeForm keeps it. The secret is never shown again. */
export interface KeptWebhook {
  readonly url: string;
  readonly enabled: boolean;
  readonly verifySsl: boolean;
  readonly secret: string | undefined;
}

export interface AskedCall {
  readonly method: string;
  readonly path: string;
  readonly atMs: number;
  /** The bearer's. */
  readonly key: string | undefined;
}

/** What one call is answered in place of the usual; `hang`: nothing, ever; `mute`: done, and nothing. */
export type Trouble =
  | { readonly status: number; readonly retryAfter?: string; readonly isDone?: boolean }
  | "hang"
  | "mute"
  | "cut";

/**
 * TypeForm on loopback: forms that its key may read (and other keys, when it is told of them), one webhook for each form and tag, its
 * errors, and deliveries that it signs as it does.
 */
export async function startTypeform({
  forms = [] as readonly string[],
  anyForm = false,
  anyKey = false,
  port: wantedPort = 0,
} = {}) {
  const known = new Set(forms);
  const gone = new Set<string>();
  // What a key may read; undefined: every form there is.
  const keys = new Map<string, ReadonlySet<string> | undefined>([[TYPEFORM_KEY, undefined]]);
  const webhooks = new Map<string, KeptWebhook>();
  const calls: AskedCall[] = [];
  const open = new Set<Socket>();
  let trouble: ((call: AskedCall) => Trouble | undefined) | undefined;
  let delayMs = 0;
  const server = createServer((request, response) => void serve(request, response));
  server.on("connection", (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const piece of request.setEncoding("utf8")) text += piece as string;
    const path = request.url ?? "";
    const key = request.headers.authorization?.replace(/^Bearer /, "");
    const call = { method: request.method ?? "", path, atMs: performance.now(), key };
    calls.push(call);
    const met = trouble?.(call);
    if (met === "hang") return;
    if (met === "cut") return void request.socket.destroy();
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    const usual = () => answer(call, text);
    if (met === "mute") return void usual();
    if (met === undefined) return reply(response, usual());
    // The effect came about and the answer does not tell.
    if (met.isDone === true) usual();
    const headers = met.retryAfter === undefined ? {} : { "retry-after": met.retryAfter };
    reply(response, { status: met.status, body: { code: "TROUBLE" }, headers });
  }

  function answer({ method, path, key = "" }: AskedCall, text: string) {
    if (!anyKey && !keys.has(key)) return { status: 401, body: { code: "AUTHENTICATION_FAILED" } };
    const mayRead = (form: string) => keys.get(key)?.has(form) ?? true;
    const [, id, tag] = /^\/forms\/([\w-]+)(?:\/webhooks\/([\w-]+))?$/.exec(path) ?? [];
    if (id === undefined || gone.has(id) || !mayRead(id) || !(anyForm || known.has(id))) {
      return { status: 404, body: { code: "FORM_NOT_FOUND" } };
    }
    if (tag === undefined) return { status: 200, body: { id, title: `Form ${id}`, fields: [] } };
    const name = `${id}/${tag}`;
    const webhook = webhooks.get(name);
    if (method === "PUT") {
      const sent = JSON.parse(text) as Record<string, unknown>;
      if (typeof sent["url"] !== "string" || typeof sent["enabled"] !== "boolean") {
        return { status: 400, body: { code: "VALIDATION_ERROR" } };
      }
      const made: KeptWebhook = {
        url: sent["url"],
        enabled: sent["enabled"],
        verifySsl: sent["verify_ssl"] === true,
        secret: sent["secret"] as string | undefined,
      };
      webhooks.set(name, made);
      return { status: 200, body: shown(id, tag, made) };
    }
    if (webhook === undefined) return { status: 404, body: { code: "NOT_FOUND" } };
    if (method === "DELETE") {
      webhooks.delete(name);
      return { status: 204 };
    }
    return { status: 200, body: shown(id, tag, webhook) };
  }

  await new Promise<void>((resolve) => server.listen(wantedPort, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    calls,
    /** Settings of a server of ours that uses this TypeForm. */
    env: {
      TYPEFORM_API_KEY: TYPEFORM_KEY,
      TYPEFORM_API_URL: url,
      TYPEFORM_WEBHOOK_SECRET: WEBHOOK_SECRET,
    },
    webhookOf: (id: string) => webhooks.get(`${id}/client_onboarding`),
    /** Another account; without `forms` it may read every one. */
    giveKey: (key: string, forms?: readonly string[]) =>
      void keys.set(key, forms && new Set(forms)),
    removeForm(id: string) {
      gone.add(id);
      webhooks.delete(`${id}/client_onboarding`);
    },
    /** Somebody removes it at TypeForm's own page. */
    dropWebhook: (id: string) => void webhooks.delete(`${id}/client_onboarding`),
    meet(next: typeof trouble) {
      trouble = next;
    },
    slowBy(ms: number) {
      delayMs = ms;
    },
    /** Every connection that waits for an answer is cut. */
    cutAll() {
      for (const socket of open) socket.destroy();
    },
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type FakeTypeform = Awaited<ReturnType<typeof startTypeform>>;

function shown(id: string, tag: string, { url, enabled, verifySsl }: KeptWebhook) {
  return { id: `${id}-${tag}`, form_id: id, tag, url, enabled, verify_ssl: verifySsl };
}

function reply(
  response: ServerResponse,
  { status, body, headers }: { status: number; body?: unknown; headers?: Record<string, string> },
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

/** No call waits for its turn: for tests of something else. */
export async function withoutPace({ database }: Pick<TestDatabase, "database">): Promise<void> {
  await database.query(sql`
    create function client_onboarding.at_once() returns trigger language plpgsql as
      'begin new.next_at = least(new.next_at, clock_timestamp()); return new; end'`);
  await database.query(sql`
    create trigger at_once before insert or update on client_onboarding.typeform_pace
      for each row execute function client_onboarding.at_once()`);
}

/** As TypeForm writes it into `Typeform-Signature`; told here anew, not by the code under test. */
export function signDelivery(body: string | Uint8Array, secret: string = WEBHOOK_SECRET): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("base64")}`;
}

interface DeliveryOptions {
  readonly secret?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Posts a delivery, signed. */
export async function deliver(url: string, payload: unknown, options: DeliveryOptions = {}) {
  const body = typeof payload === "string" ? payload : JSON.stringify(payload);
  const response = await fetch(`${url}/v1/client-onboarding/webhook`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "typeform-signature": signDelivery(body, options.secret),
      // A connection that was kept may be closed by the other side just now.
      connection: "close",
      ...options.headers,
    },
    body,
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : (JSON.parse(text) as any) };
}

/** A delivery as TypeForm sends it. */
export function newDelivery(formId: string, token: string, changes: object = {}) {
  return {
    event_id: `event-${token}`,
    event_type: "form_response",
    form_response: {
      form_id: formId,
      token,
      landed_at: "2026-01-18T18:07:02Z",
      submitted_at: new Date(Date.now() - 60_000).toISOString(),
      hidden: { campaign: "spring" },
      calculated: { score: 9 },
      variables: [{ key: "score", type: "number", number: 9 }],
      definition: {
        id: formId,
        title: "Anamnese",
        fields: [
          { id: "q1", ref: "nome_completo", type: "short_text", title: "Qual é o seu nome?" },
          { id: "q2", ref: "r2", type: "email", title: "E-mail" },
          {
            id: "q3",
            ref: "r3",
            type: "multiple_choice",
            title: "Alergias",
            allow_multiple_selections: true,
          },
        ],
      },
      answers: [
        {
          type: "text",
          text: "Ana Lúcia Prado",
          field: { id: "q1", type: "short_text", ref: "nome_completo" },
        },
        {
          type: "email",
          email: "ana@example.com",
          field: { id: "q2", type: "email", ref: "r2" },
        },
        {
          type: "choices",
          choices: { ids: ["a", "b"], labels: ["Leite", "Soja"], refs: ["ra", "rb"] },
          field: { id: "q3", type: "multiple_choice", ref: "r3" },
        },
      ],
      ...changes,
    },
  };
}
