import { defineRoute, type Route } from "../../http/route.ts";
import { Type } from "../../http/schema.ts";
import type { Clock } from "../../platform/clock.ts";
import type { FieldFault } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import { productLimits } from "../../platform/limits.ts";
import { PLACES, type Kind } from "./classification.ts";
import { MANAGE_PRODUCTS, TAG, versionQuery, writtenReply } from "./routes.ts";
import { cleanText, expectedVersion, validationFailure, type TextRule } from "../../http/rules.ts";
import { uuidText, written } from "./schemas.ts";
import type { ClassificationChanges, ClassificationStore } from "./store-classifications.ts";

export interface ClassificationRouteOptions {
  readonly classifications: ClassificationStore;
  readonly clock: Clock;
}

export const ID = Type.Object({ id: uuidText });
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

/** Make, change and discard one kind of classification. */
export function createClassificationWriteRoutes(
  kind: Kind,
  options: ClassificationRouteOptions,
): Route[] {
  return [makeRoute(kind, options), changeRoute(kind, options), discardRoute(kind, options)];
}

function makeRoute(
  kind: Kind,
  { classifications: store, clock }: ClassificationRouteOptions,
): Route {
  const { label } = PLACES[kind];
  return defineRoute({
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
      const stored = await store.insert(kind, made, new Date(clock.nowMs()));
      return writtenReply(201, `${capitalised(label)} created successfully`, stored);
    },
  });
}

function changeRoute(
  kind: Kind,
  { classifications: store, clock }: ClassificationRouteOptions,
): Route {
  const { label } = PLACES[kind];
  return defineRoute({
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
      const changed = await store.change(
        kind,
        params.id,
        seen,
        cleanTexts(body),
        new Date(clock.nowMs()),
      );
      return writtenReply(200, `${capitalised(label)} updated successfully`, changed);
    },
  });
}

function discardRoute(
  kind: Kind,
  { classifications: store, clock }: ClassificationRouteOptions,
): Route {
  const { label } = PLACES[kind];
  return defineRoute({
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
      const discarded = await store.discard(kind, request.params.id, seen, new Date(clock.nowMs()));
      return writtenReply(200, `${capitalised(label)} deleted successfully`, discarded);
    },
  });
}

function capitalised(label: string): string {
  return label[0]!.toUpperCase() + label.slice(1);
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
