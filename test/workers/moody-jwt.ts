import { verifyBatch, type Batch, type Verdicts } from "../../src/auth/token/batch.ts";

/** The verify worker, but a signing input can make it hang, die or throw. */
export default function verify(batch: Batch): Verdicts {
  if (batch.lines.includes("hang")) for (;;);
  if (batch.lines.includes("die")) process.exit(1);
  if (batch.lines.includes("throw")) throw new Error("a bad day");
  return verifyBatch(batch);
}
