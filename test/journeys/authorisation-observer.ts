import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { newId } from "../../src/platform/ids.ts";
import { signDelivery } from "../support/typeform.ts";
import { insertForm } from "../contexts/client-onboarding/support.ts";
import type { AuthorisationCallers, Caller } from "./authorisation-callers.ts";
import type { Answer, Ask, GoodRequest, Operation, RouteTable } from "./route-table.ts";

/** Who asks, in the order of the table; a public route is asked by the first two. */
export const COLUMNS = [
  "none",
  "owner",
  "plain",
  "unrelated",
  "foreign",
  "former",
  "manager",
  "own key",
  "other key",
  "bare key",
] as const;
export type Column = (typeof COLUMNS)[number];

/** What the contract lets act on what others of the tenant own, where no route asks for it first. */
const MANAGING: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^\/v1\/recipes/, ["recipes_catalog:manage_recipes"]],
  [/^\/v1\/meals/, ["recipes_catalog:manage_meals"]],
  [
    /^\/v1\/(menus|menu-view|shopping-lists|clients\/\{client_id\}\/(menus|shopping-lists))/,
    ["recipes_catalog:manage_menus", "recipes_catalog:manage_clients"],
  ],
  [/^\/v1\/clients/, ["recipes_catalog:manage_clients"]],
  [/^\/v1\/products\/\{product_id\}\/votes/, ["products_catalog:manage_products"]],
  [/^\/v1\/users\/\{user_id\}$/, ["iam:manage_users", "iam:manage_roles"]],
  [/^\/auth\/verify$/, ["iam:access_support"]],
];

/** Each of them alone opens the route, or what others own behind it. */
export function openingOf({ permission, path }: Operation): readonly string[] {
  if (permission !== undefined) return [permission];
  return MANAGING.find(([pattern]) => pattern.test(path))?.[1] ?? [];
}

/** Routes that change whoever calls them. */
const CHANGES_CALLER = /^\/(auth|users)\//;
const REFUSED = /^40[134]/;
/** Answers that must tell nothing of others: the catalogue of products is everybody's. */
const TELLS =
  /^(GET (?!\/v1\/products|\/v1\/admin\/network|\/v1\/client-onboarding\/typeform-key|\/health)|POST \/(auth\/verify|v1\/client-onboarding\/.*query))/;

/** Routes whose good request makes what a list shows; the last id of its path tells of it. */
const FURNITURE = [
  "GET /auth/api-keys/{api_key_id}",
  "PATCH /auth/mfa/passkeys/{passkey_id}",
  "DELETE /auth/trusted-devices/{device_id}",
  "PATCH /v1/client-onboarding/forms/{form_id}",
  "PATCH /v1/roles/{context}/{name}",
  "DELETE /v1/admin/clients/{client_id}",
  "GET /v1/tags/{tag_id}",
  "GET /v1/recipes/{recipe_id}",
  "GET /v1/shopping-lists/{shopping_list_id}",
] as const;

type Sent = Omit<Ask, "method" | "token">;

/** Asks a route as each of the columns and writes down what it answers. */
export function createObserver(table: RouteTable, callers: AuthorisationCallers) {
  const faults: string[] = [];
  /** What tells of somebody's things in an answer that names no user. */
  const marks: string[] = [];

  async function ask(operation: Operation, sent: Sent, token?: string): Promise<Answer> {
    let answer = await table.ask({ method: operation.method, token, ...sent });
    // A machine that has too much to do says so, and nothing of who may do what.
    for (let attempt = 1; answer.status === 503 && attempt < 3; attempt++) {
      await setTimeout(1_000);
      answer = await table.ask({ method: operation.method, token, ...sent });
    }
    faults.push(...operation.faultsOf(answer));
    return answer;
  }

  async function goodRequest(operation: Operation, owner: Caller): Promise<GoodRequest> {
    const good = await table.goodRequest(operation, owner);
    // Everybody may read about himself.
    return operation.label === "GET /v1/users/{user_id}"
      ? { ...good, path: `/v1/users/${owner.id}` }
      : good;
  }

  /** Does an answer tell of what the owner has, or of people whom the caller has no business with? */
  async function tells({ text }: Answer, caller: Caller, owner: Caller): Promise<boolean> {
    const known = [owner.id, owner.email, ...marks];
    if (known.some((mark) => text.includes(mark))) return true;
    const people = await callers.usersOfFirstTenant(text);
    return people.some((id) => id !== caller.id);
  }

  /** A public route: with nothing that proves who asks, and with what it takes for a proof. */
  async function observePublic(operation: Operation): Promise<string[]> {
    if (operation.proof !== undefined) {
      const requests = await provenRequests(operation, table);
      const answers = [await ask(operation, requests[0]), await ask(operation, requests[1])];
      return answers.map(({ status }) => String(status));
    }
    const good = async () => goodRequest(operation, await callers.find("owner", [], true));
    const bare = await ask(operation, await good());
    const { token } = await callers.find("plain", []);
    const known = await ask(operation, await good(), token);
    return [String(bare.status), String(known.status)];
  }

  /** @param row what is expected: refusals leave the request as good as it was */
  async function observe(operation: Operation, row: readonly string[] = []): Promise<string[]> {
    if (operation.isPublic) return observePublic(operation);
    const isRead = operation.method === "GET";
    const isFresh = CHANGES_CALLER.test(operation.path) && !isRead;
    const { permission } = operation;
    const held = permission === undefined ? [] : [permission];
    const opening = openingOf(operation);
    const owner = await callers.find("owner", held, isFresh);
    const shared = await goodRequest(operation, owner);
    const seen = new Map<Column, string>();

    async function asked(column: Column, token: string, caller: Caller) {
      const isShared = isRead || REFUSED.test(row[COLUMNS.indexOf(column)] ?? "");
      const sent = isShared ? shared : await goodRequest(operation, owner);
      const answer = await ask(operation, sent, token);
      const isOk = answer.status < 300 && TELLS.test(operation.label);
      const isSilent = isOk && !(await tells(answer, caller, owner));
      const status = `${answer.status}${isSilent ? "~" : ""}`;
      const before = seen.get(column);
      seen.set(column, before === undefined || before === status ? status : `${before}|${status}`);
    }

    const none = await ask(operation, shared);
    seen.set("none", String(none.status));
    assertChallenge(operation, none, "Bearer");
    for (const token of await callers.deadTokens()) {
      // Who asks comes before what is asked.
      const path = operation.path.replaceAll(/\{[a-z_]+\}/g, "x");
      const answer = await ask(operation, { path }, token);
      if (answer.status !== none.status) seen.set("none", `${none.status}|${answer.status}`);
      assertChallenge(operation, answer, 'Bearer error="invalid_token"');
    }
    for (const kind of ["plain", "unrelated", "foreign", "former"] as const) {
      const caller = await callers.find(kind, kind === "unrelated" ? opening : [], isFresh);
      await asked(kind, caller.token, caller);
    }
    const keeper = await callers.keeper();
    await asked("other key", await callers.keyOfOtherScope(operation), keeper);
    await asked("bare key", await callers.bareKey(), keeper);
    for (const name of opening) {
      const manager = await callers.find("manager", [name], isFresh);
      await asked("manager", manager.token, manager);
    }
    await asked("own key", await callers.ownKey(owner, held), owner);
    await asked("owner", owner.token, owner);
    return COLUMNS.map((column) => seen.get(column) ?? "-");
  }

  function assertChallenge({ label }: Operation, { headers, status }: Answer, wanted: string) {
    if (status !== 401 || headers["www-authenticate"] === wanted) return;
    faults.push(`${label}: www-authenticate: ${String(headers["www-authenticate"])}`);
  }

  return {
    observe: async (operation: Operation, row?: readonly string[]) => {
      const seen = await observe(operation, row);
      const owned = seen[COLUMNS.indexOf("owner")]!;
      // Nobody's answer tells of an owner where the owner's own does not.
      return owned.endsWith("~") ? seen.map((status) => status.replace("~", "")) : seen;
    },
    /** Gives an owner something of everything that is listed. */
    async furnish(owner: Caller): Promise<void> {
      marks.push(owner.sessionId);
      for (const label of FURNITURE) {
        const operation = table.operations.find((one) => one.label === label)!;
        const { path } = await table.goodRequest(operation, owner);
        const id = path.split("/").at(-1)!;
        marks.push(/^\d+$/.test(id) ? `"id":${id},` : id);
      }
    },
    /** What was not as the OpenAPI document says. */
    faults: () => faults.splice(0),
  };
}

/** One that proves nothing, and one that does. */
async function provenRequests(
  operation: Operation,
  { ask, administrator, database }: RouteTable,
): Promise<readonly [Sent, Sent]> {
  const { path, proof } = operation;
  if (proof === "signature") {
    const typeformId = newId();
    const { id: userId, tenantId } = administrator;
    await insertForm(database.database, typeformId, { userId, tenantId });
    const raw = JSON.stringify({
      event_type: "form_response",
      form_response: {
        form_id: typeformId,
        token: newId(),
        submitted_at: new Date().toISOString(),
        answers: [],
      },
    });
    const headers = { "typeform-signature": signDelivery(raw) };
    return [
      { path, raw },
      { path, raw, headers },
    ];
  }
  const { token } = administrator;
  const body = { name: "a client", scopes: ["iam:access_basic_features"] };
  const made = await ask({ method: "POST", path: "/v1/admin/clients", token, body });
  assert.equal(made.status, 201, made.text);
  const { client_id, client_secret } = made.body.data;
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const form = (fields: object) => new URLSearchParams({ ...fields }).toString();
  const grant = { grant_type: "client_credentials" };
  const known = { client_id, client_secret };
  const raw = form({ ...grant, ...known });
  const issued = await ask({ method: "POST", path: "/oauth/token", headers, raw });
  const what = path === "/oauth/token" ? grant : { token: issued.body.access_token };
  return [
    { path, headers, raw: form(what) },
    { path, headers, raw: form({ ...what, ...known }) },
  ];
}
