import { systemClock, type Clock } from "../../platform/clock.ts";
import { AppError, platformErrors } from "../../platform/errors.ts";
import { passwordLimits as limits } from "../../platform/limits.ts";
import type { ThreadPort } from "../../platform/thread-port.ts";
import type { Passwords } from "./password-port.ts";
import { toPasswords } from "./run-tasks.ts";

/**
 * Password work of an HTTP thread: asked of main, cancelled there when the request goes away. When
 * main has said that its queue is full, the thread believes it for a moment: much shorter than the
 * queue lasts, so the threads that hash never run dry.
 */
export function createRemotePasswords(
  port: Pick<ThreadPort, "request">,
  clock: Clock = systemClock,
): Passwords {
  let fullUntilMs = 0;
  const passwords = toPasswords(async (task, signal) => {
    try {
      return await port.request("password", task, {
        deadlineMs: limits.answerDeadlineMs,
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      if (error instanceof AppError && error.code === "overloaded") {
        fullUntilMs = clock.monotonicMs() + limits.believedFullMs;
      }
      throw error;
    }
  });
  return {
    ...passwords,
    assertRoom() {
      if (clock.monotonicMs() >= fullUntilMs) return;
      throw platformErrors.failure("overloaded", {
        note: "the password queue was full a moment ago",
        headers: { "retry-after": String(limits.retryAfterSeconds) },
      });
    },
  };
}
