import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Type } from "typebox";
import { json } from "../../../src/http/reply.ts";
import { AUTHENTICATED, defineRoute, PUBLIC } from "../../../src/http/route.ts";
import { sendRaw, startServer } from "../fixture.ts";

const common = { summary: "s", tag: "t", responses: {} } as const;
/** Names of the requests that reached a handler. */
const served: string[] = [];
const server = await startServer({
  routes: [
    defineRoute({
      ...common,
      method: "GET",
      path: "/canary",
      access: PUBLIC,
      direct: true,
      handler: () => {
        served.push("canary");
        return json(200, { canary: true });
      },
    }),
    defineRoute({
      ...common,
      method: "GET",
      path: "/later",
      access: PUBLIC,
      handler: async () => {
        await new Promise((wait) => setTimeout(wait, 20));
        served.push("later");
        return json(200, { later: true });
      },
    }),
    defineRoute({
      ...common,
      method: "POST",
      path: "/post",
      access: PUBLIC,
      body: Type.Any(),
      handler: ({ body }) => {
        served.push("post");
        return json(200, { got: body });
      },
    }),
    defineRoute({
      ...common,
      method: "GET",
      path: "/me",
      access: AUTHENTICATED,
      handler: ({ principal }) => json(200, { user: principal.userId }),
    }),
    defineRoute({
      ...common,
      method: "GET",
      path: "/echo",
      access: PUBLIC,
      direct: true,
      handler: (request) =>
        json(200, { address: request.address, last: request.header("x-last") ?? null }),
    }),
  ],
});
after(() => server.close());
const { port } = server;

const CANARY = "GET /canary HTTP/1.1\r\nHost: a\r\n\r\n";
const statusesOf = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));

/** Sends an attack with a canary behind it, in one packet and cut in two. */
async function attack(head: string, rest = ""): Promise<{ text: string; ended: boolean }[]> {
  const whole = await sendRaw(port, head + rest + CANARY, { waitMs: 300 });
  const cut = await sendRaw(port, [head, rest + CANARY], { waitMs: 300 });
  return [whole, cut];
}

const POST = "POST /post HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
const ATTACKS: Record<string, [head: string, rest?: string]> = {
  chunked: [`${POST}Transfer-Encoding: chunked\r\n\r\n`, "2\r\n{}\r\n0\r\n\r\n"],
  "an unknown transfer-encoding": [
    `${POST}Transfer-Encoding: xchunked\r\n\r\n`,
    "2\r\n{}\r\n0\r\n\r\n",
  ],
  "gzip, chunked": [`${POST}Transfer-Encoding: gzip, chunked\r\n\r\n`, "2\r\n{}\r\n0\r\n\r\n"],
  "two transfer-encodings": [
    `${POST}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n`,
    "0\r\n\r\n",
  ],
  "an empty transfer-encoding": [`${POST}Transfer-Encoding:\r\n\r\n`],
  "a transfer-encoding on GET": [
    "GET /canary HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "0\r\n\r\n",
  ],
  "both framings": [`${POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n`, "0\r\n\r\n"],
  "two lengths": [`${POST}Content-Length: 2\r\nContent-Length: 30\r\n\r\n`, "{}"],
  "two equal lengths": [`${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n`, "{}"],
  "a list of lengths": [`${POST}Content-Length: 2, 2\r\n\r\n`, "{}"],
  "a signed length": [`${POST}Content-Length: +2\r\n\r\n`, "{}"],
  "a negative length": [`${POST}Content-Length: -2\r\n\r\n`, "{}"],
  "a hexadecimal length": [`${POST}Content-Length: 0x2\r\n\r\n`, "{}"],
  "an empty length": [`${POST}Content-Length:\r\n\r\n`, "{}"],
  "a length of 16 digits": [`${POST}Content-Length: 1000000000000000\r\n\r\n`, "{}"],
  "a body on GET": ["GET /canary HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", "{}"],
  "a body on HEAD": ["HEAD /canary HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", "{}"],
  "a body on DELETE": ["DELETE /canary HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", "{}"],
  "a body on OPTIONS": ["OPTIONS /canary HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", "{}"],
  "a body on an unknown method": [
    "BREW /canary HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n",
    "{}",
  ],
};

for (const [name, [head, rest]] of Object.entries(ATTACKS)) {
  test(`${name}: closed without an answer, and what follows is not served`, async () => {
    served.length = 0;
    for (const { text, ended } of await attack(head, rest)) {
      assert.ok(ended, "the connection is still open");
      assert.ok(!text.includes("canary"), text);
      assert.ok(text === "" || text.startsWith("HTTP/1.1 400"), text);
    }
    assert.deepEqual(served, []);
  });
}

test("a body without a length: 411, closed, and what follows is not served", async () => {
  served.length = 0;
  const { text, ended } = await sendRaw(port, `${POST}\r\n`, { waitMs: 500 });
  assert.match(text, /^HTTP\/1\.1 411[^]*connection: close[^]*length_required/i);
  assert.ok(ended);
  const piped = await sendRaw(port, `${POST}\r\n${CANARY}`, { waitMs: 500 });
  assert.ok(piped.ended);
  assert.deepEqual(served, []);
});

test("an unknown method is answered 501 and closed", async () => {
  for (const method of ["TRACE", "CONNECT", "BREW", "get"]) {
    const { text, ended } = await sendRaw(port, `${method} /canary HTTP/1.1\r\nHost: a\r\n\r\n`, {
      waitMs: 500,
    });
    assert.ok(ended, method);
    assert.ok(!text.includes('"canary"'), method);
    assert.match(text, /^HTTP\/1\.1 501|^$/, method);
  }
});

test("two hosts, no host, and hosts that are none", async () => {
  for (const lines of [
    "Host: a\r\nHost: b",
    "Host: a\r\nHost: a",
    "Host: a/b",
    "Host: u@a",
    "Host: a,b",
    "Host:",
    "X: y",
  ]) {
    const { text } = await sendRaw(port, `GET /canary HTTP/1.1\r\n${lines}\r\n\r\n`, {
      waitMs: 400,
      until: /\}$/,
    });
    assert.match(text, /^HTTP\/1\.1 400/, lines);
    assert.ok(!text.includes('"canary"'), lines);
  }
});

test("a repeated authorization, content-type or cookie is malformed", async () => {
  for (const line of ["Authorization: Bearer user-ann", "Content-Type: a/b", "Cookie: a=b"]) {
    const { text } = await sendRaw(
      port,
      `GET /me HTTP/1.1\r\nHost: a\r\n${line}\r\n${line}\r\n\r\n`,
      { until: /\}$/ },
    );
    assert.match(text, /^HTTP\/1\.1 400[^]*malformed_request/, line);
  }
});

test("bytes that may not be in a target are refused", async () => {
  for (const target of [
    "/a\\b",
    "/\xff",
    "/canary?\xe9",
    "/a%00b",
    "/a%2fb",
    "/x/%2e%2e/canary",
    "/canary#x",
  ]) {
    const { text } = await sendRaw(port, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`, {
      until: /\}$/,
      waitMs: 500,
    });
    assert.match(text, /^HTTP\/1\.1 400/, target);
  }
  const long = await sendRaw(port, `GET /${"a".repeat(2_100)} HTTP/1.1\r\nHost: a\r\n\r\n`, {
    until: /\}$/,
  });
  assert.match(long.text, /^HTTP\/1\.1 414/);
});

test("a request cut anywhere after its first line is read whole", async () => {
  const body = '{"a":[1,2,3]}';
  const request = `POST /post HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const first = request.indexOf("\r\n") + 2;
  const at = [
    first + 3,
    first + 20,
    request.length - body.length - 2,
    request.length - body.length,
    request.length - 5,
  ];
  for (const cut of at) {
    const { text } = await sendRaw(port, [request.slice(0, cut), request.slice(cut)], {
      until: /\}\}$/,
    });
    assert.match(text, /^HTTP\/1\.1 200[^]*\{"got":\{"a":\[1,2,3\]\}\}$/, `cut at ${cut}`);
  }
});

test("pipelined requests are answered in order while answers come at once", async () => {
  const { text } = await sendRaw(port, CANARY.repeat(5), { until: /(canary[^]*){5}\}/ });
  assert.deepEqual(statusesOf(text), [200, 200, 200, 200, 200]);
});

test("a second request before the first is answered ends the connection, and is not served", async () => {
  served.length = 0;
  const { ended } = await sendRaw(port, `GET /later HTTP/1.1\r\nHost: a\r\n\r\n${CANARY}`, {
    waitMs: 500,
  });
  assert.ok(ended);
  assert.ok(!served.includes("canary"));
});

test("a connection lives on after a refused body, a HEAD and an OPTIONS", async () => {
  const refused =
    "POST /post HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n";
  const { text } = await sendRaw(
    port,
    [
      `${refused}ab`,
      `cd${CANARY}`,
      "HEAD /canary HTTP/1.1\r\nHost: a\r\n\r\n",
      "OPTIONS /canary HTTP/1.1\r\nHost: a\r\n\r\n",
      CANARY,
    ],
    { until: /(canary":true[^]*){2}/ },
  );
  assert.deepEqual(statusesOf(text), [415, 200, 200, 204, 200]);
  const head = text.split("HTTP/1.1 ")[3]!;
  assert.match(head, /content-length: 15\r\n/);
  assert.ok(head.endsWith("\r\n\r\n"), "HEAD had a body");
  assert.ok(!/content-length/i.test(text.split("HTTP/1.1 ")[4]!), "a 204 has no length");
});

test("a forwarded address is believed from our own proxies only", async () => {
  const { text } = await sendRaw(
    port,
    "GET /echo HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n",
    { until: /\}$/ },
  );
  assert.match(text, /"address":"127\.0\.0\.1"/);
  const behind = await startServer({
    config: { trustedProxyHops: 1 },
    routes: [
      defineRoute({
        ...common,
        method: "GET",
        path: "/echo",
        access: PUBLIC,
        direct: true,
        handler: (request) => json(200, { address: request.address }),
      }),
    ],
  });
  after(() => behind.close());
  const one = await sendRaw(
    behind.port,
    "GET /echo HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 192.0.2.9\r\n\r\n",
    { until: /\}$/ },
  );
  assert.match(one.text, /"address":"192\.0\.2\.9"/);
  const two = await sendRaw(
    behind.port,
    "GET /echo HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\n\r\n",
    { until: /\}$/ },
  );
  assert.match(two.text, /^HTTP\/1\.1 400/);
});

// What the parser below does and JavaScript cannot see: README lists it under limits. These tests
// record today's answer; a newer build may change it for the better.
test("limit: a request line cut into pieces may be refused with 505", async () => {
  const { text } = await sendRaw(port, ["GET /can", "ary HTTP/1.1\r\nHost: a\r\n\r\n"], {
    waitMs: 400,
  });
  assert.match(text, /^HTTP\/1\.1 (505|200)/);
});

test("limit: an empty header name hides the headers behind it", async () => {
  const { text } = await sendRaw(
    port,
    "GET /echo HTTP/1.1\r\nHost: a\r\n: x\r\nX-Last: seen\r\n\r\n",
    { waitMs: 400 },
  );
  assert.ok(text.startsWith("HTTP/1.1 400") || text.includes('"last":null'), text);
});

test("limit: a length hidden that way makes no second request of a body", async () => {
  served.length = 0;
  const hidden = `POST /post HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n: x\r\nContent-Length: ${CANARY.length}\r\n\r\n${CANARY}`;
  const { ended } = await sendRaw(port, hidden, { waitMs: 400 });
  assert.ok(ended);
  assert.deepEqual(served, []);
});

test("limit: HTTP/1.0 and absolute targets are refused with 505 or 400", async () => {
  for (const line of [
    "GET /canary HTTP/1.0",
    "GET http://a/canary HTTP/1.1",
    "OPTIONS * HTTP/1.1",
  ]) {
    const { text } = await sendRaw(port, `${line}\r\nHost: a\r\n\r\n`, { waitMs: 400 });
    assert.match(text, /^HTTP\/1\.1 (505|400|404)/, line);
  }
});
