import { json, type Reply } from "../../http/reply.ts";
import type { ResponseDoc } from "../../http/route.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Form } from "./form.ts";

/** What any route may answer that asks TypeForm. */
export const TYPEFORM_FAILURES: Readonly<Record<number, ResponseDoc>> = {
  422: { description: "A rule is broken, or TypeForm does not know the form" },
  502: { description: "TypeForm does not accept the key" },
  503: { description: "TypeForm is away or takes no more calls; `Retry-After` says when it may" },
};

export interface Managed {
  readonly operation: "update" | "pause" | "activate";
  /** As in "Form 7 updated successfully". */
  readonly done: string;
  readonly updatedFields: readonly string[];
  readonly webhookStatus: string;
}

/** The answer to a change of a form. */
export function managedReply(form: Form, clock: Clock, managed: Managed): Reply {
  return json(200, {
    data: {
      success: true,
      operation: managed.operation,
      form_id: form.id,
      message: `Form ${form.id} ${managed.done} successfully`,
      created_form_id: null,
      updated_fields: managed.updatedFields,
      webhook_status: managed.webhookStatus,
      operation_timestamp: new Date(clock.nowMs()),
      execution_time_ms: null,
      error_code: null,
      error_details: null,
      warnings: [],
      version: form.version,
    },
  });
}
