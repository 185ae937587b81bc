import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { sql } from "../../src/platform/sql.ts";

// One issuer, whichever server a caller is sent to; nobody keeps its key set for long.
const env = { PUBLIC_URL: "http://keys.example", JWKS_MAX_AGE_SECONDS: "1" };

let database: TestDatabase;
let first: TestServer;
let second: TestServer;

before(async () => {
  database = await withDatabase();
  first = await startServer({
    databaseUrl: database.url,
    env: { ...env, JWT_ALG: "RS256" },
    preload: ["thread-hook.mjs"],
  });
});
after(async () => {
  for (const server of [first, second]) await server?.stop();
  await database.drop();
});

/** A busy machine may answer 503 to the first hash. */
async function register(server: TestServer, email: string): Promise<string> {
  let answer: { access_token?: string } = {};
  await until(`${email} is registered`, async () => {
    const response = await fetch(`${server.url}/auth/register`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email, password: "a long enough passphrase" }),
    });
    answer = (await response.json()) as typeof answer;
    if (response.status === 503) return false;
    assert.equal(response.status, 201, JSON.stringify(answer));
    return true;
  });
  return answer.access_token!;
}

let people = 0;

/** A token by that algorithm: once the key is published for long enough, and everybody has it. */
async function signedBy(server: TestServer, alg: string): Promise<string> {
  let token = "";
  await until(`a server signs by ${alg}`, async () => {
    token = await register(server, `person${++people}@example.com`);
    return headerOf(token).alg === alg;
  });
  return token;
}

async function whoami(server: TestServer, token: string): Promise<number> {
  const response = await fetch(`${server.url}/auth/whoami`, {
    headers: { authorization: `Bearer ${token}` },
  });
  await response.arrayBuffer();
  return response.status;
}

async function publicKeys(server: TestServer): Promise<string[]> {
  const response = await fetch(`${server.url}/.well-known/jwks.json`);
  const { keys } = (await response.json()) as { keys: { kid: string; alg: string }[] };
  return keys.map(({ kid, alg }) => `${alg} ${kid}`).toSorted();
}

const headerOf = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[0]!, "base64url").toString()) as {
    kid: string;
    alg: string;
  };

/** Polls until `ask` is true: ten reads of the keys and more. */
async function until(what: string, ask: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await ask()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`it never happened: ${what}\n${first.output().slice(-4_000)}`);
}

test("a server that signs otherwise joins: tokens of both are good at both", async () => {
  const early = await register(first, "early@example.com");
  assert.equal(headerOf(early).alg, "RS256");
  second = await startServer({ databaseUrl: database.url, env: { ...env, JWT_ALG: "ES256" } });
  assert.equal(await whoami(second, early), 200, "read at its start");
  const late = await signedBy(second, "ES256");
  assert.equal(await whoami(first, late), 200, "nobody signs by a key that another has not");
  assert.equal(await whoami(first, early), 200);
  const keys = await publicKeys(first);
  assert.deepEqual(keys, await publicKeys(second));
  for (const token of [early, late]) {
    const { alg, kid } = headerOf(token);
    assert.ok(keys.includes(`${alg} ${kid}`), `${alg} ${kid} of ${keys.join()}`);
  }
  await signedBy(first, "ES256");
});

test("a thread that starts later has the keys of now", async () => {
  const token = await register(second, "thread@example.com");
  writeFileSync(join(first.dataDir, "order"), "crash 0");
  await until("the thread ends", async () => first.output().includes("an HTTP thread ended"));
  await until("another one serves", () =>
    whoami(first, token).then(
      (status) => status === 200,
      () => false,
    ),
  );
  assert.ok((await publicKeys(first)).some((key) => key.startsWith("ES256 ")));
});

test("a key that is withdrawn takes the tokens it signed with it, known ones too", async () => {
  const token = await register(second, "withdrawn@example.com");
  const kept = await whoami(first, token);
  assert.equal(kept, 200);
  assert.equal(await whoami(second, token), 200);
  const { kid } = headerOf(token);
  // As an operator would whose key is lost: it goes, and the next one signs.
  await database.database.withTransaction(async (tx) => {
    await tx.query(sql`
      UPDATE auth.signing_keys SET state = 'gone', sealed = NULL WHERE kid = ${kid}`);
    await tx.query(
      sql`UPDATE auth.signing_keys SET state = 'active' WHERE use = 'sig' AND state = 'next'`,
    );
  });
  for (const server of [first, second]) {
    await until("the token is refused", async () => (await whoami(server, token)) === 401);
    const fresh = await register(server, `after-${server.port}@example.com`);
    assert.notEqual(headerOf(fresh).kid, kid);
    assert.equal(await whoami(server, fresh), 200);
  }
});
