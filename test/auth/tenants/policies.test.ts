import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createDocumentCache } from "../../../src/auth/cache/document-cache.ts";
import { createLease } from "../../../src/auth/cache/lease.ts";
import { createInvalidate } from "../../../src/auth/revocation/invalidation-log.ts";
import { createPolicyOf } from "../../../src/auth/tenants/policies.ts";
import { defaultPolicy, mergePolicy } from "../../../src/auth/tenants/policy.ts";
import { createMetrics } from "../../../src/platform/metrics.ts";
import { sql } from "../../../src/platform/sql.ts";
import { CONFIG, DEFAULT_TENANT } from "../../support/callers.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import { tinyMemory } from "../cache/fixtures.ts";

let db: TestDatabase;
before(async () => (db = await withDatabase()));
after(() => db.drop());

test("a stored policy lies over the defaults, and unknown fields are left out", () => {
  const defaults = mergePolicy(defaultPolicy(CONFIG), {});
  const merged = mergePolicy(defaults, {
    mfa: { mode: "required" },
    network: { blocked: ["192.0.2.0/24"] },
    ...({ nonsense: { a: 1 }, sessions: { nonsense: 2 } } as object),
  });
  assert.deepEqual(merged, {
    ...defaults,
    mfa: { ...defaults.mfa, mode: "required" },
    network: { ...defaults.network, blocked: ["192.0.2.0/24"] },
  });
  assert.throws(() => Object.assign(merged.mfa, { mode: "off" }), TypeError);
  assert.throws(() => (merged.network.blocked as string[]).push("x"), TypeError);
});

test("a changed policy counts on the next question in the process that changed it", async () => {
  const { clock, shared, generations } = tinyMemory();
  const lease = createLease(shared, clock);
  lease.grant(clock.monotonicMs(), clock.nowMs(), 60_000);
  const documents = createDocumentCache({ generations, lease, clock, metrics: createMetrics() });
  const policyOf = createPolicyOf({ database: db.database, documents, config: CONFIG });
  assert.equal((await policyOf(DEFAULT_TENANT)).mfa.mode, "optional");
  assert.ok(!(policyOf(DEFAULT_TENANT) instanceof Promise), "known by now");

  const invalidate = createInvalidate({ generations });
  await db.database.withTransaction(async (tx) => {
    await tx.query(sql`
      UPDATE auth.tenants SET policy = '{"mfa": {"mode": "required"}}' WHERE id = ${DEFAULT_TENANT}`);
    invalidate(tx, [{ kind: "policies" }]);
  });
  assert.equal((await policyOf(DEFAULT_TENANT)).mfa.mode, "required");
});

test("a tenant that does not exist has the defaults", async () => {
  const { clock, shared, generations } = tinyMemory();
  const lease = createLease(shared, clock);
  const documents = createDocumentCache({ generations, lease, clock, metrics: createMetrics() });
  const policyOf = createPolicyOf({ database: db.database, documents, config: CONFIG });
  const unknown = await policyOf("00000000-0000-7000-8000-0000000000ff");
  assert.deepEqual(unknown, mergePolicy(defaultPolicy(CONFIG), {}));
});
