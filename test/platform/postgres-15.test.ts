import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { migrate } from "../../src/platform/migrate.ts";
import { withServer } from "../support/database.ts";
import { silentLog } from "../support/log.ts";
import { postgres15Missing, startPostgres15 } from "../support/postgres-15.ts";
import { startServer, type TestServer } from "../support/server.ts";

const PUBLIC_URL = "http://brigade.test";
const PASSWORD = "velvet-anchor-81-harbour";
const REFUSED_POLLS = 400;

let postgres: Awaited<ReturnType<typeof startPostgres15>>;
let near: TestServer;
let far: TestServer;
let administrator: string;

async function call(
  server: TestServer,
  method: string,
  path: string,
  token?: string,
  body?: unknown,
) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      "content-type": "application/json",
      // One answer a connection: stopping need not wait for idle ones.
      connection: "close",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: Error) => {
    throw new Error(`${path}: ${String(error.cause)}\n${server.output().slice(-3_000)}`);
  });
  const text = await response.text();
  return { status: response.status, text, body: text === "" ? undefined : JSON.parse(text) };
}

/** Until the answer of a live token is this status, as a change reaches it through the bus. */
async function becomes(server: TestServer, path: string, token: string, status: number) {
  for (let poll = 0; poll < REFUSED_POLLS; poll++) {
    if ((await call(server, "GET", path, token)).status === status) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`${path} never answered ${status}`);
}

async function register(email: string): Promise<{ token: string; userId: string }> {
  const { status, text, body } = await call(near, "POST", "/auth/register", undefined, {
    email,
    password: PASSWORD,
  });
  assert.equal(status, 201, text);
  return { token: body.access_token, userId: body.user.id };
}

suite("the oldest supported PostgreSQL", { skip: postgres15Missing() ?? false }, () => {
  before(async () => {
    postgres = await startPostgres15();
    const env = { PUBLIC_URL, RATE_LIMIT_ENABLED: "false", BREACH_CHECK: "offline" };
    const databaseUrl = postgres.url;
    // The first start of a development database: migrations, the demonstration, a login.
    near = await startServer({ databaseUrl, env: { ...env, NODE_ENV: "development" } });
    far = await startServer({ databaseUrl, env });
  });
  after(async () => {
    for (const server of [near, far]) await server?.stop();
    await postgres?.stop();
  });

  test("every migration is applied", async () => {
    const { rows } = await withServer(postgres.url, (client) =>
      client.query<{ server: string; names: string[] }>(
        `select current_setting('server_version') as server,
                (select array_agg(name order by name) from public.brigade_migrations) as names`,
      ),
    );
    assert.match(rows[0]!.server, /^15\./);
    const folder = new URL("../../src/platform/migrations", import.meta.url);
    assert.deepEqual(rows[0]!.names, readdirSync(folder).toSorted());
    assert.deepEqual(await migrate(postgres.url, silentLog), []);
  });

  test("the printed login works, and finds foods by name", async () => {
    const [, identifier, password] = /login: (\S+) {2}password: (\S+)/.exec(near.output())!;
    const login = await call(near, "POST", "/auth/login", undefined, {
      email: identifier,
      password,
    });
    assert.equal(login.status, 200, login.text);
    administrator = login.body.access_token;

    const list = await call(near, "GET", "/v1/products/search?limit=5", administrator);
    assert.equal(list.status, 200, list.text);
    assert.equal(list.body.data.length, 5);
    assert.ok(list.body.pagination.total >= 120, "the demonstration was loaded");

    const name: string = list.body.data[0].name;
    const path = "/v1/products/search/similar-names?name=";
    const similar = await call(near, "GET", path + encodeURIComponent(name), administrator);
    assert.equal(similar.status, 200, similar.text);
    assert.equal(similar.body.data[0].name, name, similar.text.slice(0, 300));
  });

  test("a role that is given and taken counts on the next request, in every process", async () => {
    const { token, userId } = await register("roles@test.example");
    for (const server of [near, far]) {
      assert.equal((await call(server, "GET", "/v1/users", token)).status, 403);
    }
    const role = { role: { context: "iam", name: "administrator" } };
    const path = `/v1/users/${userId}/roles`;
    const given = await call(near, "POST", path, administrator, role);
    assert.ok(given.status < 300, given.text);
    assert.equal((await call(near, "GET", "/v1/users", token)).status, 200);
    await becomes(far, "/v1/users", token, 200);
    const taken = await call(near, "DELETE", `${path}/iam/administrator`, administrator);
    assert.ok(taken.status < 300, taken.text);
    assert.equal((await call(near, "GET", "/v1/users", token)).status, 403);
    await becomes(far, "/v1/users", token, 403);
  });

  test("a logout in one process is refused in the other, through the bus", async () => {
    const { token } = await register("leaver@test.example");
    for (const server of [near, far]) {
      assert.equal((await call(server, "GET", "/auth/whoami", token)).status, 200);
    }
    assert.equal((await call(near, "POST", "/auth/logout", token, {})).status, 200);
    assert.equal((await call(near, "GET", "/auth/whoami", token)).status, 401);
    await becomes(far, "/auth/whoami", token, 401);
  });
});
