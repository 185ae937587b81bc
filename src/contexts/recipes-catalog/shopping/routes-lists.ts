import { pageQueryOf, readPage, toPagination } from "../../../http/paging.ts";
import { json } from "../../../http/reply.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../../http/route.ts";
import { expectedVersion } from "../../../http/rules.ts";
import { enveloped, listed } from "../../../http/schema-parts.ts";
import { closed, Type, uuid } from "../../../http/schema.ts";
import type { Clock } from "../../../platform/clock.ts";
import { platformErrors } from "../../../platform/errors.ts";
import { newId } from "../../../platform/ids.ts";
import { shoppingLimits } from "../../../platform/limits.ts";
import type { Transaction } from "../../../platform/postgres.ts";
import type { BodyMemory, JsonBody } from "../json-body.ts";
import { bodyReply } from "../meal-reply.ts";
import { callerOf } from "../owner.ts";
import { CONTEXT } from "../routes-tags.ts";
import { computeList, readList } from "./compute.ts";
import { EXAMPLE_WISHES } from "./routes-compute.ts";
import { newListBody, toShoppingRequest } from "./shopping-request.ts";
import { savedView, summaryView, viewSaved, viewSummary } from "./shopping-view.ts";
import type { ReadBasis } from "./store.ts";
import { LIST_SORTS, type ListState, type ShoppingListStore, type Written } from "./store-lists.ts";

export interface ListRouteOptions {
  readonly readBasis: ReadBasis;
  readonly lists: ShoppingListStore;
  readonly memory: BodyMemory;
  readonly clock: Clock;
}

const params = closed({ shopping_list_id: uuid });
const version = Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 }));
const written = enveloped(
  Type.Object({ message: Type.String(), id: uuid, version: Type.Integer({ minimum: 1 }) }),
);
const GONE = { 404: { description: "There is no such list, or it is not yours" } } as const;

/** Lists that are kept for a client and ticked off. */
export function createListRoutes(options: ListRouteOptions): Route[] {
  return [saveRoute(options), ...readRoutes(options), checkRoute(options), removeRoute(options)];
}

function saveRoute({ readBasis, lists, clock }: ListRouteOptions): Route {
  return defineRoute({
    method: "POST",
    path: "/v1/shopping-lists",
    summary: "Compute a shopping list and keep it for a client",
    description: `A client has at most ${shoppingLimits.listsPerClientMax}. The menus are the client's own.`,
    tag: CONTEXT,
    access: AUTHENTICATED,
    body: newListBody,
    bodyExample: { client_id: "00000000-0000-7000-8000-000000000029", ...EXAMPLE_WISHES },
    responses: {
      201: { description: "The list is kept", schema: written },
      404: { description: "The client or a menu is not there, or not yours" },
      409: { description: "The client has as many lists as it may have" },
    },
    async handler({ body, principal }) {
      const { client_id: clientId, ...wishes } = body;
      const asked = toShoppingRequest(wishes);
      const caller = callerOf(principal, "manage_menus", "manage_clients");
      const toItems = async (tx: Transaction) => {
        const basis = await readList(readBasis, tx, caller, asked, clientId);
        const items = await computeList(basis, asked);
        return items.map((item) => ({ id: newId(clock), item }));
      };
      const list = { id: newId(clock), clientId, request: asked };
      const made = await lists.insert(caller, list, toItems, new Date(clock.nowMs()));
      return writtenReply(201, "Shopping list created successfully", made);
    },
  });
}

function readRoutes({ lists, memory }: ListRouteOptions): Route[] {
  // Who may see a list is asked each time, with its state.
  const kept = memory.of<JsonBody>("kept list", (body) => body.byteLength);
  return [
    defineRoute({
      method: "GET",
      path: "/v1/shopping-lists/{shopping_list_id}",
      summary: "Read a kept list with its lines",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params,
      responses: { 200: { description: "The list", schema: enveloped(savedView) }, ...GONE },
      async handler({ params: { shopping_list_id: id }, principal }) {
        const caller = callerOf(principal, "manage_menus", "manage_clients");
        const state = await lists.findState(caller, id);
        if (state === undefined) throw platformErrors.failure("not_found");
        const known = kept.get(keyOf(state));
        if (known !== undefined) return bodyReply(known, state.version);
        const list = await lists.find(caller, id);
        if (list === undefined) throw platformErrors.failure("not_found");
        const body = Buffer.from(JSON.stringify({ data: viewSaved(list) }));
        kept.set(keyOf(list), body);
        return bodyReply(body, list.version);
      },
    }),
    defineRoute({
      method: "GET",
      path: "/v1/clients/{client_id}/shopping-lists",
      summary: "List what is kept for a client, without the lines",
      tag: CONTEXT,
      access: AUTHENTICATED,
      params: closed({ client_id: uuid }),
      query: closed({
        ...pageQueryOf(shoppingLimits.listsPerClientMax),
        sort: Type.Optional(Type.Enum([...LIST_SORTS], { default: "-created_at" })),
      }),
      responses: {
        200: { description: "A page of lists", schema: listed(summaryView) },
        404: { description: "There is no such client, or it is not yours" },
      },
      async handler({ params: { client_id: clientId }, query, principal }) {
        const page = readPage(query, shoppingLimits.listsPerClientMax);
        const caller = callerOf(principal, "manage_menus", "manage_clients");
        const found = await lists.list(caller, clientId, query.sort ?? "-created_at", page);
        return json(200, {
          data: found.lists.map(viewSummary),
          pagination: toPagination(page, found.total),
        });
      },
    }),
  ];
}

const keyOf = ({ id, version: read, updated_at: at }: ListState) =>
  [id, read, at.getTime()].join("/");

function checkRoute({ lists, clock }: ListRouteOptions): Route {
  return defineRoute({
    method: "PATCH",
    path: "/v1/shopping-lists/{shopping_list_id}",
    summary: "Tick a line off, or on again",
    description:
      "`version` in the body or `If-Match` refuses to change a version not seen. Without one, " +
      "several people can tick lines off at the same time.",
    tag: CONTEXT,
    access: AUTHENTICATED,
    params,
    body: closed({ item_id: uuid, checked: Type.Boolean(), version }),
    bodyExample: { item_id: "00000000-0000-7000-8000-00000000002c", checked: true, version: 1 },
    responses: {
      200: { description: "The line was changed", schema: written },
      ...GONE,
      409: { description: "Another version" },
    },
    async handler(request) {
      const { body, principal } = request;
      const seen = expectedVersion(request.header("if-match"), body.version);
      const changed = await lists.check(
        callerOf(principal, "manage_menus", "manage_clients"),
        request.params.shopping_list_id,
        { itemId: body.item_id, checked: body.checked, version: seen },
        new Date(clock.nowMs()),
      );
      return writtenReply(200, "Shopping list updated successfully", changed);
    },
  });
}

function removeRoute({ lists }: ListRouteOptions): Route {
  return defineRoute({
    method: "DELETE",
    path: "/v1/shopping-lists/{shopping_list_id}",
    summary: "Remove a kept list",
    tag: CONTEXT,
    access: AUTHENTICATED,
    params,
    query: closed({ version }),
    responses: {
      200: { description: "The list was removed", schema: written },
      ...GONE,
      409: { description: "Another version" },
    },
    async handler(request) {
      const seen = expectedVersion(request.header("if-match"), request.query.version);
      const caller = callerOf(request.principal, "manage_menus", "manage_clients");
      const removed = await lists.remove(caller, request.params.shopping_list_id, seen);
      return writtenReply(200, "Shopping list deleted successfully", removed);
    },
  });
}

function writtenReply(status: number, message: string, { id, version: last }: Written) {
  return json(status, { data: { message, id, version: last } }, { etag: `"${last}"` });
}
