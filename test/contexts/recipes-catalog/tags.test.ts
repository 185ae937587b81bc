import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { readTagFilter } from "../../../src/contexts/recipes-catalog/tag-filter.ts";
import { readTags, type Tag } from "../../../src/contexts/recipes-catalog/tag.ts";
import {
  copyTags,
  hasTags,
  replaceTags,
  tagsOf,
} from "../../../src/contexts/recipes-catalog/store-tags.ts";
import { sql } from "../../../src/platform/sql.ts";
import { withDatabase } from "../../support/database.ts";
import { testSeed, testSize } from "../../support/size.ts";
import { ANA, BRUNO, insertClient, serveRecipes } from "./support.ts";

const { database, drop } = await withDatabase({ connections: 12 });
const { call, close } = await serveRecipes(database);
after(async () => {
  close();
  await drop();
});

const replace = (clientId: string, tags: readonly Tag[], owner = ANA) =>
  database.withTransaction((tx) =>
    replaceTags(tx, "client", clientId, owner.userId, owner.tenantId, tags),
  );
const readBack = async (clientId: string) => {
  const { rows } = await database.query<{ tags: Tag[] }>(
    sql`select ${tagsOf("client", sql`${clientId}::uuid`)} as tags`,
  );
  return rows[0]!.tags;
};
const labels = (tags: readonly Tag[]) => tags.map(({ key, value }) => `${key}:${value}`).toSorted();
const tag = (text: string): Tag => {
  const [key, value] = text.split(":");
  return { key: key!, value: value! };
};

test("a parent gets exactly the tags it is given, of its author and its own type", async () => {
  const client = await insertClient(database);
  await replace(client, [tag("diet:vegan"), tag("goal:health")]);
  await replace(client, [tag("goal:health"), tag("goal:muscles")]);
  assert.deepEqual(await readBack(client), [
    { key: "goal", value: "health", author_id: ANA.userId, type: "client" },
    { key: "goal", value: "muscles", author_id: ANA.userId, type: "client" },
  ]);
});

test("taking a tag from one parent leaves it on every other one", async () => {
  const [one, other] = [await insertClient(database), await insertClient(database)];
  await replace(one, [tag("shared:yes")]);
  await replace(other, [tag("shared:yes")]);
  await replace(one, []);
  assert.deepEqual(labels(await readBack(other)), ["shared:yes"]);
  await replace(other, []);
  const { body } = await call("GET", "/v1/tags/search?key=shared");
  assert.equal(body.pagination.total, 0, "nobody has it any more");
});

test("the same words of two authors are two tags", async () => {
  const [anas, brunos] = [await insertClient(database), await insertClient(database, BRUNO)];
  await replace(anas, [tag("own:word")]);
  await replace(brunos, [tag("own:word")], BRUNO);
  await replace(brunos, [], BRUNO);
  assert.deepEqual(labels(await readBack(anas)), ["own:word"]);
});

test("copies get the tags of their sources, as tags of their own author", async () => {
  const [one, other] = [await insertClient(database), await insertClient(database)];
  await replace(one, [tag("copy:a"), tag("copy:b")]);
  await replace(other, [tag("copy:b")]);
  const copies = [
    { from: one, to: await insertClient(database, BRUNO) },
    { from: other, to: await insertClient(database, BRUNO) },
  ];
  await database.withTransaction((tx) =>
    copyTags(tx, "client", copies, BRUNO.userId, BRUNO.tenantId),
  );
  assert.deepEqual(labels(await readBack(copies[0]!.to)), ["copy:a", "copy:b"]);
  assert.deepEqual(
    (await readBack(copies[1]!.to)).map((one) => Object.values(one)),
    [["copy", "b", BRUNO.userId, "client"]],
  );
});

test("parallel writers that share tags never lose one and never fail", async () => {
  const clients = await Promise.all(Array.from({ length: 8 }, () => insertClient(database)));
  for (let round = 0; round < testSize(6, 60); round++) {
    const wanted = clients.map((_, index) =>
      (index + round) % 2 === 0 ? [] : [tag("race:a"), tag(`race:${(index + round) % 3}`)],
    );
    await Promise.all(clients.map((client, index) => replace(client, wanted[index]!)));
    for (const [index, client] of clients.entries()) {
      assert.deepEqual(labels(await readBack(client)), labels(wanted[index]!));
    }
  }
});

test("a filter takes one value of each key, and all keys", async () => {
  const client = await insertClient(database);
  await replace(client, ["diet:vegan", "goal:health", "global:vip"].map(tag));
  const matches = async (text: string, author = ANA.userId) => {
    const filter = readTagFilter(text, "/query/tags");
    const { rows } = await database.query<{ matches: boolean }>(
      sql`select ${hasTags("client", sql`${client}::uuid`, filter, author)} as matches`,
    );
    return rows[0]!.matches;
  };
  assert.ok(await matches("diet:vegan"));
  assert.ok(await matches("diet:low carb|vegan,goal:health"));
  assert.ok(await matches("vip"));
  assert.ok(await matches("vip,other"), "words are alternatives of one key");
  assert.ok(!(await matches("diet:vegan,goal:muscles")));
  assert.ok(!(await matches("vegan")));
  assert.ok(!(await matches("diet:vegan", BRUNO.userId)), "tags of somebody else do not count");
});

test("every filter that can be written is read back as it was meant", () => {
  const word = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }).filter((text) => {
    return !/[,|:]/.test(text) && text === text.trim() && text !== "";
  });
  const group = fc.record(
    { key: word, values: fc.uniqueArray(word, { minLength: 1 }) },
    { noNullPrototype: true },
  );
  const filters = fc.uniqueArray(group, { minLength: 1, selector: ({ key }) => key });
  fc.assert(
    fc.property(filters, (filter) => {
      const text = filter.map(({ key, values }) => `${key}:${values.join("|")}`).join(",");
      assert.deepEqual(readTagFilter(text, "/query/tags"), filter);
    }),
    { seed: testSeed(), numRuns: testSize(300, 5_000) },
  );
  for (const text of ["", " ", "key:", ":value", "a:b,", "a:b||c", "a:|"]) {
    assert.throws(() => readTagFilter(text, "/query/tags"), { code: "validation_failed" }, text);
  }
  assert.deepEqual(readTagFilter("hour:12:30", ""), [{ key: "hour", values: ["12:30"] }]);
});

test("author and type of a tag may be said, and must be those of its parent", () => {
  const good = { key: " diet ", value: "vegan", author_id: ANA.userId, type: "meal" };
  const twice = [good, { key: "diet", value: "vegan" }];
  assert.deepEqual(readTags(twice, "meal", ANA.userId), [{ key: "diet", value: "vegan" }]);
  assert.throws(() => readTags([good], "meal", BRUNO.userId), { code: "permission_denied" });
  assert.throws(() => readTags([good], "menu", ANA.userId), { code: "validation_failed" });
  for (const bad of [" ", "a\u0000b", "a\nb", "\ud800"]) {
    const inputs = [{ key: bad, value: "vegan" }];
    assert.throws(() => readTags(inputs, "meal", ANA.userId), { code: "validation_failed" });
  }
});

test("the list shows one's own tags with their ids, filtered, sorted and paged", async () => {
  const carla = { ...ANA, userId: BRUNO.userId.replace(/^./, "f") };
  const client = await insertClient(database, carla);
  await replace(client, ["a:1", "a:2", "b:1", "c:1"].map(tag), carla);
  const list = async (query: string) => {
    const { status, body } = await call("GET", `/v1/tags/search${query}`, { as: carla });
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };
  assert.deepEqual(labels((await list("")).data), ["a:1", "a:2", "b:1", "c:1"]);
  assert.deepEqual(
    (await list("")).data.map(({ key }: Tag) => key),
    ["c", "b", "a", "a"],
  );
  assert.deepEqual(labels((await list("?key=a&key=c&value=1")).data), ["a:1", "c:1"]);
  assert.equal((await list("?type=meal")).pagination.total, 0);
  const page = await list("?sort=key&skip=2&limit=1");
  assert.deepEqual(labels(page.data), ["b:1"]);
  assert.deepEqual(page.pagination, { page: 3, limit: 1, total: 4, pages: 4 });
  assert.equal((await list("?skip=90")).pagination.total, 4);
  assert.equal((await list("?limit=9999")).pagination.limit, 500);
  assert.equal((await list(`?author_id=${carla.userId}`)).pagination.total, 4);

  const { id } = page.data[0];
  const { status, body } = await call("GET", `/v1/tags/${id}`, { as: carla });
  assert.equal(status, 200);
  const expected = { id, key: "b", value: "1", author_id: carla.userId, type: "client" };
  assert.deepEqual(body.data, expected);
  assert.equal((await call("GET", `/v1/tags/${id}`, { as: BRUNO })).status, 404);
});

test("tags of somebody else, and ids that are none, are refused", async () => {
  const others = await call("GET", `/v1/tags/search?author_id=${BRUNO.userId}`);
  assert.equal(others.status, 403);
  for (const path of ["0", "-1", "abc", "1.5", "99999999999"]) {
    assert.equal((await call("GET", `/v1/tags/${path}`)).status, 422, path);
  }
  assert.equal((await call("GET", "/v1/tags/2147483647")).status, 404);
  for (const query of ["sort=other", "limit=0", "limit=x", "skip=-1", "type=other", "what=1"]) {
    assert.equal((await call("GET", `/v1/tags/search?${query}`)).status, 422, query);
  }
});
