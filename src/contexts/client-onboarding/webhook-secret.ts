import { createHmac, scrypt } from "node:crypto";
import { promisify } from "node:util";

const MARK_BYTES = 12;

/**
 * The secret of one form. It is what TypeForm is told with a tenant's own key: whoever can read it
 * there can sign for that form alone.
 */
export function formSecretOf(secret: string, typeformId: string): string {
  return createHmac("sha256", secret).update(`typeform webhook ${typeformId}`).digest("base64url");
}

/** A name for a secret by which nobody finds it: what was told is compared by it. */
export async function markOf(secret: string): Promise<string> {
  const stretch = promisify(scrypt) as (
    text: string,
    salt: string,
    size: number,
  ) => Promise<Buffer>;
  return (await stretch(secret, "brigade typeform webhook", MARK_BYTES)).toString("base64url");
}

/** The mark of a secret, made when it is first needed. */
export function createMark(secret: string): () => Promise<string> {
  let making: Promise<string> | undefined;
  return () => (making ??= markOf(secret));
}
