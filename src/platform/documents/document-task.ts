import type { ShoppingListDocument } from "./shopping-list-document.ts";

/** One piece of work for a document thread, and for the way there. */
export interface DocumentTask {
  readonly kind: "shopping-list";
  readonly list: ShoppingListDocument;
}

/** Draws a document on a thread of its own, and answers its bytes. */
export type DrawDocument = (task: DocumentTask, signal?: AbortSignal) => Promise<Uint8Array>;
