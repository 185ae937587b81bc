import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { createKeyRing, type KeyRing } from "../../../src/auth/keys/key-ring.ts";
import { makeRefreshToken } from "../../../src/auth/session/refresh-token.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { openConnections } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  // A connection for each of those who work at once: a busy machine keeps nobody waiting for one.
  db = await withDatabase({ connections: 16 });
  app = await startApp({ database: db.database });
});
after(() => db.drop());

const run = async <T>(statement: Sql) => (await db.database.query<T>(statement)).rows;

async function refresh(token: string, extra: Record<string, unknown> = {}, on: TestApp = app) {
  const answer = await on.call("POST", "/auth/refresh", {
    body: { refresh_token: token, ...extra },
  });
  return { ...answer, next: answer.body.refresh_token as string, code: answer.body.error_code };
}

async function sessionRow(id: string) {
  const [row] = await run<Record<string, any>>(sql`SELECT * FROM auth.sessions WHERE id = ${id}`);
  return row!;
}

/** As if `seconds` had passed since the last rotation, on the database's clock. */
async function ageRotation(id: string, seconds: number) {
  await run(sql`UPDATE auth.sessions
    SET rotated_at = rotated_at - make_interval(secs => ${seconds}) WHERE id = ${id}`);
}

test("each use gives the next token; the session stays one row", async () => {
  const ana = await registerSomebody(app);
  let token = ana.refresh_token;
  const seen = new Set([token]);
  for (let use = 1; use <= 5; use++) {
    const answer = await refresh(token);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.session.id, ana.session["id"]);
    assert.deepEqual(answer.body.user, ana.user);
    token = answer.next;
    seen.add(token);
  }
  assert.equal(seen.size, 6);
  const rows = await run(sql`SELECT counter FROM auth.sessions
    WHERE account_id = ${ana.user["id"]}`);
  assert.deepEqual(rows, [{ counter: 5 }]);
  const live = await app.call("GET", "/auth/whoami", { token: ana.access_token });
  assert.equal(live.status, 200, "an access token outlives the rotation");
});

test("the direct parent gets the same successor for 10 seconds, three times", async () => {
  const ana = await registerSomebody(app);
  const first = await refresh(ana.refresh_token);
  for (let retry = 1; retry <= 3; retry++) {
    const again = await refresh(ana.refresh_token);
    assert.equal(again.next, first.next, `retry ${retry}`);
  }
  const fourth = await refresh(ana.refresh_token);
  assert.equal(fourth.code, "refresh_token_invalid");
  assert.equal((await sessionRow(ana.session["id"]))["end_reason"], "refresh_reuse");
});

test("the count of retries begins anew with each rotation", async () => {
  const ana = await registerSomebody(app);
  let parent = ana.refresh_token;
  for (let use = 0; use < 3; use++) {
    const { next } = await refresh(parent);
    for (let retry = 0; retry < 3; retry++) assert.equal((await refresh(parent)).next, next);
    parent = next;
  }
});

test("the parent is too late after 10 seconds: the session ends and the audit log says why", async () => {
  const ana = await registerSomebody(app);
  const first = await refresh(ana.refresh_token);
  assert.equal(
    (await app.call("GET", "/auth/whoami", { token: first.body.access_token })).status,
    200,
  );
  await ageRotation(ana.session["id"], 11);
  const late = await refresh(ana.refresh_token);
  assert.equal(late.code, "refresh_token_invalid");
  assert.equal(
    (await refresh(first.next)).code,
    "refresh_token_invalid",
    "the whole family is dead",
  );
  const dead = await app.call("GET", "/auth/whoami", { token: first.body.access_token });
  assert.equal(dead.status, 401, "access tokens die with it, on the next request");
  const events = await run(sql`SELECT action, session_id, reason FROM auth.audit_log
    WHERE subject = ${ana.user["id"]} AND action LIKE 'refresh%'`);
  assert.deepEqual(events, [
    { action: "refresh.reuse", session_id: ana.session["id"], reason: "counter 0" },
  ]);
});

test("within the 10 seconds a grandparent still ends the session", async () => {
  const ana = await registerSomebody(app);
  const first = await refresh(ana.refresh_token);
  await refresh(first.next);
  assert.equal((await refresh(ana.refresh_token)).code, "refresh_token_invalid");
  assert.equal((await sessionRow(ana.session["id"]))["end_reason"], "refresh_reuse");
});

test("an authentic token ahead of a restored database ends the session with its own event", async () => {
  const ana = await registerSomebody(app);
  const second = await refresh((await refresh(ana.refresh_token)).next);
  await run(sql`UPDATE auth.sessions SET counter = 1 WHERE id = ${ana.session["id"]}`);
  const ahead = await refresh(second.next);
  assert.equal(ahead.code, "refresh_token_invalid");
  assert.equal((await sessionRow(ana.session["id"]))["end_reason"], "refresh_ahead");
});

test("every refusal but the device's has the same bytes", async () => {
  await openConnections(db.database, 4);
  const people = await Promise.all(Array.from({ length: 4 }, () => registerSomebody(app)));
  const [reused, ahead, idle, ended] = people as [any, any, any, any];
  const next = (await refresh((await refresh(reused.refresh_token)).next)).next;
  assert.ok(next);
  const far = (await refresh((await refresh(ahead.refresh_token)).next)).next;
  await run(sql`UPDATE auth.sessions SET counter = 0 WHERE id = ${ahead.session.id}`);
  await run(sql`UPDATE auth.sessions SET expires_at = now() WHERE id = ${idle.session.id}`);
  await app.call("POST", "/auth/logout", { token: ended.access_token });
  const tokens = [
    "garbage",
    `${ended.access_token}`,
    reused.refresh_token,
    far,
    idle.refresh_token,
    ended.refresh_token,
    people[3]!.refresh_token.replace(/.$/, (last) => (last === "A" ? "E" : "A")),
  ];
  const masked = new Set<string>();
  for (const token of tokens) {
    const { status, text, headers } = await refresh(token);
    assert.equal(status, 401);
    const body = { ...JSON.parse(text), request_id: "", timestamp: "" };
    masked.add(JSON.stringify([body, Object.keys(headers).sort()]));
  }
  assert.equal(masked.size, 1, [...masked].join("\n"));
});

test("neither a forged mac, another's secret nor an unknown key moves or ends anything", async () => {
  const ana = await registerSomebody(app);
  const id = ana.session["id"] as string;
  const row = await sessionRow(id);
  const key = app.keyRing.refreshKey();
  const forged = [
    makeRefreshToken(id, 0, randomBytes(32), key),
    makeRefreshToken(id, 0, row["refresh_secret"], { kid: key.kid, secret: randomBytes(32) }),
    makeRefreshToken(id, 0, row["refresh_secret"], { kid: "nobody", secret: key.secret }),
    makeRefreshToken(id, 7, randomBytes(32), key),
  ];
  for (const token of forged) {
    assert.equal((await refresh(token)).code, "refresh_token_invalid");
  }
  assert.deepEqual(await sessionRow(id), row);
  assert.equal((await refresh(ana.refresh_token)).status, 200);
});

test("a session opened with a device secret is refreshed only with it, retries included", async () => {
  const { email, password } = await registerSomebody(app);
  const secret = "device-secret-0123456789";
  const login = await app.call("POST", "/auth/login", {
    body: { email, password, device_info: { secret, name: "Phone" } },
  });
  const claims = JSON.parse(
    Buffer.from(login.body.access_token.split(".")[1], "base64url").toString(),
  );
  assert.equal(Buffer.from(claims.did, "base64url").length, 16);
  const token = login.body.refresh_token;
  for (const extra of [{}, { device_info: { secret: "another-secret-0123456789" } }]) {
    assert.equal((await refresh(token, extra)).code, "device_mismatch");
  }
  const device_info = { secret };
  const other = { device_info: { secret: "another-secret-0123456789" } };
  const [first, thief] = await Promise.all([
    refresh(token, { device_info }),
    refresh(token, other),
  ]);
  assert.equal(first.status, 200, first.text);
  assert.equal(thief.code, "device_mismatch", "also while the owner's answer is on its way");
  assert.equal((await refresh(token)).code, "device_mismatch");
  assert.equal((await refresh(token, { device_info })).next, first.next);
  const row = await sessionRow(login.body.session.id);
  assert.equal(row["ended_at"], null, "another device's attempt does not end the session");
  assert.doesNotMatch(JSON.stringify(row), new RegExp(secret));
});

test("lives: 7 days idle, 30 days in all; with remember_me 30 and 90", async () => {
  const ana = await registerSomebody(app);
  const { email, password } = ana;
  const long = await app.call("POST", "/auth/login", {
    body: { email, password, remember_me: true },
  });
  const days = async (id: string) => {
    const [row] = await run<Record<string, number>>(sql`SELECT
      round(extract(epoch FROM expires_at - created_at) / 86400)::int AS idle,
      round(extract(epoch FROM absolute_expires_at - created_at) / 86400)::int AS absolute
      FROM auth.sessions WHERE id = ${id}`);
    return row;
  };
  assert.deepEqual(await days(ana.session["id"]), { idle: 7, absolute: 30 });
  assert.deepEqual(await days(long.body.session.id), { idle: 30, absolute: 90 });
});

test("use moves the idle end, never past the absolute one; past either nothing is given", async () => {
  const ana = await registerSomebody(app);
  const id = ana.session["id"] as string;
  await run(sql`UPDATE auth.sessions SET expires_at = now() + interval '1 hour' WHERE id = ${id}`);
  const moved = await refresh(ana.refresh_token);
  assert.ok(moved.body.refresh_expires_in > 600_000);
  await run(sql`UPDATE auth.sessions SET absolute_expires_at = now() + interval '60 seconds',
    expires_at = now() + interval '60 seconds' WHERE id = ${id}`);
  const near = await refresh(moved.next);
  assert.ok(near.body.refresh_expires_in <= 60 && near.body.refresh_expires_in >= 50);
  assert.ok(near.body.expires_in <= 60, "no access token outlives its session");
  await run(sql`UPDATE auth.sessions SET expires_at = now() WHERE id = ${id}`);
  assert.equal((await refresh(near.next)).code, "refresh_token_invalid");
  assert.equal((await sessionRow(id))["ended_at"], null, "an expired session is no reuse");
});

test("with keys rotated in between, every process derives the same successor", async () => {
  const ana = await registerSomebody(app);
  const old = app.keyRing.refreshKey();
  const fresh = { kid: "fresh", secret: randomBytes(32) };
  const rotated: KeyRing = {
    ...createKeyRing(emptyRing(old, fresh)),
    signingKey: () => app.keyRing.signingKey(),
    verificationKey: (kid) => app.keyRing.verificationKey(kid),
  };
  const other = await startApp({ database: db.database, keyRing: rotated });
  const both = await startApp({
    database: db.database,
    keyRing: {
      ...app.keyRing,
      refreshKey: ((kid?: string) =>
        kid === "fresh"
          ? fresh
          : kid === undefined
            ? old
            : app.keyRing.refreshKey(kid)) as KeyRing["refreshKey"],
    },
  });
  const byNew = await refresh(ana.refresh_token, {}, other);
  assert.equal(byNew.status, 200, byNew.text);
  assert.match(byNew.next, /^fresh\./);
  const byOld = await refresh(ana.refresh_token, {}, both);
  assert.equal(byOld.next, byNew.next);
  const onward = await refresh(byNew.next, {}, both);
  assert.equal(onward.next.split(".")[0], old.kid, "the kid is the one it was rotated with");
});

function emptyRing(
  old: { kid: string; secret: Uint8Array },
  fresh: { kid: string; secret: Buffer },
) {
  return {
    version: 1,
    alg: "HS256" as const,
    signatures: [],
    macs: [
      { use: "mac" as const, kid: fresh.kid, state: "active" as const, secret: fresh.secret },
      { use: "mac" as const, kid: old.kid, state: "retiring" as const, secret: old.secret },
    ],
    shared: { kid: "shared", secret: randomBytes(32) },
  };
}
