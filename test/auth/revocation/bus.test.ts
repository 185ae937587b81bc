import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createGenerations } from "../../../src/auth/cache/generations.ts";
import { createLease } from "../../../src/auth/cache/lease.ts";
import { createBus } from "../../../src/auth/revocation/bus.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { createSharedMemory } from "../../../src/platform/shared-memory.ts";
import { sql } from "../../../src/platform/sql.ts";
import { capturedLog, silentLog } from "../../support/log.ts";
import { withDatabase, withServer, type TestDatabase } from "../../support/database.ts";
import {
  createCaller,
  endSession,
  logKeys,
  startProcess,
  until,
  type TestProcess,
} from "../process-rig.ts";

const KIDS = ["a"];

let db: TestDatabase;
const processes: TestProcess[] = [];
before(async () => {
  db = await withDatabase();
  for (let i = 0; i < 4; i++) processes.push(await startProcess({ url: db.url }));
});
after(async () => {
  for (const one of processes) await one.stop();
  await db.drop();
});

test("a session ended in one process is refused there at once and in all others soon", async (t) => {
  const [first] = processes as [TestProcess];
  const delays: number[] = [];
  for (let round = 0; round < 20; round++) {
    const caller = await createCaller(first);
    for (const one of processes) assert.equal(await one.ask(caller.token), "ok");
    for (const one of processes) {
      // Warm: a value, not a promise.
      assert.ok(!(one.authenticate(caller.token, "") instanceof Promise));
    }
    await endSession(first, caller.sessionId);
    const beganMs = performance.now();
    assert.equal(await first.ask(caller.token), "token_invalid");
    const refused = new Set([first]);
    await until(async () => {
      for (const one of processes) {
        if (refused.has(one) || (await one.ask(caller.token)) !== "token_invalid") continue;
        refused.add(one);
        delays.push(performance.now() - beganMs);
      }
      return refused.size === processes.length;
    }, "refused everywhere");
  }
  delays.sort((a, b) => a - b);
  const at = (share: number) => delays[Math.floor(share * (delays.length - 1))]!.toFixed(1);
  t.diagnostic(
    `revoked elsewhere after: median ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`,
  );
});

test("a transaction that rolls back invalidates nothing", async () => {
  const [first, second] = processes as [TestProcess, TestProcess];
  const caller = await createCaller(first);
  for (const one of [first, second]) assert.equal(await one.ask(caller.token), "ok");
  const position = first.bus.position();
  await assert.rejects(
    first.database.withTransaction(async (tx) => {
      first.invalidate(tx, [{ kind: "session", id: caller.sessionId }]);
      throw new Error("changed my mind");
    }),
    /changed my mind/,
  );
  // Later news passes the same log, so nothing is on its way any more.
  const number = await logKeys(first, [{ kind: "session", id: "another" }]);
  await until(() => second.bus.position() === number, "the other process reads on");
  assert.ok(position! < number!);
  for (const one of [first, second]) {
    const outcome = one.authenticate(caller.token, "");
    assert.ok(!(outcome instanceof Promise), "still cached");
  }
});

test("every kind of key reaches the entries that depend on it", async () => {
  const [first, second] = processes as [TestProcess, TestProcess];
  const caller = await createCaller(first);
  const principal = await first.authenticate(caller.token, "");
  assert.ok("tenantId" in principal);
  const { issuer, subject, tenantId } = principal;
  const kinds = [
    { kind: "global" },
    { kind: "identity", issuer, subject },
    { kind: "session", id: caller.sessionId },
    { kind: "token", id: caller.tokenId },
    { kind: "tenant", id: tenantId },
    { kind: "issuer", issuer },
    { kind: "roles" },
  ] as const;
  for (const invalidated of kinds) {
    for (const one of [first, second]) assert.equal(await one.ask(caller.token), "ok");
    const number = await logKeys(first, [invalidated]);
    // Bumped twice here: by the transaction and by the bus.
    await until(() => processes.every((one) => one.bus.position()! >= number!), "read");
    for (const one of [first, second]) {
      const outcome = one.authenticate(caller.token, "");
      assert.ok(outcome instanceof Promise, `${invalidated.kind} drops the entry`);
      assert.ok("userId" in (await outcome));
    }
  }
});

test("a single token can be taken back while its session lives on", async () => {
  const [first, second] = processes as [TestProcess, TestProcess];
  const caller = await createCaller(first);
  for (const one of [first, second]) assert.equal(await one.ask(caller.token), "ok");
  await first.database.withTransaction(async (tx) => {
    await tx.query(sql`
      INSERT INTO auth.revoked_tokens (token_id, expires_at)
      VALUES (${caller.tokenId}, now() + interval '1 hour')`);
    first.invalidate(tx, [{ kind: "token", id: caller.tokenId }]);
  });
  assert.equal(await first.ask(caller.token), "token_invalid");
  await until(async () => (await second.ask(caller.token)) === "token_invalid", "refused there");
});

test("a later number is drawn only when every lower one can be read", async () => {
  const [first] = processes as [TestProcess];
  let later: number | undefined;
  let second: Promise<void> | undefined;
  const earlier = await first.database.withTransaction(async (tx) => {
    const { rows } = await tx.query<{ number: number }>(sql`
      SELECT auth.append_invalidation('[{"kind":"session","id":"early"}]') AS number`);
    second = logKeys(first, [{ kind: "session", id: "late" }]).then((number) => {
      later = number;
    });
    await until(async () => {
      assert.equal(later, undefined, "committed while a lower number is still unseen");
      const waiting = await db.database.query(sql`
        SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
        WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()`);
      return waiting.rowCount === 1;
    }, "the second one waits");
    return rows[0]!.number;
  });
  await second;
  assert.ok(later! > earlier);
});

test("waiting for the cluster ends when every process has applied the number", async () => {
  const [first, ...others] = processes as [TestProcess, ...TestProcess[]];
  const number = await logKeys(first, [{ kind: "session", id: "waited-for" }]);
  await first.waitForCluster(number);
  for (const one of others) assert.ok(one.bus.position()! >= number!);
});

test("waiting ends by itself when a process that does not answer is among the living", async () => {
  const [first] = processes as [TestProcess];
  await db.database.query(sql`
    INSERT INTO auth.instances (id, acknowledged)
    VALUES ('00000000-0000-4000-8000-00000000dead', 0)`);
  const lone = await startProcess({ url: db.url, leaseMs: 300 });
  try {
    const number = await logKeys(first, [{ kind: "session", id: "never-acknowledged" }]);
    const beganMs = performance.now();
    await lone.waitForCluster(number);
    assert.ok(performance.now() - beganMs >= 300, "not before the last lease is out");
    // Without a number only time can tell.
    const againMs = performance.now();
    await lone.waitForCluster(undefined);
    assert.ok(performance.now() - againMs >= 300);
  } finally {
    await lone.stop();
  }
});

test("a process has its row while it runs, and the silent ones are removed", async () => {
  const ids = async () =>
    (await db.database.query<{ id: string }>(sql`SELECT id FROM auth.instances`)).rows.map(
      (row) => row.id,
    );
  await db.database.query(sql`
    INSERT INTO auth.instances (id, acknowledged, seen_at) VALUES
      ('00000000-0000-4000-8000-0000000001d0', 0, now() - interval '61 seconds')
    ON CONFLICT DO NOTHING`);
  const one = await startProcess({ url: db.url });
  const living = await ids();
  assert.ok(living.includes(one.instanceId));
  assert.ok(!living.includes("00000000-0000-4000-8000-0000000001d0"));
  await one.stop();
  assert.ok(!(await ids()).includes(one.instanceId));
  assert.equal(one.lease.holds(), false, "a stopped process trusts nothing");
});

test("everything is dropped when the log was trimmed beyond our position", async () => {
  const [first, second] = processes as [TestProcess, TestProcess];
  const number = await logKeys(first, [{ kind: "session", id: "soon-trimmed" }]);
  await until(() => second.bus.position() === number, "all read");
  const jumps = second.bus.stats().jumpCount;
  const caller = await createCaller(first);
  assert.equal(await second.ask(caller.token), "ok");
  // As after an outage of more than an hour: the entries are gone before anybody read them.
  await db.database.withTransaction(async (tx) => {
    await tx.query(sql`SELECT auth.append_invalidation('[{"kind":"session","id":"gone"}]')`);
    await tx.query(sql`UPDATE auth.invalidation_log SET logged_at = now() - interval '2 hours'`);
    await tx.query(sql`SELECT auth.trim_invalidations(interval '1 hour', 1000)`);
  });
  await until(() => second.bus.stats().jumpCount === jumps + 1, "jumped");
  assert.ok(second.authenticate(caller.token, "") instanceof Promise, "nothing cached counts");
});

test("everything is dropped when the database is another one than before", async () => {
  const [, second] = processes as [TestProcess, TestProcess];
  const { log, lines } = capturedLog("warn");
  const watched = await startProcess({ url: db.url, log });
  try {
    const caller = await createCaller(second);
    for (const one of [watched, second]) assert.equal(await one.ask(caller.token), "ok");
    const jumps = second.bus.stats().jumpCount;
    await db.database.query(sql`UPDATE auth.log_state SET random_id = gen_random_uuid()`);
    await until(() => second.bus.stats().jumpCount > jumps, "jumped");
    assert.ok(second.authenticate(caller.token, "") instanceof Promise, "nothing cached counts");
    await until(() => lines.some((line) => line["reason"] === "incarnation"), "logged");
  } finally {
    await watched.stop();
  }
});

test("everything is dropped when the log was set back, also when it has grown again", async () => {
  const [first, second] = processes as [TestProcess, TestProcess];
  for (const regrown of [0, 3]) {
    const number = await logKeys(first, [{ kind: "session", id: "a" }]);
    await until(() => second.bus.position() === number, "all read");
    const jumps = second.bus.stats().jumpCount;
    await db.database.withTransaction(async (tx) => {
      await tx.query(sql`DELETE FROM auth.invalidation_log WHERE number > ${number! - 1}`);
      await tx.query(sql`SELECT setval(
        pg_get_serial_sequence('auth.invalidation_log', 'number'), ${number! - 1}::bigint)`);
      for (let i = 0; i < regrown; i++) {
        await tx.query(sql`SELECT auth.append_invalidation('[{"kind":"session","id":"b"}]')`);
      }
    });
    await until(() => second.bus.stats().jumpCount > jumps, `jumped with ${regrown} new entries`);
  }
});

test("more entries than a page holds are all applied before the lease is renewed", async () => {
  const [first, second] = processes as [TestProcess, TestProcess];
  const caller = await createCaller(first);
  assert.equal(await second.ask(caller.token), "ok");
  const grantedAt = new Set<number | undefined>();
  const { grant } = second.lease;
  second.lease.grant = (...times) => {
    grantedAt.add(second.bus.position());
    grant(...times);
  };
  const before = second.bus.position();
  const { rows } = await db.database.query<{ last: number }>(sql`
    SELECT max(auth.append_invalidation(jsonb_build_array(jsonb_build_object('kind', 'session',
      'id', CASE WHEN n = 2500 THEN ${caller.sessionId} ELSE 'x' || n END)))) AS last
    FROM generate_series(1, 2500) AS n`);
  await until(() => second.bus.position()! >= rows[0]!.last, "read to the end");
  assert.ok(second.authenticate(caller.token, "") instanceof Promise, "the last entry counted");
  await until(() => grantedAt.has(rows[0]!.last), "granted at the end");
  second.lease.grant = grant;
  grantedAt.delete(before);
  assert.deepEqual([...grantedAt], [rows[0]!.last], "and nowhere half-way");
});

test("a process registers before it trusts its cache", async () => {
  const shared = createSharedMemory({ httpThreads: 1, authCacheSlots: 4 });
  const lease = createLease(shared, systemClock);
  const bus = createBus({
    url: db.url,
    instanceId: "00000000-0000-4000-8000-000000000001",
    leaseMs: 4_500,
    generations: createGenerations(shared),
    lease,
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
  });
  let started: Promise<void> | undefined;
  await db.database.withTransaction(async (tx) => {
    await tx.query(sql`LOCK TABLE auth.instances IN ACCESS EXCLUSIVE MODE`);
    started = bus.start();
    await until(() => bus.stats().readCount > 0, "the log was read");
    assert.equal(lease.holds(), false);
  });
  await started;
  assert.equal(lease.holds(), true);
  await bus.stop();
});

test("a process reads once more after it is registered, before it may be asked", async () => {
  const shared = createSharedMemory({ httpThreads: 1, authCacheSlots: 4 });
  const instanceId = "00000000-0000-4000-8000-000000000002";
  const lease = createLease(shared, systemClock);
  const seen: { registered: boolean; leased: boolean }[] = [];
  const bus = createBus({
    url: db.url,
    instanceId,
    leaseMs: 4_500,
    generations: createGenerations(shared),
    lease,
    keys: {
      async sync() {
        const rows = await db.database.read(
          sql`SELECT FROM auth.instances WHERE id = ${instanceId} AND loaded_kids = '{"a"}'`,
        );
        seen.push({ registered: rows.length === 1, leased: lease.holds() });
      },
      kids: () => KIDS,
    },
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
  });
  await bus.start();
  // Who made a key before he saw our row did not wait for us; the second look finds that key.
  assert.deepEqual(seen.slice(0, 2), [
    { registered: false, leased: false },
    { registered: true, leased: false },
  ]);
  await bus.stop();
});

test("while the keys are not those that are stored no lease is granted", async () => {
  const shared = createSharedMemory({ httpThreads: 1, authCacheSlots: 4 });
  const lease = createLease(shared, systemClock);
  let isStale = true;
  let syncs = 0;
  const bus = createBus({
    url: db.url,
    instanceId: "00000000-0000-4000-8000-000000000003",
    leaseMs: 4_500,
    generations: createGenerations(shared),
    lease,
    keys: {
      async sync() {
        syncs++;
        if (isStale) throw new Error("a withdrawn key counts");
      },
      kids: () => KIDS,
    },
    clock: systemClock,
    log: silentLog,
    metrics: createMetrics(),
  });
  const started = bus.start();
  await until(() => syncs > 2, "it was tried again");
  assert.equal(lease.holds(), false);
  isStale = false;
  await started;
  assert.equal(lease.holds(), true);
  await bus.stop();
});

test("a standby renews no lease", async () => {
  const own = await withDatabase();
  const one = await startProcess({ url: own.url, leaseMs: 600 });
  try {
    await withServer(own.url, async (client) => {
      await client.query(`CREATE SCHEMA fake;
        CREATE FUNCTION fake.pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'`);
      const { rows } = await client.query("SELECT current_database() AS name");
      const name = (rows[0] as { name: string }).name;
      await client.query(`ALTER DATABASE ${name} SET search_path = fake, pg_catalog, public`);
      await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'brigade-bus' AND datname = current_database()`);
    });
    await until(() => !one.lease.holds(), "the lease runs out");
    assert.ok(one.bus.stats().readCount > 0);
  } finally {
    await one.stop();
    await own.drop();
  }
});

test("a notification starts a read before the next poll is due", async (t) => {
  const [first, second] = processes as [TestProcess, TestProcess];
  for (let attempt = 1; attempt <= 5; attempt++) {
    const reads = second.bus.stats().readCount;
    const beganMs = performance.now();
    for (let round = 0; round < 20; round++) {
      const number = await logKeys(first, [{ kind: "session", id: `woken-${round}` }]);
      await until(() => second.bus.position()! >= number!, "read");
    }
    const polls = (performance.now() - beganMs) / 200;
    const extra = second.bus.stats().readCount - reads - polls;
    t.diagnostic(`${extra.toFixed(0)} reads beside ${polls.toFixed(1)} polls`);
    // Polls alone never make more reads than there are intervals.
    if (extra > 5) return;
  }
  assert.fail("every read was a poll");
});

test("the bus hears its own notifications on a direct connection", async () => {
  const [first] = processes as [TestProcess];
  await until(() => first.bus.stats().hearsNotifications === true, "heard");
});
