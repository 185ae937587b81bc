/**
 * Seals what must not be readable where it is kept, and opens it again. `context` is bound to the
 * sealed bytes: what was moved to another row does not open there. Implemented in
 * `auth/keys/sealer.ts`.
 */
export interface Sealer {
  seal(secret: Uint8Array, context: string): Promise<Buffer>;
  /** Throws when nothing here opens it; the error never holds a value. */
  open(sealed: Uint8Array, context: string): Promise<Buffer>;
}
