import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createSessionActivity } from "../../../src/auth/session/activity.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { silentLog } from "../../support/log.ts";
import { registerSomebody, startApp, watched, type TestApp } from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
let statements: string[];

before(async () => {
  db = await withDatabase();
  const watching = watched(db.database);
  statements = watching.statements;
  app = await startApp({ database: watching.database });
});
after(() => db.drop());

async function seenAt(id: string): Promise<number> {
  const { rows } = await db.database.query<{ seen_at: Date }>(
    sql`SELECT seen_at FROM auth.sessions WHERE id = ${id}`,
  );
  return rows[0]!.seen_at.getTime();
}

const age = (seconds: number) =>
  db.database.query(
    sql`UPDATE auth.sessions SET seen_at = seen_at - make_interval(secs => ${seconds})`,
  );

const activity = () =>
  createSessionActivity({ database: app.database, cache: app.cache, log: silentLog });

test("requests write nothing; one statement later writes all sessions that were used", async () => {
  const people = [await registerSomebody(app), await registerSomebody(app)];
  const idle = await registerSomebody(app);
  await age(100);
  const before = await seenAt(people[0]!.session["id"]);
  const writer = activity();
  await writer.flush();
  statements.length = 0;
  for (let round = 0; round < 5; round++) {
    for (const { access_token: token } of people) {
      assert.equal((await app.call("GET", "/auth/whoami", { token })).status, 200);
    }
  }
  assert.deepEqual(
    statements.filter((text) => !text.startsWith("SELECT")),
    [],
  );
  assert.equal(await seenAt(people[0]!.session["id"]), before);
  statements.length = 0;
  await writer.flush();
  assert.equal(statements.length, 1, statements.join("\n"));
  for (const { session } of people) assert.ok((await seenAt(session["id"])) > before + 90_000);
  assert.ok((await seenAt(idle.session["id"])) < before + 90_000, "who did nothing was not seen");
  statements.length = 0;
  await writer.flush();
  assert.deepEqual(statements, [], "nothing was used since");
  await writer.stop();
});

test("what was used is written at the end, too, and a recent time is left as it is", async () => {
  const ana = await registerSomebody(app);
  await app.call("GET", "/auth/whoami", { token: ana.access_token });
  const fresh = await seenAt(ana.session["id"]);
  await activity().stop();
  assert.equal(await seenAt(ana.session["id"]), fresh, "seen just now");
  await age(100);
  await app.call("GET", "/auth/whoami", { token: ana.access_token });
  await activity().stop();
  assert.ok((await seenAt(ana.session["id"])) > fresh - 50_000);
});

test("an ended session is not brought to life, and a database that is away costs nobody anything", async () => {
  const ana = await registerSomebody(app);
  await age(100);
  await app.call("GET", "/auth/whoami", { token: ana.access_token });
  await app.call("POST", "/auth/logout", { token: ana.access_token });
  const before = await seenAt(ana.session["id"]);
  await activity().stop();
  assert.equal(await seenAt(ana.session["id"]), before);

  const bob = await registerSomebody(app);
  await app.call("GET", "/auth/whoami", { token: bob.access_token });
  const away = { query: () => Promise.reject(new Error("away")) };
  await createSessionActivity({ database: away, cache: app.cache, log: silentLog }).stop();
});

test("batches and refreshes of the same sessions at once do not wait in a circle", async () => {
  const people: Awaited<ReturnType<typeof registerSomebody>>[] = [];
  for (let i = 0; i < 6; i++) people.push(await registerSomebody(app));
  await age(100);
  const ids = people.map(({ session }) => session["id"] as string);
  const cacheOf = (list: string[]) => ({ takeUsedSessions: () => list });
  const flush = (list: string[]) =>
    createSessionActivity({ database: db.database, cache: cacheOf(list), log: silentLog }).stop();
  const answers = await Promise.all([
    ...people.map(({ refresh_token }) =>
      app.call("POST", "/auth/refresh", { body: { refresh_token } }),
    ),
    ...[ids, ids.toReversed(), ids, ids.toReversed()].map(async (list) => {
      await flush(list);
      return { status: 200 };
    }),
  ]);
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
});
