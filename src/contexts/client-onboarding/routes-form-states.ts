import { json } from "../../http/reply.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { expectedVersion } from "../../http/rules.ts";
import type { Clock } from "../../platform/clock.ts";
import { typeformLimits } from "../../platform/limits.ts";
import { managedReply, TYPEFORM_FAILURES, type Managed } from "./form-reply.ts";
import type { Forms } from "./forms.ts";
import { formManaged, formPath, formRemoved, TAG, versionQuery } from "./schemas.ts";

const { deadlineMs } = typeformLimits;

export interface FormStateRouteOptions {
  readonly forms: Forms;
  readonly clock: Clock;
}

/** Changes of a form's status. */
export function createFormStateRoutes(options: FormStateRouteOptions): Route[] {
  return [
    stateRoute(options, {
      verb: "pause",
      summary: "Pause a form: TypeForm delivers nothing until it is resumed",
      status: "paused",
      managed: { operation: "pause", done: "paused", webhookStatus: "disabled" },
    }),
    stateRoute(options, {
      verb: "resume",
      summary: "Resume a paused form, or begin with a draft",
      status: "active",
      managed: { operation: "activate", done: "activated", webhookStatus: "enabled" },
    }),
    removeRoute(options),
  ];
}

interface StateChange {
  readonly verb: string;
  readonly summary: string;
  readonly status: "paused" | "active";
  readonly managed: Omit<Managed, "updatedFields">;
}

const stateRoute = (
  { forms, clock }: FormStateRouteOptions,
  { verb, summary, status, managed }: StateChange,
) =>
  defineRoute({
    method: "POST",
    path: `/v1/client-onboarding/forms/{form_id}/${verb}`,
    summary,
    tag: TAG,
    access: AUTHENTICATED,
    deadlineMs,
    params: formPath,
    query: versionQuery,
    responses: {
      200: { description: "The status was changed", schema: formManaged },
      409: { description: "Another version, or another change is under way" },
      ...TYPEFORM_FAILURES,
    },
    async handler(request) {
      const changed = await forms.change({
        id: request.params.form_id,
        owner: request.principal,
        expectedVersion: expectedVersion(request.header("if-match"), request.query.version),
        set: { status },
      });
      return managedReply(changed, clock, { ...managed, updatedFields: ["status", "updated_at"] });
    },
  });

const removeRoute = ({ forms }: FormStateRouteOptions) =>
  defineRoute({
    method: "DELETE",
    path: "/v1/client-onboarding/forms/{form_id}",
    summary: "Delete a form; its answers stay",
    tag: TAG,
    access: AUTHENTICATED,
    deadlineMs,
    params: formPath,
    query: versionQuery,
    responses: {
      200: { description: "The form is deleted, here and its webhook there", schema: formRemoved },
      409: { description: "Another version, or another change is under way" },
      ...TYPEFORM_FAILURES,
    },
    async handler(request) {
      const { id } = await forms.change({
        id: request.params.form_id,
        owner: request.principal,
        expectedVersion: expectedVersion(request.header("if-match"), request.query.version),
        set: { status: "deleted" },
      });
      const details = { form_id: id, user_id: request.principal.userId };
      return json(200, { data: { message: "Form deleted successfully", details } });
    },
  });
