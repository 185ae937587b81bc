import type { Database, Transaction } from "./postgres.ts";

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

/** A sealed text and what it is bound to. */
export interface SealedRow {
  readonly id: string;
  readonly sealed: string;
}

/** A part of what was not sealed by a key, in the order of ids. */
export interface SealedPage {
  /** The key-encryption key that seals now. */
  readonly keyId: string;
  readonly after: string;
  readonly limit: number;
}

/** Rows that were sealed again, column by column. */
export interface ResealedRows {
  readonly ids: readonly string[];
  /** As they were read: what changed since stays as it is. */
  readonly before: readonly string[];
  readonly now: readonly string[];
}

/** How much a key-encryption key sealed. */
export interface SealedCount {
  readonly keyId: string;
  readonly count: number;
}

/** Where secrets are kept that the key-encryption keys seal, beside the keys themselves. */
export interface SealedTable {
  readonly name: string;
  page(database: Database, page: SealedPage): Promise<SealedRow[]>;
  replace(tx: Transaction, rows: ResealedRows): Promise<number>;
  count(database: Database): Promise<SealedCount[]>;
  /** What the secret of a row is bound to. */
  contextOf(id: string): string;
}
