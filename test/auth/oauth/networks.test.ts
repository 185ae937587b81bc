import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { registerAdmin, startApp, type TestApp } from "../accounts-rig.ts";
import { askToken, basic, makeMachine, type Admin } from "./rig.ts";

const BASIC = "iam:access_basic_features";

let db: TestDatabase;
let app: TestApp;
let admin: Admin;
before(async () => {
  db = await withDatabase();
  app = await startApp({ database: db.database });
  admin = await registerAdmin(app);
});
after(() => db.drop());

test("a client that was right from a network is refused when that network is shut out later", async () => {
  const machine = await makeMachine(app, admin, [BASIC]);
  const address = "203.0.113.20";
  const first = await askToken(app, machine, {}, address);
  assert.equal(first.status, 200, first.text);
  const block = await app.call("POST", "/v1/admin/network-blocks", {
    token: admin.access_token,
    body: { network: "203.0.113.0/24" },
  });
  const refused = await askToken(app, machine, {}, address);
  assert.deepEqual([refused.status, refused.body.error], [403, "access_denied"]);
  const form = { token: first.body.access_token };
  const headers = basic(machine);
  for (const path of ["/oauth/introspect", "/oauth/revoke"]) {
    const answer = await app.call("POST", path, { headers, form, address });
    assert.equal(answer.status, 403, path);
  }
  assert.equal((await askToken(app, machine)).status, 200, "from elsewhere it is let in");
  const path = `/v1/admin/network-blocks/${block.body.data.id}`;
  await app.call("DELETE", path, { token: admin.access_token });
  assert.equal((await askToken(app, machine, {}, address)).status, 200);
});
