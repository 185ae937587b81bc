import type { Config } from "../../platform/config.ts";
import type { Database } from "../../platform/postgres.ts";
import type { Sealer } from "../../platform/sealer.ts";
import { createAccounts, type Accounts } from "./accounts.ts";
import { createFormStore } from "./store-forms.ts";
import { createKeyStore } from "./store-keys.ts";
import { createPace } from "./store-pace.ts";
import { createRetelling, type Retelling } from "./store-retelling.ts";
import { createWebhookStore } from "./store-webhooks.ts";
import { createTypeformClient, type TypeformClient } from "./typeform-client.ts";
import { createWebhookSync, type WebhookSync } from "./webhook-sync.ts";

/** TypeForm's client, the keys it is asked with, and what keeps TypeForm in step with the rows. */
export interface TypeformConnection {
  readonly client: TypeformClient;
  readonly accounts: Accounts;
  readonly sync: WebhookSync;
  readonly retelling: Retelling;
}

/** Undefined without a webhook secret: what TypeForm delivers would be believed by nobody. */
export function connectTypeform(
  database: Database,
  { typeform: settings }: Pick<Config, "typeform">,
  sealer: Sealer,
): TypeformConnection | undefined {
  const [secret] = settings.webhookSecrets;
  if (secret === undefined) return undefined;
  const client = createTypeformClient(settings, createPace(database));
  const keys = createKeyStore(database);
  const accounts = createAccounts({ settings, secret, keys, sealer });
  const isServerKeySet = settings.apiKey !== undefined;
  const retelling = createRetelling({ database, mark: accounts.mark, isServerKeySet });
  const forms = createFormStore(database);
  const webhooks = createWebhookStore(database);
  const sync = createWebhookSync({ forms, webhooks, accounts, client, retelling });
  return { client, accounts, sync, retelling };
}
