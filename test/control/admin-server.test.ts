import assert from "node:assert/strict";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Server } from "node:http";
import { startAdminServer } from "../../src/control/admin-server.ts";
import { controlLimits } from "../../src/platform/limits.ts";
import { capturedLog } from "../support/log.ts";

const { log, lines } = capturedLog("info");
let server: Server;

before(async () => {
  server = await startAdminServer(
    0,
    {
      "GET /metrics": () => ({ status: 200, contentType: "text/plain", body: "up 1\n" }),
      "POST /echo": (body) => ({ status: 200, contentType: "text/plain", body }),
      "GET /broken": () => {
        throw new Error("a secret reason");
      },
    },
    log,
  );
});
after(() => server.close());

interface Asked {
  readonly status: number;
  readonly body: string;
  readonly headers: Record<string, unknown>;
}

function ask(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Asked> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, body: text, headers: answer.headers }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

test("it listens on loopback alone", () => {
  assert.equal((server.address() as AddressInfo).address, "127.0.0.1");
});

test("a route answers, with or without a query, and is not to be stored", async () => {
  const answer = await ask("GET", "/metrics?from=prometheus");
  assert.deepEqual([answer.status, answer.body], [200, "up 1\n"]);
  assert.equal(answer.headers["cache-control"], "no-store");
});

test("a body reaches its route, one that is too large does not", async () => {
  assert.equal((await ask("POST", "/echo", {}, "text")).body, "text");
  const large = "x".repeat(controlLimits.adminBodyBytesMax + 1);
  assert.equal((await ask("POST", "/echo", {}, large)).status, 413);
});

test("what is not there is not found", async () => {
  assert.equal((await ask("GET", "/other")).status, 404);
  assert.equal((await ask("POST", "/metrics")).status, 404);
});

test("a page in a browser on this machine gets nothing", async () => {
  assert.equal((await ask("GET", "/metrics", { origin: "http://evil.example" })).status, 403);
  assert.equal((await ask("GET", "/metrics", { host: "rebound.example" })).status, 403);
  for (const host of ["localhost:9100", "127.0.0.1", "[::1]:9100"]) {
    assert.equal((await ask("GET", "/metrics", { host })).status, 200, host);
  }
});

test("a route that fails is a 500 that tells nothing, and the reason is in the log", async () => {
  const answer = await ask("GET", "/broken");
  assert.equal(answer.status, 500);
  assert.doesNotMatch(answer.body, /secret/);
  assert.ok(lines.some((line) => line["message"] === "the admin port failed"));
});
