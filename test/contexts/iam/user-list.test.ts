import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { sql, type Sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { FOREIGN_ISSUER, serveIam } from "./support.ts";

const { database, drop } = await withDatabase();
const iam = await serveIam(database);
after(async () => {
  iam.close();
  await drop();
});
const { ask } = iam;

const tenantId = newId();
const role = { tenantId, context: "iam", name: "administrator" } as const;
const admin = await iam.provision({ tenantId });
await iam.users.assignRole({ ...role, userId: admin });
const userIds = [admin];
for (let count = 1; count < 23; count++) userIds.push(await iam.provision({ tenantId }));
// Everybody at the same moment, and stored in the opposite order: only the id can order them.
for (const userId of userIds.toReversed()) {
  await database.query(sql`
    UPDATE iam.users SET created_at = '2026-01-01', updated_at = '2026-01-01'
     WHERE id = ${userId}`);
}

async function listed(query: string): Promise<{ ids: string[]; pagination: any }> {
  const { status, body } = await ask(admin, "GET", `/v1/users${query}`);
  assert.equal(status, 200, JSON.stringify(body));
  return { ids: body.data.map((user: { id: string }) => user.id), pagination: body.pagination };
}

for (const sort of ["created_at", "-created_at", "updated_at", "-updated_at", "id", "-id"]) {
  test(`pages by ${sort} neither repeat nor lose a user and tell the true total`, async () => {
    const seen: string[] = [];
    for (let skip = 0; skip < 25; skip += 5) {
      const { ids, pagination } = await listed(`?sort=${sort}&skip=${skip}&limit=5`);
      assert.deepEqual(pagination, { page: skip / 5 + 1, limit: 5, total: 23, pages: 5 });
      seen.push(...ids);
    }
    const expected = userIds.toSorted();
    assert.deepEqual(seen, sort.startsWith("-") ? expected.toReversed() : expected);
  });
}

test("a page past the end is empty and keeps the total", async () => {
  const { ids, pagination } = await listed("?skip=1000&limit=10");
  assert.deepEqual(ids, []);
  assert.deepEqual(pagination, { page: 101, limit: 10, total: 23, pages: 3 });
});

test("a limit above the greatest is lowered to it", async () => {
  assert.equal((await listed("?limit=100000")).pagination.limit, 100);
});

test("filters narrow the page and the total", async () => {
  assert.deepEqual((await listed("?role_context=IAM&role_name=administrator")).ids, [admin]);
  assert.equal((await listed("?role_name=user&limit=1")).pagination.total, 23);
  assert.deepEqual((await listed("?role_context=recipes_catalog&role_name=auditor")).ids, []);
  assert.deepEqual((await listed(`?subject=${admin}`)).ids, [admin]);
  const subject = newId();
  const foreign = await iam.users.create({ issuer: FOREIGN_ISSUER, subject, tenantId });
  assert.deepEqual((await listed(`?issuer=${encodeURIComponent(FOREIGN_ISSUER)}`)).ids, [
    foreign.id,
  ]);
  // Our stored name for ourselves is nobody's issuer.
  assert.deepEqual((await listed("?issuer=local")).ids, []);
  await iam.users.discard({ userId: foreign.id, tenantId });
});

test("who asks while the same is being answered is told nothing older than his asking", async (t) => {
  // The answers of the database come when the test says so.
  let held: (() => void)[] | undefined;
  const slow: typeof database = {
    ...database,
    async query<T>(statement: Sql) {
      const rows = await database.query<T>(statement);
      if (held === undefined || !statement.text.includes("counted")) return rows;
      const gates = held;
      await new Promise<void>((resolve) => gates.push(resolve));
      return rows;
    },
  };
  const late = await serveIam(slow);
  t.after(() => late.close());
  const tenant = newId();
  const manager = await iam.provision({ tenantId: tenant });
  await iam.users.assignRole({ ...role, tenantId: tenant, userId: manager });
  const list = async () =>
    (await late.ask(manager, "GET", "/v1/users?limit=5")).body.pagination.total as number;
  held = [];
  const early = list();
  await until(() => held!.length === 1);
  await iam.provision({ tenantId: tenant });
  const others = [list(), list(), list()];
  // Comes after them, and waits for none of them.
  await late.ask(manager, "GET", `/v1/users/${manager}`);
  held[0]!();
  assert.equal(await early, 1);
  await until(() => held!.length >= 2);
  const gates = held;
  held = undefined;
  for (const open of gates) open();
  assert.deepEqual(await Promise.all(others), [2, 2, 2]);
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}
