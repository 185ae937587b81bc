import type { Route } from "../../http/route.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Config } from "../../platform/config.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import type { Sealer } from "../../platform/sealer.ts";
import { connectTypeform } from "./connection.ts";
import type { Owner } from "./form.ts";
import { createForms } from "./forms.ts";
import { createKeys, type Keys } from "./keys.ts";
import { createOwnerMemory } from "./owner-memory.ts";
import { createQueries } from "./queries.ts";
import { createFormRoutes } from "./routes-forms.ts";
import { createQueryRoutes } from "./routes-queries.ts";
import { createEraseResponseRoute } from "./routes-responses.ts";
import { createTypeformKeyRoutes, type RecordKeyChange } from "./routes-typeform-key.ts";
import { createWebhookRoute } from "./routes-webhook.ts";
import { createFormStore, eraseFormsOf } from "./store-forms.ts";
import type { UntoldCount } from "./store-retelling.ts";
import { createResponseStore } from "./store-responses.ts";

export interface ClientOnboardingOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly sealer: Sealer;
  /** Writes a change of a tenant's key for TypeForm into the audit log. */
  readonly recordKeyChange: RecordKeyChange;
  readonly config: Pick<Config, "typeform" | "onboardingRetentionDays">;
}

/** What other contexts may know of an answered form. */
export interface FormResponse {
  readonly id: number;
  readonly form_id: number;
  readonly response_id: string;
  readonly submission_id: string | null;
  readonly response_data: unknown;
  readonly client_identifiers: Readonly<Record<string, string>> | null;
  readonly submitted_at: string;
  readonly processed_at: string;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface ClientOnboarding {
  readonly routes: Route[];
  /** Those of a tenant's key for TypeForm, whose use is written down. */
  readonly keyRoutes: Route[];
  /** By TypeForm's token; undefined when it is not there or not to a form of the owner. */
  findFormResponse(responseId: string, owner: Owner): Promise<FormResponse | undefined>;
}

/** The client_onboarding context: forms of TypeForm, the answers to them, and questions about both. */
export function createClientOnboarding(options: ClientOnboardingOptions): ClientOnboarding {
  const { database, clock, sealer, config } = options;
  const store = createFormStore(database);
  const responses = createResponseStore(database);
  const memory = createOwnerMemory(database);
  const typeform = connectTypeform(database, config, sealer);
  const forms = createForms({ store, clock, typeform });
  const { webhookSecrets: secrets, webhookUrl } = config.typeform;
  const keys = createTypeformKeys(options);
  const retentionDays = config.onboardingRetentionDays;
  return {
    routes: [
      ...createFormRoutes({ store, forms, memory, clock, webhookUrl }),
      createWebhookRoute({ responses, clock, secrets, retentionDays }),
      ...createQueryRoutes({ ask: createQueries({ forms: store, responses, memory }) }),
      createEraseResponseRoute({ responses, clock }),
    ],
    keyRoutes: createTypeformKeyRoutes({ keys, record: options.recordKeyChange }),
    async findFormResponse(responseId, owner) {
      const row = await responses.find(responseId, owner);
      if (row === undefined) return undefined;
      return {
        ...row,
        submitted_at: row.submitted_at.toISOString(),
        processed_at: row.processed_at.toISOString(),
        created_at: row.created_at.toISOString(),
        updated_at: row.updated_at.toISOString(),
      };
    },
  };
}

/** Keys for TypeForm that tenants have of their own; also for the command line. */
export function createTypeformKeys({
  database,
  clock,
  sealer,
  config,
}: Omit<ClientOnboardingOptions, "recordKeyChange" | "config"> & {
  readonly config: Pick<Config, "typeform">;
}): Keys {
  const typeform = connectTypeform(database, config, sealer);
  const isServerKeySet = config.typeform.apiKey !== undefined;
  return createKeys({ database, clock, sealer, typeform, isServerKeySet });
}

/** How many forms TypeForm knows by another secret or key; undefined without a webhook secret. */
export const countUntoldForms = async ({
  database,
  config,
  sealer,
}: Pick<ClientOnboardingOptions, "database" | "sealer"> & {
  readonly config: Pick<Config, "typeform">;
}): Promise<UntoldCount | undefined> =>
  connectTypeform(database, config, sealer)?.retelling.countUntold();

/** `discardUser` for accounts that are erased: their forms go too, with all answers to them. */
export const erasingForms =
  <C extends Owner>(discardUser: (tx: Transaction, change: C) => Promise<void>) =>
  async (tx: Transaction, change: C): Promise<void> => {
    await eraseFormsOf(tx, change);
    await discardUser(tx, change);
  };

export type { KeyState } from "./keys.ts";
export { SEALED_TYPEFORM_KEYS } from "./store-keys.ts";
export type { RecordKeyChange } from "./routes-typeform-key.ts";
