import { createLogger, type Logger } from "../../src/platform/log.ts";

/** A logger that says nothing. */
export const silentLog: Logger = createLogger({ environment: "test", logLevel: "silent" });

/** A logger that keeps its lines, parsed. */
export function capturedLog(level = "trace"): {
  log: Logger;
  lines: Record<string, unknown>[];
  texts: string[];
} {
  const lines: Record<string, unknown>[] = [];
  const texts: string[] = [];
  const log = createLogger(
    { environment: "test", logLevel: level },
    {},
    {
      write(text) {
        texts.push(text);
        lines.push(JSON.parse(text) as Record<string, unknown>);
      },
    },
  );
  return { log, lines, texts };
}
