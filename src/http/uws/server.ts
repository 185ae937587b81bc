import * as uWS from "uWebSockets.js";
import type { Config } from "../../platform/config.ts";
import { serverLimits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { connections, type SharedMemory } from "../../platform/shared-memory.ts";
import type { Pipeline } from "../pipeline.ts";
import type { Wire } from "../wire.ts";
import { createBalance } from "./balance.ts";
import { guard } from "./guard.ts";
import { UwsRequest, type BodyBudget } from "./read-request.ts";
import { sayAndClose, writeWire } from "./send-reply.ts";

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
  /** `fn` is called once: no connection is left after `drain`, or its time is over. */
  onIdle(fn: () => void): void;
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
  const { pipeline, log } = options;
  configure("silent");
  const budget: BodyBudget = { usedBytes: 0 };
  const balance = createBalance(
    options.shared === undefined ? undefined : connections(options.shared, options.threadSlot ?? 0),
  );
  const drainState = { draining: false, closed: false };
  let listenSocket: ListenSocket | undefined;
  const cuts = options.metrics.counter(
    "brigade_http_cut_total",
    "Connections closed unanswered for an attack on framing",
  );
  const capped = options.metrics.counter(
    "brigade_http_capped_total",
    "Connections closed because the thread has too many",
  );
  options.metrics.gauge("brigade_http_connections", "Open connections", balance.open);
  options.metrics.gauge("brigade_http_body_bytes", "Bodies in memory", () => budget.usedBytes);

  function send(response: uWS.HttpResponse, request: UwsRequest, wire: Wire, hard: boolean): void {
    if (request.aborted) return;
    if (hard) return sayAndClose(response, request, wire, serverLimits.farewellMs);
    if (!request.bodyEnded) {
      // A short rest is skipped by the parser; a long or a late one is not worth the wait.
      if (wire.status === 408) return sayAndClose(response, request, wire, serverLimits.farewellMs);
      if (request.contentLength > pipeline.bodyBytesMax) {
        return sayAndClose(response, request, wire, serverLimits.lingerMs);
      }
    }
    writeWire(response, wire, drainState.draining || balance.shed());
  }

  function serve(response: uWS.HttpResponse, incoming: uWS.HttpRequest): void {
    const request = new UwsRequest(response, incoming, budget);
    response.onAborted(() => {
      try {
        request.abort();
      } catch (error) {
        log.error({ error }, "an abort was not handled");
      }
    });
    const verdict = guard(request.method, request.fields, options.config.trustedProxyHops);
    if (verdict.kind === "cut") {
      cuts.add();
      response.close();
      return;
    }
    if (verdict.kind === "pass") {
      request.contentLength = verdict.contentLength;
      request.bodyEnded = verdict.contentLength === 0;
    } else {
      request.fault = verdict.fault;
    }
    const hard = verdict.kind === "refuseAndClose";
    const outcome = pipeline.run(request);
    if (!(outcome instanceof Promise)) return send(response, request, outcome, hard);
    outcome
      .then((wire) => {
        if (request.aborted) return;
        response.cork(() => send(response, request, wire, hard));
        request.stopBody?.();
      })
      .catch((error: unknown) => abandon(response, request, error));
  }

  /** Something of ours failed while answering: the connection is all that can be given up. */
  function abandon(
    response: uWS.HttpResponse,
    request: UwsRequest | undefined,
    error: unknown,
  ): void {
    log.error({ error }, "an answer could not be sent");
    if (request?.aborted === true) return;
    try {
      response.close();
    } catch {
      // Already closed.
    }
  }

  const app = uWS.App();
  app.filter((response, change) => {
    balance.change(change);
    if (change > 0 && balance.open() > (options.connectionsMax ?? serverLimits.connectionsMax)) {
      capped.add();
      response.close();
    }
  });
  app.any("/*", (response, incoming) => {
    try {
      serve(response, incoming);
    } catch (error) {
      abandon(response, undefined, error);
    }
  });

  function close(): void {
    if (drainState.closed) return;
    drainState.closed = true;
    balance.stop();
    app.close();
  }

  return Object.freeze({
    listen(port: number, host: string, { exclusive = false }: { exclusive?: boolean } = {}) {
      return new Promise<number>((resolve, reject) => {
        // Typed without the options, which follow the port at run time.
        const listen = app.listen.bind(app) as unknown as (...args: unknown[]) => void;
        listen(host, port, exclusive ? EXCLUSIVE : 0, (socket: ListenSocket | false | null) => {
          if (!socket) return reject(new Error(`port ${port} of ${host} cannot be listened on`));
          listenSocket = socket;
          resolve(uWS.us_socket_local_port(socket as never));
        });
      });
    },
    drain() {
      drainState.draining = true;
      if (listenSocket !== undefined) uWS.us_listen_socket_close(listenSocket);
      listenSocket = undefined;
    },
    close,
    openConnections: balance.open,
    onIdle(fn: () => void) {
      const deadline = setTimeout(end, serverLimits.drainMs);
      const poll = setInterval(() => {
        if (drainState.draining && balance.open() === 0) end();
      }, serverLimits.drainPollMs);
      function end(): void {
        clearTimeout(deadline);
        clearInterval(poll);
        fn();
      }
    },
  });
}
