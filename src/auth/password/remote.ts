import { passwordLimits as limits } from "../../platform/limits.ts";
import type { ThreadPort } from "../../platform/thread-port.ts";
import type { Passwords } from "./password-port.ts";
import { toPasswords } from "./run-tasks.ts";

/** Password work of an HTTP thread: asked of main, cancelled there when the request goes away. */
export function createRemotePasswords(port: Pick<ThreadPort, "request">): Passwords {
  return toPasswords((task, signal) =>
    port.request("password", task, {
      deadlineMs: limits.answerDeadlineMs,
      ...(signal === undefined ? {} : { signal }),
    }),
  );
}
