import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How the server answers when it is asked for keys. */
export type KeyServerMood =
  | "good"
  | "refuses"
  | "hangs"
  | "drips"
  | "fails"
  | "redirects"
  | "sends HTML"
  | "sends 50 MB";

const MiB = 1024 * 1024;

export type KeyServer = Awaited<ReturnType<typeof startKeyServer>>;

/** A real issuer on loopback, good or hostile: discovery and a key set, and what it was asked. */
export async function startKeyServer(options: { readonly port?: number } = {}) {
  const counts = { discovery: 0, keys: 0 };
  let mood: KeyServerMood = "good";
  let keys: readonly object[] = [];
  let discovery: object = {};
  let heldUp: { until: Promise<void>; came: () => void } | undefined;
  const timers = new Set<NodeJS.Timeout>();

  function misbehave(request: IncomingMessage, response: ServerResponse): void {
    if (mood === "refuses") request.socket.destroy();
    if (mood === "fails") response.writeHead(500).end("{}");
    if (mood === "redirects") response.writeHead(302, { location: `${url}/elsewhere` }).end();
    if (mood === "sends HTML") {
      response.writeHead(200, { "content-type": "text/html" }).end("<html>log in first</html>");
    }
    if (mood === "sends 50 MB") {
      response.writeHead(200, { "content-type": "application/json" });
      const piece = Buffer.alloc(MiB, " ");
      let left = 50;
      const send = () => {
        while (left-- > 0) if (!response.write(piece)) return void response.once("drain", send);
        response.end(JSON.stringify({ keys }));
      };
      send();
    }
    if (mood === "drips") {
      response.writeHead(200, { "content-type": "application/json" });
      const text = JSON.stringify({ keys });
      let at = 0;
      const timer = setInterval(() => response.write(text[at++ % text.length]), 1_000);
      timers.add(timer);
      response.once("close", () => clearInterval(timer));
    }
  }

  const server = createServer((request, response) => {
    const isDiscovery = request.url === "/.well-known/openid-configuration";
    counts[isDiscovery ? "discovery" : "keys"]++;
    if (heldUp !== undefined) {
      const body = JSON.stringify({ keys });
      const { until, came } = heldUp;
      heldUp = undefined;
      came();
      void until.then(() => response.end(body));
    } else if (request.url === "/elsewhere" || isDiscovery || mood === "good") {
      const body = isDiscovery ? { issuer: url, jwks_uri: `${url}/jwks`, ...discovery } : { keys };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
    } else misbehave(request, response);
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    /** Its issuer's name. */
    url,
    port,
    jwksUri: `${url}/jwks`,
    counts,
    publish: (...jwks: readonly object[]) => void (keys = jwks),
    be: (next: KeyServerMood) => void (mood = next),
    /** Members that its discovery has in place of the true ones. */
    claim: (members: object) => void (discovery = members),
    /** The next answer is what it would be now, and comes later. Resolves when it was asked for. */
    hold: (until: Promise<void>) =>
      new Promise<void>((came) => {
        heldUp = { until, came };
      }),
    async close() {
      for (const timer of timers) clearInterval(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
