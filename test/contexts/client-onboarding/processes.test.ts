import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, withServer, type TestDatabase } from "../../support/database.ts";
import { openCallers, PUBLIC_URL, type Callers } from "../../support/callers.ts";
import { startChaosProxy, type ChaosProxy } from "../../support/chaos-proxy.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import {
  deliver,
  newDelivery,
  startTypeform,
  withoutPace,
  type FakeTypeform,
} from "../../support/typeform.ts";
import { testSize } from "../../support/size.ts";
import { insertForm } from "./support.ts";

let database: TestDatabase;
let typeform: FakeTypeform;
let callers: Callers;
const servers: TestServer[] = [];
const proxies: ChaosProxy[] = [];
before(async () => {
  [database, typeform] = await Promise.all([withDatabase(), startTypeform({ anyForm: true })]);
  await insertForm(database.database, "form1");
  await withoutPace(database);
  callers = await openCallers(database);
});
after(async () => {
  await Promise.all(servers.map((server) => server.kill()));
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await typeform.stop();
  await database.drop();
});

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
    for (const { status, body } of answers) assert.equal(status, 200, JSON.stringify(body));
    assert.equal(await countOf(token), 1);
  }
  const logs = [one, two].map((server) => server.output()).join("");
  assert.doesNotMatch(logs, /Prado|ana@example\.com|webhook secret of the tests|tfp_/);
});

test("a process killed in the middle of three things leaves each done once", async () => {
  const survivor = servers[1] ?? (await start());
  await holdInserts();
  const token = (await callers.openTokens(await callers.makeCaller())).accessToken;
  for (let round = 0; round < testSize(1, 200); round++) {
    const proxy = await startChaosProxy(database.url);
    proxies.push(proxy);
    const victim = await start(proxy.url);
    const [before, after, form] = [`before-${round}`, `after-${round}`, `killed_${round}`];
    // TypeForm has the webhook, and the row does not know it yet.
    typeform.meet(({ path, method }) =>
      path.includes(form) && method === "PUT" ? "mute" : undefined,
    );
    const registered = registerAt(victim.url, token, form);
    // Told, should it be answered in place of being cut off.
    let answer = "";
    registered.then((text) => (answer = text)).catch(() => {});
    const asked = [isAnswered(registered)];
    await until(() => {
      assert.equal(answer, "");
      return typeform.webhookOf(form) !== undefined;
    });
    // Connections enough: none can be opened any more when the answers are lost.
    await Promise.all(
      Array.from({ length: 6 }, (_, copy) =>
        deliver(victim.url, newDelivery("form1", `warm-${round}-${copy}`)),
      ),
    );
    // A row that waits for its commit, and one that is there while nobody was told of it.
    await withServer(database.url, async (holder) => {
      await holder.query("select pg_advisory_lock($1)", [HELD]);
      asked.push(isAnswered(deliver(victim.url, newDelivery("form1", before))));
      await until(async () => (await countHeld()) > 0);
      proxy.setFilter(() => Buffer.alloc(0));
      asked.push(isAnswered(deliver(victim.url, newDelivery("form1", after))));
      await until(async () => (await countOf(after)) === 1);
      await victim.kill("SIGKILL");
    });
    assert.deepEqual(await Promise.all(asked), [false, false, false]);
    await proxy.close();
    typeform.meet(undefined);
    for (const one of [before, after]) {
      for (let copy = 0; copy < 2; copy++) {
        assert.equal((await deliver(survivor.url, newDelivery("form1", one))).status, 200);
      }
      assert.equal(await countOf(one), 1);
    }
    // The lease of the dead is over at once, not in half a minute.
    await database.database.query(sql`
      update client_onboarding.form_webhooks set leased_until = now() where typeform_id = ${form}`);
    await until(async () => {
      await hurryOutbox();
      return (await leftOf(form)) === 0;
    });
    assert.equal(typeform.webhookOf(form)?.enabled, true);
  }
});

const isAnswered = (request: Promise<unknown>) =>
  request.then(
    () => true,
    () => false,
  );
async function start(databaseUrl = database.url): Promise<TestServer> {
  const server = await startServer({ databaseUrl, env: { PUBLIC_URL, ...typeform.env } });
  servers.push(server);
  return server;
}

async function registerAt(url: string, token: string, typeformId: string) {
  const response = await fetch(`${url}/v1/client-onboarding/forms`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ typeform_url: typeformId, webhook_url: "https://example.com/hook" }),
  });
  return response.text();
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = Date.now() + 30_000;
  while (!(await isSo())) {
    assert.ok(Date.now() < untilMs, `still not: ${String(isSo)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What the dead took, and what met its lease, is due again at once, not when its time comes. */
async function hurryOutbox(): Promise<void> {
  await database.database.query(sql`
    update platform.outbox set due_at = now()
     where done_at is null and due_at > now() + interval '2 seconds'`);
}

/** Changes of a form that TypeForm was not told of yet. */
async function leftOf(typeformId: string): Promise<number> {
  const { rows } = await database.database.query<{ left: number }>(sql`
    select wanted - applied as left from client_onboarding.form_webhooks
     where typeform_id = ${typeformId}`);
  return rows[0]!.left;
}

/** Whoever has this lock holds back inserts of tokens `before-…`. */
const HELD = 7_001;

async function countHeld(): Promise<number> {
  const { rows } = await database.database.query<{ count: number }>(sql`
    select count(*)::int as count from pg_stat_activity
     where datname = current_database() and wait_event = 'advisory'`);
  return rows[0]!.count;
}

async function holdInserts(): Promise<void> {
  await database.database.query(sql`
    create function client_onboarding.held() returns trigger language plpgsql as
      'begin
         if new.response_id like tg_argv[0] then
           perform pg_advisory_xact_lock(tg_argv[1]::bigint);
         end if;
         return new;
       end'`);
  await database.database.query(sql`
    create trigger held after insert on client_onboarding.form_responses
      for each row execute function client_onboarding.held('before-%', '7001')`);
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
