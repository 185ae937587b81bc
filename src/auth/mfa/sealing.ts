import type { SealingKey } from "../keys/envelope.ts";
import { readSealingKeys, type SealingSettings } from "../keys/sealing-keys.ts";

/** The key-encryption keys, the first one seals. */
export type SealingKeys = () => Promise<readonly SealingKey[]>;

/** Read when a secret is sealed or opened first, then kept. */
export function createSealingKeys(config: SealingSettings): SealingKeys {
  let keys: Promise<readonly SealingKey[]> | undefined;
  return () => {
    keys ??= readSealingKeys(config).catch((error: unknown) => {
      keys = undefined;
      throw error;
    });
    return keys;
  };
}

/** What a sealed TOTP secret is bound to: it opens for this account and for no other. */
export function totpContext(accountId: string): string {
  return `totp ${accountId}`;
}
