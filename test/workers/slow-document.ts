import type { DocumentTask } from "../../src/platform/documents/document-task.ts";

/** A document thread that never ends for one title, and fails for another. */
export default function draw({ list }: DocumentTask): Uint8Array {
  const [line] = list.lines;
  if (line?.name === "forever") for (;;);
  if (line?.name === "failure") throw new Error("Ana Souza buys secret things");
  return Buffer.from(line?.name ?? "");
}
