import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { makeRefreshToken } from "../../../src/auth/session/refresh-token.ts";
import { insertSession } from "../../../src/auth/session/store.ts";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { randomOf } from "../../support/random.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";
import { GRACE_MAX } from "./rotation-model.ts";

/*
 * Random schedules on the real database: rounds of parallel uses in two processes, answers that are
 * lost, and time that passes. What a round presents decides what must come of it, in whatever order
 * its requests are served.
 */

let db: TestDatabase;
let apps: TestApp[];
let account: { id: string; tenantId: string };

before(async () => {
  db = await withDatabase({ connections: 10 });
  const first = await startApp({ database: db.database });
  apps = [first, await startApp({ database: db.database, keyRing: first.keyRing })];
  const ana = await registerSomebody(first);
  const { rows } = await db.database.query<{ tenant_id: string }>(
    sql`SELECT tenant_id FROM auth.accounts WHERE id = ${ana.user["id"]}`,
  );
  account = { id: ana.user["id"], tenantId: rows[0]!.tenant_id };
});
after(() => db.drop());

async function openSession() {
  const key = apps[0]!.keyRing.refreshKey();
  const refreshSecret = randomBytes(32);
  const session = await db.database.withTransaction((tx) =>
    insertSession(tx, {
      id: newId(),
      accountId: account.id,
      tenantId: account.tenantId,
      refreshKid: key.kid,
      refreshSecret,
      deviceDigest: undefined,
      device: undefined,
      network: undefined,
      country: undefined,
      agent: undefined,
      amr: ["pwd"],
      idleSeconds: 3_600,
      absoluteSeconds: 7_200,
    }),
  );
  return {
    id: session.id,
    tokenOf: (counter: number) => makeRefreshToken(session.id, counter, refreshSecret, key),
  };
}

async function rowOf(id: string) {
  const { rows } = await db.database.query<{ counter: number; ended: boolean }>(
    sql`SELECT counter, ended_at IS NOT NULL AS ended FROM auth.sessions WHERE id = ${id}`,
  );
  return rows[0]!;
}

const age = (id: string) =>
  db.database.query(
    sql`UPDATE auth.sessions SET rotated_at = rotated_at - interval '11 seconds' WHERE id = ${id}`,
  );

type Random = () => number;
const pick = (random: Random, count: number) => Math.floor(random() * count);

/** Sends the tokens of these numbers at once. */
async function present(session: { tokenOf(counter: number): string }, counters: number[]) {
  const answers = counters.map((counter, i) =>
    apps[i % apps.length]!.call("POST", "/auth/refresh", {
      body: { refresh_token: session.tokenOf(counter) },
      // Of their own each, so that they do not share one flight.
      address: `192.0.2.${i + 1}`,
    }),
  );
  return (await Promise.all(answers)).map(({ status, body }) => ({
    status,
    counter: status === 200 ? Number(body.refresh_token.split(".")[2]) : undefined,
  }));
}

async function playSchedule(random: Random, note: string): Promise<void> {
  const session = await openSession();
  let current = 0;
  let parentUses = 0;
  let isAged = true;
  for (let round = 0; round < 4; round++) {
    const kind =
      round === 0 ? "good" : (["good", "good", "lost", "stale", "late"] as const)[pick(random, 5)]!;
    if (kind === "good") {
      const actors = 1 + pick(random, 4);
      const answers = await present(session, Array<number>(actors).fill(current));
      assert.deepEqual([...new Set(answers.map((one) => one.counter))], [current + 1], note);
      current++;
      parentUses = actors - 1;
      isAged = false;
    } else if (kind === "lost" && !isAged && parentUses < GRACE_MAX) {
      // The answer was lost: its holder sends the parent again and gets the same.
      const [answer] = await present(session, [current - 1]);
      assert.equal(answer!.counter, current, note);
      parentUses++;
    } else if (kind === "stale" && current >= 2) {
      // A copy of an older token among good ones, in whatever order they are served.
      const actors = Array<number>(1 + pick(random, 3)).fill(current);
      actors.splice(pick(random, actors.length + 1), 0, current - 2);
      await present(session, actors);
      return assertOver(session, current, note);
    } else if (kind === "late") {
      await age(session.id);
      await present(session, [current - 1]);
      return assertOver(session, current, note);
    }
    assert.deepEqual(await rowOf(session.id), { counter: current, ended: false }, note);
  }
}

async function assertOver(
  session: { id: string; tokenOf(counter: number): string },
  counter: number,
  note: string,
): Promise<void> {
  assert.equal((await rowOf(session.id)).ended, true, note);
  for (const any of [counter - 1, counter, counter + 1]) {
    const [answer] = await present(session, [any]);
    assert.equal(answer!.status, 401, `nobody gets back in: ${note}`);
  }
}

test("random parallel schedules with lost answers: no false logout, no undetected reuse", async () => {
  const seed = testSeed();
  const schedules = testSize(120, 10_000);
  const random = randomOf(seed);
  for (let at = 0; at < schedules; at++) await playSchedule(random, `schedule ${at}, seed ${seed}`);
  const { rows } = await db.database.query<{ n: number; reasons: number }>(sql`
    SELECT count(*)::int AS n, (SELECT count(*)::int FROM auth.audit_log
      WHERE action = 'refresh.reuse') AS reasons
      FROM auth.sessions WHERE end_reason = 'refresh_reuse'`);
  assert.equal(rows[0]!.n, rows[0]!.reasons, "each detected reuse is in the audit log, once");
  assert.ok(rows[0]!.n > 0);
});
