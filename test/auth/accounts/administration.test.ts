import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { enableWhoseBanEnded } from "../../../src/auth/accounts/standing.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../../support/database.ts";
import {
  GOOD_PASSWORD,
  registerSomebody,
  startApp,
  tokenIn,
  type Answer,
  type TestApp,
} from "../accounts-rig.ts";

let db: TestDatabase;
let app: TestApp;
let admin: Awaited<ReturnType<typeof registerSomebody>>;
const OTHER_TENANT = randomUUID();

before(async () => {
  db = await withDatabase({ connections: 10 });
  app = await startApp({ database: db.database });
  admin = await registerSomebody(app);
  await giveRole(admin, "administrator");
  await db.database.query(sql`
    INSERT INTO auth.tenants (id, name) VALUES (${OTHER_TENANT}, 'other')`);
});
after(() => db.drop());

type Somebody = Awaited<ReturnType<typeof registerSomebody>>;
const idOf = ({ user }: Somebody): string => user["id"];

async function giveRole(somebody: Somebody, name: string) {
  const { rows } = await db.database.query<{ tenant_id: string }>(sql`
    SELECT tenant_id FROM auth.accounts WHERE id = ${idOf(somebody)}`);
  await app.iam.users.assignRole({
    userId: idOf(somebody),
    tenantId: rows[0]!.tenant_id,
    context: "iam",
    name,
  });
}

/** Registered, moved to the other tenant, and an administrator there. */
async function foreignAdministrator(): Promise<Somebody> {
  const eva = await registerSomebody(app);
  for (const table of ["auth.accounts", "auth.sessions", "iam.users"]) {
    const column = table === "auth.sessions" ? "account_id" : "id";
    await db.database.query(sql`
      UPDATE ${sql.identifier(table)} SET tenant_id = ${OTHER_TENANT}
       WHERE ${sql.identifier(column)} = ${idOf(eva)}`);
  }
  await giveRole(eva, "administrator");
  const again = await app.call("POST", "/auth/login", {
    body: { email: eva.email, password: GOOD_PASSWORD },
  });
  return { ...eva, ...again.body };
}

const as = (somebody: { access_token: string }) => ({ token: somebody.access_token });
const at = (somebody: Somebody, rest = "") => `/v1/admin/accounts/${idOf(somebody)}${rest}`;
const whoami = (token: string) => app.call("GET", "/auth/whoami", { token });
const login = ({ email }: { email: string }, password = GOOD_PASSWORD) =>
  app.call("POST", "/auth/login", { body: { email, password } });
const codeOf = ({ status, body }: Answer) => `${status} ${body?.error_code ?? ""}`.trim();

test("an invited owner sets the password by the mail; the administrator never does", async () => {
  const body = { email: "new-cook@example.com", name: "Nina", language: "pt-BR" };
  const made = await app.call("POST", "/v1/admin/accounts", { ...as(admin), body });
  assert.equal(made.status, 201, made.text);
  const { id } = made.body.data;
  const shown = await app.call("GET", `/v1/admin/accounts/${id}`, as(admin));
  assert.equal(shown.body.data.status, "invited");
  assert.equal(codeOf(await login(body, "")), "422 validation_failed");
  assert.equal(codeOf(await login(body)), "401 credentials_invalid");

  const [first] = await app.mailsTo(body.email);
  assert.match(first!.subject, /conta/);
  const again = await app.call("POST", `/v1/admin/accounts/${id}/invite`, as(admin));
  assert.equal(again.status, 204);
  const [second] = await app.mailsTo(body.email);
  const accept = (token: string, password: string) =>
    app.call("POST", "/auth/invitation", { body: { token, password } });
  assert.equal(codeOf(await accept(tokenIn(first), GOOD_PASSWORD)), "400 link_invalid");
  // A password that is refused does not use the link up.
  assert.equal(codeOf(await accept(tokenIn(second), "12345678")), "422 validation_failed");
  const both = await Promise.all([1, 2, 3].map(() => accept(tokenIn(second), GOOD_PASSWORD)));
  assert.deepEqual(both.map(({ status }) => status).toSorted(), [204, 400, 400]);
  const grant = await login(body);
  assert.equal(grant.status, 200);
  assert.equal(grant.body.user.email_verified, true);
  const late = await app.call("POST", `/v1/admin/accounts/${id}/invite`, as(admin));
  assert.equal(codeOf(late), "409 conflict");
  const taken = await app.call("POST", "/v1/admin/accounts", { ...as(admin), body });
  assert.equal(codeOf(taken), "409 account_exists");
});

test("a search finds by beginnings and status, in pages, and takes no pattern", async () => {
  const ana = await registerSomebody(app, { username: "finder_1", name: "Zelda Um" });
  await registerSomebody(app, { username: "finder-2", name: "Zelda Dois" });
  const search = async (query: string) => {
    const answer = await app.call("GET", `/v1/admin/accounts?${query}`, as(admin));
    assert.equal(answer.status, 200, answer.text);
    return answer.body as { data: any[]; pagination: { total: number } };
  };
  assert.equal((await search("username=FINDER")).pagination.total, 2);
  assert.equal((await search("username=finder_")).pagination.total, 1);
  assert.equal((await search("username=%25")).pagination.total, 0);
  assert.equal((await search("name=zelda&limit=1")).data.length, 1);
  assert.equal((await search("name=zelda&limit=1")).pagination.total, 2);
  assert.notEqual(
    (await search("name=zelda&limit=1")).data[0].id,
    (await search("name=zelda&limit=1&skip=1")).data[0].id,
  );
  assert.equal((await search(`email=${ana.email}`)).data[0].status, "active");
  await app.call("POST", at(ana, "/deactivate"), { ...as(admin), body: {} });
  assert.deepEqual(
    (await search("name=zelda&status=deactivated")).data.map(({ id }) => id),
    [idOf(ana)],
  );
});

test("a beginning may end with any character, and every account has one status", async () => {
  const names = ["yna", "yn~", "yn\u{d7ff}x", "yn\u{e000}y", "yn🍚", "yo", "yn"];
  const { rows: tenants } = await db.database.query<{ id: string }>(sql`
    INSERT INTO auth.accounts (id, tenant_id, email, name, active)
    SELECT gen_random_uuid(), a.tenant_id, 'yn' || n || '@example.com', made.name, n <> 1
      FROM auth.accounts a, unnest(${names}::text[]) WITH ORDINALITY AS made (name, n)
     WHERE a.id = ${idOf(admin)} RETURNING tenant_id AS id`);
  const total = async (query: string) => {
    const answer = await app.call("GET", `/v1/admin/accounts?limit=1&${query}`, as(admin));
    return answer.body.pagination.total as number;
  };
  const beginnings = names.flatMap((name) => [name, Array.from(name).slice(0, -1).join("")]);
  for (const beginning of new Set(beginnings)) {
    const wanted = names.filter((name) => name.startsWith(beginning)).length;
    assert.equal(await total(`name=${encodeURIComponent(beginning)}`), wanted, beginning);
  }
  const { rows } = await db.database.query<{ status: string; count: number }>(sql`
    SELECT CASE WHEN NOT a.active THEN coalesce(a.disabled_kind, 'deactivated')
                WHEN NOT EXISTS (SELECT FROM auth.credentials c WHERE c.account_id = a.id)
                THEN 'invited' ELSE 'active' END AS status, count(*)::int AS count
      FROM auth.accounts a WHERE a.tenant_id = ${tenants[0]!.id} GROUP BY 1`);
  for (const { status, count } of rows)
    assert.equal(await total(`status=${status}`), count, status);
  assert.ok(rows.length > 1);
});

test("a ban ends sessions at once, keeps its reason, and ends by itself", async () => {
  const ana = await registerSomebody(app);
  assert.equal((await whoami(ana.access_token)).status, 200);
  const past = { reason: "x", until: "2020-01-01T00:00:00Z" };
  const refused = await app.call("POST", at(ana, "/ban"), { ...as(admin), body: past });
  assert.equal(codeOf(refused), "422 validation_failed");
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const body = { reason: "spam", until };
  assert.equal((await app.call("POST", at(ana, "/ban"), { ...as(admin), body })).status, 204);
  assert.equal(codeOf(await whoami(ana.access_token)), "401 token_invalid");
  const refresh = await app.call("POST", "/auth/refresh", {
    body: { refresh_token: ana.refresh_token },
  });
  assert.equal(codeOf(refresh), "401 refresh_token_invalid");
  assert.equal(codeOf(await login(ana)), "403 account_disabled");
  const { data } = (await app.call("GET", at(ana), as(admin))).body;
  assert.deepEqual(
    [data.status, data.disabled_reason, data.disabled_until],
    ["banned", "spam", until],
  );
  assert.equal(await enableWhoseBanEnded(db.database), 0);
  await db.database.query(sql`
    UPDATE auth.accounts SET disabled_until = now() - interval '1 second'
     WHERE id = ${idOf(ana)}`);
  assert.equal(await enableWhoseBanEnded(db.database), 1);
  assert.equal((await login(ana)).status, 200);
  const { rows } = await db.database.query<{ action: string }>(sql`
    SELECT action FROM auth.audit_log WHERE subject = ${idOf(ana)}
       AND action IN ('account.ban', 'account.enable') ORDER BY number`);
  assert.deepEqual(
    rows.map(({ action }) => action),
    ["account.ban", "account.enable"],
  );
});

test("a deactivated account comes back when it is reactivated", async () => {
  const ana = await registerSomebody(app);
  const body = { reason: "asked for it" };
  await app.call("POST", at(ana, "/deactivate"), { ...as(admin), body });
  assert.equal(codeOf(await login(ana)), "403 account_disabled");
  assert.equal((await app.call("POST", at(ana, "/reactivate"), as(admin))).status, 204);
  assert.equal((await login(ana)).status, 200);
  assert.equal(codeOf(await whoami(ana.access_token)), "401 token_invalid");
});

test("a demanded password change ends live tokens, and the next login has to choose", async () => {
  const ana = await registerSomebody(app);
  // From here on it is answered from memory.
  assert.equal((await whoami(ana.access_token)).status, 200);
  const path = at(ana, "/demand-password-change");
  assert.equal((await app.call("POST", path, as(admin))).status, 204);
  assert.equal(codeOf(await whoami(ana.access_token)), "401 token_invalid");
  const answer = await login(ana);
  assert.equal(codeOf(answer), "403 password_expired");
  const body = { token: answer.body.change_token, new_password: "nine bowls of black beans" };
  assert.equal((await app.call("PUT", "/auth/password/reset", { body })).status, 200);
  const again = { email: ana.email, password: body.new_password };
  assert.equal((await app.call("POST", "/auth/login", { body: again })).status, 200);
});

test("an administrator changes names and address; the new one is unproven, the old one told", async () => {
  const ana = await registerSomebody(app);
  const [verification] = await app.mailsTo(ana.email);
  const body = { name: "Ana Nova", email: `changed-${ana.email}`, version: 1 };
  const answer = await app.call("PATCH", at(ana), { ...as(admin), body });
  assert.equal(answer.status, 200, answer.text);
  const { email, name, email_verified } = answer.body.data;
  assert.deepEqual([email, name, email_verified], [body.email, body.name, false]);
  assert.equal((await app.mailsTo(ana.email))[0]!.subject, "Your e-mail address was changed");
  const token = tokenIn(verification);
  const stale = await app.call("POST", "/auth/email/verify", { body: { token } });
  assert.equal(codeOf(stale), "400 link_invalid");
  const late = await app.call("PATCH", at(ana), { ...as(admin), body: { name: "x", version: 1 } });
  assert.equal(codeOf(late), "409 version_conflict");
});

test("a link of before to a new password is void when an administrator changes the address", async () => {
  const ana = await registerSomebody(app);
  await app.call("POST", "/auth/password/reset", { body: { email: ana.email } });
  await app.deliverRequests();
  const token = tokenIn((await app.mailsTo(ana.email))[0]);
  const body = { email: `moved-${ana.email}` };
  assert.equal((await app.call("PATCH", at(ana), { ...as(admin), body })).status, 200);
  const stale = await app.call("PUT", "/auth/password/reset", {
    body: { token, new_password: "nine bowls of beans" },
  });
  assert.equal(codeOf(stale), "400 link_invalid");
});

test("nobody administers whoever may do more, nor themselves", async () => {
  const helper = await registerSomebody(app);
  await db.database.query(sql`
    INSERT INTO iam.roles (tenant_id, context, name, permissions)
    VALUES ('00000000-0000-7000-8000-000000000001', 'iam', 'helpdesk', '{manage_users}')`);
  await giveRole(helper, "helpdesk");
  const body = { reason: "x" };
  for (const [method, path, sent] of [
    ["POST", at(admin, "/ban"), body],
    ["POST", at(admin, "/deactivate"), body],
    ["POST", at(admin, "/impersonate"), body],
    ["POST", at(admin, "/reactivate"), undefined],
    ["POST", at(admin, "/demand-password-change"), undefined],
    ["PATCH", at(admin), { email: "mine@example.com" }],
    ["DELETE", at(admin), undefined],
    ["POST", at(helper, "/ban"), body],
    ["POST", at(helper, "/impersonate"), body],
    ["DELETE", at(helper), undefined],
  ] as const) {
    const answer = await app.call(method, path, { ...as(helper), body: sent });
    assert.equal(codeOf(answer), "403 permission_denied", `${method} ${path}`);
  }
  const ana = await registerSomebody(app);
  const banned = await app.call("POST", at(ana, "/ban"), { ...as(helper), body });
  assert.equal(banned.status, 204);
});

test("another tenant's accounts are not there, on any route", async () => {
  const eva = await foreignAdministrator();
  const ana = await registerSomebody(app);
  const body = { reason: "x" };
  for (const [method, rest, sent] of [
    ["GET", "", undefined],
    ["PATCH", "", { name: "x" }],
    ["DELETE", "", undefined],
    ["POST", "/invite", undefined],
    ["POST", "/ban", body],
    ["POST", "/deactivate", body],
    ["POST", "/reactivate", undefined],
    ["POST", "/demand-password-change", undefined],
    ["POST", "/impersonate", body],
  ] as const) {
    const answer = await app.call(method, at(ana, rest), { ...as(eva), body: sent });
    assert.equal(codeOf(answer), "404 not_found", `${method} ${rest}`);
  }
  const listed = await app.call("GET", "/v1/admin/accounts", as(eva));
  assert.deepEqual(
    listed.body.data.map(({ id }: { id: string }) => id),
    [idOf(eva)],
  );
  const mine = await app.call("GET", `/v1/admin/accounts?email=${eva.email}`, as(admin));
  assert.equal(mine.body.pagination.total, 0);
  const stranger = await app.call("GET", "/v1/admin/accounts", as(ana));
  assert.equal(codeOf(stranger), "403 permission_denied");
});

test("who is impersonated is shown with who does it, for a while and without a refresh", async () => {
  const ana = await registerSomebody(app);
  const body = { reason: "the menu does not open" };
  const answer = await app.call("POST", at(ana, "/impersonate"), { ...as(admin), body });
  assert.equal(answer.status, 200, answer.text);
  const { access_token: token, expires_in, act, session_id, ...rest } = answer.body.data;
  assert.deepEqual(rest, { token_type: "Bearer" });
  assert.deepEqual(act, { sub: idOf(admin) });
  assert.ok(expires_in <= 900);
  const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
  assert.deepEqual([claims.sub, claims.act], [idOf(ana), { sub: idOf(admin) }]);
  const shown = await whoami(token);
  assert.equal(shown.body.user_id, idOf(ana));
  assert.equal(shown.body.token_info.actor, idOf(admin));
  assert.equal((await whoami(ana.access_token)).body.token_info.actor, null);
  // What is the person's own affair is not for whoever acts as them.
  assert.equal((await app.call("GET", "/users/me", { token })).status, 200);
  for (const [method, path, sent] of [
    ["PUT", "/users/me", { name: "x" }],
    ["DELETE", "/users/me", undefined],
    ["POST", "/users/me/email", { email: "mine@example.com" }],
    ["DELETE", `/auth/sessions/${ana.session["id"]}`, undefined],
    ["POST", "/auth/api-keys", { name: "x" }],
  ] as const) {
    const refused = await app.call(method, path, { token, body: sent });
    assert.equal(codeOf(refused), "403 permission_denied", `${method} ${path}`);
  }
  const { rows } = await db.database.query<Record<string, string>>(sql`
    SELECT actor, subject, session_id, reason FROM auth.audit_log
     WHERE action = 'account.impersonate' AND subject = ${idOf(ana)}`);
  assert.deepEqual(rows, [
    { actor: idOf(admin), subject: idOf(ana), session_id, reason: body.reason },
  ]);
});

test("nobody acts as somebody who may not get in themselves", async () => {
  const ana = await registerSomebody(app);
  const body = { reason: "x" };
  assert.equal((await app.call("POST", at(ana, "/ban"), { ...as(admin), body })).status, 204);
  const refused = await app.call("POST", at(ana, "/impersonate"), { ...as(admin), body });
  assert.equal(codeOf(refused), "409 conflict");
});

test("whoever acts as an administrator administers nothing, and acts no longer than themselves", async () => {
  const second = await registerSomebody(app);
  await giveRole(second, "administrator");
  const ana = await registerSomebody(app);
  await giveRole(ana, "administrator");
  const body = { reason: "x" };
  const given = await app.call("POST", at(ana, "/impersonate"), { ...as(second), body });
  const token = given.body.data.access_token;
  const listed = await app.call("GET", "/v1/admin/accounts", { token });
  assert.equal(codeOf(listed), "403 permission_denied");
  assert.equal((await whoami(token)).status, 200);
  assert.equal((await app.call("POST", at(second, "/ban"), { ...as(admin), body })).status, 204);
  assert.equal(codeOf(await whoami(token)), "401 token_invalid");
  assert.equal((await whoami(ana.access_token)).status, 200);
});

for (const who of ["the owner", "an administrator"]) {
  test(`an account that ${who} erases leaves no personal data and only ids`, async () => {
    const ana = await registerSomebody(app, { name: "Gone Girl", username: `gone${who.length}` });
    // A failed login names the account in tables of its own.
    assert.equal((await login(ana, "not the password")).status, 401);
    const answer =
      who === "the owner"
        ? await app.call("DELETE", "/users/me", as(ana))
        : await app.call("DELETE", at(ana), as(admin));
    assert.equal(answer.status, 204, answer.text);
    assert.equal(codeOf(await whoami(ana.access_token)), "401 token_invalid");
    const mails = await app.mailsTo(ana.email);
    assert.deepEqual(
      mails.map(({ subject }) => subject),
      ["Your account was deleted"],
    );
    const { rows: tables } = await db.database.query<{ name: string }>(sql`
      SELECT table_schema || '.' || table_name AS name FROM information_schema.tables
       WHERE table_schema IN ('auth', 'iam', 'platform') AND table_type = 'BASE TABLE'`);
    assert.ok(tables.length > 10);
    for (const { name } of tables) {
      const { rows } = await db.database.query<{ text: string }>(
        sql.unnamed(sql`SELECT t::text AS text FROM ${sql.identifier(name)} t`),
      );
      for (const { text } of rows) {
        for (const word of [ana.email, "Gone Girl", `gone${who.length}`]) {
          assert.ok(!text.includes(word), `${name}: ${text}`);
        }
        if (!/audit|iam\.users|association|invalidation/.test(name)) {
          assert.ok(!text.includes(idOf(ana)), `${name}: ${text}`);
        }
      }
    }
    // Only now: the attempt would take the place of the one before.
    assert.equal(codeOf(await login(ana)), "401 credentials_invalid");
    const { rows: users } = await db.database.query(sql`
      SELECT discarded FROM iam.users WHERE id = ${idOf(ana)}`);
    assert.deepEqual(users, [{ discarded: true }]);
    const again = await app.call("POST", "/auth/register", {
      body: { email: ana.email, password: GOOD_PASSWORD },
    });
    assert.equal(again.status, 201);
  });
}

test("an address is changed by its new owner's mail alone, and the old one hears of it twice", async () => {
  const ana = await registerSomebody(app);
  const to = `moved-${ana.email}`;
  const ask = (email: string) =>
    app.call("POST", "/users/me/email", { ...as(ana), body: { email } });
  const free = await ask(to);
  assert.equal(free.status, 202, free.text);
  const taken = await ask(admin.email);
  assert.equal(taken.text, free.text);
  assert.equal((await app.mailsTo(admin.email))[0]!.subject, "You have an account already");
  const [mail] = await app.mailsTo(to);
  const confirm = (token: string) => app.call("POST", "/auth/email/change", { body: { token } });
  // The later question made the link of the first one worthless.
  assert.equal(codeOf(await confirm(tokenIn(mail))), "400 link_invalid");
  await ask(to);
  const token = tokenIn((await app.mailsTo(to))[0]);
  await app.call("POST", "/auth/password/reset", { body: { email: ana.email } });
  await app.deliverRequests();
  const reset = tokenIn((await app.mailsTo(ana.email))[0]);
  assert.equal((await login({ email: to })).status, 401);
  assert.equal((await confirm(token)).status, 200);
  assert.equal((await login({ email: to })).status, 200);
  assert.equal((await login(ana)).status, 401);
  const body = { token: reset, new_password: "nine bowls of beans" };
  const stale = await app.call("PUT", "/auth/password/reset", { body });
  assert.equal(codeOf(stale), "400 link_invalid", "a link to the former address");
  const shown = await whoami(ana.access_token);
  assert.deepEqual(
    [shown.body.user_object.email, shown.body.user_object.email_verified],
    [to, true],
  );
  const subjects = (await app.mailsTo(ana.email)).map(({ subject }) => subject);
  assert.equal(subjects[0], "Your e-mail address was changed");
  assert.ok(subjects.includes("A change of your e-mail address"));
});

test("of two who move to one address the first gets it", async () => {
  const to = "contested@example.com";
  const [ana, eva] = [await registerSomebody(app), await registerSomebody(app)];
  for (const one of [ana, eva]) {
    await app.call("POST", "/users/me/email", { ...as(one), body: { email: to } });
  }
  const tokens = (await app.mailsTo(to)).map(tokenIn);
  const answers = await Promise.all(
    tokens.map((token) => app.call("POST", "/auth/email/change", { body: { token } })),
  );
  assert.deepEqual(answers.map(codeOf).toSorted(), ["200", "409 account_exists"]);
});
