import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { LoadRoles } from "../../../src/auth/index.ts";
import { createIssuerNames, createLoadRoles } from "../../../src/contexts/iam/store.ts";
import { newId } from "../../../src/platform/ids.ts";
import type { Database } from "../../../src/platform/postgres.ts";
import type { Sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { createMemory, openIam, OWN_ISSUER, TENANT, type Memory } from "./support.ts";

const { database, drop } = await withDatabase();
after(drop);

const CONTEXT = "recipes_catalog";
let serial = 0;
const freshName = () => `writer_${serial++}`;

/** A process with a role and a user who holds it. */
async function setUp() {
  const memory = createMemory();
  const iam = openIam(database, memory);
  const name = freshName();
  const role = { tenantId: TENANT, context: CONTEXT, name } as const;
  await iam.roles.create({ ...role, permissions: ["manage_menus"] });
  const userId = await iam.provision();
  await iam.users.assignRole({ ...role, userId });
  return {
    ...iam,
    ...memory,
    role,
    userId,
    change: (permissions: string[]) =>
      iam.roles.change({ ...role, permissions, version: undefined }),
    may: (loadRoles: LoadRoles = iam.loadRoles) => mayIn(loadRoles, userId),
  };
}

async function mayIn(loadRoles: LoadRoles, userId: string): Promise<readonly string[]> {
  const grants = await loadRoles({ issuer: OWN_ISSUER, subject: userId });
  return (grants?.permissions[CONTEXT] ?? []).filter((name) => name !== "access_basic_features");
}

/** `loadRoles` over reads that a test can look at and hold back after they were answered. */
function observed(memory: Memory, onRead: (statement: Sql) => Promise<void> | void) {
  const reading: Database = {
    ...database,
    async read<T>(statement: Sql): Promise<T[]> {
      const rows = await database.read<T>(statement);
      await onRead(statement);
      return rows;
    },
    query: () => assert.fail("the pool was asked"),
    withTransaction: () => assert.fail("a transaction was begun"),
  };
  return createLoadRoles(reading, createIssuerNames(OWN_ISSUER), memory.documents);
}

const readsCatalogue = (statement: Sql) => /^\s*SELECT[^(]*FROM iam\.roles/.test(statement.text);

test("with the catalogue at hand a user's roles are one named statement on the reader", async () => {
  const rig = await setUp();
  const statements: Sql[] = [];
  const loadRoles = observed(rig, (statement) => void statements.push(statement));
  assert.deepEqual(await rig.may(loadRoles), ["manage_menus"]);
  assert.deepEqual(statements.map(readsCatalogue), [false, true]);
  assert.deepEqual(await rig.may(loadRoles), ["manage_menus"]);
  assert.deepEqual(statements.map(readsCatalogue), [false, true, false]);
  for (const statement of statements) assert.match(statement.name ?? "", /^s_/);
  assert.doesNotMatch(statements[0]!.text, /iam\.roles/);
  await mayIn(loadRoles, await rig.provision());
  assert.equal(statements.length, 4, "and serves every user of the tenant");
});

test("a change of a role's permissions works on the next look-up", async () => {
  const rig = await setUp();
  assert.deepEqual(await rig.may(), ["manage_menus"]);
  await rig.change(["manage_meals"]);
  assert.deepEqual(await rig.may(), ["manage_meals"]);
  await rig.change([]);
  assert.deepEqual(await rig.may(), []);
});

test("another process forgets the catalogue when it hears of the change", async () => {
  const [here, elsewhere] = [await setUp(), createMemory()];
  const loadRoles = observed(elsewhere, () => {});
  assert.deepEqual(await here.may(loadRoles), ["manage_menus"]);
  await here.change(["manage_meals"]);
  elsewhere.generations.bump({ kind: "roles" });
  assert.deepEqual(await here.may(loadRoles), ["manage_meals"]);
});

test("a process that may not hear of changes reads the catalogue each time", async () => {
  const [here, elsewhere] = [await setUp(), createMemory()];
  const loadRoles = observed(elsewhere, () => {});
  assert.deepEqual(await here.may(loadRoles), ["manage_menus"]);
  elsewhere.lease.isHeld = false;
  await here.change(["manage_meals"]);
  assert.deepEqual(await here.may(loadRoles), ["manage_meals"]);
});

test("a catalogue read before a change and kept after it does not count", async () => {
  const rig = await setUp();
  let isRead = () => {};
  let release = () => {};
  const read = new Promise<void>((resolve) => (isRead = resolve));
  const held = new Promise<void>((resolve) => (release = resolve));
  let reads = 0;
  const loadRoles = observed(rig, async (statement) => {
    if (!readsCatalogue(statement) || reads++ > 0) return;
    isRead();
    await held;
  });
  const early = rig.may(loadRoles);
  await read;
  await rig.change(["manage_meals"]);
  const late = rig.may(loadRoles);
  release();
  assert.deepEqual(await early, ["manage_menus"], "came before the change");
  assert.deepEqual(await late, ["manage_meals"]);
  assert.deepEqual(await rig.may(loadRoles), ["manage_meals"], "the old one is not what is kept");
});

test("a role made after the catalogue was read is found when somebody holds it", async () => {
  const rig = await setUp();
  assert.deepEqual(await rig.may(), ["manage_menus"]);
  const name = freshName();
  await rig.roles.create({ ...rig.role, name, permissions: ["manage_clients"] });
  await rig.users.assignRole({ ...rig.role, name, userId: rig.userId });
  assert.deepEqual((await rig.may()).toSorted(), ["manage_clients", "manage_menus"]);
});

test("roles of one name in two tenants permit what each tenant says", async () => {
  const rig = await setUp();
  const tenantId = newId();
  await rig.roles.create({ ...rig.role, tenantId, permissions: ["manage_clients"] });
  const userId = await rig.provision({ tenantId });
  await rig.users.assignRole({ ...rig.role, tenantId, userId });
  assert.deepEqual(await rig.may(), ["manage_menus"]);
  assert.deepEqual(await mayIn(rig.loadRoles, userId), ["manage_clients"]);
});
