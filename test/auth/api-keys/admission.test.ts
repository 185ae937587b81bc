import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makeKeyText } from "../../../src/auth/api-keys/key-text.ts";
import { fromPayload, toPayload } from "../../../src/auth/cache/payload.ts";
import { claimsOf } from "../../../src/auth/api-keys/principal.ts";
import { createLoadKey } from "../../../src/auth/api-keys/store-live.ts";
import { newId } from "../../../src/platform/ids.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import { sql } from "../../../src/platform/sql.ts";
import { crowd } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerSomebody, startApp, watched, type TestApp } from "../accounts-rig.ts";
import { ask, makeKey } from "./rig.ts";

let db: TestDatabase;
before(async () => void (db = await withDatabase({ connections: 16 })));
after(() => db.drop());

const lookUps = (statements: readonly string[]) =>
  statements.filter((text) => text.includes("FROM auth.api_keys k LEFT JOIN")).length;

test("a warm key asks the database nothing, and neither does a text we cannot have issued", async () => {
  const { database, statements } = watched(db.database);
  const app = await startApp({ database });
  const owner = await registerSomebody(app);
  const { text } = await makeKey(app, owner);
  assert.equal(await ask(app, text), "ok");
  // The unit of the guess is given back behind the answer.
  await until(() => statements.some((text) => text.startsWith("UPDATE auth.throttle_budgets")));
  const before = statements.length;
  for (let again = 0; again < 200; again++) {
    const answer = await app.call("GET", "/auth/whoami", { token: text });
    assert.equal(answer.status, 200);
  }
  const wrong = [`${text.slice(0, -1)}${text.endsWith("0") ? "1" : "0"}`, `${text}0`, "brg_"];
  for (const token of wrong) assert.equal(await ask(app, token), "token_invalid");
  assert.deepEqual(statements.slice(before), []);
  assert.ok(!(app.authenticate(text, "192.0.2.1") instanceof Promise), "a hit makes no promise");
});

test("of two thousand guesses with a budget of five exactly five are looked at", async () => {
  const rigs = await Promise.all(
    [1, 2].map(async () => {
      const { database, statements } = watched(db.database);
      const budgets = { apiKeyNetwork: { count: 5, seconds: 900 } };
      return { app: await startApp({ database, budgets }), statements };
    }),
  );
  const outcomes = await crowd([db.database], 2_000, 12, (at) =>
    ask(rigs[at % 2]!.app, makeKeyText(newId()).text, "198.51.100.7"),
  );
  assert.equal(rigs[0]!.statements.filter((text) => /take_budgets/.test(text)).length > 0, true);
  const countOf = (code: string) => outcomes.filter((outcome) => outcome === code).length;
  const looked = lookUps([...rigs[0]!.statements, ...rigs[1]!.statements]);
  assert.deepEqual([looked, countOf("token_invalid"), countOf("rate_limited")], [5, 5, 1_995]);

  const asked = rigs[0]!.statements.length;
  assert.equal(await ask(rigs[0]!.app, makeKeyText(newId()).text, "198.51.100.7"), "rate_limited");
  assert.equal(rigs[0]!.statements.length, asked, "whom the database refused is not asked about");
  const [stranger] = [makeKeyText(newId()).text];
  assert.equal(await ask(rigs[0]!.app, stranger, "198.51.100.8"), "token_invalid");
});

test("good keys cost their network nothing, warm ones work while it is blocked", async () => {
  const budgets = { apiKeyNetwork: { count: 3, seconds: 900 } };
  const maker = await startApp({ database: db.database });
  const owner = await registerSomebody(maker);
  const keys = await Promise.all(Array.from({ length: 8 }, () => makeKey(maker, owner)));
  const app = await startApp({ database: db.database, budgets });
  const address = "198.51.100.20";
  for (const { text } of keys) {
    assert.equal(await ask(app, text, address), "ok");
    await until(async () => (await unitsTaken(address)) < 0.5);
  }
  for (let guess = 0; guess < 4; guess++) await ask(app, makeKeyText(newId()).text, address);
  const fresh = await makeKey(maker, owner);
  assert.equal(await ask(app, fresh.text, address), "rate_limited", "a new one has to wait");
  assert.equal(await ask(app, keys[0]!.text, address), "ok", "a known one has not");
});

test("a wrong secret for a real key is refused as everything else is", async () => {
  const app = await startApp({ database: db.database });
  const owner = await registerSomebody(app);
  const { id, text } = await makeKey(app, owner);
  const forged = makeKeyText(id).text;
  assert.notEqual(forged, text);
  const [wrong, unknown, garbage] = await Promise.all(
    [forged, makeKeyText(newId()).text, "brg_x"].map((token) =>
      app.call("GET", "/auth/whoami", { token }),
    ),
  );
  for (const answer of [wrong!, unknown!, garbage!]) {
    assert.equal(answer.status, 401);
    const { request_id: _, timestamp: __, ...rest } = answer.body;
    const { request_id: ___, timestamp: ____, ...same } = garbage!.body;
    assert.deepEqual(rest, same);
  }
  assert.equal(await ask(app, text), "ok");
});

/** The database, where something happens right after the nth look-up of a key was answered. */
function withEvent(nth: number, event: () => Promise<void>): Database {
  let seen = 0;
  return {
    ...db.database,
    async read<T>(statement: Parameters<Database["read"]>[0]) {
      const rows = await db.database.read<T>(statement);
      if (statement.text.includes("auth.api_keys k") && ++seen === nth) await event();
      return rows;
    },
  };
}

for (const [nth, what] of [
  [1, "between the two look-ups"],
  [2, "after the second one"],
] as const) {
  test(`an owner disabled ${what} is out at the next request at the latest`, async () => {
    let app: TestApp | undefined = undefined as TestApp | undefined;
    let ownerId = "";
    const disable = () =>
      db.database.withTransaction(async (tx) => {
        await tx.query(sql`UPDATE auth.accounts SET active = false WHERE id = ${ownerId}`);
        app!.invalidate(tx, [
          { kind: "identity", issuer: app!.config.publicUrl, subject: ownerId },
        ]);
      });
    app = await startApp({ database: withEvent(nth, disable) });
    const maker = await startApp({ database: db.database });
    const owner = await registerSomebody(maker);
    ownerId = owner.user["id"] as string;
    const { text } = await makeKey(maker, owner);
    const first = await ask(app, text);
    assert.equal(first, nth === 1 ? "token_invalid" : "ok");
    assert.equal(await ask(app, text), "token_invalid");
  });
}

test("a key revoked while it is looked up is out at the next request at the latest", async () => {
  let app: TestApp | undefined = undefined as TestApp | undefined;
  let keyId = "";
  const revoke = () =>
    db.database.withTransaction(async (tx) => {
      await tx.query(sql`UPDATE auth.api_keys SET revoked_at = now() WHERE id = ${keyId}`);
      app!.invalidate(tx, [{ kind: "api_key", id: keyId }]);
    });
  app = await startApp({ database: withEvent(2, revoke) });
  const maker = await startApp({ database: db.database });
  const { id, text } = await makeKey(maker, await registerSomebody(maker));
  keyId = id;
  assert.equal(await ask(app, text), "ok");
  assert.equal(await ask(app, text), "token_invalid");
});

test("a hundred requests with one new key are one look-up", async () => {
  const { database, statements } = watched(db.database);
  const app = await startApp({ database });
  const { text } = await makeKey(app, await registerSomebody(app));
  const before = lookUps(statements);
  const outcomes = await Promise.all(Array.from({ length: 100 }, () => ask(app, text)));
  assert.ok(outcomes.every((outcome) => outcome === "ok"));
  // Once to learn the owner, once for good.
  assert.equal(lookUps(statements) - before, 2);
});

test("threads tell each other of a key's principal in full", async () => {
  const app = await startApp({ database: db.database });
  const owner = await registerSomebody(app);
  const limits = {
    rate_limit: { requests: 5, seconds: 60 },
    quota: { requests: 9, period: "month" },
  };
  const { id, text } = await makeKey(app, owner, limits);
  const principal = await app.authenticate(text, "");
  assert.ok("userId" in principal);
  const live = await createLoadKey(db.database)(id);
  const claims = claimsOf(app.config.publicUrl, live!, live!.expiresAt);
  // A key belongs to nobody's groups.
  const groups = undefined;
  assert.deepEqual(fromPayload(toPayload(claims, principal)), {
    claims: { ...claims, groups },
    principal: { ...principal, groups },
  });
});

test("a service is told what a key may do, and by which limits", async () => {
  const app = await startApp({ database: db.database });
  const owner = await registerSomebody(app);
  const limits = { rate_limit: { requests: 5, seconds: 60 } };
  const shown = await makeKey(app, owner, limits);
  const asking = await makeKey(app, owner, { scopes: ["read"] });
  const body = { token: shown.text };
  const answer = await app.call("POST", "/auth/verify", { token: asking.text, body });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.active, true);
  assert.equal(answer.body.claims, null);
  assert.equal(answer.body.user_context.kind, "api_key");
  assert.deepEqual(answer.body.user_context.api_key, {
    id: shown.id,
    scopes: ["read", "write"],
    rate_limit: limits.rate_limit,
    quota: null,
  });
});

async function unitsTaken(address: string): Promise<number> {
  const { rows } = await db.database.query<{ taken: number }>(sql`
    SELECT extract(epoch FROM arrival - clock_timestamp())::float8 / 300 AS taken
      FROM auth.throttle_budgets WHERE key = ${`apiKeyNetwork:${address}`}`);
  return rows[0]?.taken ?? 0;
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2_000; turn++) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail("it never happened");
}
