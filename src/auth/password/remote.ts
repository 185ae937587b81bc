import { platformErrors } from "../../platform/errors.ts";
import { passwordLimits as limits } from "../../platform/limits.ts";
import type { ThreadPort } from "../../platform/thread-port.ts";
import type { Passwords, Place } from "./password-port.ts";
import { toPasswords } from "./run-tasks.ts";

export interface RemotePasswordsOptions {
  readonly port: Pick<ThreadPort, "request">;
  /** Tasks that main has, of all threads together. */
  readonly tasksOfAll: () => number;
  /** Threads that hash. */
  readonly threads: number;
  readonly queueMax?: number;
}

// Made once: a storm is refused thousands of times a second, and a stack each would cost more than
// all the rest of the refusal.
const NO_PLACE = platformErrors.failure("overloaded", {
  note: "no place in the password queue",
  headers: { "retry-after": String(limits.retryAfterSeconds) },
});

/**
 * Password work of an HTTP thread: asked of main, cancelled there when the request goes away.
 *
 * A place is counted here from the moment it is taken, long before its task reaches main; what
 * main tells adds the tasks of other threads. Two threads may still take the last place at once:
 * then main refuses one of them.
 */
export function createRemotePasswords(options: RemotePasswordsOptions): Passwords {
  const { port, tasksOfAll, threads, queueMax = limits.queueMax } = options;
  /** Places taken here, and tasks of ours that main has. */
  let taken = 0;
  let sent = 0;
  const passwords = toPasswords(async (task, signal) => {
    sent++;
    try {
      return await port.request("password", task, {
        deadlineMs: limits.answerDeadlineMs,
        ...(signal === undefined ? {} : { signal }),
      });
    } finally {
      sent--;
    }
  });
  return {
    ...passwords,
    takePlace() {
      const others = Math.max(0, tasksOfAll() - sent);
      if (Math.max(taken, sent) + others >= queueMax + threads) throw NO_PLACE;
      taken++;
      return placeOf(() => taken--);
    },
  };
}

function placeOf(giveBack: () => void): Place {
  let isHeld = true;
  return {
    release() {
      if (isHeld) giveBack();
      isHeld = false;
    },
  };
}
