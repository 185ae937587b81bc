import type { Sealer } from "../../platform/sealer.ts";
import { seal, unseal } from "./envelope.ts";
import { createSealingKeys, type SealingSettings } from "./sealing-keys.ts";

/** Seals with the key-encryption keys, which are read when they are first needed. */
export function createSealer(config: SealingSettings): Sealer {
  const keys = createSealingKeys(config);
  return Object.freeze({
    seal: async (secret: Uint8Array, context: string) =>
      Buffer.from(seal(secret, await keys(), context), "utf8"),
    open: async (sealed: Uint8Array, context: string) =>
      unseal(Buffer.from(sealed).toString("utf8"), await keys(), context),
  });
}
