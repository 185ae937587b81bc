import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { after, before, suite, test } from "node:test";
import { Type } from "typebox";
import { json } from "../../../src/http/reply.ts";
import { defineRoute, PUBLIC } from "../../../src/http/route.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { proxyMissing, startProxy, type ProxyName } from "../../support/proxies.ts";
import { freePort, startServer, type TestServer } from "../../support/server.ts";
import { sendRaw, startServer as startKernel } from "../fixture.ts";

const NAMES: readonly ProxyName[] = ["nginx", "Caddy", "HAProxy"];
const PASSWORD = "velvet-anchor-81-harbour";
/** Only who reaches us behind the proxy's back comes from here: proxies write whom they saw. */
const FORGED = "203.0.113.9";
const common = { summary: "s", tag: "t", responses: {} } as const;

/** Addresses of those who reached the canary. */
const canaries: string[] = [];
let posts = 0;
const kernel = await startKernel({
  config: { trustedProxyHops: 1 },
  server: { config: { trustedProxyHops: 1 } },
  routes: [
    defineRoute({
      ...common,
      method: "GET",
      path: "/canary",
      access: PUBLIC,
      handler: ({ address }) => {
        canaries.push(address);
        return json(200, { canary: true });
      },
    }),
    defineRoute({
      ...common,
      method: "POST",
      path: "/post",
      access: PUBLIC,
      body: Type.Any(),
      handler: () => json(200, { posts: ++posts }),
    }),
    defineRoute({
      ...common,
      method: "GET",
      path: "/health/ready",
      access: PUBLIC,
      handler: () => json(200, {}),
    }),
  ],
});

let db: TestDatabase;
let brigade: TestServer;
before(async () => {
  if (NAMES.every((name) => proxyMissing(name) !== undefined)) return;
  db = await withDatabase();
  brigade = await startServer({
    databaseUrl: db.url,
    env: { TRUSTED_PROXY_HOPS: "1", RATE_LIMIT_DEFAULT: "50/hour" },
  });
});
after(async () => {
  kernel.close();
  await brigade?.stop();
  await db?.drop();
});

interface Asked {
  readonly token?: string;
  readonly body?: unknown;
  readonly from?: string;
  readonly headers?: Record<string, string>;
  readonly agent?: Agent;
}

/** One request to a port of loopback, from an address of loopback. */
function ask(port: number, method: string, path: string, asked: Asked = {}) {
  const text = asked.body === undefined ? undefined : JSON.stringify(asked.body);
  return new Promise<{
    status: number;
    headers: Record<string, unknown>;
    body: any;
    reused: boolean;
  }>((resolve, reject) => {
    const outgoing = request(
      {
        ...{ host: "127.0.0.1", port, method, path, agent: asked.agent ?? false },
        localAddress: asked.from ?? "127.0.0.1",
        headers: {
          ...(text === undefined
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
          ...(asked.token === undefined ? {} : { authorization: `Bearer ${asked.token}` }),
          ...asked.headers,
        },
      },
      async (incoming) => {
        let answer = "";
        for await (const piece of incoming.setEncoding("utf8")) answer += piece;
        const { statusCode: status = 0, headers } = incoming;
        const body = answer === "" ? undefined : JSON.parse(answer);
        resolve({ status, headers, body, reused: outgoing.reusedSocket });
      },
    );
    outgoing.on("error", reject).end(text);
  });
}

const SMUGGLED = `GET /canary HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${FORGED}\r\n\r\n`;
const POST = "POST /post HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
const CHUNKED = "Transfer-Encoding: chunked\r\n";
const lengthOf = (text: string) => `Content-Length: ${Buffer.byteLength(text)}\r\n`;
const chunk = (text: string, extension = "") =>
  `${Buffer.byteLength(text).toString(16)}${extension}\r\n${text}\r\n0\r\n\r\n`;
const PAYLOADS: Readonly<Record<string, string>> = {
  "CL.TE": `${POST}${lengthOf(`0\r\n\r\n${SMUGGLED}`)}${CHUNKED}\r\n0\r\n\r\n${SMUGGLED}`,
  "TE.CL": `${POST}Content-Length: 4\r\n${CHUNKED}\r\n${chunk(SMUGGLED)}`,
  "TE that is none": `${POST}${lengthOf(SMUGGLED)}Transfer-Encoding: xchunked\r\n\r\n${SMUGGLED}`,
  "two TE": `${POST}${CHUNKED}Transfer-Encoding: identity\r\n\r\n${chunk(SMUGGLED)}`,
  "small, then large CL": `${POST}Content-Length: 2\r\n${lengthOf(`{}${SMUGGLED}`)}\r\n{}${SMUGGLED}`,
  "large, then small CL": `${POST}${lengthOf(`{}${SMUGGLED}`)}Content-Length: 2\r\n\r\n{}${SMUGGLED}`,
  "a signed CL": `${POST}Content-Length: +${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
  "an empty header name": `${POST}: x\r\n${lengthOf(SMUGGLED)}\r\n${SMUGGLED}`,
  "obs-fold before the CL": `${POST}X-A: b\r\n ${lengthOf(SMUGGLED)}\r\n${SMUGGLED}`,
  "an obs-folded TE": `${POST}${lengthOf(SMUGGLED)}Transfer-Encoding:\r\n chunked\r\n\r\n${SMUGGLED}`,
  "a blank before the colon": `${POST}Content-Length : ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
  "chunk extensions": `${POST}${CHUNKED}\r\n${chunk(SMUGGLED, ";a=b")}`,
  "a chunk extension with LF": `${POST}${CHUNKED}\r\n2;\n{}\r\n${chunk(SMUGGLED)}`,
  "a body on GET": `GET /canary HTTP/1.1\r\nHost: a\r\n${lengthOf(SMUGGLED)}\r\n${SMUGGLED}`,
};

test("without a proxy the canary is seen: the detector works", async () => {
  canaries.length = 0;
  await sendRaw(kernel.port, SMUGGLED, { until: /canary/ });
  assert.deepEqual(canaries, [FORGED]);
});

for (const name of NAMES) {
  suite(`behind ${name}, as README sets it up`, { skip: proxyMissing(name) ?? false }, () => {
    let proxy: Awaited<ReturnType<typeof startProxy>>;
    let port: number;
    let kernelPort: number;
    before(async () => {
      [port, kernelPort] = [await freePort(), await freePort()];
      proxy = await startProxy(name, [
        { listen: port, target: brigade.port },
        { listen: kernelPort, target: kernel.port },
      ]);
    });
    after(() => proxy?.stop());

    test("a login and authenticated reads on one kept-alive connection", async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      try {
        const email = `${name.toLowerCase()}@test.example`;
        const made = await ask(port, "POST", "/auth/register", {
          body: { email, password: PASSWORD },
          agent,
        });
        assert.equal(made.status, 201, JSON.stringify(made.body));
        const login = await ask(port, "POST", "/auth/login", {
          body: { email, password: PASSWORD },
          agent,
        });
        assert.equal(login.status, 200, JSON.stringify(login.body));
        const token: string = login.body.access_token;
        for (let round = 0; round < 5; round++) {
          const read = await ask(port, "GET", "/auth/whoami", { token, agent });
          assert.equal(read.status, 200, JSON.stringify(read.body));
          assert.ok(read.reused, "the connection was kept");
        }
        const refused = await ask(port, "GET", "/auth/whoami", { token: `${token}x`, agent });
        assert.equal(refused.status, 401);
        assert.match(String(refused.headers["www-authenticate"]), /^Bearer/);
      } finally {
        agent.destroy();
      }
    });

    test("strangers are counted by the address that the proxy saw, whatever they claim", async () => {
      const left = async (from: string, claim?: string) => {
        const headers = claim === undefined ? {} : { "x-forwarded-for": claim };
        const { headers: told } = await ask(port, "GET", "/auth/whoami", { from, headers });
        return Number(told["ratelimit-remaining"]);
      };
      // Addresses of our own for each proxy: all of them stand before one server.
      const [one, other] = [10, 20].map((base) => `127.0.1.${base + NAMES.indexOf(name)}`);
      const first = await left(one!);
      assert.equal(await left(one!, FORGED), first - 1, "a claim buys nothing");
      assert.equal(await left(other!), first, "another address has its own count");
      assert.equal(await left(one!), first - 2);
    });

    for (const [kind, payload] of Object.entries(PAYLOADS)) {
      test(`smuggling, ${kind}: the canary is not served`, async () => {
        canaries.length = 0;
        await sendRaw(kernelPort, payload, { waitMs: 250 });
        // Whoever comes next over the proxy's own connections must get the own answer.
        const before = posts;
        const next = await ask(kernelPort, "POST", "/post", { body: {} });
        assert.deepEqual([next.status, next.body], [200, { posts: before + 1 }]);
        const smuggled = canaries.filter((address) => address !== "127.0.0.1");
        assert.deepEqual(smuggled, []);
      });
    }
  });
}
