import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newId } from "../../../src/platform/ids.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { ANA, BRUNO, MANAGER, person, serveRecipes, STRANGER, type Call } from "./support.ts";

const { database, drop } = await withDatabase({ connections: 8 });
const { call, close } = await serveRecipes(database);
after(async () => {
  close();
  await drop();
});

const PROFILE = { name: "Walter Álvares", birthday: "1990-05-17", sex: "masculino" };
const newClient = (changes: object = {}) => ({ profile: PROFILE, ...changes });

async function make(changes: object = {}, as = ANA): Promise<string> {
  const { status, body } = await call("POST", "/v1/clients", { as, body: newClient(changes) });
  assert.equal(status, 201, JSON.stringify(body));
  return body.data.id;
}
const read = async (id: string, as = ANA) => (await call("GET", `/v1/clients/${id}`, { as })).body;
async function search(query: string, as = ANA) {
  const { status, body } = await call("GET", `/v1/clients/search${query}`, { as });
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}
const ids = (body: any): string[] => body.data.map(({ id }: { id: string }) => id);

test("a client is stored as it was sent and read back whole", async () => {
  const sent = {
    contact_info: {
      main_phone: "(11) 91234-5678",
      main_email: "Walter@Example.com",
      all_phones: ["+55 11 91234-5678", "(11) 3123-4567", " ", "(11) 3123-4567"],
      all_emails: ["walter@create-update.com", "javascript@drop.io"],
    },
    address: { street: "Rua das Laranjeiras; drop table x --", city: "São Paulo", state: "SP" },
    tags: [{ key: "goal", value: "health" }],
    notes: "Serve a salada; update menu set\n<script>alert(1)</script> data: 10/10",
  };
  const made = await call("POST", "/v1/clients/", { body: newClient(sent) });
  assert.equal(made.status, 201);
  assert.equal(made.body.data.message, "Client created successfully");
  assert.equal(made.body.data.version, 1);
  const { data } = await read(made.body.data.id);
  const { id, created_at, updated_at, ...rest } = data;
  assert.ok(id === made.body.data.id && created_at === updated_at);
  assert.deepEqual(rest, {
    version: 1,
    discarded: false,
    author_id: ANA.userId,
    profile: PROFILE,
    contact_info: {
      main_phone: "(11) 91234-5678",
      main_email: "walter@example.com",
      all_phones: ["+55 11 91234-5678", "(11) 3123-4567"],
      all_emails: ["walter@create-update.com", "javascript@drop.io"],
    },
    address: {
      street: sent.address.street,
      number: null,
      zip_code: null,
      district: null,
      city: "São Paulo",
      complement: null,
      note: null,
      state: "SP",
    },
    tags: [{ key: "goal", value: "health", author_id: ANA.userId, type: "client" }],
    menus: [],
    notes: sent.notes,
    onboarding_data: null,
  });
});

test("a client without contact, address or state is read and listed like any other", async () => {
  const carla = person(ANA.tenantId);
  const bare = await make({ contact_info: null, address: { city: "Recife" } }, carla);
  assert.equal((await read(bare, carla)).data.address.state, null);
  assert.deepEqual(ids(await search("", carla)), [bare]);
});

test("what breaks a rule is refused by its name", async () => {
  const faults = async (body: object) => {
    const { status, body: problem } = await call("POST", "/v1/clients", { body });
    assert.equal(status, 422, JSON.stringify(body));
    return problem.errors.map(({ path }: { path: string }) => path).toSorted();
  };
  assert.deepEqual(await faults({}), ["/body/profile/name", "/body/profile/sex"]);
  const bad = { name: " ", sex: "unknown", birthday: "1899-12-31" };
  assert.deepEqual(await faults({ profile: bad }), [
    "/body/profile/birthday",
    "/body/profile/name",
    "/body/profile/sex",
  ]);
  for (const birthday of ["2999-01-01", "1990-02-30", "yesterday", "17/05/1990"]) {
    assert.deepEqual(await faults({ profile: { ...PROFILE, birthday } }), [
      "/body/profile/birthday",
    ]);
  }
  for (const main_phone of ["12", "call me", "11 91234-5678; drop", "+55 11 9123456789012"]) {
    const paths = await faults(newClient({ contact_info: { main_phone } }));
    assert.deepEqual(paths, ["/body/contact_info/main_phone"], main_phone);
  }
  for (const main_email of ["walter", "w@x", "a b@x.com", "<a@x.com>", `${"a".repeat(65)}@x.com`]) {
    const paths = await faults(newClient({ contact_info: { main_email } }));
    assert.deepEqual(paths, ["/body/contact_info/main_email"], main_email);
  }
  await faults(newClient({ address: { state: "XX" } }));
  await faults(newClient({ notes: "a\u0000b" }));
  await faults(newClient({ notes: "a".repeat(10_001) }));
  await faults(newClient({ author_id: ANA.userId }));
  await faults(newClient({ form_response_id: "nobody-knows" }));
});

test("sex is read in any case, and of a birthday only the day counts", async () => {
  const profile = { name: "Ana", sex: " FEMININO ", birthday: "1990-05-17T23:30:00-03:00" };
  const { data } = await read(await make({ profile }));
  assert.deepEqual(data.profile, { name: "Ana", sex: "feminino", birthday: "1990-05-17" });
});

test("a change touches what it names, and a client that was read can be sent back", async () => {
  const id = await make({
    contact_info: { main_phone: "11912345678", main_email: "walter@example.com" },
    address: { city: "Recife", state: "PE" },
    tags: [{ key: "a", value: "1" }],
    notes: "old",
  });
  const change = async (body: object) => {
    const answer = await call("PATCH", `/v1/clients/${id}`, { body });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal(answer.body.data.client_id, id);
    return (await read(id)).data;
  };
  const before = (await read(id)).data;
  const same = await change(before);
  assert.deepEqual(same, before, "nothing is new");

  const after = await change({
    profile: { birthday: null },
    contact_info: { main_phone: null },
    address: { city: "Olinda" },
    onboarding_data: { answers: [1, "dois"] },
  });
  assert.deepEqual(after.profile, { ...PROFILE, birthday: null });
  assert.equal(after.contact_info.main_email, "walter@example.com");
  assert.equal(after.contact_info.main_phone, null);
  assert.deepEqual([after.address.city, after.address.state], ["Olinda", "PE"]);
  assert.deepEqual(after.onboarding_data, { answers: [1, "dois"] });
  assert.equal(after.notes, "old");
  assert.equal(after.tags.length, 1);
  const emptied = await change({ contact_info: null, address: null, notes: null, tags: [] });
  assert.deepEqual(
    [emptied.contact_info, emptied.address, emptied.notes, emptied.tags],
    [null, null, null, []],
  );
});

test("the address decides which client is changed; a body that says another one is refused", async () => {
  const [mine, others] = [await make(), await make({}, BRUNO)];
  const answer = await call("PATCH", `/v1/clients/${mine}`, { body: { id: others, notes: "x" } });
  assert.equal(answer.status, 422);
  const author = { author_id: BRUNO.userId, notes: "x" };
  assert.equal((await call("PATCH", `/v1/clients/${mine}`, { body: author })).status, 422);
  const forged = { tags: [{ key: "a", value: "b", author_id: BRUNO.userId }] };
  assert.equal((await call("PATCH", `/v1/clients/${mine}`, { body: forged })).status, 403);
  for (const id of [mine, others]) {
    const { data } = await read(id, MANAGER);
    assert.deepEqual([data.version, data.notes], [1, null]);
  }
});

test("JSON that the database cannot hold is refused and never an error", async () => {
  const id = await make();
  const deep = JSON.parse(`${'{"a":'.repeat(31)}1${"}".repeat(31)}`);
  for (const [data, status] of [
    [{ text: "zero \u0000 byte" }, 422],
    [{ "zero\u0000": 1 }, 422],
    [{ text: "\ud800" }, 422],
    [{ text: "👩‍🍳 مرحبا" }, 200],
    [deep.a, 200],
    [{ text: "a".repeat(200_001) }, 422],
  ] as const) {
    const answer = await call("PATCH", `/v1/clients/${id}`, { body: { onboarding_data: data } });
    assert.equal(answer.status, status);
    if (status === 200) assert.deepEqual((await read(id)).data.onboarding_data, data);
  }
});

test("clients are their author's: others get 403, other tenants 404, managers everything", async () => {
  const id = await make();
  const ask = async (method: string, extra: Call) =>
    (await call(method, `/v1/clients/${id}`, extra)).status;
  const body = { notes: "seen" };
  for (const [as, expected] of [
    [BRUNO, 403],
    [STRANGER, 404],
    [person(ANA.tenantId, ["manage_menus", "manage_meals", "manage_recipes"]), 403],
    [MANAGER, 200],
    [ANA, 200],
  ] as const) {
    assert.equal(await ask("GET", { as }), expected);
    assert.equal(await ask("PATCH", { as, body }), expected);
  }
  for (const [as, expected] of [
    [BRUNO, 403],
    [STRANGER, 404],
    [MANAGER, 200],
    [ANA, 404],
  ] as const) {
    assert.equal(await ask("DELETE", { as }), expected);
  }
});

test("a stale version is refused, in the body, in If-Match and on discarding", async () => {
  const id = await make();
  const path = `/v1/clients/${id}`;
  assert.equal((await call("PATCH", path, { body: { notes: "a", version: 1 } })).status, 200);
  const stale = await call("PATCH", path, { body: { notes: "b", version: 1 } });
  assert.deepEqual([stale.status, stale.body.error_code], [409, "version_conflict"]);
  const headers = { "if-match": '"1"' };
  assert.equal((await call("PATCH", path, { body: { notes: "c" }, headers })).status, 409);
  assert.equal((await call("DELETE", `${path}?version=1`)).status, 409);
  const found = await call("GET", path);
  assert.deepEqual([found.body.data.notes, found.headers.get("etag")], ["a", '"2"']);
  assert.equal((await call("DELETE", `${path}?version=2`)).status, 200);
  assert.equal((await call("DELETE", path)).status, 404);
});

test("eight parallel changes of one client all arrive", async () => {
  const id = await make();
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, at) =>
      call("PATCH", `/v1/clients/${id}`, {
        body: {
          notes: `n${at}`,
          tags: [
            { key: "at", value: `${at}` },
            { key: "all", value: "y" },
          ],
        },
      }),
    ),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal((await read(id)).data.version, 9);
});

test("the list shows one's own clients; a manager sees those of the tenant, and nobody more", async () => {
  const tenantId = newId();
  const [carla, diego] = [person(tenantId), person(tenantId)];
  const boss = person(tenantId, ["manage_clients"]);
  const [one, two] = [await make({}, carla), await make({}, diego)];
  assert.deepEqual(ids(await search("", carla)), [one]);
  assert.deepEqual(ids(await search(`?author_id=${diego.userId}`, carla)), []);
  assert.deepEqual(ids(await search("", boss)).toSorted(), [one, two].toSorted());
  assert.deepEqual(ids(await search(`?author_id=${diego.userId}`, boss)), [two]);
  assert.deepEqual(ids(await search(`?id=${one}&id=${two}`, carla)), [one]);
});

test("the list is filtered by name, tags, instants and menus, sorted and paged with true totals", async () => {
  const eva = person(newId());
  const named = (name: string, tags: string[] = []) =>
    make(
      {
        profile: { ...PROFILE, name },
        tags: tags.map((value) => ({ key: "diet", value })),
      },
      eva,
    );
  const [zoe, adao, mel] = [
    await named("Zoé Ávila", ["vegan"]),
    await named("Adão 100%", ["vegan", "raw"]),
    await named("Mel", []),
  ];
  const list = (query: string) => search(query, eva);
  assert.deepEqual(ids(await list("?name_contains=%C3%A1VILA")), [zoe]);
  assert.deepEqual(ids(await list("?name_contains=%25")), [adao]);
  assert.deepEqual(ids(await list("?tags=diet:raw")), [adao]);
  assert.deepEqual(ids(await list("?tags=diet:vegan&tags_not_exists=diet:raw")), [zoe]);
  assert.deepEqual(ids(await list("?tags_not_exists=diet:vegan")), [mel]);
  assert.deepEqual(ids(await list("?sort=name")), [adao, mel, zoe]);
  assert.deepEqual(ids(await list("?sort=-name")), [zoe, mel, adao]);
  assert.deepEqual(ids(await list("?sort=created_at")), [zoe, adao, mel]);
  assert.deepEqual(ids(await list("?created_at_gte=2999-01-01")), []);
  assert.equal(ids(await list("?created_at_lte=2999-01-01T00:00:00Z")).length, 3);
  assert.deepEqual(ids(await list(`?menu_id=${newId()}`)), []);
  const page = await list("?sort=name&skip=1&limit=1");
  assert.deepEqual(ids(page), [mel]);
  assert.deepEqual(page.pagination, { page: 2, limit: 1, total: 3, pages: 3 });
  assert.equal((await list("?skip=70")).pagination.total, 3);
  assert.equal((await list("?limit=5000")).pagination.limit, 100);
  for (const query of [
    "tags=diet:",
    "tags=",
    "sort=sex",
    "limit=0",
    "skip=-1",
    "created_at_gte=soon",
    "what=1",
    "id=1",
  ]) {
    assert.equal((await call("GET", `/v1/clients/search?${query}`)).status, 422, query);
  }
});

test("discarding a client takes its menus, their meals, recipes and places along", async () => {
  const id = await make();
  const [menu, meal, recipe] = [newId(), newId(), newId()];
  const { tenantId, userId } = ANA;
  await database.query(sql`
    insert into recipes_catalog.menus (id, tenant_id, author_id, client_id)
    values (${menu}, ${tenantId}, ${userId}, ${id})`);
  await database.query(sql`
    insert into recipes_catalog.meals (id, tenant_id, author_id, menu_id, name, prepared_name)
    values (${meal}, ${tenantId}, ${userId}, ${menu}, 'Almoço', 'almoco')`);
  await database.query(sql`
    insert into recipes_catalog.recipes (
        id, tenant_id, author_id, meal_id, name, prepared_name, instructions)
    values (${recipe}, ${tenantId}, ${userId}, ${meal}, 'Arroz', 'arroz', 'Cozinhar')`);
  await database.query(sql`
    insert into recipes_catalog.menu_meals (menu_id, meal_id, week, weekday, meal_type)
    values (${menu}, ${meal}, 1, 'Segunda', 'almoço')`);
  assert.deepEqual(ids(await search(`?menu_id=${menu}`)), [id]);
  assert.equal((await read(id)).data.menus[0].meals[0].meal_name, "Almoço");
  assert.equal((await search(`?id=${id}`)).data[0].menus[0].meals_count, 1);
  assert.equal((await call("DELETE", `/v1/clients/${id}`)).status, 200);
  for (const table of ["clients", "menus", "meals", "recipes"] as const) {
    const { rows } = await database.query<{ discarded: boolean; version: number }>(sql`
      select discarded, version from ${sql.identifier(`recipes_catalog.${table}`)}
       where id = any(${[id, menu, meal, recipe]}::uuid[])`);
    assert.deepEqual(rows, [{ discarded: true, version: 2 }], table);
  }
  const { rowCount } = await database.query(sql`
    select from recipes_catalog.menu_meals where menu_id = ${menu}`);
  assert.equal(rowCount, 0);
});
