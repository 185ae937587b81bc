import type { Config } from "../../platform/config.ts";
import type { Database } from "../../platform/postgres.ts";
import { createFormStore } from "./store-forms.ts";
import { createPace } from "./store-pace.ts";
import { createWebhookStore } from "./store-webhooks.ts";
import { createTypeformClient, type TypeformClient } from "./typeform-client.ts";
import { createWebhookSync, type WebhookSync } from "./webhook-sync.ts";

/** TypeForm's client, and what keeps TypeForm in step with the rows. */
export interface TypeformConnection {
  readonly client: TypeformClient;
  readonly sync: WebhookSync;
}

/** Undefined without a key for TypeForm. */
export function connectTypeform(
  database: Database,
  { typeform }: Pick<Config, "typeform">,
): TypeformConnection | undefined {
  const client = createTypeformClient(typeform, createPace(database));
  if (client === undefined) return undefined;
  const forms = createFormStore(database);
  const webhooks = createWebhookStore(database);
  return { client, sync: createWebhookSync({ forms, webhooks, client }) };
}
