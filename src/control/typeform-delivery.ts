import { createSealer } from "../auth/keys/sealer.ts";
import { connectTypeform } from "../contexts/client-onboarding/connection.ts";
import { TYPEFORM_KIND } from "../contexts/client-onboarding/store-webhooks.ts";
import type { Config } from "../platform/config.ts";
import type { Logger } from "../platform/log.ts";
import type { Database } from "../platform/postgres.ts";
import type { Deliverer, Delivery } from "./outbox.ts";

/**
 * Finishes what a change of a form left half done at TypeForm, and tells it of new secrets and keys;
 * none without a webhook secret.
 */
export function createTypeformDeliverers(config: Config, database: Database): Deliverer[] {
  const connection = connectTypeform(database, config, createSealer(config));
  if (connection === undefined) return [];
  const { sync } = connection;
  return [
    {
      kind: TYPEFORM_KIND,
      isReady: () => true,
      async deliver({ payload }): Promise<Delivery> {
        const outcome = await sync.catchUp(String(payload["typeform_id"]));
        switch (outcome.kind) {
          case "done":
            return { kind: "done" };
          // Somebody else is at it, or nobody may call now: that is no failed try.
          case "busy":
          case "limited":
            return { kind: "away" };
          case "away":
            return outcome.isUncertain ? { kind: "failed", reason: "no answer" } : { kind: "away" };
          // This key does not see the form: trying again does not help.
          case "missing":
            return { kind: "refused", reason: outcome.kind };
          default:
            return { kind: "failed", reason: outcome.kind };
        }
      },
    },
  ];
}

/**
 * A process that starts says which webhook secret is the present one, and has TypeForm told of each
 * form that it knows by another. A failure is no reason not to serve: the job comes later.
 */
export async function announceWebhookSecret(
  config: Config,
  database: Database,
  log: Logger,
): Promise<void> {
  const retelling = connectTypeform(database, config, createSealer(config))?.retelling;
  if (retelling === undefined) return;
  try {
    await retelling.announce();
    await retelling.askBatch();
  } catch (error) {
    log.warn({ err: error }, "TypeForm's webhooks could not be looked at; it is tried again");
  }
}

/** Finds forms that TypeForm knows by another secret or key than the present ones. */
export const retellTypeform = async (database: Database, config: Config): Promise<number> =>
  (await connectTypeform(database, config, createSealer(config))?.retelling.askBatch()) ?? 0;
