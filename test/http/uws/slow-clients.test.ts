import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, test } from "node:test";
import { text } from "../../../src/http/reply.ts";
import { defineRoute, PUBLIC } from "../../../src/http/route.ts";
import { testSize } from "../../support/size.ts";
import { startServer } from "../fixture.ts";

// The native timers cannot be moved: these take their real time.
const skip = testSize(0, 1) === 0 ? "takes half a minute; run with BRIGADE_TEST_LONG=1" : false;
const server = await startServer({
  routes: [
    defineRoute({
      method: "GET",
      path: "/large",
      summary: "s",
      tag: "t",
      access: PUBLIC,
      responses: {},
      handler: () => text(200, "x".repeat(16_000_000), "text/plain"),
    }),
  ],
});
after(() => server.close());

/** Seconds until the server ends a connection that `behave` makes slow. */
function lifeOf(behave: (socket: ReturnType<typeof connect>) => void): Promise<number> {
  return new Promise((resolve) => {
    const begun = performance.now();
    const socket = connect(server.port, "127.0.0.1", () => behave(socket));
    const poll = setInterval(() => {
      // A paused reader does not learn of the end; the server's own count does.
      if (server.server.openConnections() > 0) return;
      clearInterval(poll);
      socket.destroy();
      resolve((performance.now() - begun) / 1_000);
    }, 100);
    socket.on("error", () => {});
  });
}

test("a header that comes byte by byte is cut off within 20 s", { skip }, async () => {
  const seconds = await lifeOf((socket) => {
    const bytes = "GET /large HTTP/1.1\r\nHost: a\r\nX-Slow: ".split("");
    socket.write(bytes.splice(0, 22).join(""));
    const drip = setInterval(() => socket.write(bytes.shift() ?? "x"), 500);
    socket.on("close", () => clearInterval(drip));
  });
  assert.ok(seconds <= 20, `${seconds} s`);
});

test("a connection that says nothing is cut off within 20 s", { skip }, async () => {
  const seconds = await lifeOf(() => {});
  assert.ok(seconds <= 20, `${seconds} s`);
});

test("a reader that takes nothing is cut off within 30 s", { skip }, async () => {
  const seconds = await lifeOf((socket) => {
    socket.pause();
    socket.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  });
  assert.ok(seconds <= 30, `${seconds} s`);
});
