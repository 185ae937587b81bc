export type FormStatus = "draft" | "active" | "paused" | "completed" | "deleted";

/** Whose rows one may see and change. */
export interface Owner {
  readonly userId: string;
  readonly tenantId: string;
}

/** A form of TypeForm's whose answers come to us. */
export interface Form {
  readonly id: number;
  readonly tenant_id: string;
  readonly user_id: string;
  readonly typeform_id: string;
  readonly webhook_url: string;
  readonly status: FormStatus;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** What TypeForm is to have of a form; undefined: no webhook. */
export interface WantedWebhook {
  readonly url: string;
  readonly isEnabled: boolean;
}

export function wantedWebhook(
  form: Pick<Form, "status" | "webhook_url"> | undefined,
): WantedWebhook | undefined {
  if (form === undefined || form.status === "deleted") return undefined;
  return { url: form.webhook_url, isEnabled: form.status === "active" };
}
