import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What one test wants to be answered; undefined: nothing is ever answered. */
export interface TokenReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Asked {
  readonly path: string;
  readonly method: string;
  readonly authorization: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  readonly form: Readonly<Record<string, string>>;
}

type Answer = (asked: Asked, number: number) => TokenReply | undefined | Promise<TokenReply>;

/** A token endpoint on loopback that counts what it is asked and over how many connections. */
export async function startTokenServer(answer: Answer) {
  const asked: Asked[] = [];
  const open = new Set<Socket>();
  let connections = 0;
  let answerWith = answer;
  const server = createServer((request, response) => void serve(request, response));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const piece of request.setEncoding("utf8")) text += piece as string;
    const one: Asked = {
      path: request.url ?? "",
      method: request.method ?? "",
      authorization: request.headers.authorization,
      headers: request.headers,
      text,
      form: Object.fromEntries(new URLSearchParams(text)),
    };
    asked.push(one);
    const reply = await answerWith(one, asked.length);
    if (reply === undefined) return;
    const { status = 200, headers = {}, body = {} } = reply;
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  }

  server.on("connection", (socket) => {
    connections += 1;
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    tokenEndpoint: `http://127.0.0.1:${port}/oauth2/token`,
    asked,
    connectionCount: () => connections,
    answerWith(next: Answer) {
      answerWith = next;
    },
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A good answer, a new token each time. */
export const goodToken =
  (expiresIn: number | string = 3600, extra: object = {}): Answer =>
  (_, number) => ({
    body: {
      access_token: `token-${number}`,
      token_type: "Bearer",
      expires_in: expiresIn,
      ...extra,
    },
  });

/** A port where nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
