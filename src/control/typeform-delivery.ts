import { connectTypeform } from "../contexts/client-onboarding/connection.ts";
import { TYPEFORM_KIND } from "../contexts/client-onboarding/store-webhooks.ts";
import type { Config } from "../platform/config.ts";
import type { Database } from "../platform/postgres.ts";
import type { Deliverer, Delivery } from "./outbox.ts";

/** Finishes what a change of a form left half done at TypeForm; none without a key for TypeForm. */
export function createTypeformDeliverers(config: Config, database: Database): Deliverer[] {
  const connection = connectTypeform(database, config);
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
          default:
            return { kind: "failed", reason: outcome.kind };
        }
      },
    },
  ];
}
