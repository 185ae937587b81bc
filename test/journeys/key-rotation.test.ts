import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from "jose";
import { sql } from "../../src/platform/sql.ts";
import { brokenInvariants } from "../auth/keys/key-rig.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { ask, until } from "../support/journey.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { testSize } from "../support/size.ts";

/*
 * Two processes rotate their signing keys every five seconds under load. Everybody who verifies,
 * the processes themselves and somebody outside who keeps the key set for exactly as long as he is
 * told and never asks in between, must accept every token until its end.
 */

const PUBLIC_URL = "http://keys.example";
const ROTATION_SECONDS = 5;
const RUN_SECONDS = testSize(18, 600);
const env = {
  PUBLIC_URL,
  JWKS_MAX_AGE_SECONDS: "2",
  ACCESS_TOKEN_SECONDS: "30",
  KEY_ROTATION_DAYS: (ROTATION_SECONDS / 86_400).toFixed(6),
  RATE_LIMIT_ENABLED: "false",
  ACCESS_LOG: "off",
};

let database: TestDatabase;
const servers: TestServer[] = [];
before(async () => {
  database = await withDatabase();
  for (let index = 0; index < 2; index++) {
    servers.push(await startServer({ databaseUrl: database.url, env }));
  }
});
after(async () => {
  for (const server of servers) await server.stop();
  await database.drop();
});

/** Verifies by a key set that is kept for its `max-age`, fetched from one server after the other. */
function createOutsider() {
  let held: { keys: ReturnType<typeof createLocalJWKSet>; untilMs: number } | undefined;
  let fetches = 0;
  return async (token: string) => {
    if (held === undefined || Date.now() >= held.untilMs) {
      const server = servers[fetches++ % servers.length]!;
      const fetchedMs = Date.now();
      const response = await fetch(`${server.url}/.well-known/jwks.json`);
      const [, seconds] = /max-age=(\d+)/.exec(response.headers.get("cache-control") ?? "") ?? [];
      const set = (await response.json()) as JSONWebKeySet;
      held = { keys: createLocalJWKSet(set), untilMs: fetchedMs + Number(seconds) * 1000 };
    }
    await jwtVerify(token, held.keys, { issuer: PUBLIC_URL, typ: "at+jwt" });
  };
}

interface Seen {
  verified: number;
  readonly kids: Set<string>;
  readonly faults: string[];
}

/** Refreshes at one server, uses what it got at both, and has it verified outside. */
async function actAs(person: number, endMs: number, seen: Seen): Promise<void> {
  const verifyOutside = createOutsider();
  const held: { token: string; untilMs: number }[] = [];
  let { refresh_token: refreshToken } = await enter(person);
  for (let turn = person; Date.now() < endMs; turn++) {
    const answer = await ask(`${servers[turn % 2]!.url}/auth/refresh`, {
      method: "POST",
      body: { refresh_token: refreshToken },
    });
    if (answer.status !== 200) {
      // A machine that is too busy to answer says nothing about the keys.
      if (answer.status !== 503) seen.faults.push(`refresh: ${JSON.stringify(answer.body)}`);
      continue;
    }
    refreshToken = String(answer.body["refresh_token"]);
    const token = String(answer.body["access_token"]);
    seen.kids.add(decodeProtectedHeader(token).kid!);
    held.push({ token, untilMs: Date.now() + 24_000 });
    const good = held.filter(({ untilMs }) => Date.now() < untilMs);
    for (const { token: used } of [good[0]!, good[good.length >> 1]!, good.at(-1)!]) {
      await verifyOutside(used).catch((error: Error) => seen.faults.push(`outside: ${error}`));
      for (const server of servers) {
        const { status, body } = await ask(`${server.url}/auth/whoami`, { token: used });
        if (status !== 200 && status !== 503) seen.faults.push(JSON.stringify(body));
        else if (status === 200) seen.verified++;
      }
    }
    await sleep(50);
  }
}

async function enter(person: number): Promise<{ refresh_token: string }> {
  let body: Record<string, unknown> = {};
  await until("somebody is registered", async () => {
    const answer = await ask(`${servers[0]!.url}/auth/register`, {
      method: "POST",
      body: { email: `rotor${person}@example.com`, password: "a long enough passphrase" },
    });
    body = answer.body;
    return answer.status === 201;
  });
  return body as { refresh_token: string };
}

test(`keys rotate every ${ROTATION_SECONDS} s for ${RUN_SECONDS} s and nobody refuses a token`, async (t) => {
  const seen: Seen = { verified: 0, kids: new Set(), faults: [] };
  const endMs = Date.now() + RUN_SECONDS * 1000;
  await Promise.all(Array.from({ length: 3 }, (_, person) => actAs(person, endMs, seen)));
  t.diagnostic(`${seen.verified} verified here, ${seen.kids.size} keys signed`);
  assert.deepEqual(seen.faults.slice(0, 5), []);
  assert.ok(seen.verified > 20);
  assert.ok(seen.kids.size >= 2, "keys were rotated while they worked");
  assert.deepEqual(await brokenInvariants(database.database), []);
});

test("a process that has not loaded the next key holds every rotation up", async () => {
  const { database: db } = database;
  const id = "00000000-0000-4000-8000-000000000001";
  await db.query(sql`INSERT INTO auth.instances (id, acknowledged) VALUES (${id}, 0)`);
  const active = async () =>
    (
      await db.read<{ kid: string }>(
        sql`SELECT kid FROM auth.signing_keys WHERE use = 'sig' AND state = 'active'`,
      )
    )[0]!.kid;
  // A turn may be under way that did not see it.
  await sleep(2_000);
  const before_ = await active();
  await sleep(1.5 * ROTATION_SECONDS * 1000);
  assert.equal(await active(), before_);
  await db.query(sql`DELETE FROM auth.instances WHERE id = ${id}`);
  await until("the rotation goes on", async () => (await active()) !== before_);
});

test("after an emergency nobody takes what the withdrawn keys signed, known or not", async () => {
  const { database: db } = database;
  const { refresh_token: refreshToken } = await enter(9);
  const tokens: string[] = [];
  for (const server of servers) {
    for (const { token } of await refreshed(server, refreshToken)) tokens.push(token);
  }
  assert.ok(tokens.length > 0);
  const admin = await makeAdministrator();
  const answer = await ask(`${servers[0]!.url}/v1/admin/keys/rotate`, {
    method: "POST",
    token: admin,
    body: { emergency: true },
  });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  const data = answer.body["data"] as { rotated: boolean; withdrawn_kids: string[] };
  assert.ok(data.withdrawn_kids.length > 0);
  // No wait in between: when it answers, every live process has acknowledged it.
  for (const server of servers) {
    for (const token of [...tokens, admin]) {
      const { status } = await ask(`${server.url}/auth/whoami`, { token });
      assert.equal(status, 401);
    }
  }
  assert.deepEqual(await brokenInvariants(db), []);
});

/** A token that both servers know, then nothing more: the first refresh of a session. */
async function refreshed(server: TestServer, refreshToken: string) {
  const answer = await ask(`${server.url}/auth/refresh`, {
    method: "POST",
    body: { refresh_token: refreshToken },
  });
  if (answer.status !== 200) return [];
  const token = String(answer.body["access_token"]);
  for (const each of servers) {
    assert.equal((await ask(`${each.url}/auth/whoami`, { token })).status, 200);
  }
  return [{ token }];
}

async function makeAdministrator(): Promise<string> {
  const email = "operator@example.com";
  const password = "a long enough passphrase";
  await until("the operator is registered", async () => {
    const made = await ask(`${servers[0]!.url}/auth/register`, {
      method: "POST",
      body: { email, password },
    });
    return made.status === 201 || made.status === 409;
  });
  await database.database.query(sql`
    INSERT INTO iam.user_role_association (user_id, role_context, role_name, role_tenant_id)
    SELECT u.id, 'iam', 'administrator', r.tenant_id
      FROM iam.users u JOIN auth.accounts a ON a.id = u.id, iam.roles r
     WHERE a.email = ${email} AND r.context = 'iam' AND r.name = 'administrator'
     LIMIT 1`);
  let token = "";
  await until("the operator is logged in", async () => {
    const { status, body } = await ask(`${servers[0]!.url}/auth/login`, {
      method: "POST",
      body: { email, password },
    });
    token = String(body["access_token"]);
    return status === 200;
  });
  return token;
}
