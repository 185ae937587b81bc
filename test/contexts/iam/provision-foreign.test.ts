import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { withDatabase } from "../../support/database.ts";
import { FOREIGN_ISSUER, openIam, TENANT } from "./support.ts";

const { database, drop } = await withDatabase();
const iam = openIam(database);
after(drop);

const provision = (issuer: string, subject: string) =>
  database.withTransaction((tx) =>
    iam.provisionForeignUser(tx, { issuer, subject, tenantId: TENANT }),
  );

test("a first call makes the user, later ones find it, and nobody is made again", async () => {
  const subject = newId();
  assert.equal(await provision(FOREIGN_ISSUER, subject), "made");
  assert.equal(await provision(FOREIGN_ISSUER, subject), "there");
  await iam.users.discard({ userId: subject, tenantId: TENANT });
  assert.equal(await provision(FOREIGN_ISSUER, subject), "discarded");
});

test("two issuers that name somebody alike at one moment name two users", async () => {
  const subject = newId();
  let goOn!: () => void;
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  let made!: () => void;
  const first = new Promise<void>((resolve) => (made = resolve));
  const one = database.withTransaction(async (tx) => {
    const user = { issuer: FOREIGN_ISSUER, subject, tenantId: TENANT };
    const outcome = await iam.provisionForeignUser(tx, user);
    made();
    await gate;
    return outcome;
  });
  await first;
  const other = provision("https://another.example", subject);
  // The other one is on its way; the first has not committed.
  setTimeout(goOn, 100);
  assert.deepEqual(await Promise.all([one, other]), ["made", "made"]);
  const { users } = await iam.users.list({ tenantId: TENANT, subject, skip: 0, limit: 10 });
  assert.equal(new Set(users.map(({ id }) => id)).size, 2);
});

test("an issuer that calls itself by our stored name is nobody", async () => {
  assert.equal(await provision("local", newId()), "discarded");
});

test("mapped roles are those of the catalogue of the user's tenant, each once", async () => {
  const subject = newId();
  await provision(FOREIGN_ISSUER, subject);
  const identity = { issuer: FOREIGN_ISSUER, subject };
  const grants = await iam.loadRoles(identity, [
    { context: "iam", name: "user" },
    { context: "iam", name: "auditor" },
    { context: "iam", name: "no_such_role" },
  ]);
  assert.deepEqual(grants?.roles.iam, ["user", "auditor"]);
  assert.ok(grants.permissions.iam?.includes("view_audit_log"));
  // They are of the one token, not of the user.
  assert.deepEqual((await iam.loadRoles(identity))?.roles.iam, ["user"]);
});
