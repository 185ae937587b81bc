import { json, type Reply } from "../../../http/reply.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../../http/route.ts";
import type { DrawDocument } from "../../../platform/documents/document-task.ts";
import { enveloped } from "../../../http/schema-parts.ts";
import { Type } from "../../../http/schema.ts";
import { platformErrors } from "../../../platform/errors.ts";
import { callerOf, type Caller } from "../owner.ts";
import { CONTEXT } from "../routes-tags.ts";
import {
  assertNamesListOnly,
  documentBody,
  documentOfBody,
  documentOfList,
  documentQuery,
} from "./document-request.ts";
import type { ShoppingListStore } from "./store-lists.ts";

export interface DocumentRouteOptions {
  readonly lists: ShoppingListStore;
  readonly drawDocument: DrawDocument;
}

const EXAMPLE = {
  shopping_items: [
    {
      shopping_name: "Arroz integral",
      unit: "g",
      quantity: 1200,
      meals_names: ["Almoço"],
      store_department_name: "Mercearia",
    },
  ],
  order_by: "store_department_name",
  created_at: "2026-03-09T12:00:00Z",
};

/** A list on paper. */
export function createDocumentRoute({ lists, drawDocument }: DocumentRouteOptions): Route {
  async function findList(caller: Caller, id: string) {
    const list = await lists.find(caller, id);
    if (list === undefined) throw platformErrors.failure("not_found");
    return list;
  }
  return defineRoute({
    method: "POST",
    path: "/v1/shopping-lists/pdf",
    aliases: [{ path: "/v1/shopping-list/pdf" }],
    summary: "Draw a shopping list as a PDF",
    description:
      "Of the lines in the body, or of a kept list. With `Accept: application/json` the answer is " +
      '`{"data":{"message","shopping-list"}}`, the PDF in base64.',
    tag: CONTEXT,
    access: AUTHENTICATED,
    keyScope: "read",
    query: documentQuery,
    body: documentBody,
    bodyExample: EXAMPLE,
    responses: {
      201: { description: "The document", contentType: "application/pdf", jsonSchema: inBase64 },
      404: { description: "There is no such list, or it is not yours" },
    },
    async handler(request) {
      const { body, principal, signal } = request;
      const language = request.query.lang ?? "pt-BR";
      const id = body.shopping_list_id;
      if (id !== undefined) assertNamesListOnly(body);
      const caller = callerOf(principal, "manage_menus", "manage_clients");
      const list =
        id === undefined
          ? documentOfBody(body, language)
          : documentOfList(await findList(caller, id), language);
      const bytes = await drawDocument({ kind: "shopping-list", list }, signal);
      return documentReply(bytes, asksForJson(request.header("accept")));
    },
  });
}

const inBase64 = enveloped(Type.Object({ message: Type.String(), "shopping-list": Type.String() }));

function documentReply(bytes: Uint8Array, isJson: boolean): Reply {
  if (isJson) {
    const text = Buffer.from(bytes).toString("base64");
    const message = "PDF created successfully";
    return json(201, { data: { message, "shopping-list": text } }, { vary: "accept" });
  }
  return {
    status: 201,
    headers: {
      "content-type": "application/pdf",
      "content-disposition": 'inline; filename="shopping-list.pdf"',
      vary: "accept",
    },
    raw: bytes,
  };
}

/** Whoever takes the document itself gets it. */
function asksForJson(accept: string | undefined): boolean {
  return accept !== undefined && /\bapplication\/json\b/i.test(accept) && !/pdf/i.test(accept);
}
