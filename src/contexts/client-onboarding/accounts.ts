import type { TypeformSettings } from "../../platform/config-onboarding.ts";
import { platformErrors } from "../../platform/errors.ts";
import type { Sealer } from "../../platform/sealer.ts";
import { keyContext, type KeyStore, type SealedKey } from "./store-keys.ts";
import { createMark, formSecretOf } from "./webhook-secret.ts";

/** With which key TypeForm is asked, and how what it delivers is signed. */
export interface TypeformAccount {
  /** `server`, or the id of a tenant's own key. */
  readonly keyId: string;
  /** Whose rhythm the calls keep. */
  readonly paceName: string;
  readonly apiKey: string;
  /** Names the key and the webhook secret that are told with it. */
  readonly toldAs: string;
  secretOf(typeformId: string): string;
}

export interface AccountsOptions {
  readonly settings: Pick<TypeformSettings, "apiKey">;
  /** The webhook secret that TypeForm is told. */
  readonly secret: string;
  readonly keys: Pick<KeyStore, "findSealed">;
  readonly sealer: Sealer;
}

/** The server's own key. */
export const SERVER_KEY_ID = "server";
export const toldAs = (mark: string, keyId: string) => `${mark}.${keyId}`;
/** Whether TypeForm was told with this key, whatever the secret was. */
export const wasToldWith = (told: string, keyId: string) => told.endsWith(`.${keyId}`);

/** A tenant's own key where it has one, else the server's. Keys are opened when they are used. */
export function createAccounts({ settings: { apiKey }, secret, keys, sealer }: AccountsOptions) {
  const mark = createMark(secret);
  return {
    mark,

    /**
     * Undefined: there is no key.
     * @throws AppError `unavailable` when the tenant's key does not open
     */
    async of(tenantId: string | null): Promise<TypeformAccount | undefined> {
      const own = tenantId === null ? undefined : await keys.findSealed(tenantId);
      if (own !== undefined) {
        return {
          keyId: own.id,
          paceName: own.tenantId,
          apiKey: await openKey(sealer, own),
          toldAs: toldAs(await mark(), own.id),
          secretOf: (typeformId) => formSecretOf(secret, typeformId),
        };
      }
      if (apiKey === undefined) return undefined;
      return {
        keyId: SERVER_KEY_ID,
        paceName: "calls",
        apiKey,
        toldAs: toldAs(await mark(), SERVER_KEY_ID),
        secretOf: () => secret,
      };
    },
  };
}

export type Accounts = ReturnType<typeof createAccounts>;

/** Seals a key for one tenant: put into another tenant's row it is of no use. */
export async function sealKey(
  sealer: Sealer,
  {
    id,
    tenantId,
    apiKey,
  }: { readonly id: string; readonly tenantId: string; readonly apiKey: string },
): Promise<SealedKey> {
  const content = Buffer.from(JSON.stringify({ tenantId, apiKey }), "utf8");
  return { id, tenantId, sealed: (await sealer.seal(content, keyContext(id))).toString("utf8") };
}

async function openKey(sealer: Sealer, { id, tenantId, sealed }: SealedKey): Promise<string> {
  const note = "the tenant's key for TypeForm does not open";
  try {
    const content = (await sealer.open(Buffer.from(sealed), keyContext(id))).toString("utf8");
    const opened = JSON.parse(content) as { readonly tenantId: string; readonly apiKey: string };
    if (opened.tenantId === tenantId) return opened.apiKey;
  } catch (cause) {
    throw platformErrors.failure("unavailable", { note, cause });
  }
  throw platformErrors.failure("unavailable", { note });
}
