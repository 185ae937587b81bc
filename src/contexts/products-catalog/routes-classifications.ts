import { Type, type Static } from "typebox";
import { json } from "../../http/reply.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import type { Clock } from "../../platform/clock.ts";
import { platformErrors, type FieldFault } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { productLimits } from "../../platform/limits.ts";
import { KINDS, PLACES, type Kind } from "./classification.ts";
import { given, instant, instantOf, paginationOf, toPage } from "./product-query.ts";
import { MANAGE_PRODUCTS, TAG, versionQuery, writtenReply } from "./routes.ts";
import { cleanText, expectedVersion, validationFailure, type TextRule } from "./rules.ts";
import {
  classification,
  enveloped,
  listed,
  paging,
  pagination,
  uuidText,
  written,
} from "./schemas.ts";
import {
  CLASSIFICATION_SORTS,
  type ClassificationChanges,
  type ClassificationRow,
  type ClassificationStore,
} from "./store-classifications.ts";

export interface ClassificationRouteOptions {
  readonly classifications: ClassificationStore;
  readonly clock: Clock;
}

const ID = Type.Object({ id: uuidText });
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

const name = Type.String({ minLength: 1, maxLength: productLimits.shortTextCharactersMax });
const description = Type.Optional(
  Type.Unsafe<string | null>({
    type: ["string", "null"],
    maxLength: productLimits.mediumTextCharactersMax,
  }),
);
const newBody = Type.Object({ name, description }, { additionalProperties: false });
const changesBody = Type.Object(
  {
    name: Type.Optional(name),
    description,
    version: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    id: Type.Optional(Type.Unknown()),
    author_id: Type.Optional(Type.Unknown()),
    created_at: Type.Optional(Type.Unknown()),
    updated_at: Type.Optional(Type.Unknown()),
    discarded: Type.Optional(Type.Unknown()),
  },
  { additionalProperties: false },
);

const TEXTS: Readonly<Record<"name" | "description", TextRule>> = {
  name: { charactersMax: productLimits.shortTextCharactersMax },
  description: { charactersMax: productLimits.mediumTextCharactersMax, hasLines: true },
};

/** List, read, make, change and discard each kind of classification. */
export function createClassificationRoutes(options: ClassificationRouteOptions): Route[] {
  return KINDS.flatMap((kind) => [
    ...(kind === "sources" ? sourceReadRoutes(options) : readRoutes(kind, options)),
    ...writeRoutes(kind, options),
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
  return { rows, pagination: paginationOf(page, total) };
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

function writeRoutes(kind: Kind, options: ClassificationRouteOptions): Route[] {
  const { classifications: store, clock } = options;
  const { label } = PLACES[kind];
  const Label = label[0]!.toUpperCase() + label.slice(1);
  const now = () => new Date(clock.nowMs());
  return [
    defineRoute({
      method: "POST",
      path: `/v1/products/${kind}`,
      summary: `Make a ${label}`,
      tag: TAG,
      access: MANAGE_PRODUCTS,
      body: newBody,
      bodyExample: { name: `A ${label}`, description: null },
      responses: {
        201: { description: `The ${label} was made`, schema: written },
        409: { description: "The name is taken" },
      },
      async handler({ body, principal }) {
        const { name: text, description: more = null } = cleanTexts(body);
        const id = newId(clock);
        const made = { id, name: text!, description: more, authorId: principal.userId };
        const stored = await store.insert(kind, made, now());
        return writtenReply(201, `${Label} created successfully`, stored);
      },
    }),
    defineRoute({
      method: "PATCH",
      path: `/v1/products/${kind}/{id}`,
      summary: `Change a ${label}`,
      tag: TAG,
      access: MANAGE_PRODUCTS,
      params: ID,
      body: changesBody,
      bodyExample: { name: `Another ${label}`, version: 1 },
      responses: {
        200: { description: `The ${label} was changed`, schema: written },
        404: { description: `There is no such ${label}` },
        409: { description: "Another version, or the name is taken" },
      },
      async handler(request) {
        const { params, body } = request;
        const seen = expectedVersion(request.header("if-match"), body.version);
        const changed = await store.change(kind, params.id, seen, cleanTexts(body), now());
        return writtenReply(200, `${Label} updated successfully`, changed);
      },
    }),
    defineRoute({
      method: "DELETE",
      path: `/v1/products/${kind}/{id}`,
      summary: `Discard a ${label} that no product uses`,
      tag: TAG,
      access: MANAGE_PRODUCTS,
      params: ID,
      query: versionQuery,
      responses: {
        200: { description: `The ${label} was discarded`, schema: written },
        404: { description: `There is no such ${label}` },
        409: { description: "Another version, or products use it" },
      },
      async handler(request) {
        const seen = expectedVersion(request.header("if-match"), request.query.version);
        const discarded = await store.discard(kind, request.params.id, seen, now());
        return writtenReply(200, `${Label} deleted successfully`, discarded);
      },
    }),
  ];
}

function etagOf({ version }: ClassificationRow) {
  return { etag: `"${version}"` };
}

/** @throws AppError `validation_failed` */
function cleanTexts(body: { readonly name?: string; readonly description?: string | null }) {
  const faults: FieldFault[] = [];
  const texts: { name?: string; description?: string | null } = {};
  for (const field of ["name", "description"] as const) {
    const sent = body[field];
    if (sent === undefined) continue;
    const cleaned = sent === null ? { text: null } : cleanText(sent, TEXTS[field]);
    if ("code" in cleaned) {
      faults.push({ path: `/body/${field}`, code: cleaned.code, message: cleaned.message });
    } else if (field === "description") texts.description = cleaned.text;
    else if (cleaned.text !== null) texts.name = cleaned.text;
    else faults.push({ path: "/body/name", code: "min_length", message: "must not be empty" });
  }
  if (faults.length > 0) throw validationFailure(faults);
  return texts satisfies ClassificationChanges;
}
