import { readPage, toPagination } from "../../http/paging.ts";
import { json } from "../../http/reply.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { cleanUrl, expectedVersion, validationFailure } from "../../http/rules.ts";
import { listed } from "../../http/schema-parts.ts";
import type { Clock } from "../../platform/clock.ts";
import { typeformLimits } from "../../platform/limits.ts";
import type { Forms } from "./forms.ts";
import { jsonReply } from "./json-reply.ts";
import type { OwnerMemory } from "./owner-memory.ts";
import { toListedForm } from "./queries.ts";
import { createFormStateRoutes } from "./routes-form-states.ts";
import {
  form,
  formChangeBody,
  formListQuery,
  formMade,
  formManaged,
  formPath,
  newFormBody,
  TAG,
} from "./schemas.ts";
import type { FormStore } from "./store-forms.ts";
import { managedReply, TYPEFORM_FAILURES } from "./form-reply.ts";
import { readTypeformId } from "./typeform-id.ts";

const { deadlineMs } = typeformLimits;

export interface FormRouteOptions {
  readonly store: Pick<FormStore, "list">;
  readonly forms: Forms;
  readonly memory: OwnerMemory;
  readonly clock: Clock;
  /** For registrations that name none. */
  readonly webhookUrl: string | undefined;
}

/** Forms of the caller: register, list, change, pause, resume, delete. */
export function createFormRoutes(options: FormRouteOptions): Route[] {
  return [
    registerRoute(options),
    listRoute(options),
    changeRoute(options),
    ...createFormStateRoutes(options),
  ];
}

const registerRoute = ({ forms, webhookUrl }: FormRouteOptions) =>
  defineRoute({
    method: "POST",
    path: "/v1/client-onboarding/forms",
    summary: "Register a TypeForm form, so that its answers come here",
    description:
      "TypeForm is asked for the form and told where to deliver. A form that the caller has already gets the new address.",
    tag: TAG,
    access: AUTHENTICATED,
    deadlineMs,
    body: newFormBody,
    bodyExample: {
      typeform_url: "https://example.typeform.com/to/lT4Z3j",
      webhook_url: "https://api.example.com/v1/client-onboarding/webhook",
    },
    responses: {
      201: { description: "The form is registered", schema: formMade },
      409: { description: "Somebody else has registered it, or another change is under way" },
      ...TYPEFORM_FAILURES,
    },
    async handler({ body, principal }) {
      const typeformId = readTypeformId(body.typeform_url);
      if (typeformId === undefined) {
        const message = "must be an id of TypeForm, or an address with one";
        throw validationFailure([{ path: "/body/typeform_url", code: "format", message }]);
      }
      const made = await forms.register({
        owner: principal,
        typeformId,
        webhookUrl: readUrl(body.webhook_url ?? webhookUrl, "/body/webhook_url"),
        status: body.auto_activate === false ? "draft" : "active",
      });
      const details = {
        form_type: typeformId,
        user_id: principal.userId,
        form_id: made.id,
        version: made.version,
      };
      return json(201, { data: { message: "Form setup initiated successfully", details } });
    },
  });

const listRoute = ({ store, memory }: FormRouteOptions) =>
  defineRoute({
    method: "GET",
    path: "/v1/client-onboarding/forms",
    summary: "List the caller's forms",
    tag: TAG,
    access: AUTHENTICATED,
    query: formListQuery,
    responses: { 200: { description: "A page of forms", schema: listed(form) } },
    async handler({ query, principal }) {
      const page = readPage(query);
      const { sort = "-created_at" } = query;
      const { json: body } = await memory(principal)(["forms", sort, page], async () => {
        const { rows, total, revision } = await store.list(principal, sort, page);
        const list = { data: rows.map(toListedForm), pagination: toPagination(page, total) };
        return { revision, value: { json: Buffer.from(JSON.stringify(list)), isFound: true } };
      });
      return jsonReply([body]);
    },
  });

const changeRoute = ({ forms, clock }: FormRouteOptions) =>
  defineRoute({
    method: "PATCH",
    path: "/v1/client-onboarding/forms/{form_id}",
    summary: "Change where TypeForm delivers to",
    tag: TAG,
    access: AUTHENTICATED,
    deadlineMs,
    params: formPath,
    body: formChangeBody,
    bodyExample: { new_webhook_url: "https://api.example.com/v1/client-onboarding/webhook" },
    responses: {
      200: { description: "The form was changed", schema: formManaged },
      409: { description: "Another version, or another change is under way" },
      ...TYPEFORM_FAILURES,
    },
    async handler(request) {
      const { params, body, principal } = request;
      const webhookUrl = readUrl(body.new_webhook_url, "/body/new_webhook_url");
      const changed = await forms.change({
        id: params.form_id,
        owner: principal,
        expectedVersion: expectedVersion(request.header("if-match"), body.version),
        set: { webhookUrl },
      });
      return managedReply(changed, clock, {
        operation: "update",
        done: "updated",
        updatedFields: ["webhook_url", "updated_at"],
        webhookStatus: "updated",
      });
    },
  });

/** @throws AppError `validation_failed` */
function readUrl(text: string | undefined, path: string): string {
  const url = text === undefined ? undefined : cleanUrl(text);
  if (url !== undefined) return url;
  const fault =
    text === undefined
      ? { code: "required", message: "is required" }
      : { code: "format", message: "must be an http or https address" };
  throw validationFailure([{ path, ...fault }]);
}
