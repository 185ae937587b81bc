import { verifyBatch, type Batch, type Verdicts } from "../src/auth/token/batch.ts";

/** A verify pool's thread: one batch of signatures a task, verdicts as values. */
export default function verify(batch: Batch): Verdicts {
  return verifyBatch(batch);
}
