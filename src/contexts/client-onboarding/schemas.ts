import { pageQuery } from "../../http/paging.ts";
import { closed, instant, optionalText, Type, uuid } from "../../http/schema.ts";
import { enveloped, nullable, nullableText } from "../../http/schema-parts.ts";
import { onboardingLimits as limits } from "../../platform/limits.ts";
import { FORM_SORTS } from "./store-forms.ts";

export const TAG = "client_onboarding";

const ID = { minimum: 1, maximum: 2_147_483_647 };
const id = Type.Integer(ID);
const status = Type.Enum(["draft", "active", "paused", "completed", "deleted"]);

export const formPath = Type.Object({ form_id: id });
const webhookUrl = Type.String({ minLength: 1, maxLength: limits.webhookUrlCharactersMax });
const version = Type.Optional(id);

export const newFormBody = closed({
  typeform_url: Type.String({
    minLength: 1,
    maxLength: limits.typeformUrlCharactersMax,
    description: "The address of the form (`https://….typeform.com/to/<id>`), or its id",
  }),
  webhook_url: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: limits.webhookUrlCharactersMax,
      description: "Required unless the server has `TYPEFORM_WEBHOOK_URL`",
    }),
  ),
  auto_activate: Type.Optional(
    Type.Boolean({ description: "`false`: the form begins as a draft" }),
  ),
  form_title: Type.Optional(nullableText(limits.titleCharactersMax)),
  form_description: Type.Optional(nullableText(limits.descriptionCharactersMax)),
});

export const formChangeBody = closed({
  new_webhook_url: webhookUrl,
  form_id: Type.Optional(id),
  version,
});
export const versionQuery = Type.Object({ version });
export const formListQuery = Type.Object({
  ...pageQuery,
  sort: Type.Optional(Type.Enum([...FORM_SORTS])),
});

export const formMade = enveloped(
  Type.Object({
    message: Type.String(),
    details: Type.Object({ form_type: Type.String(), user_id: uuid, form_id: id, version: id }),
  }),
);
export const formRemoved = enveloped(
  Type.Object({
    message: Type.String(),
    details: Type.Object({ form_id: id, user_id: uuid }),
  }),
);
export const formManaged = enveloped(
  Type.Object({
    success: Type.Boolean(),
    operation: Type.Enum([
      "create",
      "update",
      "delete",
      "activate",
      "pause",
      "complete",
      "configure_webhook",
    ]),
    form_id: id,
    message: Type.String(),
    created_form_id: nullable<number>("integer"),
    updated_fields: Type.Array(Type.String()),
    webhook_status: optionalText,
    operation_timestamp: instant,
    execution_time_ms: nullable<number>("integer"),
    error_code: optionalText,
    error_details: optionalText,
    warnings: Type.Array(Type.String()),
    version: id,
  }),
);

const formFields = {
  id,
  typeform_id: Type.String(),
  title: Type.String(),
  status,
  created_at: instant,
  updated_at: instant,
  response_count: Type.Integer({ minimum: 0 }),
};
export const form = Type.Object({ ...formFields, webhook_url: Type.String(), version: id });

/** Of the webhook: what TypeForm sends. More may come, and more is kept. */
export const deliveryBody = Type.Object({
  event_id: Type.Optional(Type.String()),
  event_type: Type.Optional(Type.String()),
  form_response: Type.Object({
    form_id: Type.String(),
    token: Type.String(),
    submitted_at: instant,
    answers: Type.Optional(Type.Array(Type.Unknown())),
    definition: Type.Optional(Type.Unknown()),
  }),
});
export const deliveryTaken = enveloped(
  Type.Object({
    message: Type.String(),
    details: Type.Object({ processed_at: instant }),
  }),
);

export const QUERY_TYPES = [
  "responses_by_form",
  "response_by_id",
  "forms_by_user",
  "responses_by_user",
] as const;

const orNull = { maximum: 2_147_483_647 };
/** Keys that it does not know are ignored. */
export const queryBody = Type.Object({
  query_type: Type.Enum([...QUERY_TYPES]),
  user_id: Type.String({ minLength: 1, maxLength: 64 }),
  form_id: Type.Optional(nullable<number>("integer", ID)),
  response_id: Type.Optional(nullableText(limits.tokenCharactersMax)),
  limit: Type.Optional(nullable<number>("integer", { ...orNull, minimum: -2_147_483_648 })),
  offset: Type.Optional(nullable<number>("integer", { ...orNull, minimum: 0 })),
});
export const bulkQueryBody = Type.Object({
  queries: Type.Array(queryBody, { minItems: 1, maxItems: limits.bulkQueriesMaxCount }),
  user_id: Type.String({ minLength: 1, maxLength: 64 }),
});

const identifiers = Type.Unsafe<Readonly<Record<string, string>> | null>({
  type: ["object", "null"],
  additionalProperties: { type: "string" },
});
const response = Type.Object({
  id,
  response_id: Type.String(),
  form_id: id,
  client_identifiers: identifiers,
  submitted_at: instant,
  processed_at: instant,
  response_data: nullable<object>("object"),
});
export const queryResult = Type.Object({
  success: Type.Boolean(),
  query_type: Type.Enum([...QUERY_TYPES]),
  total_count: Type.Integer({ minimum: 0 }),
  returned_count: Type.Integer({ minimum: 0 }),
  forms: Type.Union([Type.Array(Type.Object(formFields)), Type.Null()]),
  responses: Type.Union([Type.Array(response), Type.Null()]),
  pagination: Type.Union([
    Type.Object({ offset: Type.Integer(), limit: Type.Integer(), has_more: Type.Boolean() }),
    Type.Null(),
  ]),
});
export const bulkQueryResult = Type.Object({
  success: Type.Boolean(),
  total_queries: Type.Integer(),
  successful_queries: Type.Integer(),
  results: Type.Array(queryResult),
  errors: Type.Union([Type.Array(Type.String()), Type.Null()]),
});
