import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import { openConnections } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { randomOf } from "../../support/random.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
before(async () => {
  db = await withDatabase({ connections: 8 });
  app = await startApp({ database: db.database });
});
after(() => db.drop());

async function refresh(token: string, on: TestApp = app) {
  const answer = await on.call("POST", "/auth/refresh", { body: { refresh_token: token } });
  return { ...answer, next: answer.body.refresh_token as string };
}

async function sessionRow(id: string) {
  const { rows } = await db.database.query<Record<string, any>>(
    sql`SELECT * FROM auth.sessions WHERE id = ${id}`,
  );
  return rows[0]!;
}

test("50 parallel refreshes with one token make one successor, and the session lives", async () => {
  for (let round = 0; round < testSize(3, 100); round++) {
    const ana = await registerSomebody(app);
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(ana.refresh_token)));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    const successors = new Set(answers.map(({ next }) => next));
    assert.equal(successors.size, 1);
    assert.equal((await sessionRow(ana.session["id"]))["counter"], 1);
    assert.equal((await refresh([...successors][0]!)).status, 200);
  }
});

test("parallel refreshes in several processes never make two successors", async () => {
  const apps = await Promise.all(
    Array.from({ length: 4 }, () => startApp({ database: db.database, keyRing: app.keyRing })),
  );
  for (let round = 0; round < testSize(5, 200); round++) {
    const ana = await registerSomebody(app);
    await openConnections(db.database, apps.length);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => refresh(ana.refresh_token, apps[i % 4])),
    );
    const given = answers.filter(({ status }) => status === 200);
    // One rotation and three retries at most: of four processes none has to be refused.
    assert.equal(given.length, 20);
    assert.equal(new Set(given.map(({ next }) => next)).size, 1);
    assert.equal((await sessionRow(ana.session["id"]))["counter"], 1);
  }
});

test("whatever clients do at once, a session has one live refresh token at most", async () => {
  const apps = [app, await startApp({ database: db.database, keyRing: app.keyRing })];
  const seed = testSeed();
  const random = randomOf(seed);
  for (let round = 0; round < testSize(5, 200); round++) {
    const ana = await registerSomebody(app);
    const tokens = [ana.refresh_token];
    const client = async () => {
      for (let step = 0; step < 4; step++) {
        // Mostly the newest token, sometimes an older one.
        const back = Math.floor(random() ** 3 * Math.min(3, tokens.length));
        const answer = await refresh(tokens.at(-1 - back)!, apps[Math.floor(random() * 2)]);
        if (answer.status === 200 && !tokens.includes(answer.next)) tokens.push(answer.next);
      }
    };
    const work = Array.from({ length: 4 }, client);
    await Promise.all(work);
    const row = await sessionRow(ana.session["id"]);
    const counters = new Set(tokens.map((token) => Number(token.split(".")[2])));
    assert.equal(counters.size, tokens.length, `one token a counter, seed ${seed}`);
    assert.ok(Math.max(...counters) <= row["counter"], `seed ${seed}`);
    const last = await refresh(tokens.find((t) => t.split(".")[2] === String(row["counter"]))!);
    assert.equal(last.status, row["ended_at"] === null ? 200 : 401, `seed ${seed}`);
  }
});
