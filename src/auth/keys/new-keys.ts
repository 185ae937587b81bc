import { randomBytes } from "node:crypto";
import type { Config } from "../../platform/config.ts";
import { keyLimits, sessionLimits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Transaction } from "../../platform/postgres.ts";
import type { Algorithm, AsymmetricAlgorithm } from "../token/algorithms.ts";
import type { SealingKey } from "./envelope.ts";
import { generateSigningKeyPair, type KeyPair } from "./key-pair.ts";
import type { KeyState } from "./key-ring.ts";
import { insertKey, type KeyLives, type KeyRow, type KeyUse } from "./store-rows.ts";

export type LifeSettings = Pick<
  Config,
  "accessTokenSeconds" | "sessionAbsoluteSeconds" | "jwksMaxAgeSeconds"
>;

/**
 * How long a key of this process verifies after it retired: as long as what it signed may live, and
 * a while for clocks that differ. And how long others may hold a key set of ours.
 */
export function keyLives(use: KeyUse, config: LifeSettings): KeyLives {
  const longest =
    use === "sig"
      ? config.accessTokenSeconds
      : config.sessionAbsoluteSeconds * sessionLimits.rememberMeAbsoluteFactor;
  return {
    keptSeconds: longest + keyLimits.retiringSlackSeconds,
    cachedSeconds: use === "sig" ? config.jwksMaxAgeSeconds : 0,
  };
}

/** Key pairs that are being made: the slow part of a new key, begun before any lock is taken. */
export type PreparedKeys = readonly Promise<KeyPair>[];

export interface KeyMakerOptions {
  readonly config: LifeSettings & { readonly jwtAlgorithm: Algorithm };
  readonly sealing: readonly SealingKey[];
  readonly log: Logger;
}

/** Makes keys and stores them. Pairs made beforehand are used first. */
export interface KeyMaker {
  /** Makes so many pairs of an algorithm beforehand. */
  prepare(alg: AsymmetricAlgorithm, count: number): Promise<void>;
  insert(tx: Transaction, use: KeyUse, state: KeyState, alg: Algorithm): Promise<string>;
}

export function createKeyMaker(options: KeyMakerOptions, given: PreparedKeys = []): KeyMaker {
  const { config, sealing, log } = options;
  const pairs: KeyPair[] = [];
  let awaited = given;

  async function take(alg: AsymmetricAlgorithm): Promise<KeyPair> {
    const at = pairs.findIndex((pair) => pair.alg === alg);
    return at < 0 ? await generateSigningKeyPair(alg) : pairs.splice(at, 1)[0]!;
  }

  async function newKey(use: KeyUse, alg: Algorithm) {
    if (use === "mac") {
      const kid = randomBytes(6).toString("base64url");
      return { kid, alg: "HS256", publicJwk: null, privateKey: randomBytes(keyLimits.macBytes) };
    }
    return await take(alg as AsymmetricAlgorithm);
  }

  return {
    async prepare(alg, count) {
      pairs.push(...(await Promise.all(awaited.slice(0, count))));
      awaited = [];
      const more = count - pairs.filter((pair) => pair.alg === alg).length;
      const made = Array.from({ length: Math.max(0, more) }, () => generateSigningKeyPair(alg));
      pairs.push(...(await Promise.all(made)));
    },
    async insert(tx, use, state, alg) {
      const { kid, alg: own, publicJwk, privateKey } = await newKey(use, alg);
      const row = { kid, use, alg: own, state, public_jwk: publicJwk };
      await insertKey(tx, row, privateKey, { sealing, lives: keyLives(use, config) });
      log.info({ event: "key_made", kid, use, alg: own, state }, "a key was made");
      return kid;
    },
  };
}

/** The states of which a use has no key. */
export function missingStates(rows: readonly Pick<KeyRow, "use" | "state">[], use: KeyUse) {
  return (["active", "next"] as const).filter(
    (state) => !rows.some((row) => row.use === use && row.state === state),
  );
}
