import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { withDatabase } from "../support/database.ts";
import { until } from "../support/journey.ts";
import { startServer } from "../support/server.ts";
import { createBrigade, createInlineBrigade } from "./support.ts";

const EMAIL = "smoke@example.org";
const KEY_ENCRYPTION_KEYS = `one:${randomBytes(32).toString("base64")}`;
const PASSWORD = "vinte e sete abacaxis";
const { url: databaseUrl, drop } = await withDatabase();
after(drop);
const brigade = createInlineBrigade({ DATABASE_URL: databaseUrl });

// One server for both: its start is the dear part.
const created = await brigade(["users", "create", "--email", EMAIL, "--password-stdin"], {
  stdin: PASSWORD,
});
assert.equal(created.code, 0, created.stderr);
const server = await startServer({ databaseUrl, env: { KEY_ENCRYPTION_KEYS } });
after(() => server.stop());

test("against a running server every step passes and the session is gone afterwards", async () => {
  const spawned = createBrigade({
    BRIGADE_SMOKE_EMAIL: EMAIL,
    BRIGADE_SMOKE_PASSWORD: PASSWORD,
  });
  const ran = await spawned(["smoke", `${server.url}/`]);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  const steps = ["health", "login", "who am I", "products", "logout", "token is dead"];
  const lines = ran.stdout.trim().split("\n");
  assert.equal(lines.length, steps.length);
  for (const [index, step] of steps.entries()) {
    assert.match(lines[index]!, new RegExp(`^ok +${step} +(200|401) +\\d+ ms$`));
  }
  assert.ok(!ran.stdout.includes(PASSWORD) && !ran.stderr.includes(PASSWORD));
});

test("a wrong password ends it at the login", async () => {
  const wrong = await brigade(["smoke", server.url, "--email", EMAIL, "--password-stdin"], {
    stdin: "vinte e oito abacaxis",
  });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stdout, /^FAILED login +401 credentials_invalid/m);
  assert.doesNotMatch(wrong.stdout, /who am I/);
  assert.match(wrong.stderr, /^brigade: login: expected 200, got 401 credentials_invalid\n$/);
});

test("a token of the command line is good, and roles given and taken there count on it", async () => {
  const env = { PORT: String(server.port), KEY_ENCRYPTION_KEYS };
  const { stdout, stderr } = await brigade(["token", EMAIL], { env });
  assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/, stderr);
  const ask = async () => {
    const headers = { authorization: `Bearer ${stdout.trim()}` };
    const response = await fetch(`${server.url}/v1/roles?limit=1`, { headers });
    await response.arrayBuffer();
    return response.status;
  };
  // The change comes from another process: a poll of the log at the latest brings it.
  const becomes = async (status: number) => {
    await until(`the answer becomes ${status}`, async () => (await ask()) === status);
  };
  assert.equal(await ask(), 403);
  assert.equal(await ask(), 403);
  assert.equal((await brigade(["roles", "assign", EMAIL, "iam:role_manager"], { env })).code, 0);
  await becomes(200);
  assert.equal((await brigade(["roles", "remove", EMAIL, "iam:role_manager"], { env })).code, 0);
  await becomes(403);
});

test("in production nobody gets a token", async () => {
  const env = {
    NODE_ENV: "production",
    PUBLIC_URL: "https://api.example",
    KEY_ENCRYPTION_KEYS,
  };
  const { code, stdout, stderr } = await brigade(["token", EMAIL], { env });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /in production nobody gets a token/);
});

/** A server that answers everything well, but for one thing. */
async function withStub<T>(broken: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(broken).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const ANSWERS: Record<string, object> = {
  "/health": { status: "healthy" },
  "/auth/login": { access_token: "a.b.c" },
  "/auth/whoami": { is_authenticated: true },
  "/v1/products/search?limit=1": { data: [] },
  "/auth/logout": { message: "ok" },
};
const env = { BRIGADE_SMOKE_EMAIL: EMAIL, BRIGADE_SMOKE_PASSWORD: PASSWORD };

test("each step can fail, and the first that does ends it with 1", async () => {
  const broken: [string, string, number, object][] = [
    ["/health", "health", 200, { status: "unhealthy" }],
    ["/health", "health", 503, { status: "unhealthy" }],
    ["/auth/login", "login", 200, {}],
    ["/auth/whoami", "who am I", 200, { is_authenticated: false }],
    ["/v1/products/search?limit=1", "products", 403, { error_code: "permission_denied" }],
    ["/auth/logout", "logout", 500, {}],
    // A server that goes on believing a token after the logout.
    ["/nothing", "token is dead", 200, {}],
  ];
  for (const [path, step, status, body] of broken) {
    const ran = await withStub(
      (request, response) => {
        const isBroken = request.url === path;
        response.writeHead(isBroken ? status : 200, { "content-type": "application/json" });
        response.end(JSON.stringify(isBroken ? body : ANSWERS[request.url!]));
      },
      (url) => brigade(["smoke", url], { env }),
    );
    assert.equal(ran.code, 1, `${path}: ${ran.stdout}`);
    assert.match(ran.stdout.trim().split("\n").at(-1)!, new RegExp(`^FAILED ${step} `));
    assert.match(ran.stderr, new RegExp(`^brigade: ${step}: expected`));
  }
});

test("a server that is not there is one sentence with the reason", async () => {
  const ran = await brigade(["smoke", "http://127.0.0.1:1"], { env });
  assert.equal(ran.code, 1);
  assert.match(ran.stdout, /^FAILED health +no answer/);
  assert.match(ran.stderr, /^brigade: health: no answer \([^\n]+\)\n$/);
});

test("a redirect and an endless answer are not followed", async () => {
  const redirected = await withStub(
    (_, response) => void response.writeHead(302, { location: "http://127.0.0.1:2/" }).end(),
    (url) => brigade(["smoke", url], { env }),
  );
  assert.equal(redirected.code, 1);
  assert.match(redirected.stderr, /redirected/);
  const endless = await withStub(
    (_, response) => {
      response.on("error", () => {});
      const more = () =>
        void (response.destroyed || (response.write("x".repeat(65_536)), setImmediate(more)));
      more();
    },
    (url) => brigade(["smoke", url], { env }),
  );
  assert.equal(endless.code, 1);
  assert.match(endless.stderr, /more than \d+ bytes/);
});
