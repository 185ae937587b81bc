import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { insertBlock } from "../../../src/auth/network/store-blocks.ts";
import { networkLimits } from "../../../src/platform/limits.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import {
  GOOD_PASSWORD,
  registerAdmin,
  registerSomebody,
  startApp,
  type TestApp,
} from "../accounts-rig.ts";
import { complete, nextCode, registerWithTotp, startMfaApp } from "../mfa/mfa-rig.ts";

const OTHER_TENANT = "00000000-0000-7000-8000-00000000000c";

let db: TestDatabase;
let app: TestApp;
let admin: Awaited<ReturnType<typeof registerAdmin>>;
let foreignAdmin: Awaited<ReturnType<typeof registerAdmin>>;
before(async () => {
  db = await withDatabase();
  app = await startApp({
    database: db.database,
    policy: { lockout: { failuresMax: 2, lockSeconds: 900 } },
    loginLimits: { checksMaxCount: 0 },
  });
  await db.database.query(
    sql`INSERT INTO auth.tenants (id, name) VALUES (${OTHER_TENANT}, 'other')`,
  );
  admin = await registerAdmin(app);
  foreignAdmin = await registerAdmin(app, OTHER_TENANT);
});
after(() => db.drop());

const PATH = "/v1/admin/network-blocks";
const as = (who: typeof admin, method: string, path: string, body?: unknown) =>
  app.call(method, path, { token: who.access_token, ...(body === undefined ? {} : { body }) });

async function loginFrom(address: string, extra: Record<string, unknown> = {}) {
  const ana = await registerSomebody(app);
  const body = { email: ana.email, password: ana.password, ...extra };
  return app.call("POST", "/auth/login", { body, address });
}

test("a blocked network logs in nowhere until the block is removed", async () => {
  const body = { network: "203.0.113.77/24", seconds: 600, reason: "stuffing" };
  const made = await as(admin, "POST", PATH, body);
  assert.equal(made.status, 201, made.text);
  const { id, network, automatic } = made.body.data;
  assert.deepEqual([network, automatic], ["203.0.113.0/24", false]);
  const refused = await loginFrom("203.0.113.5", { device_info: { secret: "of a known device" } });
  assert.deepEqual([refused.status, refused.body.error_code], [403, "network_blocked"]);
  assert.equal((await loginFrom("203.0.112.5")).status, 200);
  const listed = await as(admin, "GET", PATH);
  assert.deepEqual(
    listed.body.data.map((block: { id: string }) => block.id),
    [id],
  );
  assert.equal((await as(admin, "DELETE", `${PATH}/${id}`)).status, 204);
  assert.equal((await as(admin, "DELETE", `${PATH}/${id}`)).status, 404);
  assert.equal((await loginFrom("203.0.113.5")).status, 200);
  const events = await db.database.read<{ action: string; reason: string }>(sql`
    SELECT action, reason FROM auth.audit_log WHERE action LIKE 'network.%' ORDER BY number`);
  assert.deepEqual(events, [
    { action: "network.block", reason: "203.0.113.0/24" },
    { action: "network.unblock", reason: "203.0.113.0/24" },
  ]);
});

test("a block ends by itself", async () => {
  let status: number;
  let endsAtMs: number;
  let seconds = 1;
  // On a slow machine the answer comes after the end and says nothing: then a longer one.
  do {
    seconds *= 2;
    const network = `198.18.${seconds}.0/24`;
    const made = await as(admin, "POST", PATH, { network, seconds: seconds / 2 });
    assert.equal(made.status, 201);
    endsAtMs = Date.parse(made.body.data.ends_at);
    ({ status } = await loginFrom(`198.18.${seconds}.1`));
  } while (Date.now() >= endsAtMs);
  assert.equal(status, 403);
  while (Date.now() <= endsAtMs) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal((await loginFrom(`198.18.${seconds}.1`)).status, 200);
});

test("no block is of a part of the world, of the caller's own network, or of nothing", async () => {
  for (const [network, code] of [
    ["10.0.0.0/7", "too_wide"],
    ["2001::/15", "too_wide"],
    ["192.0.2.0/24", "own_network"],
    ["example.com", "network_invalid"],
  ]) {
    const answer = await as(admin, "POST", PATH, { network });
    assert.equal(answer.status, 422, network);
    assert.equal(answer.body.errors[0].code, code);
  }
});

test("blocks and incidents are for administrators of the first tenant alone", async () => {
  const somebody = await registerSomebody(app);
  for (const [method, path] of [
    ["GET", PATH],
    ["DELETE", `${PATH}/${OTHER_TENANT}`],
    ["GET", "/v1/admin/incidents"],
  ] as const) {
    for (const who of [foreignAdmin, somebody]) {
      const answer = await as(who, method, path);
      assert.deepEqual([answer.status, answer.body.error_code], [403, "permission_denied"], path);
    }
  }
  const body = { network: "203.0.113.0/24" };
  assert.equal((await as(foreignAdmin, "POST", PATH, body)).status, 403);
  assert.equal((await as(admin, "GET", "/v1/admin/incidents")).status, 200);
});

test("an administrator unlocks an account of the own tenant", async () => {
  const ana = await registerSomebody(app);
  const right = { email: ana.email, password: ana.password };
  const login = (body: object) => app.call("POST", "/auth/login", { body });
  for (let i = 0; i < 2; i++) await login({ ...right, password: "not the password" });
  assert.equal((await login(right)).status, 401, "locked");
  const path = `/v1/admin/accounts/${ana.user["id"]}/unlock`;
  assert.equal((await as(foreignAdmin, "POST", path)).status, 404);
  assert.equal((await login(right)).status, 401);
  assert.equal((await as(admin, "POST", path)).status, 204);
  assert.equal((await login(right)).status, 200);
});

test("a tenant's rules are told only to the right password", async () => {
  const closed = await startApp({
    database: db.database,
    keyRing: app.keyRing,
    policy: {
      network: { blocked: ["198.51.100.0/24"], allowedCountries: [], deniedCountries: [] },
    },
  });
  const ana = await registerSomebody(app);
  const login = (password: string, address: string) =>
    closed.call("POST", "/auth/login", { body: { email: ana.email, password }, address });
  const refused = await login(ana.password, "198.51.100.9");
  assert.deepEqual([refused.status, refused.body.error_code], [403, "network_blocked"]);
  assert.equal((await login("not the password", "198.51.100.9")).status, 401);
  assert.equal((await login(ana.password, "198.51.101.9")).status, 200);
});

test("nobody registers from where the tenant lets nobody in", async () => {
  for (const EMAIL_VERIFICATION of ["optional", "required"]) {
    const closed = await startApp({
      database: db.database,
      keyRing: app.keyRing,
      env: { EMAIL_VERIFICATION },
      policy: {
        network: { blocked: ["198.51.100.0/24"], allowedCountries: [], deniedCountries: [] },
      },
    });
    const register = (address: string) =>
      closed.call("POST", "/auth/register", {
        body: {
          email: `from-${address}-${EMAIL_VERIFICATION}@example.com`,
          password: GOOD_PASSWORD,
        },
        address,
      });
    const refused = await register("198.51.100.9");
    assert.deepEqual([refused.status, refused.body.error_code], [403, "network_blocked"]);
    assert.ok([201, 202].includes((await register("198.51.101.9")).status));
  }
  const made = await db.database.read(
    sql`SELECT FROM auth.accounts WHERE email LIKE 'from-198.51.100.9%'`,
  );
  assert.equal(made.length, 0);
});

test("people with a proof get in from a network that we blocked ourselves, not from one that somebody did", async () => {
  const mfa = await startMfaApp({ database: db.database, keyRing: app.keyRing });
  const from = { address: "198.51.102.9" };
  const ana = await registerWithTotp(mfa);
  const body = {
    email: ana.email,
    password: ana.password,
    device_info: { secret: "the secret of ana's laptop" },
  };
  const login = () => mfa.call("POST", "/auth/login", { body, ...from });
  const second = async (challenge: string) => {
    const answer = { challenge_token: challenge, method: "totp", code: nextCode(mfa, ana.secret) };
    return complete(mfa, { ...answer, device_info: body.device_info }, from.address);
  };
  assert.equal((await second((await login()).body.challenge_token)).status, 200);
  const block = { network: "198.51.102.9/32", reason: "stuffing", createdBy: undefined };
  const shutOut = (isAutomatic: boolean) =>
    db.database.withTransaction(async (tx) => {
      await insertBlock(tx, { ...block, id: randomUUID(), isAutomatic, seconds: 600 });
      for (const each of [mfa, app]) each.invalidate(tx, [{ kind: "policies" }]);
    });
  await shutOut(true);
  const stranger = { ...body, device_info: { secret: "the secret of a stranger" } };
  const refused = await mfa.call("POST", "/auth/login", { body: stranger, ...from });
  assert.equal(refused.body.error_code, "network_blocked");
  assert.equal((await second((await login()).body.challenge_token)).status, 200);
  const behindProof = [
    ["POST", "/auth/login/passkey/options", {}, 200],
    ["POST", "/auth/unlock", { token: "x" }, 400],
    ["PUT", "/auth/password/reset", { token: "x", new_password: GOOD_PASSWORD }, 400],
    ["POST", "/auth/email/verify", { token: "x" }, 400],
  ] as const;
  for (const [method, path, sent, status] of behindProof) {
    const answer = await mfa.call(method, path, { body: sent, ...from });
    assert.equal(answer.status, status, `${path} ${answer.text}`);
  }
  const mail = await mfa.call("POST", "/auth/password/reset", {
    body: { email: ana.email },
    ...from,
  });
  assert.equal(mail.body.error_code, "network_blocked", "who asks for a mail has proved nothing");

  const { challenge_token: challenge } = (await login()).body;
  await shutOut(false);
  assert.equal((await second(challenge)).body.error_code, "network_blocked");
  for (const [method, path, sent] of behindProof) {
    const answer = await mfa.call(method, path, { body: sent, ...from });
    assert.deepEqual([answer.status, answer.body.error_code], [403, "network_blocked"], path);
  }
});

test("however many networks we block ourselves, what somebody blocked stays in force, with room for more", async () => {
  const made = await as(admin, "POST", PATH, { network: "198.51.103.0/24" });
  assert.equal(made.status, 201, made.text);
  await db.database.withTransaction(async (tx) => {
    await tx.query(sql`
      INSERT INTO auth.network_blocks (id, network, is_automatic, ends_at)
      SELECT gen_random_uuid(), network('10.77.0.0'::inet + n), true, now() + interval '1 hour'
        FROM generate_series(1, ${networkLimits.blocksMaxCount}::int) AS n`);
    app.invalidate(tx, [{ kind: "policies" }]);
  });
  assert.equal((await loginFrom("198.51.103.9")).body.error_code, "network_blocked");
  assert.equal((await as(admin, "POST", PATH, { network: "198.51.104.0/24" })).status, 201);
  assert.equal((await loginFrom("198.51.104.9")).body.error_code, "network_blocked");
  await db.database.query(sql`UPDATE auth.network_blocks SET is_automatic = false`);
  const full = await as(admin, "POST", PATH, { network: "198.51.105.0/24" });
  assert.equal(full.status, 409, "as many as are held to");
});
