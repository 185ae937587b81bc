import type { TSchema } from "typebox";
import type { pagination } from "../../http/paging.ts";
import { json, JSON_TEXT, type Reply } from "../../http/reply.ts";
import { closed, Type, uuid } from "../../http/schema.ts";
import { enveloped } from "../../http/schema-parts.ts";
import type { Static } from "typebox";
import type { JsonBody } from "./json-body.ts";
import type { Versioned } from "./recipe.ts";
import { version } from "./recipe-schemas.ts";

/** What every route of one recipe or meal may answer. */
export const READ_ONE = {
  403: { description: "It belongs to somebody else" },
  404: { description: "There is no such resource" },
} as const;

/** Where a DELETE may name the version it means, beside `If-Match`. */
export const versionQuery = closed({ version: Type.Optional(version) });

const FURTHER: Readonly<Record<string, TSchema>> = {
  average_taste_rating: Type.Number(),
  average_convenience_rating: Type.Number(),
};

/** What a write answers; `further` are ids unless they are means. */
export function written(...further: readonly string[]) {
  return enveloped(
    Type.Object({
      message: Type.String(),
      id: uuid,
      version,
      ...Object.fromEntries(further.map((name) => [name, FURTHER[name] ?? uuid])),
    }),
  );
}

/** The id and the version of what was written, and what else the answer says. */
export function writtenReply(
  status: number,
  message: string,
  { id, version: newVersion }: Versioned,
  further: object = {},
): Reply {
  const data = { message, ...further, id, version: newVersion };
  return json(status, { data }, { etag: `"${newVersion}"` });
}

/** A body that is kept for others too; of one thing with its version as the ETag. */
export function bodyReply(body: JsonBody, read?: number): Reply {
  return { status: 200, headers: read === undefined ? JSON_TEXT : withTag(read), raw: body };
}

/** A page of JSON texts, comma separated. */
export function pageReply(texts: string, pages: Static<typeof pagination>): Reply {
  const raw = `{"data":[${texts}],"pagination":${JSON.stringify(pages)}}`;
  return { status: 200, headers: JSON_TEXT, raw, once: true };
}

/** JSON text of one thing, with its version as the ETag. */
export function oneReply(one: { readonly json: string; readonly version: number }): Reply {
  return { status: 200, headers: withTag(one.version), raw: `{"data":${one.json}}`, once: true };
}

const withTag = (read: number) => ({ ...JSON_TEXT, etag: `"${read}"` });
