import { wantedWebhook } from "./form.ts";
import type { FormStore } from "./store-forms.ts";
import type { Lease, WebhookStore } from "./store-webhooks.ts";
import type { TypeformClient, TypeformOutcome } from "./typeform-client.ts";

export interface WebhookSyncOptions {
  readonly forms: Pick<FormStore, "findLiving" | "markGone">;
  readonly webhooks: WebhookStore;
  readonly client: TypeformClient;
}

/** How an attempt to make TypeForm agree with the row ended. */
export type SyncOutcome = TypeformOutcome | { readonly kind: "busy" };

/** Makes TypeForm's webhook of a form what the form's row says, whatever was told before. */
export function createWebhookSync({ forms, webhooks, client }: WebhookSyncOptions) {
  async function tell({ typeformId }: Lease): Promise<TypeformOutcome> {
    const wanted = wantedWebhook(await forms.findLiving(typeformId));
    return wanted === undefined
      ? client.deleteWebhook(typeformId)
      : client.putWebhook(typeformId, wanted);
  }
  return {
    /** By who has just changed the row and holds the lease; without success it stays his. */
    async applyChange(lease: Lease): Promise<TypeformOutcome> {
      const outcome = await tell(lease);
      if (outcome.kind === "done") await webhooks.settle(lease);
      return outcome;
    },

    /** By the outbox, for whoever could not finish. */
    async catchUp(typeformId: string): Promise<SyncOutcome> {
      const lease = await webhooks.claim(typeformId);
      if (lease === "nothing") return { kind: "done" };
      if (lease === "busy") return { kind: "busy" };
      const outcome = await tell(lease);
      if (outcome.kind === "missing") await forms.markGone(typeformId);
      if (outcome.kind === "done" || outcome.kind === "missing") {
        await webhooks.settle(lease);
        return { kind: "done" };
      }
      await webhooks.release(lease);
      return outcome;
    },
  };
}

export type WebhookSync = ReturnType<typeof createWebhookSync>;
