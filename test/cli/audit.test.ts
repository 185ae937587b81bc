import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import { createChain } from "../auth/audit/chain-rig.ts";
import { createBrigade, createInlineBrigade, type Brigade } from "./support.ts";

let db: TestDatabase;
let brigade: Brigade;
let chain: ReturnType<typeof createChain>;
before(async () => {
  db = await withDatabase();
  brigade = createInlineBrigade({ DATABASE_URL: db.url });
  chain = createChain(db);
  for (let count = 1; count <= 5; count++) await chain.write({ reason: `event ${count}` });
  await createChain(db, "").write({ action: "login.failure", reason: "of nobody" });
  await chain.seal();
});
after(() => db.drop());

test("audit list shows events, newest first, by what is asked for", async () => {
  const { code, stdout } = await brigade(["audit", "list", "--tenant", chain.tenantId]);
  assert.equal(code, 0);
  const reasons = [...stdout.matchAll(/event (\d)/g)].map(([, number]) => number);
  assert.deepEqual(reasons, ["5", "4", "3", "2", "1"]);
  const some = await brigade(["audit", "list", "--action", "login.failure", "--json"]);
  assert.equal(JSON.parse(some.stdout).reason, "of nobody");
  const none = await brigade(["audit", "list", "--tenant", "none", "--limit", "1", "--json"]);
  assert.equal(JSON.parse(none.stdout).reason, "of nobody");
});

test("audit verify says that chains are whole, and keeps to the anchor", async () => {
  const all = await brigade(["audit", "verify"]);
  assert.equal(all.code, 0, all.stdout);
  assert.match(all.stdout, /tenant none: 1 events are what they were/);
  const [, head] = /: 5 events are what they were.*head (5:[0-9a-f]{64})/.exec(all.stdout)!;
  const words = ["audit", "verify", "--tenant", chain.tenantId, "--anchor"];
  assert.equal((await brigade([...words, head!])).code, 0);
  const other = await brigade([...words, `5:${"0".repeat(64)}`]);
  assert.equal(other.code, 1);
  assert.match(other.stdout, /broken at place 5/);
});

test("audit verify ends with 1 and names the first broken event, as a process of its own", async () => {
  await chain.forge(
    `UPDATE auth.audit_log SET actor = 'other' WHERE number = ${await chain.numberAt(3)}`,
  );
  const { code, stdout } = await createBrigade({ DATABASE_URL: db.url })(["audit", "verify"]);
  assert.equal(code, 1);
  const number = await chain.numberAt(3);
  const told = `tenant ${chain.tenantId}: broken at place 3: event ${number} \\(logout, .*was changed`;
  assert.match(stdout, new RegExp(told));
  const parsed = await brigade(["audit", "verify", "--tenant", chain.tenantId, "--json"]);
  assert.deepEqual([parsed.code, JSON.parse(parsed.stdout).broken.kind], [1, "changed"]);
});

test("words that name no tenant and no place are told apart from a broken chain", async () => {
  for (const words of [
    ["audit", "verify", "--tenant", "x"],
    ["audit", "verify", "--anchor", `1:${"0".repeat(64)}`],
    ["audit", "verify", "--tenant", "none", "--anchor", "1"],
    ["audit", "list", "--limit", "0"],
  ]) {
    assert.equal((await brigade(words)).code, 2, words.join(" "));
  }
});
