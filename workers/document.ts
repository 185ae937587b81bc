import type { DocumentTask } from "../src/platform/documents/document-task.ts";
import { drawShoppingList } from "../src/platform/documents/shopping-list-document.ts";

/** A document thread: one document a task, its bytes as a value. */
export default function draw({ list }: DocumentTask): Promise<Uint8Array> {
  return drawShoppingList(list);
}
