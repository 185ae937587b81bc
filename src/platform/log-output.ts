import fs from "node:fs";
import { systemClock } from "./clock.ts";
import { logLimits } from "./limits.ts";

/** Lines on their way to a file descriptor. Nothing here throws: a full disk must not end us. */
export interface LogOutput {
  write(line: string): void;
  /** Begins to write what has gathered. */
  flush(): void;
  /** Writes what has gathered before it returns, unless nobody takes it. */
  flushSync(): void;
  /** Lines that nobody took: a full disk, a closed pipe, a reader too slow. */
  droppedCount(): number;
}

interface Chunk {
  readonly bytes: Buffer;
  offset: number;
}

/**
 * States: gathering → writing (one write at a time) → gathering. A reader that is not ready
 * (EAGAIN) is asked again; any other error drops the chunk. Written for this and not taken from
 * the logger's library, whose synchronous flush never returns on a full disk or a closed pipe.
 */
export function createLogOutput(fd: number): LogOutput {
  let gathered = "";
  let droppedCount = 0;
  let isWriting = false;
  /** Waits for the reader; no write is under way. */
  let stalled: Chunk | undefined;

  const drop = (chunk: Chunk) => void (droppedCount += linesLeft(chunk));

  function begin(): void {
    if (isWriting || stalled !== undefined || gathered === "") return;
    const bytes = Buffer.from(gathered);
    gathered = "";
    send({ bytes, offset: 0 });
  }

  function send(chunk: Chunk): void {
    isWriting = true;
    fs.write(fd, chunk.bytes, chunk.offset, (error, written) => {
      isWriting = false;
      if (error !== null) return fail(chunk, error);
      chunk.offset += written;
      if (chunk.offset < chunk.bytes.length) send(chunk);
      else if (gathered.length >= logLimits.bufferMinBytes) begin();
    });
  }

  function fail(chunk: Chunk, error: NodeJS.ErrnoException): void {
    if (error.code !== "EAGAIN") return drop(chunk);
    stalled = chunk;
    setTimeout(() => {
      // The synchronous flush may have taken it.
      if (stalled !== chunk) return;
      stalled = undefined;
      send(chunk);
    }, logLimits.retryMs).unref();
  }

  return {
    write(line) {
      if (gathered.length + line.length > logLimits.bufferMaxBytes) {
        droppedCount++;
        return;
      }
      gathered += line;
      if (gathered.length >= logLimits.bufferMinBytes) begin();
    },
    flush: begin,
    flushSync() {
      // The end of a write under way is told by an event, and there will be none: it gets the time
      // in which it is surely done, so that the lines stay in order and a kill loses none.
      if (isWriting) spin(logLimits.inFlightMs);
      const endsAtMs = systemClock.monotonicMs() + logLimits.finalFlushMs;
      const chunks = [stalled, { bytes: Buffer.from(gathered), offset: 0 }];
      stalled = undefined;
      gathered = "";
      for (const chunk of chunks) {
        if (chunk !== undefined && !sendSync(fd, chunk, endsAtMs)) drop(chunk);
      }
    },
    droppedCount: () => droppedCount,
  };
}

function spin(ms: number): void {
  const endsAtMs = systemClock.monotonicMs() + ms;
  while (systemClock.monotonicMs() < endsAtMs);
}

function linesLeft({ bytes, offset }: Chunk): number {
  let count = 0;
  for (let at = offset; at < bytes.length; at++) if (bytes[at] === 0x0a) count++;
  return count;
}

/** False when not all of it was taken. */
function sendSync(fd: number, chunk: Chunk, endsAtMs: number): boolean {
  while (chunk.offset < chunk.bytes.length) {
    try {
      chunk.offset += fs.writeSync(fd, chunk.bytes, chunk.offset);
    } catch (error) {
      const isSlow = (error as NodeJS.ErrnoException).code === "EAGAIN";
      if (!isSlow || systemClock.monotonicMs() > endsAtMs) return false;
    }
  }
  return true;
}
