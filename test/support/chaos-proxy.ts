import { createConnection, createServer, type Socket } from "node:net";
import { once } from "node:events";

/** What the proxy does to the bytes between client and server. */
export type Weather =
  /** Passes everything on. */
  | "fair"
  /** Half open: connections stay, nothing arrives any more, on either side. */
  | "swallow"
  /** Nobody gets in; connections that were open are closed. */
  | "cut"
  /** As `cut`, but with a reset. */
  | "reset";

export interface ChaosProxy {
  /** The database address, through the proxy. */
  readonly url: string;
  setWeather(weather: Weather): void;
  /** Added to each chunk, in both directions. */
  setLatencyMs(milliseconds: number): void;
  /** What becomes of each chunk from the server; an empty one swallows it. */
  setFilter(filter: (chunk: Buffer) => Buffer): void;
  readonly connectionCount: number;
  close(): Promise<void>;
}

/**
 * A TCP proxy in front of a PostgreSQL address, for breaking what lies between. With `only`, the
 * weather is for connections that give this application name; the others always pass.
 */
export async function startChaosProxy(databaseUrl: string, only?: string): Promise<ChaosProxy> {
  const target = targetOf(databaseUrl);
  const pairs = new Set<readonly [Socket, Socket]>();
  /** All that are open, also those whose other side is gone while nobody may notice. */
  const sockets = new Set<Socket>();
  let weather: Weather = "fair";
  let latencyMs = 0;
  let filter = (chunk: Buffer): Buffer => chunk;

  const server = createServer((client) => {
    if (only === undefined) return open(client, true);
    // The first message names the application.
    client
      .on("error", () => {})
      .once("data", (startup: Buffer) => {
        client.pause();
        client.unshift(startup);
        open(client, startup.includes(`application_name\0${only}\0`));
        client.resume();
      });
  });

  function open(client: Socket, isExposed: boolean): void {
    if (!isExposed) return connectThrough(client);
    if (weather === "cut" || weather === "reset") {
      reset(client);
      return;
    }
    const upstream = createConnection(target);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) track(socket);
    forward(client, upstream, (chunk) => chunk);
    forward(upstream, client, (chunk) => filter(chunk));
    const end = () => {
      pairs.delete(pair);
      // A half-open connection does not even say that it ended.
      if (weather === "swallow") return;
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) socket.on("error", () => {}).on("close", end);
  }

  function connectThrough(client: Socket): void {
    const upstream = createConnection(target);
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) {
      track(socket);
      socket
        .on("error", () => {})
        .on("close", () => {
          client.destroy();
          upstream.destroy();
        });
    }
  }

  function track(socket: Socket): void {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  }

  function forward(from: Socket, to: Socket, pass: (chunk: Buffer) => Buffer): void {
    from.on("data", (chunk) => {
      const send = () => {
        if (weather === "swallow") return;
        const passed = pass(chunk);
        if (passed.length > 0 && !to.destroyed) to.write(passed);
      };
      if (latencyMs === 0) send();
      else setTimeout(send, latencyMs);
    });
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const drop = (pair: readonly [Socket, Socket], end: (socket: Socket) => void) => {
    pairs.delete(pair);
    for (const socket of pair) end(socket);
  };
  return {
    url: `postgres://postgres@127.0.0.1:${port}/${target.database}`,
    setWeather(next) {
      weather = next;
      if (next === "cut") for (const pair of pairs) drop(pair, (socket) => socket.destroy());
      if (next === "reset") for (const pair of pairs) drop(pair, (socket) => reset(socket));
    },
    setLatencyMs: (milliseconds) => void (latencyMs = milliseconds),
    setFilter: (next) => void (filter = next),
    get connectionCount() {
      return pairs.size;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Where a PostgreSQL address leads: a folder of Unix sockets, or a host and port. */
function targetOf(databaseUrl: string) {
  const match = /^postgres(?:ql)?:\/\/(?:[^@/]*@)?([^/]*)\/([^?]*)\??(.*)$/.exec(databaseUrl);
  if (match === null) throw new Error("not a PostgreSQL address");
  const [, authority = "", database = "", query = ""] = match;
  const parameters = new URLSearchParams(query);
  const port = parameters.get("port") ?? (authority.split(":")[1] || "5432");
  const host = parameters.get("host") ?? authority.split(":")[0]!;
  if (host.startsWith("/")) return { path: `${host}/.s.PGSQL.${port}`, database };
  return { host, port: Number(port), database };
}

/** Only TCP knows a reset; towards a Unix socket the connection is closed. */
function reset(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

/** A filter that takes the server's notifications ("A") out of what it sends. */
export function withoutNotifications(chunk: Buffer): Buffer {
  const kept: Buffer[] = [];
  let at = 0;
  while (at + 5 <= chunk.length) {
    const end = at + 1 + chunk.readUInt32BE(at + 1);
    if (chunk[at] !== 0x41) kept.push(chunk.subarray(at, end));
    at = end;
  }
  // Not whole messages: a chunk that was cut. It goes on as it is.
  return at === chunk.length ? Buffer.concat(kept) : chunk;
}
