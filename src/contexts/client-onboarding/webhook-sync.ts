import type { TypeformAccount, Accounts } from "./accounts.ts";
import { wasToldWith } from "./accounts.ts";
import { wantedWebhook } from "./form.ts";
import type { FormStore } from "./store-forms.ts";
import type { Retelling } from "./store-retelling.ts";
import type { Lease, WebhookStore } from "./store-webhooks.ts";
import type { TypeformClient, TypeformOutcome } from "./typeform-client.ts";

export interface WebhookSyncOptions {
  readonly forms: Pick<FormStore, "findLiving" | "markGone">;
  readonly webhooks: WebhookStore;
  readonly accounts: Pick<Accounts, "of">;
  readonly client: TypeformClient;
  readonly retelling: Pick<Retelling, "isPresent">;
}

/** How an attempt to make TypeForm agree with the row ended. `keyless`: there is no key to ask with. */
export type SyncOutcome = TypeformOutcome | { readonly kind: "busy" | "keyless" };

/** Makes TypeForm's webhook of a form what the form's row says, whatever was told before. */
export function createWebhookSync(options: WebhookSyncOptions) {
  const { forms, webhooks, accounts, client, retelling } = options;

  async function tell({ typeformId }: Lease, account: TypeformAccount): Promise<TypeformOutcome> {
    const wanted = wantedWebhook(await forms.findLiving(typeformId));
    return wanted === undefined
      ? client.deleteWebhook(account, typeformId)
      : client.putWebhook(account, typeformId, wanted);
  }

  async function catchUpWith(lease: Lease): Promise<SyncOutcome> {
    const account = await accounts.of(lease.tenantId);
    if (account === undefined) return { kind: "keyless" };
    const outcome = await tell(lease, account);
    // To another key the form may be unknown and be there all the same.
    const isGone =
      outcome.kind === "missing" &&
      (lease.toldAs === null || wasToldWith(lease.toldAs, account.keyId));
    if (isGone) await forms.markGone(lease.typeformId);
    if (outcome.kind !== "done" && !isGone) return outcome;
    await webhooks.settle(lease, account.toldAs);
    return { kind: "done" };
  }

  return {
    /** By who has just changed the row and holds the lease; without success it stays his. */
    async applyChange(lease: Lease, account: TypeformAccount): Promise<TypeformOutcome> {
      const outcome = await tell(lease, account);
      if (outcome.kind === "done") await webhooks.settle(lease, account.toldAs);
      return outcome;
    },

    /** By the outbox, for whoever could not finish, and for secrets and keys that have changed. */
    async catchUp(typeformId: string): Promise<SyncOutcome> {
      // A process with the secret of yesterday leaves it to the others.
      if (!(await retelling.isPresent())) return { kind: "busy" };
      const lease = await webhooks.claim(typeformId);
      if (lease === "nothing") return { kind: "done" };
      if (lease === "busy") return { kind: "busy" };
      let outcome: SyncOutcome | undefined;
      try {
        outcome = await catchUpWith(lease);
        return outcome;
      } finally {
        if (outcome?.kind !== "done") await webhooks.release(lease);
      }
    },
  };
}

export type WebhookSync = ReturnType<typeof createWebhookSync>;
