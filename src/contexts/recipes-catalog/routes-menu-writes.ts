import { json, type Reply } from "../../http/reply.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { expectedVersion } from "../../http/rules.ts";
import { enveloped } from "../../http/schema-parts.ts";
import { Type, uuid } from "../../http/schema.ts";
import type { Clock } from "../../platform/clock.ts";
import { newId } from "../../platform/ids.ts";
import { menuChangesBody, newMenuBody } from "./menu.ts";
import { readDescription, readGrid } from "./menu-input.ts";
import { assertSameIds, callerOf } from "./owner.ts";
import { versionQuery } from "./routes-client-writes.ts";
import { clientParams } from "./routes-clients.ts";
import { menuParams } from "./routes-menus.ts";
import { CONTEXT } from "./routes-tags.ts";
import type { Versioned } from "./store-client-writes.ts";
import type { MenuWriter } from "./store-menu-writes.ts";
import { readTags } from "./tag.ts";

export interface MenuWriteOptions {
  readonly writer: MenuWriter;
  readonly clock: Clock;
}

const written = enveloped(
  Type.Object({
    message: Type.String(),
    client_id: uuid,
    menu_id: uuid,
    id: uuid,
    version: Type.Integer({ minimum: 1 }),
  }),
);
const REFUSED = {
  403: { description: "The menu, or a meal of its grid, belongs to somebody else" },
  404: { description: "The client, this menu of it, or a meal of the grid is not there" },
  409: { description: "Another version" },
} as const;

/** Making, changing and discarding menus. */
export function createMenuWriteRoutes(options: MenuWriteOptions): Route[] {
  return [createRoute(options), changeRoute(options), discardRoute(options)];
}

const createRoute = ({ writer, clock }: MenuWriteOptions) =>
  defineRoute({
    method: "POST",
    path: "/v1/clients/{client_id}/menus",
    summary: "Make an empty menu for a client",
    description: "It belongs to the author of the client, whoever makes it.",
    tag: CONTEXT,
    access: AUTHENTICATED,
    params: clientParams,
    body: newMenuBody,
    bodyExample: { description: "Quatro semanas", tags: [{ key: "phase", value: "first" }] },
    responses: {
      201: { description: "The menu was made", schema: written },
      403: REFUSED[403],
      404: REFUSED[404],
    },
    async handler({ params, body, principal }) {
      const { client_id: clientId } = params;
      assertSameIds(body, { client_id: clientId });
      const description = readDescription(body.description) ?? null;
      const made = await writer.insert(
        newId(clock),
        clientId,
        callerOf(principal, "manage_menus", "manage_clients"),
        {
          description,
          tags(authorId) {
            assertSameIds(body, { author_id: authorId });
            return readTags(body.tags ?? [], "menu", authorId);
          },
        },
        new Date(clock.nowMs()),
      );
      return writtenReply(201, "Menu created successfully", clientId, made);
    },
  });

const changeRoute = ({ writer, clock }: MenuWriteOptions) =>
  defineRoute({
    method: "PATCH",
    path: "/v1/clients/{client_id}/menus/{menu_id}",
    summary: "Change a menu or its grid",
    description:
      "`meals` is the complete new grid. A meal stands in one place: the first one keeps it, every further one gets a copy. Meals that are left out belong to no menu any more. Names and nutrition come from the meals themselves.",
    tag: CONTEXT,
    access: AUTHENTICATED,
    params: menuParams,
    body: menuChangesBody,
    bodyExample: { description: "Duas semanas", meals: [], version: 1 },
    responses: { 200: { description: "The menu was changed", schema: written }, ...REFUSED },
    async handler(request) {
      const { params, body, principal } = request;
      const { client_id: clientId, menu_id: menuId } = params;
      const seen = expectedVersion(request.header("if-match"), body.version);
      assertSameIds(body, { id: menuId, client_id: clientId });
      const grid = body.meals && readGrid(body.meals);
      const description = readDescription(body.description);
      const changed = await writer.change(
        { clientId, menuId },
        callerOf(principal, "manage_menus", "manage_clients"),
        seen,
        (grid ?? []).map(({ mealId }) => mealId),
        ({ author_id: authorId }) => {
          assertSameIds(body, { author_id: authorId });
          const tags = body.tags && readTags(body.tags, "menu", authorId);
          return { description, grid, tags };
        },
        new Date(clock.nowMs()),
      );
      return writtenReply(200, "Menu updated successfully", clientId, changed);
    },
  });

const discardRoute = ({ writer, clock }: MenuWriteOptions) =>
  defineRoute({
    method: "DELETE",
    path: "/v1/clients/{client_id}/menus/{menu_id}",
    summary: "Discard a menu with its meals",
    tag: CONTEXT,
    access: AUTHENTICATED,
    params: menuParams,
    query: versionQuery,
    responses: { 200: { description: "The menu was discarded", schema: written }, ...REFUSED },
    async handler(request) {
      const { client_id: clientId, menu_id: menuId } = request.params;
      const seen = expectedVersion(request.header("if-match"), request.query.version);
      const caller = callerOf(request.principal, "manage_menus", "manage_clients");
      const now = new Date(clock.nowMs());
      const discarded = await writer.discard({ clientId, menuId }, caller, seen, now);
      return writtenReply(200, "Menu deleted successfully", clientId, discarded);
    },
  });

function writtenReply(
  status: number,
  message: string,
  clientId: string,
  { id, version }: Versioned,
): Reply {
  const data = { message, client_id: clientId, menu_id: id, id, version };
  return json(status, { data }, { etag: `"${version}"` });
}
