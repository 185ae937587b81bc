import type { Logger } from "../platform/log.ts";
import type { Transaction } from "../platform/postgres.ts";
import type { CompiledRoute } from "./compiled-route.ts";
import { callerAddress } from "./forwarded.ts";
import type { Principal } from "./principal.ts";
import { fieldOf, valuesOf, type RawRequest } from "./raw-request.ts";
import type { Request } from "./request.ts";
import { acceptedId, traceparentFor, type RequestIds } from "./trace.ts";

/** A caller's standing against its rate limit, told in `RateLimit-*`. */
export interface RateStanding {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  readonly resetSeconds: number;
  readonly retryAfterSeconds: number;
}

const NO_BYTES = new Uint8Array(0);

/**
 * One request and what is known of it so far; the handler sees it as its `Request`. What costs
 * something (address, signal, trace, logger) is made when it is first asked for.
 */
export class Exchange implements Request {
  readonly raw: RawRequest;
  readonly id: string;
  readonly startedMs: number;
  target: CompiledRoute | undefined;
  params: unknown;
  query: unknown;
  body: unknown;
  rawBody: Uint8Array = NO_BYTES;
  rate: RateStanding | undefined;
  /** Decoded; the raw one until then. */
  path: string;
  /** The answer went out or the client is gone: whatever comes later is dropped. */
  settled = false;
  bodyPending = false;
  caller: Principal | undefined;
  /** Set where an address was charged for what its sender may prove by the body. */
  recharge: ((exchange: Exchange, sender: string) => void) | undefined;
  beforeCommit: ((tx: Transaction) => Promise<void>) | undefined;
  readonly #baseLog: Logger;
  readonly #hops: number;
  #address: string | undefined;
  #traceparent: string | undefined;
  #log: Logger | undefined;
  #controller: AbortController | undefined;
  #aborted = false;

  constructor(raw: RawRequest, ids: RequestIds, startedMs: number, log: Logger, hops: number) {
    this.raw = raw;
    this.path = raw.path;
    this.id =
      acceptedId(raw.fields.requestId) ?? acceptedId(raw.fields.correlationId) ?? ids.next();
    this.startedMs = startedMs;
    this.#baseLog = log;
    this.#hops = hops;
  }

  get method(): string {
    return this.raw.method;
  }

  /** What the asynchronous request scope is entered with. */
  get requestId(): string {
    return this.id;
  }

  get principal(): Principal {
    if (this.caller === undefined) throw new TypeError("a public route has no principal");
    return this.caller;
  }

  get address(): string {
    return (this.#address ??= callerAddress(
      this.raw.peerAddress(),
      this.raw.fields.forwardedFor,
      this.#hops,
    ));
  }

  /** To be called before the first wait: afterwards the peer may be gone. */
  keepAddress(): void {
    void this.address;
  }

  get userAgent(): string {
    return this.header("user-agent") ?? "";
  }

  get traceparent(): string {
    return (this.#traceparent ??= traceparentFor(this.raw.fields.traceparent));
  }

  get log(): Logger {
    return (this.#log ??= this.#baseLog.child({ request_id: this.id }));
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  chargeSender(name: string): void {
    this.recharge?.(this, name);
  }

  header(name: string): string | undefined {
    return fieldOf(this.raw.fields, name);
  }

  headerValues(name: string): string[] {
    return valuesOf(this.raw.fields, name);
  }

  /** Tells the handler, if it listens, that nobody waits any more. */
  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }
}
