import { json, type Reply } from "../../http/reply.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { expectedVersion } from "../../http/rules.ts";
import { enveloped } from "../../http/schema-parts.ts";
import { closed, Type, uuid } from "../../http/schema.ts";
import type { Clock } from "../../platform/clock.ts";
import { newId } from "../../platform/ids.ts";
import { clientChangesBody, newClientBody } from "./client.ts";
import { NOTHING, withClientChanges } from "./client-input.ts";
import { applyForm, type FindFormResponse } from "./client-form.ts";
import { loadIsPhone } from "./contact.ts";
import { assertSameIds, callerOf } from "./owner.ts";
import { clientParams } from "./routes-clients.ts";
import { CONTEXT } from "./routes-tags.ts";
import type { ClientWriter, Versioned } from "./store-client-writes.ts";
import { readTags } from "./tag.ts";

export interface ClientWriteOptions {
  readonly writer: ClientWriter;
  readonly clock: Clock;
  /** Without it no client can be made from a form response. */
  readonly findFormResponse?: FindFormResponse | undefined;
}

export const versionQuery = closed({ version: Type.Optional(Type.Integer({ minimum: 1 })) });
const written = enveloped(
  Type.Object({
    message: Type.String(),
    client_id: uuid,
    id: uuid,
    version: Type.Integer({ minimum: 1 }),
  }),
);
const REFUSED = {
  403: { description: "It belongs to somebody else" },
  404: { description: "There is no such client" },
  409: { description: "Another version" },
} as const;

/** Making, changing and discarding clients. */
export function createClientWriteRoutes(options: ClientWriteOptions): Route[] {
  return [createRoute(options), changeRoute(options), discardRoute(options)];
}

const createRoute = ({ writer, clock, findFormResponse }: ClientWriteOptions) =>
  defineRoute({
    method: "POST",
    path: "/v1/clients",
    summary: "Make a client",
    description:
      "`profile` with name and sex is required. `form_response_id` fills what the body leaves out from the answers to a form of yours; nothing is guessed.",
    tag: CONTEXT,
    access: AUTHENTICATED,
    body: newClientBody,
    bodyExample: {
      profile: { name: "Walter Álvares", birthday: "1990-05-17", sex: "masculino" },
      contact_info: { main_phone: "(11) 91234-5678", main_email: "walter@example.com" },
      address: { street: "Rua das Laranjeiras", city: "São Paulo", state: "SP" },
      tags: [{ key: "goal", value: "health" }],
      notes: "Sem lactose",
    },
    responses: {
      201: { description: "The client was made", schema: written },
      403: { description: "A tag names another author" },
    },
    async handler({ body, principal }) {
      const caller = callerOf(principal);
      const rules = { isPhone: await loadIsPhone(), today: todayOf(clock) };
      const { form_response_id: responseId, tags = [], ...given } = body;
      const fields =
        responseId === undefined
          ? withClientChanges(NOTHING, given, rules)
          : await applyForm(given, responseId, caller, findFormResponse, rules);
      const made = await writer.insert(
        newId(clock),
        caller,
        { ...fields, tags: readTags(tags, "client", caller.userId) },
        new Date(clock.nowMs()),
      );
      return writtenReply(201, "Client created successfully", made);
    },
  });

const changeRoute = ({ writer, clock }: ClientWriteOptions) =>
  defineRoute({
    method: "PATCH",
    path: "/v1/clients/{client_id}",
    summary: "Change a client",
    description:
      "Absent fields stay, also inside `profile`, `contact_info` and `address`; null empties one. `tags` are the complete new set. `version` or `If-Match` refuses to overwrite a version not seen.",
    tag: CONTEXT,
    access: AUTHENTICATED,
    params: clientParams,
    body: clientChangesBody,
    bodyExample: { notes: "Sem lactose e sem glúten", version: 1 },
    responses: { 200: { description: "The client was changed", schema: written }, ...REFUSED },
    async handler(request) {
      const { params, body, principal } = request;
      const rules = { isPhone: await loadIsPhone(), today: todayOf(clock) };
      const seen = expectedVersion(request.header("if-match"), body.version);
      assertSameIds(body, { id: params.client_id });
      const changed = await writer.change(
        params.client_id,
        callerOf(principal, "manage_clients"),
        seen,
        (stored) => {
          assertSameIds(body, { author_id: stored.author_id });
          return {
            fields: withClientChanges(stored, body, rules),
            tags: body.tags && readTags(body.tags, "client", stored.author_id),
          };
        },
        new Date(clock.nowMs()),
      );
      return writtenReply(200, "Client updated successfully", changed);
    },
  });

const discardRoute = ({ writer, clock }: ClientWriteOptions) =>
  defineRoute({
    method: "DELETE",
    path: "/v1/clients/{client_id}",
    summary: "Discard a client with its menus and their meals",
    tag: CONTEXT,
    access: AUTHENTICATED,
    params: clientParams,
    query: versionQuery,
    responses: { 200: { description: "The client was discarded", schema: written }, ...REFUSED },
    async handler(request) {
      const seen = expectedVersion(request.header("if-match"), request.query.version);
      const caller = callerOf(request.principal, "manage_clients");
      const now = new Date(clock.nowMs());
      const discarded = await writer.discard(request.params.client_id, caller, seen, now);
      return writtenReply(200, "Client deleted successfully", discarded);
    },
  });

const todayOf = (clock: Clock) => new Date(clock.nowMs()).toISOString().slice(0, 10);

function writtenReply(status: number, message: string, { id, version }: Versioned): Reply {
  return json(status, { data: { message, client_id: id, id, version } }, { etag: `"${version}"` });
}
