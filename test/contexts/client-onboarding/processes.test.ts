import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { deliver, newDelivery, startTypeform, type FakeTypeform } from "../../support/typeform.ts";
import { testSize } from "../../support/size.ts";
import { insertForm } from "./support.ts";

let database: TestDatabase;
let typeform: FakeTypeform;
const servers: TestServer[] = [];
const start = async () => {
  const server = await startServer({ databaseUrl: database.url, env: typeform.env });
  servers.push(server);
  return server;
};
before(async () => {
  [database, typeform] = await Promise.all([withDatabase(), startTypeform({ anyForm: true })]);
  await insertForm(database.database, "form1");
});
after(async () => {
  await Promise.all(servers.map((server) => server.kill()));
  await typeform.stop();
  await database.drop();
});
afterEach(() =>
  database.database.query(sql`drop trigger if exists slow on client_onboarding.form_responses`),
);

const countOf = async (token: string) => {
  const { rows } = await database.database.query<{ count: number }>(sql`
    select count(*) as count from client_onboarding.form_responses where response_id = ${token}`);
  return rows[0]!.count;
};

test("fifty copies over two processes have one effect, and all are answered well", async () => {
  const [one, two] = await Promise.all([start(), start()]);
  for (let round = 0; round < testSize(4, 200); round++) {
    const token = `copies-${round}`;
    const payload = newDelivery("form1", token);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => deliver((index % 2 ? one : two).url, payload)),
    );
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.equal(await countOf(token), 1);
  }
  const logs = [one, two].map((server) => server.output()).join("");
  assert.doesNotMatch(logs, /Prado|ana@example\.com|webhook secret of the tests|tfp_/);
});

test("a process killed before or after the commit loses nothing, and nothing comes twice", async () => {
  const [, survivor] = servers;
  const victims: [string, () => Promise<void>][] = [
    // The row waits for its commit when the process dies.
    ["killed-before", async () => new Promise((resolve) => setTimeout(resolve, 700))],
    [
      "killed-after",
      async () => {
        while ((await countOf("killed-after")) === 0);
      },
    ],
  ];
  for (const [token, isTime] of victims) {
    const victim = token === "killed-before" ? servers[0]! : await start();
    if (token === "killed-before") await slowInserts();
    const payload = newDelivery("form1", token);
    const asked = deliver(victim.url, payload).catch(() => "no answer");
    await isTime();
    await victim.kill("SIGKILL");
    await asked;
    await database.database.query(
      sql`drop trigger if exists slow on client_onboarding.form_responses`,
    );
    for (let copy = 0; copy < 2; copy++) {
      assert.equal((await deliver(survivor!.url, payload)).status, 200);
    }
    assert.equal(await countOf(token), 1);
  }
});

/** An insert takes two seconds. */
async function slowInserts(): Promise<void> {
  await database.database.query(sql`
    create or replace function client_onboarding.slow() returns trigger language plpgsql as
      'begin perform pg_sleep(2); return new; end'`);
  await database.database.query(sql`
    create trigger slow after insert on client_onboarding.form_responses
      for each row execute function client_onboarding.slow()`);
}

test("a change that nobody finished is told to TypeForm by whichever process is left", async () => {
  const id = "unfinished";
  await insertForm(database.database, id);
  await database.database.query(sql`
    insert into client_onboarding.form_webhooks (typeform_id, wanted) values (${id}, 1)`);
  await database.database.query(sql`
    insert into platform.outbox (id, kind, payload)
    values (gen_random_uuid(), 'typeform_webhook', ${JSON.stringify({ typeform_id: id })}::jsonb)`);
  const until = Date.now() + 20_000;
  while (typeform.webhookOf(id) === undefined && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(typeform.webhookOf(id)?.enabled, true);
});
