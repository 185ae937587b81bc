import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { insertAccount } from "../../../src/auth/accounts/store.ts";
import {
  consumeOneTimeToken,
  findOneTimeToken,
  issueOneTimeToken,
  removeExpiredOneTimeTokens,
  revokeOneTimeTokens,
} from "../../../src/auth/one-time/store.ts";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { DEFAULT_TENANT } from "../../support/callers.ts";
import { crowd } from "../../support/crowd.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";

let db: TestDatabase;
let accountId: string;

before(async () => {
  db = await withDatabase({ connections: 16 });
  accountId = newId();
  const account = { id: accountId, tenantId: DEFAULT_TENANT, email: "ana@example.com" };
  await db.database.withTransaction((tx) =>
    insertAccount(tx, { ...account, passwordHash: "none" }),
  );
});
after(() => db.drop());

const issue = (seconds = 60) =>
  issueOneTimeToken(db.database, {
    purpose: "password.reset",
    accountId,
    seconds,
    data: { to: "x" },
  });
const consume = (text: string) => consumeOneTimeToken(db.database, "password.reset", text);

test("of many parallel uses of a token one gets it", async () => {
  const text = await issue();
  const outcomes = await crowd([db.database], 40, 15, () => consume(text));
  const got = outcomes.filter((outcome) => outcome !== undefined);
  assert.deepEqual(got, [{ accountId, data: { to: "x" } }]);
});

test("a token is good for its own purpose alone, and looking does not use it up", async () => {
  const text = await issue();
  assert.equal(await consumeOneTimeToken(db.database, "email.verify", text), undefined);
  assert.equal(await findOneTimeToken(db.database, "account.unlock", text), undefined);
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await findOneTimeToken(db.database, "password.reset", text), {
      accountId,
      data: { to: "x" },
    });
  }
  assert.notEqual(await consume(text), undefined);
  assert.equal(await findOneTimeToken(db.database, "password.reset", text), undefined);
});

test("a token past its end, revoked, or of another form is none", async () => {
  assert.equal(await consume(await issue(-1)), undefined);
  const revoked = await issue();
  await revokeOneTimeTokens(db.database, "password.reset", accountId);
  assert.equal(await consume(revoked), undefined);
  for (const text of ["", "x", "a".repeat(43), "a".repeat(10_000), "'; DROP TABLE x; --"]) {
    assert.equal(await consume(text), undefined);
  }
});

test("the table holds no token that could be used", async () => {
  const text = await issue();
  const { rows } = await db.database.query<{ row: string }>(
    sql`SELECT t::text AS row FROM auth.one_time_tokens AS t`,
  );
  assert.ok(rows.length > 0);
  for (const { row } of rows) assert.ok(!row.includes(text));
});

test("tokens long past their end are removed, the others stay", async () => {
  const kept = await issue();
  await issue(-2 * 86_400);
  assert.equal(await removeExpiredOneTimeTokens(db.database), 1);
  assert.notEqual(await consume(kept), undefined);
});
