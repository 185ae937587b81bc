import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import {
  startChaosProxy,
  withoutNotifications,
  type ChaosProxy,
  type Weather,
} from "../../support/chaos-proxy.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { capturedLog } from "../../support/log.ts";
import {
  createCaller,
  endSession,
  logKeys,
  startProcess,
  until,
  type TestProcess,
} from "../process-rig.ts";

/** Short, so that the tests need not wait for the real one. */
const LEASE_MS = 1_200;
/** Where the lease must last: no test takes as long. */
const LONG_LEASE_MS = 60_000;

let db: TestDatabase;
let writer: TestProcess;
before(async () => {
  db = await withDatabase();
  writer = await startProcess({ url: db.url });
});
after(async () => {
  await writer.stop();
  await db.drop();
});

/** A process whose bus, and nothing else, goes through the proxy. */
async function withCutOff(
  use: (process: TestProcess, proxy: ChaosProxy) => Promise<void>,
  leaseMs = LEASE_MS,
): Promise<void> {
  const proxy = await startChaosProxy(db.url);
  const cutOff = await startProcess({ url: db.url, busUrl: proxy.url, leaseMs });
  try {
    await use(cutOff, proxy);
  } finally {
    proxy.setWeather("fair");
    await cutOff.stop();
    await proxy.close();
  }
}

// Each test has a process and a proxy of its own and mostly waits: side by side.
suite("a bus that is cut", { concurrency: true }, () => {
  for (const weather of ["cut", "reset", "swallow"] satisfies Weather[]) {
    test(`bus ${weather}: no stale answer once the lease is out, and all is caught up after it`, async (t) => {
      await withCutOff(async (cutOff, proxy) => {
        const [leaver, stayer] = [await createCaller(writer), await createCaller(writer)];
        for (const { token } of [leaver, stayer]) assert.equal(await cutOff.ask(token), "ok");

        proxy.setWeather(weather);
        const number = await endSession(writer, leaver.sessionId);
        const endedMs = performance.now();
        // Within the lease the old answer may stand; it must not outlive it.
        await until(async () => (await cutOff.ask(leaver.token)) !== "ok", "refused");
        const refusedAfterMs = performance.now() - endedMs;
        t.diagnostic(
          `refused ${refusedAfterMs.toFixed(0)} ms after the commit (lease ${LEASE_MS} ms)`,
        );
        assert.equal(cutOff.lease.holds(), false, "it was the lease, not the bus");
        assert.equal(await cutOff.ask(leaver.token), "token_invalid", "the database was asked");
        // Callers who may go on do go on: the signature verdict stays, the look-ups are made.
        const answer = cutOff.authenticate(stayer.token, "");
        assert.ok(answer instanceof Promise);
        assert.ok("userId" in (await answer));

        const jumps = cutOff.bus.stats().jumpCount;
        proxy.setWeather("fair");
        await until(() => cutOff.lease.holds(), "the lease is back");
        assert.ok(cutOff.bus.position()! >= number!, "the lease comes after the catching up");
        assert.equal(cutOff.bus.stats().jumpCount, jumps, "caught up by number, nothing dropped");
        assert.equal(await cutOff.ask(leaver.token), "token_invalid");
        // Nothing is asked here that could fill the cache, and a lease so short may lapse.
        let isCached = false;
        await until(() => {
          if (!cutOff.lease.holds()) return false;
          const outcome = cutOff.authenticate(stayer.token, "");
          isCached = !(outcome instanceof Promise);
          return true;
        }, "the lease holds");
        assert.ok(isCached, "cached again");
      });
    });
  }

  test("a healed bus applies what it missed before anything cached counts again", async () => {
    await withCutOff(async (cutOff, proxy) => {
      const caller = await createCaller(writer);
      assert.equal(await cutOff.ask(caller.token), "ok");
      proxy.setWeather("cut");
      await until(() => !cutOff.lease.holds(), "the lease is out");
      await endSession(writer, caller.sessionId);
      const leaseAtBump: boolean[] = [];
      const { bump } = cutOff.generations;
      cutOff.generations.bump = (invalidated) => {
        if ("id" in invalidated && invalidated.id === caller.sessionId) {
          leaseAtBump.push(cutOff.lease.holds());
        }
        bump(invalidated);
      };
      proxy.setWeather("fair");
      // Asked in every moment of the healing: the entry is in the cache all the time.
      await until(async () => {
        assert.notEqual(await cutOff.ask(caller.token), "ok");
        return cutOff.lease.holds();
      }, "the lease is back");
      assert.equal(await cutOff.ask(caller.token), "token_invalid");
      // Other threads look at the lease while the bus works: it comes last.
      assert.deepEqual(leaseAtBump, [false]);
    });
  });

  test("what is cached between the last statement and the commit does not survive the commit", async () => {
    await withCutOff(async (cutOff, proxy) => {
      // Without the bus, which would repair it: only the transaction's own bump counts here.
      proxy.setWeather("swallow");
      const caller = await createCaller(writer);
      await cutOff.database.withTransaction(async (tx) => {
        await tx.query(sql`
        UPDATE auth.sessions SET ended_at = now(), end_reason = 'logout'
        WHERE id = ${caller.sessionId}`);
        cutOff.invalidate(tx, [{ kind: "session", id: caller.sessionId }]);
        assert.equal(await cutOff.ask(caller.token), "ok", "not committed: alive for everybody");
      });
      assert.ok(cutOff.lease.holds(), "the lease excuses nobody");
      assert.equal(await cutOff.ask(caller.token), "token_invalid");
    }, LONG_LEASE_MS);
  });

  test("without the database and without the lease the answer is 503, never 200 or 401", async () => {
    const proxy = await startChaosProxy(db.url);
    const cutOff = await startProcess({ url: proxy.url, leaseMs: LONG_LEASE_MS });
    try {
      const caller = await createCaller(writer);
      assert.equal(await cutOff.ask(caller.token), "ok");
      proxy.setWeather("cut");
      assert.equal(await cutOff.ask(caller.token), "ok", "within the lease");
      await until(() => !cutOff.bus.stats().isConnected, "the bus is lost");
      cutOff.lease.revoke();
      assert.equal(await cutOff.ask(caller.token), "unavailable");
      // For a moment nobody even tries.
      const answer = cutOff.authenticate(caller.token, "");
      assert.ok(!(answer instanceof Promise));
      assert.ok("rejected" in answer);
      assert.equal(answer.status, 503);
      assert.equal(answer.headers?.["retry-after"], "1");
      proxy.setWeather("fair");
      await until(async () => {
        const outcome = await cutOff.ask(caller.token);
        assert.ok(outcome === "ok" || outcome === "unavailable", outcome);
        return outcome === "ok";
      }, "let in again");
    } finally {
      proxy.setWeather("fair");
      await cutOff.stop();
      await proxy.close();
    }
  });

  test("a swallowed notification is made good by the next poll", async () => {
    await withCutOff(async (cutOff, proxy) => {
      const caller = await createCaller(writer);
      assert.equal(await cutOff.ask(caller.token), "ok");
      proxy.setFilter(withoutNotifications);
      const number = await endSession(writer, caller.sessionId);
      await until(() => cutOff.bus.position()! >= number!, "read without the notification");
      assert.equal(await cutOff.ask(caller.token), "token_invalid");
      assert.equal(cutOff.lease.holds(), true);
    }, LONG_LEASE_MS);
  });

  test("a connection that delivers no notifications is noticed, and polling carries the log", async () => {
    const proxy = await startChaosProxy(db.url);
    const { log, lines } = capturedLog("warn");
    // As behind a transaction pooler: LISTEN is accepted, nothing ever comes.
    proxy.setFilter(withoutNotifications);
    const deaf = await startProcess({ url: db.url, busUrl: proxy.url, log });
    try {
      await until(() => deaf.bus.stats().hearsNotifications === false, "noticed");
      assert.ok(lines.some((line) => line["event"] === "bus_deaf"));
      const number = await logKeys(writer, [{ kind: "session", id: "polled" }]);
      await until(() => deaf.bus.position()! >= number!, "polled");
    } finally {
      await deaf.stop();
      await proxy.close();
    }
  });

  test("slow answers shorten the lease by their own length: it counts from when the read was sent", async () => {
    await withCutOff(async (cutOff, proxy) => {
      const granted: { sentMs: number; atMs: number }[] = [];
      const { grant } = cutOff.lease;
      cutOff.lease.grant = (sentMs, wallMs, leaseMs) => {
        granted.push({ sentMs, atMs: performance.timeOrigin + performance.now() - wallMs });
        grant(sentMs, wallMs, leaseMs);
      };
      proxy.setLatencyMs(150);
      await until(() => granted.length >= 4, "granted");
      proxy.setLatencyMs(0);
      // The last ones were sent and answered through the slow proxy: 150 ms each way.
      assert.ok(granted.at(-1)!.atMs >= 250, `granted ${granted.at(-1)!.atMs} ms after the send`);
    });
  });

  test("a commit of unknown outcome drops what it may have taken away", async () => {
    const proxy = await startChaosProxy(db.url);
    const unlucky = await startProcess({ url: proxy.url, busUrl: db.url });
    try {
      const caller = await createCaller(writer);
      assert.equal(await unlucky.ask(caller.token), "ok");
      let isCommitting = false;
      // The answer to COMMIT is lost, and the connection with it.
      proxy.setFilter((chunk) => {
        if (!isCommitting || !chunk.includes("COMMIT\0")) return chunk;
        proxy.setWeather("cut");
        return Buffer.alloc(0);
      });
      const bumped: string[] = [];
      const { bump } = unlucky.generations;
      unlucky.generations.bump = (invalidated) => {
        bumped.push(invalidated.kind);
        bump(invalidated);
      };
      let receipt: { readonly number: number | undefined } | undefined;
      await assert.rejects(
        unlucky.database.withTransaction(async (tx) => {
          await tx.query(sql`SELECT 1`);
          receipt = unlucky.invalidate(tx, [{ kind: "session", id: caller.sessionId }]);
          isCommitting = true;
        }),
        { code: "unavailable" },
      );
      assert.equal(receipt?.number, undefined);
      assert.ok(bumped.includes("session"));
    } finally {
      proxy.setWeather("fair");
      await unlucky.stop();
      await proxy.close();
    }
  });
});
