import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, withServer, type TestDatabase } from "../support/database.ts";
import { ask, register } from "../support/journey.ts";
import { randomOf } from "../support/random.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { testSeed, testSize } from "../support/size.ts";

/*
 * Whatever is killed in the middle of logins and refreshes: what the database holds afterwards is
 * whole, and whoever lost an answer goes on.
 */

const PASSWORD = "velvet-anchor-81-harbour";
const PEOPLE = 4;

let db: TestDatabase;
before(async () => (db = await withDatabase()));
after(() => db.drop());

const start = (): Promise<TestServer> =>
  startServer({
    databaseUrl: db.url,
    env: { RATE_LIMIT_ENABLED: "false", COUNTRY_DATABASE: "off" },
  });

interface Person {
  readonly email: string;
  /** What it got last; what it asks for may have happened without an answer. */
  refreshToken: string;
  isAsking: boolean;
}

type Post = (path: string, body: object) => Promise<any>;

/** Undefined: the server went away before it answered. */
const poster =
  (server: TestServer): Post =>
  async (path, body) => {
    try {
      return await ask(`${server.url}${path}`, { method: "POST", body });
    } catch {
      return undefined;
    }
  };

async function work(post: Post, person: Person, random: () => number): Promise<void> {
  for (;;) {
    person.isAsking = true;
    const answer =
      random() < 0.3
        ? await post("/auth/login", { email: person.email, password: PASSWORD })
        : await post("/auth/refresh", { refresh_token: person.refreshToken });
    if (answer === undefined) return;
    if (answer.status === 200) person.refreshToken = answer.body.refresh_token;
    person.isAsking = false;
  }
}

/** Broken rows, by the invariant that they break. */
async function brokenRows(): Promise<Record<string, number>> {
  const { rows } = await db.database.query<Record<string, number>>(sql`
    SELECT
      (SELECT count(*) FROM auth.sessions WHERE (ended_at IS NULL) <> (end_reason IS NULL)
        OR counter < 0 OR grace_count > 3 OR expires_at > absolute_expires_at)::int AS malformed,
      -- One login, one session, one line, or none of them.
      (SELECT count(*) FROM auth.audit_log l WHERE l.action = 'login.success'
        AND NOT EXISTS (SELECT FROM auth.sessions s WHERE s.id = l.session_id))::int AS lost,
      (SELECT count(*) FROM (SELECT session_id FROM auth.audit_log WHERE action = 'login.success'
        GROUP BY session_id HAVING count(*) > 1) AS d)::int AS twice,
      (SELECT count(*) FROM auth.sessions s JOIN auth.accounts a ON a.id = s.account_id
        WHERE NOT EXISTS (SELECT FROM auth.audit_log l WHERE l.session_id = s.id)
          AND s.created_at > a.created_at + interval '1 millisecond')::int AS unwritten,
      (SELECT count(*) FROM (SELECT account_id FROM auth.sessions
        WHERE ended_at IS NULL GROUP BY account_id HAVING count(*) > 10) AS c)::int AS crowded,
      (SELECT count(*) FROM auth.sessions WHERE end_reason = 'refresh_reuse')::int AS falsely_ended
    `);
  return rows[0]!;
}

async function round(kill: (server: TestServer) => Promise<void>, random: () => number) {
  const server = await start();
  const post = poster(server);
  const people: Person[] = [];
  for (let at = 0; at < PEOPLE; at++) {
    const email = `${Math.floor(random() * 1e12)}@example.com`;
    const tokens = await register(server.url, email, PASSWORD);
    people.push({ email, refreshToken: tokens.refresh_token, isAsking: false });
  }
  const done = Promise.all(people.map((person) => work(post, person, random)));
  await new Promise((resolve) => setTimeout(resolve, 200 + random() * 400));
  await kill(server);
  await done;
  return people;
}

const whole = { malformed: 0, lost: 0, twice: 0, unwritten: 0, crowded: 0, falsely_ended: 0 };

test("the server is killed during logins and refreshes: the rows are whole, and everybody goes on", async () => {
  const random = randomOf(testSeed());
  for (let at = 0; at < testSize(1, 25); at++) {
    const people = await round((server) => server.kill("SIGKILL"), random);
    assert.deepEqual(await brokenRows(), whole, `seed ${testSeed()}, round ${at}`);
    const again = await start();
    const post = poster(again);
    // The grace of a lost answer, as if the restart had taken no time.
    await db.database.query(sql`UPDATE auth.sessions SET rotated_at = now()`);
    for (const person of people) {
      const answer = await post("/auth/refresh", { refresh_token: person.refreshToken });
      assert.equal(answer?.status, 200, `${person.email}: ${JSON.stringify(answer?.body)}`);
    }
    await again.stop();
  }
});

test("the database's connections are killed in the middle: the rows are whole, ended stays ended", async () => {
  const random = randomOf(testSeed() + 1);
  const server = await start();
  const post = poster(server);
  const people: Person[] = [];
  for (let at = 0; at < PEOPLE; at++) {
    const email = `${Math.floor(random() * 1e12)}@example.org`;
    const tokens = await register(server.url, email, PASSWORD);
    people.push({ email, refreshToken: tokens.refresh_token, isAsking: false });
  }
  const gone = await register(
    server.url,
    `gone${Math.floor(random() * 1e9)}@example.org`,
    PASSWORD,
  );
  await ask(`${server.url}/auth/logout`, { method: "POST", token: gone.access_token });
  let isOver = false;
  const going = people.map((person) =>
    work(async (path, body) => (isOver ? undefined : post(path, body)), person, random),
  );
  for (let at = 0; at < testSize(5, 100); at++) {
    await new Promise((resolve) => setTimeout(resolve, 50 + random() * 100));
    // As a crash of the server would end them, without one for everybody else.
    await withServer(db.url, (client) =>
      client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'brigade-%'`),
    );
  }
  isOver = true;
  await Promise.all(going);
  assert.deepEqual(await brokenRows(), whole, `seed ${testSeed()}`);
  await server.stop();
  const again = await start();
  for (const path of ["/auth/refresh"]) {
    const refused = await poster(again)(path, { refresh_token: gone.refresh_token });
    assert.equal(refused.status, 401, "ended stays ended");
  }
  await again.stop();
});
