import { openKeySets, type KeySets } from "../auth/issuers/key-sets.ts";
import { systemClock } from "../platform/clock.ts";
import type { Database } from "../platform/postgres.ts";
import type { OpeningParts } from "./opening.ts";

/** The keys of foreign issuers: kept by main, handed to every thread, asked for by each of them. */
export async function startKeySets(parts: OpeningParts, database: Database): Promise<KeySets> {
  const { config, board, log, lifecycle, supervisor } = parts;
  const keySets = await openKeySets({
    issuers: config.issuers,
    database,
    clock: systemClock,
    log,
    metrics: board.main,
    // Those that are not told to serve yet get the sets with that.
    deliver(set) {
      for (const thread of supervisor.told()) thread.port.emit("issuer-keys", set);
    },
  });
  lifecycle.own("issuer keys", () => keySets.stop());
  supervisor.attach(({ port }) => {
    port.serve("issuer-key", ({ issuer, kid }: { issuer: string; kid: string }) =>
      keySets.want(issuer, kid),
    );
    port.serve("issuer-states", () => keySets.states());
    port.serve("issuer-refresh", (issuer: string) => keySets.refresh(issuer));
  });
  return keySets;
}
