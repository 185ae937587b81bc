import { toPagination } from "../../http/paging.ts";
import type { Static } from "typebox";
import { json } from "../../http/reply.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { Type } from "../../http/schema.ts";
import { platformErrors, type FieldFault } from "../../platform/errors.ts";
import { productLimits } from "../../platform/limits.ts";
import { KINDS, PLACES, type Kind } from "./classification.ts";
import { given, instant, instantOf, toPage } from "./product-query.ts";
import {
  createClassificationWriteRoutes,
  ID,
  type ClassificationRouteOptions,
} from "./routes-classification-writes.ts";
import { TAG } from "./routes.ts";
import { validationFailure } from "../../http/rules.ts";
import { classification, paging, uuidText } from "./schemas.ts";
import { enveloped, listed } from "../../http/schema-parts.ts";
import { pagination } from "../../http/paging.ts";
import {
  CLASSIFICATION_SORTS,
  type ClassificationRow,
  type ClassificationStore,
} from "./store-classifications.ts";

const filters = {
  name: Type.Optional(Type.String({ maxLength: productLimits.shortTextCharactersMax })),
  author_id: Type.Optional(uuidText),
  created_at_gte: instant,
  created_at_lte: instant,
  ...paging,
  sort: Type.Optional(Type.Enum([...CLASSIFICATION_SORTS], { default: "-created_at" })),
};
const listQuery = Type.Object(filters, { additionalProperties: false });
type ListQuery = Static<typeof listQuery>;
const full = { full: Type.Optional(Type.Boolean({ description: "Whole rows in place of names" })) };
const sourceListQuery = Type.Object({ ...filters, ...full }, { additionalProperties: false });
const sourceQuery = Type.Object(full, { additionalProperties: false });

/** List, read, make, change and discard each kind of classification. */
export function createClassificationRoutes(options: ClassificationRouteOptions): Route[] {
  return KINDS.flatMap((kind) => [
    ...(kind === "sources" ? sourceReadRoutes(options) : readRoutes(kind, options)),
    ...createClassificationWriteRoutes(kind, options),
  ]);
}

async function listRows(store: ClassificationStore, kind: Kind, query: ListQuery) {
  const faults: FieldFault[] = [];
  const filter = given({
    name: query.name,
    authorId: query.author_id,
    createdAtGte: instantOf(query, "created_at_gte", faults),
    createdAtLte: instantOf(query, "created_at_lte", faults),
  });
  if (faults.length > 0) throw validationFailure(faults);
  const page = toPage(query);
  const { rows, total } = await store.list(kind, filter, query.sort ?? "-created_at", page);
  return { rows, pagination: toPagination(page, total) };
}

async function findRow(store: ClassificationStore, kind: Kind, id: string) {
  const row = await store.find(kind, id);
  if (row === undefined) throw platformErrors.failure("not_found");
  return row;
}

function namesOf(rows: readonly ClassificationRow[]): Record<string, string> {
  return Object.fromEntries(rows.map((row) => [row.id, row.name]));
}

const nameMap = Type.Record(Type.String(), Type.String());

/** Sources are read as `{id: name}`, unless whole rows are asked for. */
function sourceReadRoutes({ classifications: store }: ClassificationRouteOptions): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/v1/products/sources",
      summary: "List sources as a map from id to name",
      tag: TAG,
      access: AUTHENTICATED,
      query: sourceListQuery,
      responses: {
        200: {
          description: "Names by id; with `full=true` a list of rows",
          schema: Type.Object({
            data: Type.Union([nameMap, Type.Array(classification)]),
            pagination,
          }),
        },
      },
      async handler({ query }) {
        const { rows, pagination: numbers } = await listRows(store, "sources", query);
        return json(200, { data: query.full ? rows : namesOf(rows), pagination: numbers });
      },
    }),
    defineRoute({
      method: "GET",
      path: "/v1/products/sources/{id}",
      summary: "Read one source as a map from id to name",
      tag: TAG,
      access: AUTHENTICATED,
      params: ID,
      query: sourceQuery,
      responses: {
        200: {
          description: "The name by id; with `full=true` the row",
          schema: enveloped(Type.Union([nameMap, classification])),
        },
        404: { description: "There is no such source" },
      },
      async handler({ params, query }) {
        const row = await findRow(store, "sources", params.id);
        return json(200, { data: query.full ? row : namesOf([row]) }, etagOf(row));
      },
    }),
  ];
}

function readRoutes(kind: Kind, { classifications: store }: ClassificationRouteOptions): Route[] {
  const { label } = PLACES[kind];
  return [
    defineRoute({
      method: "GET",
      path: `/v1/products/${kind}`,
      summary: `List the ${kind.replace("-", " ")}`,
      tag: TAG,
      access: AUTHENTICATED,
      query: listQuery,
      responses: { 200: { description: "A page of rows", schema: listed(classification) } },
      async handler({ query }) {
        const { rows, pagination: numbers } = await listRows(store, kind, query);
        return json(200, { data: rows, pagination: numbers });
      },
    }),
    defineRoute({
      method: "GET",
      path: `/v1/products/${kind}/{id}`,
      summary: `Read one ${label}`,
      tag: TAG,
      access: AUTHENTICATED,
      params: ID,
      responses: {
        200: { description: `The ${label}`, schema: enveloped(classification) },
        404: { description: `There is no such ${label}` },
      },
      async handler({ params }) {
        const row = await findRow(store, kind, params.id);
        return json(200, { data: row }, etagOf(row));
      },
    }),
  ];
}

function etagOf({ version }: ClassificationRow) {
  return { etag: `"${version}"` };
}
