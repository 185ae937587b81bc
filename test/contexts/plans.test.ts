import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { searchQuery } from "../../src/auth/accounts/admin-schemas.ts";
import { searchAccounts } from "../../src/auth/accounts/store-admin.ts";
import { newId } from "../../src/platform/ids.ts";
import { sql } from "../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";
import {
  largeTables,
  offeredLists,
  planOf,
  sentBy,
  wholeScans,
  type Plan,
} from "../support/plans.ts";
import { serveContexts } from "./serve.ts";
import type { World } from "./world.ts";

const TENANTS = 30;
/** Ten times as many in the tenant that is asked for: a handful would be sorted. */
const USERS = 40;
let db: TestDatabase["database"];
let drop: () => Promise<void>;
let sent: ReturnType<typeof sentBy>;
let served: Awaited<ReturnType<typeof serveContexts>>;
let large: ReadonlySet<string>;
const [tenantId, userId] = [newId(), newId()];
/** Who asks; nothing else of a world is looked at. */
const caller = { tenantId, userId } as World;

before(async () => {
  ({ database: db, drop } = await withDatabase({ connections: 4 }));
  sent = sentBy(db);
  served = await serveContexts(sent.database);
  await insertPeople();
  await db.query(sql`vacuum analyze`);
  large = await largeTables(db, 500);
  // What the roles of all tenants permit is read as a whole, once for all requests.
  await served.ask(caller, { method: "GET", path: "/v1/users" });
});
after(async () => {
  served.close();
  await drop();
});

/** In each of many tenants users with accounts, roles, and forms that were answered. */
async function insertPeople(): Promise<void> {
  await db.withTransaction(async (tx) => {
    await tx.query(sql`
      create temporary table people on commit drop as
      select t, n, case when t = 1 then ${tenantId}::uuid else md5('tenant' || t)::uuid end as tenant_id,
             case when t = 1 and n = 1 then ${userId}::uuid else md5('user' || t || '/' || n)::uuid end as id,
             now() - (t * n) * interval '7 minutes' as at
        from generate_series(1, ${TENANTS}::int) t,
             generate_series(1, case t when 1 then 400 else ${USERS}::int end) n`);
    await tx.query(sql`
      insert into auth.tenants (id, name) select distinct tenant_id, 'tenant ' || t from people`);
    await tx.query(sql`
      insert into auth.accounts (id, tenant_id, email, username, name, active, created_at)
      select id, tenant_id, 'u' || n || '@' || t || '.example', 'user_' || t || '_' || n,
             'Name ' || n, n % 20 > 0, at from people`);
    await tx.query(sql`
      insert into auth.credentials (account_id, password_hash)
      select id, 'none' from people where n % 2 = 0`);
    await tx.query(sql`
      insert into iam.users (id, issuer, subject, tenant_id, created_at, updated_at)
      select id, 'local', id::text, tenant_id, at, at + interval '1 minute' * n from people`);
    await tx.query(sql`
      insert into iam.user_role_association (user_id, role_context, role_name)
      select p.id, r.context, r.name from people p, iam.roles r
       where r.name = 'user' or (r.name = 'auditor' and p.n = 2)`);
    await tx.query(sql`
      insert into iam.roles (tenant_id, context, name, permissions)
      select distinct on (p.tenant_id, r.n) p.tenant_id, c.context, 'own_' || r.n, '{}'::text[]
        from people p, generate_series(1, 40) r (n),
             lateral (select (array['iam', 'recipes_catalog'])[1 + r.n % 2] as context) c`);
    await tx.query(sql`
      insert into client_onboarding.onboarding_forms
             (tenant_id, user_id, typeform_id, webhook_url, status, created_at, updated_at)
      select tenant_id, id, 'form-' || t || '-' || n || '-' || f, 'https://example.com', 'active',
             at, at + interval '1 minute' * f
        from people, generate_series(1, 400) f where n = 1 and t <= 4`);
    await tx.query(sql`
      insert into client_onboarding.form_responses
             (tenant_id, user_id, form_id, response_id, response_data, submitted_at, processed_at)
      select tenant_id, user_id, id, 'response-' || id || '-' || n, '{}', created_at, now()
        from client_onboarding.onboarding_forms, generate_series(1, 3) n`);
  });
}

async function plansOf(ask: () => Promise<unknown>): Promise<Plan[]> {
  sent.statements.length = 0;
  await ask();
  return Promise.all(sent.statements.splice(0).map((statement) => planOf(db, statement)));
}

function assertReads(label: string, plans: readonly Plan[], index: RegExp): void {
  const whole = plans.flatMap((plan) => wholeScans(plan, large));
  assert.deepEqual(whole, [], label);
  const indexes = new Set(plans.flatMap(({ scans }) => scans.map((scan) => scan.index ?? "")));
  assert.ok(
    [...indexes].some((name) => index.test(name)),
    `${label} uses ${[...indexes].join()}`,
  );
}

interface Expected {
  /** The index that finds all of the list. */
  readonly all: RegExp;
  /** The index that holds each order. */
  readonly sorts: Readonly<Record<string, RegExp>>;
  /** A value for each filter, and the index that finds what has it. */
  readonly filters: Readonly<Record<string, readonly [value: string, index: RegExp]>>;
}
const LISTS: Readonly<Record<string, Expected>> = {
  "/v1/users": {
    all: /^users_of_tenant$/,
    sorts: {
      created_at: /^users_of_tenant$/,
      updated_at: /^users_of_tenant_updated$/,
      id: /^users_of_tenant_id$/,
    },
    filters: {
      issuer: ["http://brigade.test", /^users_of_tenant$/],
      subject: ["nobody", /^users_of_subject$/],
      role_context: ["iam", /^user_role_key$|^users_of_role$/],
      role_name: ["auditor", /^users_of_role_name$/],
      discarded: ["true", /^users_of_/],
    },
  },
  "/v1/roles": {
    all: /^roles_of_tenant$/,
    sorts: {},
    filters: { context: ["recipes_catalog", /^roles_of_tenant$/] },
  },
  "/v1/client-onboarding/forms": {
    all: /^onboarding_forms_of_user$/,
    sorts: {
      created_at: /^onboarding_forms_of_user$/,
      updated_at: /^onboarding_forms_of_user_updated$/,
      typeform_id: /^onboarding_forms_of_user_typeform$/,
    },
    filters: {},
  },
};

for (const [path, { all, sorts, filters }] of Object.entries(LISTS)) {
  const ask = (query: string) => () =>
    served.ask(caller, { method: "GET", path: `${path}?limit=1&${query}` });

  test(`${path}: every order is held by an index, and every filter narrows by one`, async () => {
    const [offered] = offeredLists(served.routes).filter((list) => list.path === path);
    assert.equal(offered!.sorts.length, Object.keys(sorts).length * 2);
    // Another page than below: the rows of one that is known are not read again.
    assertReads("all", await plansOf(ask("skip=1")), all);
    for (const sort of offered!.sorts) {
      const index = sorts[sort.replace("-", "")];
      assert.ok(index, `nobody said which index holds the order ${sort}`);
      assertReads(sort, await plansOf(ask(`sort=${sort}`)), index);
    }
    for (const filter of offered!.filters) {
      const known = filters[filter];
      assert.ok(known, `nobody said which index narrows by ${filter}`);
      const query = `${filter}=${encodeURIComponent(known[0])}`;
      assertReads(filter, await plansOf(ask(query)), known[1]);
    }
  });
}

const ACCOUNT_FILTERS: Readonly<Record<string, readonly [value: string, index: RegExp]>> = {
  email: ["u3@", /^accounts_of_email$/],
  username: ["user_1_3", /^accounts_of_username$/],
  name: ["name 3", /^accounts_of_name$/],
  status: ["banned", /^accounts_disabled$/],
};

test("accounts of a tenant are read by an index, whatever narrows them", async () => {
  const search = (filter: object) => () =>
    searchAccounts(sent.database, { tenantId, skip: 0, limit: 10, ...filter });
  assertReads("all", await plansOf(search({})), /^accounts_of_tenant$/);
  for (const filter of Object.keys(searchQuery.properties)) {
    if (filter === "skip" || filter === "limit") continue;
    const known = ACCOUNT_FILTERS[filter];
    assert.ok(known, `nobody said which index narrows by ${filter}`);
    assertReads(filter, await plansOf(search({ [filter]: known[0] })), known[1]);
  }
});

test("questions about forms and answers are answered by an index", async () => {
  const { rows } = await db.query<{ id: number; response: string }>(sql`
    select f.id, r.response_id as response
      from client_onboarding.onboarding_forms f
      join client_onboarding.form_responses r on r.form_id = f.id where f.user_id = ${userId} limit 1`);
  const [form] = rows;
  const asked = {
    forms_by_user: [{}, /^onboarding_forms_of_user$/],
    responses_by_user: [{}, /^form_responses_of_user$/],
    responses_by_form: [{ form_id: form!.id }, /^form_responses_of_form$/],
    response_by_id: [{ response_id: form!.response }, /^form_responses_once$/],
  } as const;
  const path = "/v1/client-onboarding/query-responses";
  for (const [type, [more, index]] of Object.entries(asked)) {
    const body = { query_type: type, user_id: userId, limit: 20, ...more };
    const plans = await plansOf(() => served.ask(caller, { method: "POST", path, body }));
    assertReads(type, plans, index);
    if (type === "response_by_id") continue;
    const answers = plans.flatMap(({ scans }) =>
      scans.filter(({ table }) => table === "form_responses"),
    );
    // No row is read that is not shown: those are found by their ids.
    const read = answers.filter(({ kind }) => kind !== "Index Only Scan");
    assert.deepEqual(
      read.map((scan) => scan.index),
      type === "forms_by_user" ? [] : ["form_responses_pkey"],
      type,
    );
  }
});
