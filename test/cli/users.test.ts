import assert from "node:assert/strict";
import { after, test } from "node:test";
import { findCredential } from "../../src/auth/accounts/store.ts";
import { verifyPassword } from "../../src/auth/password/hash.ts";
import { newId } from "../../src/platform/ids.ts";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase } from "../support/database.ts";
import { createBrigade, createInlineBrigade } from "./support.ts";

const { url, database, drop } = await withDatabase();
after(drop);
const brigade = createInlineBrigade({ DATABASE_URL: url });
const spawned = createBrigade({ DATABASE_URL: url });

async function provesPassword(email: string, password: string): Promise<boolean> {
  const credential = await findCredential(database, { email });
  return verifyPassword(password, credential?.passwordHash, "argon2id").ok;
}

test("users create makes an account with roles and prints its password once", async () => {
  const made = await spawned(
    "users create --email Ann@Example.org --username ann --name Ann --role IAM:administrator --json".split(
      " ",
    ),
  );
  assert.equal(made.code, 0, made.stderr);
  const { id, email, password } = JSON.parse(made.stdout);
  assert.equal(email, "ann@example.org");
  assert.ok(await provesPassword("ann@example.org", password));

  const listed = await brigade(["users", "list", "--json", "--role", "iam:administrator"]);
  const users = listed.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    users.map((user) => user.id),
    [id],
  );
  assert.ok(users[0].roles.includes("iam:administrator"));
  assert.ok(users[0].roles.includes("client_onboarding:user"));
  assert.doesNotMatch(listed.stdout, new RegExp(password));
  const table = await brigade(["users", "list"]);
  assert.match(
    table.stdout,
    new RegExp(`^ID +EMAIL[^]*${id} +ann@example.org .*iam:administrator`),
  );
});

test("a password from standard input is taken as it is and not repeated", async () => {
  const password = "Leite com café, às 7h";
  const words = ["users", "create", "--email", "bob@example.org", "--password-stdin"];
  const made = await spawned(words, { stdin: `${password}\n` });
  assert.equal(made.code, 0, made.stderr);
  assert.ok(!made.stdout.includes(password));
  assert.ok(await provesPassword("bob@example.org", password));
});

test("refusals end with 1, one sentence and no account", async () => {
  const create = ["users", "create", "--email"];
  const cases: [string[], string, RegExp][] = [
    [[...create, "weak@example.org", "--password-stdin"], "password", /password/],
    [[...create, "weak@example.org", "--password-stdin"], "", /no password/],
    [[...create, "weak@example.org", "--prompt"], "", /needs a terminal/],
    [[...create, "no address"], "", /email must be an e-mail address/],
    [[...create, "weak@example.org", "--role", "iam:nobody"], "", /no role iam:nobody/],
  ];
  for (const [words, stdin, sentence] of cases) {
    const { code, stderr } = await brigade(words, { stdin });
    assert.equal(code, words.includes("--prompt") ? 2 : 1, stderr);
    assert.match(stderr, sentence);
    assert.match(stderr, /^brigade: [^\n]+\n$/);
  }
  assert.equal(await findCredential(database, { email: "weak@example.org" }), undefined);
});

test("an address is taken once", async () => {
  const words = ["users", "create", "--email", "twice@example.org"];
  assert.equal((await brigade(words)).code, 0);
  const again = await brigade(words);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /email is taken/);
});

test("roles assign and remove change what is held and tell the running servers", async () => {
  const made = await brigade(["users", "create", "--email", "cook@example.org", "--json"]);
  const { id } = JSON.parse(made.stdout);
  const rolesOf = async () => {
    const { rows } = await database.query<{ role: string }>(sql`
      SELECT role_context || ':' || role_name AS role FROM iam.user_role_association
       WHERE user_id = ${id} AND role_name <> 'user'`);
    return rows.map((row) => row.role);
  };
  const logged = async () => {
    const { rows } = await database.query(sql`
      SELECT 1 FROM auth.invalidation_log WHERE keys @> ${JSON.stringify([
        { kind: "identity", issuer: "http://localhost:8000", subject: id },
      ])}::jsonb`);
    return rows.length;
  };
  const role = "recipes_catalog:meal_manager";
  const given = await brigade(["roles", "assign", "COOK@example.org", role]);
  assert.deepEqual([given.code, given.stdout], [0, `${id} holds ${role}\n`]);
  assert.deepEqual([await rolesOf(), await logged()], [[role], 1]);
  assert.equal((await brigade(["roles", "assign", id, role])).code, 0);
  assert.equal(await logged(), 1);
  const taken = await brigade(["roles", "remove", id.replaceAll("-", ""), role]);
  assert.deepEqual([taken.code, taken.stdout], [0, `${id} no longer holds ${role}\n`]);
  assert.deepEqual([await rolesOf(), await logged()], [[], 2]);
  assert.equal((await brigade(["roles", "remove", id, role])).code, 1);
  for (const nobody of [newId(), "nobody@example.org", "nobody"]) {
    const { code, stderr } = await brigade(["roles", "assign", nobody, role]);
    assert.equal(code, 1);
    assert.match(stderr, /there is no user/);
  }
});

test("roles list shows the catalogue", async () => {
  const all = await brigade(["roles", "list", "--json"]);
  assert.equal(all.stdout.trim().split("\n").length, 30);
  const some = await brigade(["roles", "list", "--context", "client_onboarding"]);
  assert.match(some.stdout, /^client_onboarding +form_viewer +view_onboarding_responses/m);
  assert.doesNotMatch(some.stdout, /recipes_catalog/);
});
