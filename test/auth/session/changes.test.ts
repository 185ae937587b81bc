import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { changesOf, trustOf } from "../../../src/auth/session/changes.ts";
import type { StoredPolicy } from "../../../src/auth/tenants/policy.ts";
import { sql } from "../../../src/platform/sql.ts";
import { DEFAULT_TENANT } from "../../support/callers.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";
const NEWER_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0";
const AT_HOME = "200.160.2.3";
const NEXT_DOOR = "200.160.2.77";
const ABROAD = "8.8.8.8";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database, env: { COUNTRY_DATABASE: "built-in" } });
});
after(() => db.drop());

type Place = { address: string; agent: string };

async function loginFrom({ address, agent }: Place, extra: object = {}) {
  const person = await registerSomebody(app);
  const answer = await app.call("POST", "/auth/login", {
    body: { email: person.email, password: person.password, ...extra },
    address,
    headers: { "user-agent": agent },
  });
  assert.equal(answer.status, 200, answer.text);
  return answer.body;
}

const refreshFrom = ({ address, agent }: Place, refreshToken: string, extra: object = {}) =>
  app.call("POST", "/auth/refresh", {
    body: { refresh_token: refreshToken, ...extra },
    address,
    headers: agent === "" ? {} : { "user-agent": agent },
  });

async function entryOf(token: string) {
  const answer = await app.call("GET", "/auth/sessions", { token });
  return answer.body.sessions.find((session: any) => session.current);
}

async function changesIn(sessionId: string) {
  const { rows } = await db.database.query<{ action: string; reason: string }>(sql`
    SELECT action, reason FROM auth.audit_log WHERE session_id = ${sessionId}
       AND action IN ('session.changed', 'session.end') ORDER BY number`);
  return rows;
}

async function decide(sessions: StoredPolicy["sessions"], network: StoredPolicy["network"] = {}) {
  const policy = JSON.stringify({ sessions, network });
  await db.database.withTransaction(async (tx) => {
    await tx.query(sql`UPDATE auth.tenants SET policy = ${policy}
      WHERE id = ${DEFAULT_TENANT}`);
    app.invalidate(tx, [{ kind: "policies" }]);
  });
}

test("the same house and another version of the program are no change", async () => {
  const session = await loginFrom({ address: AT_HOME, agent: FIREFOX });
  const next = await refreshFrom(
    { address: NEXT_DOOR, agent: NEWER_FIREFOX },
    session.refresh_token,
  );
  assert.equal(next.status, 200);
  const entry = await entryOf(next.body.access_token);
  assert.deepEqual([entry.flags, entry.trust, entry.last_country], [[], 85, "BR"]);
  assert.deepEqual(await changesIn(session.session.id), []);
});

test("another network, country and program are flagged, written down, and end nothing", async () => {
  const session = await loginFrom({ address: AT_HOME, agent: FIREFOX });
  const next = await refreshFrom({ address: ABROAD, agent: "curl/8.5.0" }, session.refresh_token);
  assert.equal(next.status, 200, next.text);
  const entry = await entryOf(next.body.access_token);
  assert.deepEqual(entry.flags, ["agent_changed", "country_changed", "network_changed"]);
  assert.equal(entry.trust, 5);
  assert.deepEqual([entry.network, entry.country], ["200.160.2.0/24", "BR"]);
  assert.deepEqual([entry.last_network, entry.last_country], ["8.8.8.0/24", "US"]);
  assert.deepEqual(await changesIn(session.session.id), [
    {
      action: "session.changed",
      reason:
        "network: 200.160.2.0/24 to 8.8.8.0/24, country: BR to US, agent: Firefox on Linux to curl",
    },
  ]);
  // Flags stay when the change is over; staying where one is writes no further line.
  const third = await refreshFrom(
    { address: ABROAD, agent: "curl/8.5.0" },
    next.body.refresh_token,
  );
  assert.equal((await entryOf(third.body.access_token)).flags.length, 3);
  assert.equal((await changesIn(session.session.id)).length, 1);
});

test("who hides its program is another program", async () => {
  const session = await loginFrom({ address: AT_HOME, agent: FIREFOX });
  const next = await refreshFrom({ address: AT_HOME, agent: "" }, session.refresh_token);
  assert.deepEqual((await entryOf(next.body.access_token)).flags, ["agent_changed"]);
});

test("a tenant that binds sessions to their network ends one that comes from another", async () => {
  await decide({ strictNetwork: true });
  const session = await loginFrom({ address: AT_HOME, agent: FIREFOX });
  const home = await refreshFrom({ address: NEXT_DOOR, agent: FIREFOX }, session.refresh_token);
  assert.equal(home.status, 200, "the same /24");
  const moved = await refreshFrom({ address: ABROAD, agent: FIREFOX }, home.body.refresh_token);
  assert.deepEqual([moved.status, moved.body.error_code], [401, "refresh_token_invalid"]);
  const back = await refreshFrom({ address: AT_HOME, agent: FIREFOX }, home.body.refresh_token);
  assert.equal(back.status, 401, "the session is over for everybody");
  const whoami = await app.call("GET", "/auth/whoami", { token: home.body.access_token });
  assert.equal(whoami.status, 401);
  assert.equal((await changesIn(session.session.id)).at(-1)!.action, "session.end");
  await decide({});
});

test("from where the tenant lets nobody in there is no refresh, and the session lives on elsewhere", async () => {
  const session = await loginFrom({ address: AT_HOME, agent: FIREFOX });
  await decide({}, { deniedCountries: ["US"], blocked: ["198.51.100.0/24"] });
  for (const address of [ABROAD, "198.51.100.7"]) {
    const refused = await refreshFrom({ address, agent: FIREFOX }, session.refresh_token);
    assert.deepEqual([refused.status, refused.body.error_code], [403, "network_blocked"]);
  }
  const home = await refreshFrom({ address: AT_HOME, agent: FIREFOX }, session.refresh_token);
  assert.equal(home.status, 200, home.text);
  await decide({});
});

test("two refreshes at once from two networks do not share one check", async () => {
  await decide({ strictNetwork: true });
  const { refresh_token: token } = await loginFrom({ address: AT_HOME, agent: FIREFOX });
  const [home, abroad] = await Promise.all([
    refreshFrom({ address: AT_HOME, agent: FIREFOX }, token),
    refreshFrom({ address: ABROAD, agent: FIREFOX }, token),
  ]);
  assert.equal(abroad.status, 401, "never the successor");
  assert.ok([200, 401].includes(home.status));
  await decide({});
});

test("another device is refused whatever else is right, and that is written down up to a number", async () => {
  const device_info = { secret: "a secret of this device" };
  const place = { address: AT_HOME, agent: FIREFOX };
  const session = await loginFrom(place, { device_info });
  assert.equal((await entryOf(session.access_token)).device_bound, true);
  for (const wrong of [{}, { device_info: { secret: "a secret of that device" } }]) {
    for (let times = 0; times < 8; times++) {
      const answer = await refreshFrom(place, session.refresh_token, wrong);
      assert.deepEqual([answer.status, answer.body.error_code], [401, "device_mismatch"]);
    }
  }
  const { rows } = await db.database.query(sql`SELECT FROM auth.audit_log
    WHERE session_id = ${session.session.id} AND action = 'refresh.device_mismatch'`);
  assert.equal(rows.length, 10);
  const own = await refreshFrom(place, session.refresh_token, { device_info });
  assert.equal(own.status, 200, "the owner's session lives on");
});

test("what is not known of a place is no change, and trust never falls below zero", () => {
  const none = { network: undefined, country: undefined, agent: undefined };
  const home = { network: "a", country: "BR", agent: "curl" };
  assert.deepEqual(changesOf(none, home), []);
  assert.deepEqual(changesOf(home, none), []);
  assert.equal(trustOf([], true), 100);
  assert.ok(trustOf(["network_changed", "country_changed", "agent_changed"], false) >= 0);
});
