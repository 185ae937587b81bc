import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { issueAccessToken } from "../../../src/auth/token/issue.ts";
import { decodeJwt, type JWTPayload } from "jose";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerAdmin, registerSomebody, startApp, type TestApp } from "../accounts-rig.ts";
import { askToken, basic, makeMachine, type Admin, type Machine } from "./rig.ts";

const BASIC = "iam:access_basic_features";
const MANAGE = "iam:manage_users";
const PRINTERS = "https://printers.example";
const OTHER_TENANT = "00000000-0000-7000-8000-00000000000a";
const INACTIVE = '{"active":false}';

let db: TestDatabase;
let app: TestApp;
let admin: Admin;
let service: Machine;
let resource: Machine;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
  await db.database.query(sql`INSERT INTO auth.tenants (id, name) VALUES (${OTHER_TENANT}, 'a')`);
  admin = await registerAdmin(app);
  service = await makeMachine(app, admin, [BASIC], [], { audiences: [PRINTERS] });
  resource = await makeMachine(app, admin, [BASIC]);
});
after(() => db.drop());

const post = (path: string, machine: Machine, token: string) =>
  app.call("POST", path, { headers: basic(machine), form: { token } });
const introspect = (machine: Machine, token: string) => post("/oauth/introspect", machine, token);
const revoke = (machine: Machine, token: string) => post("/oauth/revoke", machine, token);
const tokenFor = async (machine: Machine): Promise<string> =>
  (await askToken(app, machine, { resource: PRINTERS })).body.access_token;

test("a token for another registered audience is told about, and lets nobody in here", async () => {
  const token = await tokenFor(service);
  assert.equal((await app.call("GET", "/auth/whoami", { token })).status, 401);
  const { body } = await introspect(resource, token);
  assert.deepEqual(
    [body.active, body.aud, body.sub, body.client_id, body.kind, body.scope],
    [true, PRINTERS, service.id, service.id, "machine", BASIC],
  );
});

test("whatever is wrong with such a token, it is not active", async () => {
  const token = await tokenFor(service);
  const claims = decodeJwt(token) as JWTPayload & Record<string, string>;
  const issue = (changed: object) =>
    issueAccessToken(app.keyRing.signingKey(), {
      ...(claims as unknown as Parameters<typeof issueAccessToken>[1]),
      ...changed,
    });
  assert.equal((await introspect(resource, await issue({}))).body.active, true);
  const ana = await registerSomebody(app);
  const now = Math.floor(Date.now() / 1000);
  const forged = `${token.split(".").slice(0, 2).join(".")}.${"A".repeat(86)}`;
  for (const bad of [
    forged,
    await issue({ exp: now - 1, iat: now - 60 }),
    await issue({ sub: ana.user["id"] as string }),
    await issue({ sub: resource.id, client_id: resource.id }),
    await issue({ client_id: resource.id }),
    await issue({ sid: ana.session["id"] as string }),
    await issue({ tid: OTHER_TENANT }),
  ]) {
    assert.equal((await introspect(resource, bad)).text, INACTIVE);
  }
  const stranger = await makeMachine(app, await registerAdmin(app, OTHER_TENANT), [BASIC]);
  assert.equal((await introspect(stranger, token)).text, INACTIVE, "another tenant's");
});

test("it is taken back by its own client, or by one that manages users", async () => {
  const [one, two, three] = [
    await tokenFor(service),
    await tokenFor(service),
    await tokenFor(service),
  ];
  const refused = await revoke(resource, one);
  assert.deepEqual([refused.status, refused.body.error], [400, "unauthorized_client"]);
  assert.equal((await revoke(service, one)).status, 200);
  assert.equal((await introspect(resource, one)).text, INACTIVE);
  const manager = await makeMachine(app, admin, [MANAGE], ["iam/administrator"]);
  assert.equal((await revoke(manager, two)).status, 200);
  assert.equal((await introspect(resource, two)).text, INACTIVE);
  assert.equal((await introspect(resource, three)).body.active, true, "only those");
  const path = `/v1/admin/clients/${service.id}/disable`;
  await app.call("POST", path, { token: admin.access_token });
  assert.equal((await introspect(resource, three)).text, INACTIVE);
});

test("while the stored keys are others than ours, nobody says anything about it", async () => {
  const machine = await makeMachine(app, admin, [BASIC], [], { audiences: [PRINTERS] });
  const token = await tokenFor(machine);
  await db.database.query(sql`UPDATE auth.key_ring SET version = version + 1`);
  assert.equal((await introspect(resource, token)).status, 503);
  await db.database.query(sql`UPDATE auth.key_ring SET version = version - 1`);
  assert.equal((await introspect(resource, token)).body.active, true);
});
