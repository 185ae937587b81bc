import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createPasswordJudge } from "../../../src/auth/password/judge.ts";
import { createInlinePasswords } from "../../../src/auth/password/run-tasks.ts";
import { createFreshPolicyOf } from "../../../src/auth/tenants/policies.ts";
import { readConfig } from "../../../src/platform/config.ts";
import { AppError } from "../../../src/platform/errors.ts";
import { DEFAULT_TENANT_ID, newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";

let db: TestDatabase;
before(async () => void (db = await withDatabase()));
after(() => db.drop());

const config = readConfig({ NODE_ENV: "test", PUBLIC_URL: "https://kitchen.example" });
const makeJudge = () =>
  createPasswordJudge({
    passwords: createInlinePasswords(),
    policyOf: createFreshPolicyOf({ database: db.database, config }),
    config,
  });

async function tenantWith(policy: object): Promise<string> {
  const id = newId();
  await db.database.query(sql`
    INSERT INTO auth.tenants (id, name, policy)
    VALUES (${id}, ${`tenant ${id}`}, ${JSON.stringify(policy)}::jsonb)`);
  return id;
}

const unmet = async (password: string, tenantId = DEFAULT_TENANT_ID, names: string[] = []) =>
  (await makeJudge().judge({ password, tenantId, names })).unmet.map(({ code }) => code);

test("each tenant's own profile decides; one that decided nothing has the server's", async () => {
  const strict = await tenantWith({ password: { profile: "strict" } });
  const nist = await tenantWith({ password: { profile: "nist" } });
  assert.deepEqual(await unmet("four plates of rice"), []);
  assert.deepEqual(await unmet("four plates of rice", strict), ["password_simple"]);
  assert.deepEqual(await unmet("four plates of rice", nist), []);
  assert.deepEqual(await unmet("plates&rice", nist), ["password_short"]);
  assert.deepEqual(await unmet("aaaaaaaaaaaaaaaa", nist), [], "nist asks for no score");
  assert.deepEqual(await unmet("four plates of rice", newId()), [], "a tenant nobody knows");
});

test("everything that is wrong is told at once", async () => {
  const strict = await tenantWith({ password: { profile: "strict" } });
  assert.deepEqual(await unmet("password", strict), [
    "password_short",
    "password_simple",
    "password_common",
    "password_weak",
  ]);
});

test("the names of the owner, of the product and of the host count against it", async () => {
  for (const password of ["Brigade#77", "kitchen.77", "Kitchen.example1", "zebulon-12"]) {
    const names = ["zebulon@mail.example", "", "Zebulon"];
    assert.ok((await unmet(password, undefined, names)).includes("password_personal"), password);
  }
});

test("a refusal names the field and quotes nothing", async () => {
  const candidate = {
    password: "Sekret7",
    tenantId: DEFAULT_TENANT_ID,
    names: [undefined],
    path: "/body/new_password",
  };
  const error = await makeJudge()
    .assertAcceptable(candidate)
    .catch((thrown: unknown) => thrown);
  assert.ok(error instanceof AppError);
  assert.deepEqual([error.code, error.status], ["validation_failed", 422]);
  assert.ok(error.errors!.length > 0);
  assert.ok(error.errors!.every(({ path }) => path === "/body/new_password"));
  assert.doesNotMatch(JSON.stringify(error) + error.stack, /Sekret/i);
  await makeJudge().assertAcceptable({ ...candidate, password: "four plates of rice" });
});
