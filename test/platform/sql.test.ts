import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql, type Sql } from "../../src/platform/sql.ts";
import { withDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
before(async () => (db = await withDatabase()));
after(() => db.drop());

test("values become parameters in the order they are written", () => {
  const statement = sql`select ${1}, ${"two"} from t where x = ${null}`;
  assert.equal(statement.text, "select $1, $2 from t where x = $3");
  assert.deepEqual(statement.values, [1, "two", null]);
});

test("parts compose: their values are numbered where they stand", () => {
  const where = sql.join(
    [sql`a = ${1}`, sql`b in (${sql.join([sql`${2}`, sql`${3}`])})`],
    sql` and `,
  );
  const statement = sql`select * from ${sql.identifier("t.things")} where ${where} limit ${4}`;
  assert.equal(
    statement.text,
    'select * from "t"."things" where a = $1 and b in ($2, $3) limit $4',
  );
  assert.deepEqual(statement.values, [1, 2, 3, 4]);
});

test("adjacent parts and an empty one leave nothing behind", () => {
  assert.equal(sql`a${sql`b`}${sql.empty}${sql.join([])}c`.text, "abc");
});

test("the same text has the same name, another text another", () => {
  const byId = (id: string) => sql`select * from a where id = ${id}`;
  const name = byId("1").name;
  assert.match(name!, /^s_[0-9a-f]{24}$/);
  assert.equal(byId("2").name, name);
  assert.equal(sql`select * from ${sql.identifier("a")} where id = ${"3"}`.name === name, false);
  assert.notEqual(sql`select * from b where id = ${"1"}`.name, name);
});

test("a statement with a literal, or told so, has no name, nor has what holds it", () => {
  const statements: Sql[] = [
    sql`select ${sql.literal("x")}`,
    sql.unnamed(sql`select ${1}`),
    sql`select ${sql.unnamed(sql`${1}`)}`,
  ];
  for (const statement of statements) assert.equal(statement.name, undefined);
});

test("an identifier that is no plain name is refused", () => {
  for (const name of ['a"b', "A", "a b", "a;drop", "", "1a", "a.b.c"]) {
    assert.throws(() => sql.identifier(name), TypeError);
  }
});

test("a literal arrives as it was, whatever it holds", async () => {
  const texts = [
    "it's",
    "back\\slash",
    "\\'; drop table x; --",
    "$1",
    "ünïcode ☃",
    "line\nbreak",
    "",
  ];
  for (const text of texts) {
    const [row] = await db.database.read<{ text: string }>(
      sql`select ${sql.literal(text)} as text`,
    );
    assert.equal(row?.text, text);
  }
  assert.throws(() => sql.literal("zero\0byte"), TypeError);
});

test("many shapes of a statement do not fill the server: only so many texts get a name", () => {
  const shapes = Array.from({ length: 1_200 }, (_, n) => sql`select ${sql.identifier(`c${n}`)}`);
  const named = new Set(shapes.map((shape) => shape.name).filter((name) => name !== undefined));
  assert.ok(named.size > 500 && named.size <= 1_000, `${named.size} names`);
  assert.equal(shapes.at(-1)?.name, undefined);
});
