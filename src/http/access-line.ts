import { symbols } from "pino";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/log.ts";

/** What is told of one request. */
export interface AccessFields {
  readonly requestId: string;
  readonly method: string;
  /** Pattern of the route, never the path: a path may hold a secret. */
  readonly route: string | undefined;
  readonly status: number;
  readonly durationMs: number;
  readonly userId: string | undefined;
  readonly code: string | undefined;
}

interface LoggerParts {
  readonly [symbols.streamSym]: { write(line: string): void };
  /** The logger's own fields, as JSON text that begins with a comma. */
  readonly [symbols.chindingsSym]: string;
}

/**
 * A writer of access lines, to where and with the fields `log` writes. A line for each request is
 * the costliest thing a warm request does; put together by hand it costs a third.
 */
export function createAccessLine(log: Logger, clock: Clock): (fields: AccessFields) => void {
  const parts = log as unknown as LoggerParts;
  let lastMs = 0;
  let lastTime = "";
  return (fields) => {
    if (!log.isLevelEnabled("info")) return;
    const nowMs = clock.nowMs();
    if (nowMs !== lastMs) {
      lastMs = nowMs;
      lastTime = new Date(nowMs).toISOString();
    }
    const user = fields.userId === undefined ? "" : `,"user_id":${JSON.stringify(fields.userId)}`;
    const route = fields.route === undefined ? "" : `,"route":${JSON.stringify(fields.route)}`;
    const code = fields.code === undefined ? "" : `,"error_code":"${fields.code}"`;
    // The id has no character that JSON escapes (`trace.ts`), nor has a method of the parser.
    parts[symbols.streamSym].write(
      `{"level":"info","timestamp":"${lastTime}"${parts[symbols.chindingsSym]},"request_id":"${fields.requestId}","method":${JSON.stringify(fields.method)}${route},"status":${fields.status},"duration_ms":${fields.durationMs.toFixed(3)}${user}${code},"message":"request"}\n`,
    );
  };
}
