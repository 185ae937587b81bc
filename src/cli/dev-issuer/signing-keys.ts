import { generateKeyPair, randomBytes, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { devIssuerLimits as limits } from "../../platform/limits.ts";
import { invalidParameter } from "./service-error.ts";

export type TokenUse = "access" | "id";

interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** As Cognito has it: one key signs id tokens and another one access tokens. */
type Generation = Readonly<Record<TokenUse, SigningKey>>;

export interface Rotation {
  /** The new keys are shown, and nothing is signed with them until the next rotation. */
  readonly publishOnly?: boolean;
  /** The keys that no longer sign leave the key set at once. */
  readonly retire?: boolean;
}

/** Keys of one pool, in memory alone. */
export interface SigningKeys {
  signing(use: TokenUse): SigningKey;
  /** Public half of a key that is in the key set. */
  find(kid: string | undefined): KeyObject | undefined;
  kids(): string[];
  keySet(): { keys: object[] };
  rotate(rotation?: Rotation): Promise<void>;
  /** Takes every key out of the set that does not sign. */
  retire(): void;
}

const generateKeys = promisify(generateKeyPair);

export async function createSigningKeys(): Promise<SigningKeys> {
  let signing = await makeGeneration();
  let published: readonly Generation[] = [signing];
  const keys = () => published.flatMap(({ id, access }) => [id, access]);
  const retire = () => void (published = [signing]);

  async function rotate({ publishOnly = false, retire: isRetiring = false }: Rotation = {}) {
    const waiting = published.at(-1)!;
    if (publishOnly || waiting === signing) {
      if (published.length >= limits.keyGenerationsMaxCount) {
        throw invalidParameter("the key set is full: retire keys first");
      }
      const made = await makeGeneration();
      published = [...published, made];
    }
    if (!publishOnly) signing = published.at(-1)!;
    if (isRetiring) retire();
  }

  return {
    signing: (use) => signing[use],
    find: (kid) => keys().find((key) => key.kid === kid)?.publicKey,
    kids: () => keys().map(({ kid }) => kid),
    keySet: () => ({ keys: keys().map(toJwk) }),
    rotate,
    retire,
  };
}

async function makeGeneration(): Promise<Generation> {
  const [id, access] = await Promise.all([makeKey(), makeKey()]);
  return { id, access };
}

async function makeKey(): Promise<SigningKey> {
  const pair = await generateKeys("rsa", { modulusLength: 2048 });
  // Cognito's are base64 as well, with the padding.
  return { kid: randomBytes(32).toString("base64"), ...pair };
}

function toJwk({ kid, publicKey }: SigningKey): object {
  const { e, kty, n } = publicKey.export({ format: "jwk" });
  return { alg: "RS256", e, kid, kty, n, use: "sig" };
}
