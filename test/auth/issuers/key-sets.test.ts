import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openKeySets } from "../../../src/auth/issuers/key-sets.ts";
import type { KeySetSnapshot } from "../../../src/auth/issuers/key-set.ts";
import { selectKeySets, upsertKeySet } from "../../../src/auth/issuers/store-key-sets.ts";
import { toPublicJwk } from "../../../src/auth/keys/material.ts";
import { keySetLimits } from "../../../src/platform/limits.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { renderPrometheus } from "../../../src/platform/metrics-text.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { startKeyServer, type KeyServer } from "../../support/key-server.ts";
import { capturedLog } from "../../support/log.ts";
import { createManualTimers } from "../../support/manual-timers.ts";
import { until } from "../process-rig.ts";
import { DAY_MS, good, later, WINDOW_MS } from "./key-set-rig.ts";

let db: TestDatabase;
before(async () => void (db = await withDatabase()));
after(() => db.drop());

type Test = { after(close: () => Promise<void> | void): void };

async function openRegistry(t: Test, server: Pick<KeyServer, "url" | "jwksUri">) {
  const timers = createManualTimers();
  const delivered: KeySetSnapshot[] = [];
  const metrics = createMetrics();
  const { log, lines } = capturedLog();
  const writes = { count: 0 };
  const sets = await openKeySets({
    issuers: [{ issuer: server.url, jwksUri: server.jwksUri, algorithms: ["RS256"] }],
    database: {
      read: (statement) => db.database.read(statement),
      query(statement) {
        writes.count++;
        return db.database.query(statement);
      },
    },
    clock: timers.clock,
    after: timers.after,
    log,
    metrics,
    deliver: (set) => delivered.push(set),
  });
  t.after(() => sets.stop());
  return { sets, timers, delivered, metrics, lines, writes };
}

async function openServer(t: Test): Promise<KeyServer> {
  const server = await startKeyServer();
  t.after(() => server.close());
  return server;
}

const kept = async (issuer: string) => (await selectKeySets(db.database, [issuer])).get(issuer);
const kids = (set: { keys: readonly unknown[] } | undefined) =>
  set?.keys.map((key) => (key as { kid: string }).kid);

test("a process that starts while the issuer is away has the keys that another one kept", async (t) => {
  const server = await openServer(t);
  server.publish(good.jwk);
  const first = await openRegistry(t, server);
  await until(async () => kids(await kept(server.url))?.[0] === "good", "the set is kept");
  assert.deepEqual(first.delivered.map(kids), [["good"]]);
  first.sets.stop();
  server.be("hangs");
  const second = await openRegistry(t, server);
  assert.deepEqual(second.sets.snapshots().map(kids), [["good"]], "before anybody answered");
  const [{ confirmedMs, usableUntilMs }] = second.sets.snapshots() as [KeySetSnapshot];
  assert.ok(confirmedMs <= second.timers.clock.monotonicMs());
  assert.equal(usableUntilMs, confirmedMs + DAY_MS);
});

test("a set that was kept for a day is nobody's, and one that is forbidden is not used", async (t) => {
  const server = await openServer(t);
  server.be("fails");
  const jwk = toPublicJwk(good.jwk, "RS256");
  const set = { issuer: server.url, jwksUri: server.jwksUri, keys: [jwk] };
  await upsertKeySet(db.database, { ...set, ageMs: DAY_MS });
  const old = await openRegistry(t, server);
  assert.equal(old.sets.states()[0]!.isUsable, false);
  await db.database.query(sql`
    UPDATE auth.issuer_key_sets SET fetched_at = clock_timestamp(),
           keys = jsonb_set(keys, '{0,e}', '"AQ"') WHERE issuer = ${server.url}`);
  const forbidden = await openRegistry(t, server);
  assert.deepEqual(forbidden.sets.snapshots(), []);
  assert.ok(forbidden.lines.some(({ event }) => event === "issuer_keys_unread"));
});

test("what was asked for earlier is not written over what was asked for later", async (t) => {
  const server = await openServer(t);
  const set = { issuer: server.url, jwksUri: server.jwksUri };
  const [one, other] = [toPublicJwk(good.jwk, "RS256"), toPublicJwk(later.jwk, "RS256")];
  await Promise.all([
    upsertKeySet(db.database, { ...set, keys: [one], ageMs: 60_000 }),
    upsertKeySet(db.database, { ...set, keys: [other], ageMs: 30_000 }),
    upsertKeySet(db.database, { ...set, keys: [one], ageMs: 90_000 }),
  ]);
  assert.deepEqual(kids(await kept(server.url)), ["later"]);
  await upsertKeySet(db.database, { ...set, keys: [one], ageMs: 10_000 });
  assert.deepEqual(kids(await kept(server.url)), ["good"]);
});

test("who asks for a key is told after the threads have it", async (t) => {
  const server = await openServer(t);
  server.publish(good.jwk);
  const { sets, delivered, timers } = await openRegistry(t, server);
  await until(() => delivered.length === 1, "the first set");
  server.publish(good.jwk, later.jwk);
  const againMs = await sets.want(server.url, "later");
  assert.deepEqual(kids(delivered.at(-1)), ["good", "later"]);
  assert.equal(againMs, timers.clock.monotonicMs() + WINDOW_MS);
  await sets.want("https://nobody.example", "later");
});

test("an answer that is no news is not written down for each forged name", async (t) => {
  const server = await openServer(t);
  server.publish(good.jwk);
  const { sets, delivered, timers, writes } = await openRegistry(t, server);
  await until(() => writes.count === 1, "the first set is kept");
  const asked = server.counts.keys;
  const windows = 20;
  for (let window = 0; window < windows; window++) {
    await sets.want(server.url, `forged-${window}`);
    timers.advanceMs(WINDOW_MS);
  }
  assert.equal(server.counts.keys - asked, windows);
  assert.deepEqual([writes.count, delivered.length], [1, 1]);
  timers.advanceMs(keySetLimits.retellMs);
  await sets.want(server.url, "forged");
  assert.deepEqual([writes.count, delivered.length], [2, 2]);
});

test("a database that is away costs the kept set and nothing else", async (t) => {
  const server = await openServer(t);
  server.publish(good.jwk);
  const { log, lines } = capturedLog();
  const timers = createManualTimers();
  const delivered: KeySetSnapshot[] = [];
  const sets = await openKeySets({
    issuers: [{ issuer: server.url, jwksUri: server.jwksUri, algorithms: ["RS256"] }],
    database: { read: async () => [], query: () => Promise.reject(new Error("away")) },
    clock: timers.clock,
    after: timers.after,
    log,
    metrics: createMetrics(),
    deliver: (set) => delivered.push(set),
  });
  t.after(() => sets.stop());
  await until(() => lines.some(({ event }) => event === "issuer_keys_not_kept"), "a complaint");
  assert.deepEqual(delivered.map(kids), [["good"]]);
  assert.equal(sets.states()[0]!.fault, undefined);
});

test("a key whose private half is published is kept for nobody, though its set was kept later", async (t) => {
  const server = await openServer(t);
  server.publish(good.jwk, later.jwk);
  const { sets } = await openRegistry(t, server);
  await until(async () => kids(await kept(server.url))?.length === 2, "the set is kept");
  await db.database.query(sql`
    UPDATE auth.issuer_key_sets SET fetched_at = fetched_at + interval '1 minute'
     WHERE issuer = ${server.url}`);
  const exposed = { ...good.privateKey.export({ format: "jwk" }), kid: "good", alg: "RS256" };
  server.publish(exposed);
  assert.equal((await sets.refresh(server.url))?.fault, "refused");
  await until(async () => kids(await kept(server.url))?.length === 1, "the key is taken out");
  sets.stop();
  server.be("hangs");
  const next = await openRegistry(t, server);
  assert.deepEqual(next.sets.snapshots().map(kids), [["later"]]);
});

test("an operator refreshes at once, and sees how it went", async (t) => {
  const server = await openServer(t);
  server.publish(good.jwk);
  const { sets, metrics, lines } = await openRegistry(t, server);
  const state = await sets.refresh(server.url);
  assert.deepEqual(state?.kids, ["good"]);
  server.be("fails");
  assert.equal((await sets.refresh(server.url))?.fault, "status");
  await sets.refresh(server.url);
  assert.equal(await sets.refresh("https://nobody.example"), undefined);
  const complaints = lines.filter(({ event }) => event === "issuer_keys_unread");
  assert.equal(complaints.length, 1, "each sentence once");
  metrics.refresh();
  const text = renderPrometheus([{ layout: metrics.layout(), block: metrics.block }]);
  const issuer = server.url.replaceAll("/", "\\/");
  for (const line of [
    `brigade_issuer_keys\\{issuer="${issuer}"\\} 1`,
    `brigade_issuer_keys_age_seconds\\{issuer="${issuer}"\\} 0`,
    `brigade_issuer_key_fetches_total\\{[^}]*outcome="failed"[^}]*reason="operator"[^}]*\\} 2`,
    `brigade_issuer_key_fetches_total\\{[^}]*outcome="ok"[^}]*reason="background"[^}]*\\} 1`,
  ]) {
    assert.match(text, new RegExp(line), text);
  }
});
