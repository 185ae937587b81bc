import { KeySet, type KeyFetch, type KeySetSnapshot } from "../../../src/auth/issuers/key-set.ts";
import { startKeyServer } from "../../support/key-server.ts";
import { createManualTimers } from "../../support/manual-timers.ts";
import { makeKey } from "../token/token-factory.ts";
import { keySetLimits } from "../../../src/platform/limits.ts";

export const good = makeKey("RS256", "good");
export const later = makeKey("RS256", "later");
export const ec = makeKey("ES256", "ec");

export const WINDOW_MS = keySetLimits.demandWindowMs;
export const DAY_MS = 24 * 3_600_000;

export interface RigOptions {
  readonly issuer?: string;
  /** By discovery in place of a configured address. */
  readonly discovers?: boolean;
}

/** A key set whose clock stands still, of a real server. */
export async function openKeySet(
  t: { after(close: () => Promise<void>): void },
  options: RigOptions = {},
) {
  const server = await startKeyServer();
  const timers = createManualTimers();
  const taken: { snapshot: KeySetSnapshot; isChange: boolean }[] = [];
  const fetches: KeyFetch[] = [];
  const set = new KeySet({
    settings: {
      issuer: options.issuer ?? server.url,
      jwksUri: options.discovers === true ? undefined : server.jwksUri,
      algorithms: ["RS256", "ES256"],
    },
    clock: timers.clock,
    after: timers.after,
    onTaken: (snapshot, isChange) => taken.push({ snapshot, isChange }),
    onFetch: (fetch) => fetches.push(fetch),
  });
  t.after(async () => {
    set.stop();
    await server.close();
  });
  return { server, timers, set, taken, fetches };
}

export type Rig = Awaited<ReturnType<typeof openKeySet>>;

/** With the good key in it, confirmed now. */
export async function openGoodSet(
  t: { after(close: () => Promise<void>): void },
  options: RigOptions = {},
): Promise<Rig> {
  const rig = await openKeySet(t, options);
  rig.server.publish(good.jwk);
  await rig.set.refresh();
  return rig;
}

export const hasKey = (set: Pick<KeySet, "find">, { kid, alg } = good): boolean =>
  set.find(kid, alg) !== undefined;
