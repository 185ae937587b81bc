import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { sql } from "../../../src/platform/sql.ts";
import { DEFAULT_TENANT } from "../../support/callers.ts";
import { createCaller, startProcess, until, type TestProcess } from "../process-rig.ts";

let db: TestDatabase;
let near: TestProcess;
let far: TestProcess;
before(async () => {
  db = await withDatabase();
  near = await startProcess({ url: db.url });
  far = await startProcess({ url: db.url });
});
after(async () => {
  await near.stop();
  await far.stop();
  await db.drop();
});

/** What a process lets the bearer do in `recipes_catalog`, beside what everybody may. */
async function permitted(one: TestProcess, token: string): Promise<string> {
  const outcome = await one.authenticate(token, "192.0.2.1");
  if (!("permissions" in outcome)) return outcome.code;
  const held = outcome.permissions.recipes_catalog ?? [];
  return held.filter((name) => name !== "access_basic_features").join(" ");
}

async function becomes(token: string, wanted: string): Promise<void> {
  assert.equal(await permitted(near, token), wanted, "at once where it was changed");
  await until(async () => (await permitted(far, token)) === wanted, wanted, 5_000);
}

test("roles given, changed and taken in one process count in the other, from memory in both", async () => {
  const { accountId: userId, token } = await createCaller(near);
  const role = { tenantId: DEFAULT_TENANT, context: "recipes_catalog", name: "cook" } as const;
  await near.iam.roles.create({ ...role, permissions: ["manage_recipes"] });
  await becomes(token, "");
  for (const one of [near, far]) {
    assert.ok(!(one.authenticate(token, "192.0.2.1") instanceof Promise), "it is in memory");
  }
  await near.iam.users.assignRole({ ...role, userId });
  await becomes(token, "manage_recipes");
  await near.iam.roles.change({ ...role, permissions: ["manage_meals"], version: undefined });
  await becomes(token, "manage_meals");
  await near.iam.users.removeRole({ ...role, userId });
  await becomes(token, "");
  await near.iam.users.discard({ userId, tenantId: DEFAULT_TENANT });
  await becomes(token, "principal_unknown");
});

test("nobody is remembered as unknown: who is made a user is let in by the next request", async () => {
  const { accountId: userId, token } = await createCaller(near);
  await db.database.query(sql`DELETE FROM iam.users WHERE id = ${userId}`);
  for (const one of [near, far, near, far]) {
    assert.equal(await one.ask(token), "principal_unknown");
  }
  await db.database.withTransaction((tx) =>
    near.iam.provisionUser(tx, {
      userId,
      subject: userId,
      issuer: "https://brigade.example",
      tenantId: DEFAULT_TENANT,
    }),
  );
  // Nothing was invalidated: nothing was kept.
  assert.deepEqual([await near.ask(token), await far.ask(token)], ["ok", "ok"]);
});
