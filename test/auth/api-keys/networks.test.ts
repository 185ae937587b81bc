import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makeKeyText } from "../../../src/auth/api-keys/key-text.ts";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerAdmin, registerSomebody, startApp, watched } from "../accounts-rig.ts";
import { ask, makeKey } from "./rig.ts";

let db: TestDatabase;
before(async () => void (db = await withDatabase({ connections: 8 })));
after(() => db.drop());

test("from a network that was shut out no key becomes known, and nobody thinks the database away", async () => {
  const app = await startApp({ database: db.database });
  const admin = await registerAdmin(app);
  const owner = await registerSomebody(app);
  const [known, unknown] = [await makeKey(app, owner), await makeKey(app, owner)];
  const address = "203.0.113.9";
  assert.equal(await ask(app, known.text, address), "ok");
  const block = await app.call("POST", "/v1/admin/network-blocks", {
    token: admin.access_token,
    body: { network: "203.0.113.0/24", reason: "guessing" },
  });
  assert.equal(block.status, 201, block.text);
  for (let again = 0; again < 2; again++) {
    const refused = await app.call("GET", "/auth/whoami", { token: unknown.text, address });
    assert.deepEqual([refused.status, refused.body.error_code], [403, "network_blocked"]);
  }
  assert.equal(await ask(app, makeKeyText(newId()).text, address), "network_blocked");
  assert.equal(await ask(app, known.text, address), "ok", "a known one costs no unit");
  assert.equal(await ask(app, unknown.text, "198.51.100.1"), "ok", "others are let in");
  const removed = await app.call("DELETE", `/v1/admin/network-blocks/${block.body.data.id}`, {
    token: admin.access_token,
  });
  assert.equal(removed.status, 204);
  const later = await makeKey(app, owner);
  assert.equal(await ask(app, later.text, address), "ok");
});

test("whoever has the right secret guessed nothing, also when the key has ended", async () => {
  const app = await startApp({
    database: db.database,
    budgets: { apiKeyNetwork: { count: 2, seconds: 900 } },
  });
  const owner = await registerSomebody(app);
  const { id, text } = await makeKey(app, owner);
  const path = `/auth/api-keys/${id}`;
  const revoked = await app.call("DELETE", path, { token: owner.access_token });
  assert.equal(revoked.status, 204);
  const address = "198.51.100.31";
  for (let use = 0; use < 4; use++) {
    assert.equal(await ask(app, text, address), "token_invalid", `use ${use}`);
    await until(async () => (await unitsTaken(address)) < 0.5);
  }
  const wrong = makeKeyText(id).text;
  const outcomes: string[] = [];
  for (let guess = 0; guess < 3; guess++) outcomes.push(await ask(app, wrong, address));
  assert.deepEqual(outcomes, ["token_invalid", "token_invalid", "rate_limited"]);
});

test("operators are told whose key was refused when its secret was right, else nobody's", async () => {
  const app = await startApp({ database: db.database });
  const owner = await registerSomebody(app);
  const { id, text } = await makeKey(app, owner);
  await app.call("DELETE", `/auth/api-keys/${id}`, { token: owner.access_token });
  const banned = await registerSomebody(app);
  const theirs = await makeKey(app, banned);
  await db.database.query(sql`
    UPDATE auth.accounts SET active = false WHERE id = ${banned.user["id"] as string}`);
  const references: string[] = [];
  for (const token of [text, theirs.text, makeKeyText(id).text]) {
    const answer = await app.call("GET", "/users/me", { token });
    assert.deepEqual([answer.status, answer.body.error_code], [401, "token_invalid"]);
    references.push(answer.body.request_id);
  }
  await app.decisions.flush();
  const { rows } = await db.database.query(sql`
    SELECT d.reason, d.subject, d.issuer, d.tenant_id IS NOT NULL AS "isOfTenant"
      FROM unnest(${references}::text[]) WITH ORDINALITY AS asked (id, place)
      JOIN auth.decisions d ON d.request_id = asked.id ORDER BY place`);
  const issuer = app.config.publicUrl;
  assert.deepEqual(rows, [
    { reason: "api_key_ended", subject: owner.user["id"], issuer, isOfTenant: true },
    { reason: "account_disabled", subject: banned.user["id"], issuer, isOfTenant: true },
    { reason: "api_key_secret", subject: null, issuer: null, isOfTenant: false },
  ]);
});

test("a network without a unit is refused by memory, however its address is written", async () => {
  const { database, statements } = watched(db.database);
  const budgets = { apiKeyNetwork: { count: 1, seconds: 900 } };
  const app = await startApp({ database, budgets });
  const guess = (address: string) => ask(app, makeKeyText(newId()).text, address);
  await guess("192.0.2.77");
  assert.equal(await guess("192.0.2.77"), "rate_limited");
  const asked = statements.length;
  assert.equal(await guess("::ffff:192.0.2.77"), "rate_limited");
  assert.equal(statements.length, asked);
});

async function unitsTaken(address: string): Promise<number> {
  const { rows } = await db.database.query<{ taken: number }>(sql`
    SELECT extract(epoch FROM arrival - clock_timestamp())::float8 / 450 AS taken
      FROM auth.throttle_budgets WHERE key = ${`apiKeyNetwork:${address}`}`);
  return rows[0]?.taken ?? 0;
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2_000; turn++) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail("it never happened");
}
