import type { TSchema } from "typebox";
import type { pagination } from "../../http/paging.ts";
import { json, type Reply } from "../../http/reply.ts";
import { closed, Type, uuid } from "../../http/schema.ts";
import { enveloped } from "../../http/schema-parts.ts";
import type { Static } from "typebox";
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

const JSON_TEXT = { "content-type": "application/json; charset=utf-8" } as const;

/** JSON text: a list with its pagination, or one thing with its version as the ETag. */
export function pageReply(
  text: string,
  pages?: Static<typeof pagination>,
  versionRead?: number,
): Reply {
  const tail = pages === undefined ? "" : `,"pagination":${JSON.stringify(pages)}`;
  const etag = versionRead === undefined ? {} : { etag: `"${versionRead}"` };
  const raw = `{"data":${text}${tail}}`;
  return { status: 200, headers: { ...JSON_TEXT, ...etag }, raw, once: true };
}
