import {
  runPasswordTask,
  type PasswordJob,
  type PasswordResult,
} from "../src/auth/password/task.ts";

/** A password thread: one hash, comparison or strength check a task, the outcome as a value. */
export default function password(job: PasswordJob): Promise<PasswordResult> {
  return runPasswordTask(job);
}
