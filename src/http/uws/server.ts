import * as uWS from "uWebSockets.js";
import type { Config } from "../../platform/config.ts";
import { serverLimits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Counter, Metrics } from "../../platform/metrics.ts";
import { connections, type SharedMemory } from "../../platform/shared-memory.ts";
import type { Pipeline } from "../pipeline.ts";
import type { Wire } from "../wire.ts";
import { createBalance, type Balance } from "./balance.ts";
import { guard } from "./guard.ts";
import { UwsRequest, type BodyBudget } from "./read-request.ts";
import { sayAndClose, sayAndLinger, writeWire } from "./send-reply.ts";

export interface UwsServerOptions {
  readonly pipeline: Pipeline;
  readonly config: Pick<Config, "trustedProxyHops">;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** With it the thread tells its connections and sheds what is above its share. */
  readonly shared?: SharedMemory;
  readonly threadSlot?: number;
  readonly connectionsMax?: number;
}

export interface UwsServer {
  /** Resolves to the port. Rejects when it cannot be had. Port 0: any free one. */
  listen(port: number, host: string, options?: { exclusive?: boolean }): Promise<number>;
  /** Stops accepting; every further answer asks its client to go. */
  drain(): void;
  /** Closes the App and every connection. */
  close(): void;
  openConnections(): number;
  /**
   * `fn` is called once: no connection is left after `drain`, or its time is over. After
   * `patienceMs` connections that wait for no answer are not waited for either.
   */
  onIdle(fn: () => void, patienceMs?: number): void;
}

type ListenSocket = Parameters<typeof uWS.us_listen_socket_close>[0];

/** Not in the types: `silent` leaves the product's name out of every answer. */
const { _cfg: configure } = uWS as unknown as { _cfg(name: string): void };
const { LIBUS_LISTEN_EXCLUSIVE_PORT: EXCLUSIVE } = uWS as unknown as Record<string, number>;

/**
 * The server of one thread. Nothing may throw out of a callback of the native code: that ends the
 * process. A thread that owns a server closes it before it exits, for the same reason.
 */
export function createUwsServer(options: UwsServerOptions): UwsServer {
  return new ThreadServer(options);
}

class ThreadServer implements UwsServer {
  readonly #options: UwsServerOptions;
  readonly #pipeline: Pipeline;
  readonly #log: Logger;
  readonly #app: uWS.TemplatedApp;
  readonly #balance: Balance;
  readonly #budget: BodyBudget = { usedBytes: 0 };
  readonly #cuts: Counter;
  readonly #capped: Counter;
  #listenSocket: ListenSocket | undefined;
  #draining = false;
  #closed = false;

  constructor(options: UwsServerOptions) {
    const { metrics, shared } = options;
    this.#options = options;
    this.#pipeline = options.pipeline;
    this.#log = options.log;
    this.#balance = createBalance(
      shared === undefined ? undefined : connections(shared, options.threadSlot ?? 0),
    );
    this.#cuts = metrics.counter(
      "brigade_http_cut_total",
      "Connections closed unanswered for an attack on framing",
    );
    this.#capped = metrics.counter(
      "brigade_http_capped_total",
      "Connections closed because the thread has too many",
    );
    metrics.gauge("brigade_http_connections", "Open connections", this.#balance.open);
    metrics.gauge("brigade_http_body_bytes", "Bodies in memory", () => this.#budget.usedBytes);
    configure("silent");
    this.#app = uWS
      .App()
      .filter((response, change) => this.#onConnection(response, change))
      .any("/*", (response, incoming) => this.#onRequest(response, incoming));
  }

  listen(
    port: number,
    host: string,
    { exclusive = false }: { exclusive?: boolean } = {},
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      // Typed without the options, which follow the port at run time.
      const listen = this.#app.listen.bind(this.#app) as unknown as (...args: unknown[]) => void;
      listen(host, port, exclusive ? EXCLUSIVE : 0, (socket: ListenSocket | false | null) => {
        if (!socket) return reject(new Error(`port ${port} of ${host} cannot be listened on`));
        this.#listenSocket = socket;
        resolve(uWS.us_socket_local_port(socket as never));
      });
    });
  }

  drain(): void {
    this.#draining = true;
    if (this.#listenSocket !== undefined) uWS.us_listen_socket_close(this.#listenSocket);
    this.#listenSocket = undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#balance.stop();
    this.#app.close();
  }

  openConnections(): number {
    return this.#balance.open();
  }

  onIdle(fn: () => void, patienceMs: number = serverLimits.drainMs): void {
    let isPatient = true;
    setTimeout(() => (isPatient = false), patienceMs).unref();
    const poll = setInterval(() => {
      const isQuiet = isPatient ? this.#balance.open() === 0 : this.#pipeline.inFlight() === 0;
      if (this.#draining && isQuiet) end();
    }, serverLimits.drainPollMs);
    const deadline = setTimeout(end, serverLimits.drainMs);
    function end(): void {
      clearTimeout(deadline);
      clearInterval(poll);
      fn();
    }
  }

  #onConnection(response: uWS.HttpResponse, change: number): void {
    this.#balance.change(change);
    const most = this.#options.connectionsMax ?? serverLimits.connectionsMax;
    if (change > 0 && this.#balance.open() > most) {
      this.#capped.add();
      response.close();
    }
  }

  #onRequest(response: uWS.HttpResponse, incoming: uWS.HttpRequest): void {
    let request: UwsRequest | undefined;
    try {
      request = new UwsRequest(response, incoming, this.#budget);
      this.#serve(response, request);
    } catch (error) {
      this.#abandon(response, request, error);
    }
  }

  #serve(response: uWS.HttpResponse, request: UwsRequest): void {
    const hops = this.#options.config.trustedProxyHops;
    const verdict = guard(request.method, request.fields, hops);
    if (verdict.kind === "cut") {
      this.#cuts.add();
      cut(response);
      return;
    }
    if (verdict.kind === "pass") request.expectBody(verdict.contentLength);
    else request.fault = verdict.fault;
    const isHard = verdict.kind === "refuseAndClose";
    const outcome = this.#pipeline.run(request);
    // While this callback runs no abort can be told, so an answer at once needs no listener.
    if (!(outcome instanceof Promise)) return this.#send(response, request, outcome, isHard);
    response.onAborted(() => this.#onAborted(request));
    outcome
      .then((wire) => {
        if (!request.aborted) response.cork(() => this.#send(response, request, wire, isHard));
        request.stopBody?.();
      })
      .catch((error: unknown) => this.#abandon(response, request, error));
  }

  #send(response: uWS.HttpResponse, request: UwsRequest, wire: Wire, isHard: boolean): void {
    // A late body is given up with its connection; the rest of a short one the parser skips.
    if (isHard || (wire.status === 408 && !request.bodyEnded)) {
      return sayAndClose(response, request, wire);
    }
    if (!request.bodyEnded && request.contentLength > this.#pipeline.bodyBytesMax) {
      return sayAndLinger(response, request, wire);
    }
    writeWire(response, wire, this.#draining || this.#balance.shed());
  }

  #onAborted(request: UwsRequest): void {
    try {
      request.abort();
    } catch (error) {
      this.#log.error({ error }, "an abort was not handled");
    }
  }

  /** Something of ours failed while answering: the connection is all that can be given up. */
  #abandon(response: uWS.HttpResponse, request: UwsRequest | undefined, error: unknown): void {
    this.#log.error({ error }, "an answer could not be sent");
    if (request?.aborted === true) return;
    try {
      cut(response);
    } catch {
      // Already closed.
    }
  }
}

/**
 * Closes at once: what follows in the same packet is not served. Without a listener for the abort
 * the native code takes the missing answer for a mistake and ends the process.
 */
function cut(response: uWS.HttpResponse): void {
  response.onAborted(() => {});
  response.close();
}
