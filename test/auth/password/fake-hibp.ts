import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after } from "node:test";

export type HibpMood =
  | "well"
  | "failing"
  | "hanging"
  | "dripping"
  | "wrong"
  | "huge"
  | "redirecting";

/** A server that speaks the range protocol about a few passwords, and can be unwell in many ways. */
export async function startFakeHibp(breached: readonly string[]) {
  const asked: { path: string; headers: IncomingHttpHeaders; method: string }[] = [];
  const digests = breached.map((text) =>
    createHash("sha1").update(text).digest("hex").toUpperCase(),
  );
  const fake = { mood: "well" as HibpMood, asked, url: "", padded: [] as string[] };
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push({ path, headers: request.headers, method: request.method ?? "" });
    answer(fake.mood, path.replace("/range/", ""), response);
  });

  function answer(mood: HibpMood, prefix: string, response: ServerResponse): void {
    const pad = [...fake.padded, ...Array.from({ length: 800 }, () => "0".repeat(35))];
    const lines = [
      ...digests.filter((hex) => hex.startsWith(prefix)).map((hex) => `${hex.slice(5)}:42`),
      ...pad.map((suffix) => `${suffix}:0`),
    ];
    if (mood === "hanging") return;
    if (mood === "failing") response.statusCode = 500;
    if (mood === "redirecting") response.writeHead(302, { location: "/elsewhere" });
    if (mood === "dripping") {
      const timer = setInterval(() => response.write("0".repeat(35)), 50);
      response.on("close", () => clearInterval(timer));
      return;
    }
    if (mood === "wrong") return void response.end("<html>Please log in</html>");
    if (mood === "huge") return void response.end(`${"0".repeat(35)}:0\r\n`.repeat(20_000));
    response.end(lines.join("\r\n"));
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return fake;
}
