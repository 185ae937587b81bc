import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createProvision } from "../../../src/auth/issuers/provision.ts";
import { findTenant } from "../../../src/auth/tenants/store-admin.ts";
import { createIssuerNames } from "../../../src/contexts/iam/store.ts";
import { createProvisionForeignUser } from "../../../src/contexts/iam/user-changes.ts";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";

let db: TestDatabase;
before(async () => void (db = await withDatabase()));
after(() => db.drop());

test("nobody is made a user of a tenant that was deactivated", async () => {
  const { database } = db;
  const tenantId = newId();
  await database.query(sql`INSERT INTO auth.tenants (id, name) VALUES (${tenantId}, 'closing')`);
  const provision = createProvision(
    database,
    createProvisionForeignUser(createIssuerNames("http://brigade.test")),
    async (id) => (await findTenant(database, id))?.active === true,
  );
  const comer = (subject: string) =>
    provision({ issuer: "https://idp.example", subject, tenantId });
  const users = async () => {
    const { rows } = await database.query<{ subject: string }>(sql`
      SELECT subject FROM iam.users WHERE tenant_id = ${tenantId}`);
    return rows.map(({ subject }) => subject);
  };
  assert.equal(await comer("early"), true);
  await database.query(sql`UPDATE auth.tenants SET active = false WHERE id = ${tenantId}`);
  assert.equal(await comer("late"), false);
  assert.deepEqual(await users(), ["early"]);
});
