import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { recordEvent } from "../../../src/auth/audit/store.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import type { Answer, TestApp } from "../accounts-rig.ts";
import { openTenants } from "./auditors.ts";

let db: TestDatabase;
let app: TestApp;
let tenants: Awaited<ReturnType<typeof openTenants>>;
before(async () => {
  db = await withDatabase();
  tenants = await openTenants(db);
  app = await tenants.start();
});
after(() => db.drop());

const list = (query: string, token = tenants.auditor.token): Promise<Answer> =>
  app.call("GET", `/v1/audit?${query}`, { token });
const reasons = ({ body }: Answer): string[] =>
  body.data.map((event: { reason: string }) => event.reason);

test("the log needs view_audit_log in context iam", async () => {
  const nobody = await tenants.member();
  const wrong = await tenants.member(undefined, "products_catalog:view_audit_log");
  assert.equal((await app.call("GET", "/v1/audit")).status, 401);
  for (const { token } of [nobody, wrong]) assert.equal((await list("", token)).status, 403);
  assert.equal((await list("")).status, 200);
});

test("pages follow each other without a gap, whatever is written meanwhile", async () => {
  const { tenantId, id: actor } = tenants.auditor;
  const write = (reason: string) =>
    recordEvent(db.database, { action: "logout", actor, tenantId, reason });
  for (let count = 0; count < 7; count++) await write(`page ${count}`);
  const seen: string[] = [];
  let next: number | null = null;
  do {
    const page = await list(
      `actor=${actor}&action=logout&limit=3${next === null ? "" : `&before=${next}`}`,
    );
    assert.equal(page.status, 200);
    seen.push(...reasons(page));
    next = page.body.pagination.next;
    await write("later");
  } while (next !== null);
  assert.deepEqual(
    seen,
    [6, 5, 4, 3, 2, 1, 0].map((count) => `page ${count}`),
  );
});

test("events are found by actor, subject, action, session, request, network and time", async () => {
  const { tenantId, id: actor, sessionId } = tenants.auditor;
  const base = { action: "session.end", tenantId } as const;
  const subject = "somebody";
  await recordEvent(db.database, { ...base, actor, reason: "by actor" });
  await recordEvent(db.database, { ...base, subject, reason: "by subject" });
  await recordEvent(db.database, { ...base, sessionId, reason: "by session" });
  await recordEvent(db.database, { ...base, requestId: "r-77", reason: "by request" });
  await recordEvent(db.database, { ...base, network: "198.51.100.0/24", reason: "by network" });
  for (const [query, reason] of [
    [`actor=${actor}`, "by actor"],
    [`subject=${subject}`, "by subject"],
    [`session_id=${sessionId}`, "by session"],
    ["request_id=r-77", "by request"],
    ["network=198.51.100.0%2F24", "by network"],
  ]) {
    assert.deepEqual(reasons(await list(`action=session.end&${query}`)), [reason]);
  }
  assert.equal(reasons(await list("action=session.end")).length, 5);
  const [row] = await db.database.read<{ at: Date }>(sql`
    SELECT at FROM auth.audit_log WHERE reason = 'by session'`);
  const before = new Date(row!.at.getTime()).toISOString();
  const behind = new Date(row!.at.getTime() + 1).toISOString();
  const within = await list(`action=session.end&from=${before}&to=${behind}`);
  assert.ok(reasons(within).includes("by session"));
  assert.equal(reasons(await list(`action=session.end&to=${before}&subject=none`)).length, 0);
  assert.equal((await list("action=session.end&from=yesterday")).status, 422);
  // A leap second has the form of a time, and no date.
  for (const name of ["from", "to"]) {
    const answer = await list(`${name}=2016-12-31T23:59:60Z`);
    assert.deepEqual([answer.status, answer.body.errors[0].path], [422, `/query/${name}`]);
  }
  assert.equal((await list("before=999999999999999")).status, 200);
  assert.equal((await list("before=10000000000000000000")).status, 422);
  assert.equal((await list("nonsense=1")).status, 422);
});

test("an auditor sees the events of the own tenant only; those of nobody's are the default tenant's", async () => {
  const { otherTenant, otherAuditor } = tenants;
  const event = { action: "login.failure", network: "203.0.113.0/24" } as const;
  await recordEvent(db.database, { ...event, tenantId: otherTenant, reason: "theirs" });
  await recordEvent(db.database, { ...event, tenantId: tenants.auditor.tenantId, reason: "ours" });
  await recordEvent(db.database, { ...event, reason: "nobody's" });
  const query = "network=203.0.113.0%2F24";
  assert.deepEqual(reasons(await list(query)), ["nobody's", "ours"]);
  assert.deepEqual(reasons(await list(query, otherAuditor.token)), ["theirs"]);
  // Nor does naming another tenant help.
  assert.equal((await list(`${query}&tenant_id=${otherTenant}`)).status, 422);
});

test("questions of auditors go by an index", async () => {
  for (const column of ["subject", "actor", "network", "request_id", "session_id"]) {
    const plan = await db.database.withTransaction(async (tx) => {
      await tx.query(sql`SET LOCAL enable_seqscan = off`);
      await tx.query(sql`SET LOCAL enable_sort = off`);
      const value = column === "session_id" ? tenants.auditor.sessionId : "x";
      const { rows } = await tx.query<{ "QUERY PLAN": string }>(sql`
        EXPLAIN SELECT * FROM auth.audit_log
        WHERE ${sql.identifier(column)} = ${sql.literal(value)} ORDER BY number DESC LIMIT 50`);
      return rows.map((row) => row["QUERY PLAN"]).join("\n");
    });
    assert.match(plan, new RegExp(`Index Cond: .*${column}`), plan);
  }
});
