import assert from "node:assert/strict";
import { after, test } from "node:test";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase } from "../support/database.ts";
import { createInlineBrigade } from "./support.ts";

const { url, database, drop } = await withDatabase();
after(drop);
const brigade = createInlineBrigade({ DATABASE_URL: url });

test("a client is registered, listed, rotated, disabled and removed; its secret is shown once", async () => {
  const words =
    "clients create printer --scope iam:access_basic_features --role iam:auditor --json";
  const made = await brigade(words.split(" "));
  assert.equal(made.code, 0, made.stderr);
  const { client_id: id, client_secret: secret } = JSON.parse(made.stdout);
  const { rows } = await database.query(sql`SELECT FROM iam.user_role_association
    WHERE user_id = ${id} AND role_context = 'iam' AND role_name = 'auditor'`);
  assert.equal(rows.length, 1);
  const listed = await brigade(["clients", "list"]);
  assert.match(listed.stdout, new RegExp(`${id} +printer +yes +iam:access_basic_features`));
  assert.doesNotMatch(listed.stdout, new RegExp(secret));
  const rotated = await brigade(["clients", "rotate", id, "--overlap", "0", "--json"]);
  assert.notEqual(JSON.parse(rotated.stdout).client_secret, secret);
  assert.equal((await brigade(["clients", "disable", id])).stdout, `${id}: disabled\n`);
  assert.match((await brigade(["clients", "list", "--json"])).stdout, /"active":false/);
  assert.equal((await brigade(["clients", "enable", id])).code, 0);
  assert.equal((await brigade(["clients", "remove", id])).code, 0);
  assert.equal((await brigade(["clients", "list", "--json"])).stdout.trim(), "");
});

test("refusals end with one sentence and change nothing", async () => {
  for (const [words, sentence] of [
    ["clients create x --scope everything", /is not context:permission/],
    ["clients create x --role iam:king", /there is no role/],
    ["clients remove 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", /there is no such client/],
    ["clients rotate not-an-id", /is no client id/],
  ] as const) {
    const answer = await brigade(words.split(" "));
    assert.notEqual(answer.code, 0);
    assert.match(answer.stderr, sentence);
  }
  const { rows } = await database.query(sql`SELECT FROM auth.oauth_clients`);
  assert.equal(rows.length, 0);
});
