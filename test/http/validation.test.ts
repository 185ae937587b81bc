import assert from "node:assert/strict";
import { test } from "node:test";
import { Type } from "typebox";
import { compileBody, compileParams, compileQuery } from "../../src/http/validation.ts";
import type { AppError } from "../../src/platform/errors.ts";

function faultsOf(fn: () => unknown): Record<string, string> {
  try {
    fn();
  } catch (error) {
    const { code, errors } = error as AppError;
    assert.equal(code, "validation_failed");
    return Object.fromEntries(errors!.map((fault) => [fault.path, fault.code]));
  }
  return {};
}

const Query = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, default: 20 })),
    ratio: Type.Optional(Type.Number()),
    full: Type.Optional(Type.Boolean()),
    tags: Type.Optional(Type.Array(Type.String())),
    ids: Type.Optional(Type.Array(Type.Integer())),
    sort: Type.Optional(Type.Enum(["name", "age"])),
    owner: Type.Optional(Type.String({ format: "uuid" })),
    page: Type.Optional(Type.Union([Type.Integer(), Type.Literal("last")])),
  },
  { additionalProperties: false },
);
const readQuery = compileQuery(Query);

test("a query is read by the types of its schema", () => {
  assert.deepEqual(
    readQuery("limit=5&ratio=-1.50&full=true&tags=a&tags=b&ids=3&sort=age&page=last"),
    { limit: 5, ratio: -1.5, full: true, tags: ["a", "b"], ids: [3], sort: "age", page: "last" },
  );
  assert.deepEqual(readQuery(""), { limit: 20 });
  assert.deepEqual(readQuery("page=3"), { limit: 20, page: 3 });
});

test("what only looks like a number is none", () => {
  for (const text of [
    "",
    "1.5",
    "0x10",
    "1e3",
    "+1",
    " 1",
    "1 ",
    "١",
    "NaN",
    "Infinity",
    "9".repeat(16),
  ]) {
    const query = `limit=${encodeURIComponent(text)}`;
    assert.deepEqual(
      faultsOf(() => readQuery(query)),
      { "/query/limit": "type" },
      text,
    );
  }
  for (const text of ["1,5", ".5", "5.", "1e3", "--1"]) {
    assert.deepEqual(
      faultsOf(() => readQuery(`ratio=${text}`)),
      { "/query/ratio": "type" },
      text,
    );
  }
  for (const text of ["1", "True", "yes", ""]) {
    assert.deepEqual(
      faultsOf(() => readQuery(`full=${text}`)),
      { "/query/full": "type" },
      text,
    );
  }
});

test("an unknown key and a repeated scalar are named", () => {
  assert.deepEqual(
    faultsOf(() => readQuery("nope=1&limit=1&limit=2&__proto__=x")),
    {
      "/query/nope": "unknown",
      "/query/limit": "repeated",
      "/query/__proto__": "unknown",
    },
  );
  assert.deepEqual(
    faultsOf(() => compileQuery(undefined)("a=1")),
    { "/query/a": "unknown" },
  );
  assert.equal(Object.getPrototypeOf(readQuery("limit=1")), Object.prototype);
});

test("every spelling of an id is read and becomes one", () => {
  const plain = "0190a1b2c3d47e5f8a9b0c1d2e3f4a5b";
  const dashed = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
  const readParams = compileParams(Type.Object({ id: Type.String({ format: "uuid" }) }), ["id"]);
  const readBody = compileBody(
    Type.Object({
      owner: Type.String({ format: "uuid" }),
      list: Type.Optional(Type.Array(Type.Object({ id: Type.String({ format: "uuid" }) }))),
      maybe: Type.Optional(Type.Union([Type.String({ format: "uuid" }), Type.Null()])),
    }),
  );
  for (const spelling of [
    plain,
    plain.toUpperCase(),
    dashed,
    `{${dashed}}`,
    `urn:uuid:${dashed}`,
  ]) {
    assert.deepEqual(readParams([spelling]), { id: dashed });
    assert.deepEqual(readQuery(`owner=${encodeURIComponent(spelling)}`), {
      limit: 20,
      owner: dashed,
    });
    assert.deepEqual(readBody({ owner: spelling, list: [{ id: spelling }], maybe: null }), {
      owner: dashed,
      list: [{ id: dashed }],
      maybe: null,
    });
  }
  for (const other of ["7", "", "me", `${dashed}0`, "0190a1b2-c3d4"]) {
    assert.deepEqual(
      faultsOf(() => readParams([other])),
      { "/path/id": "format" },
      other,
    );
  }
});

test("faults of a body name the field and the rule, never what was sent", () => {
  const readBody = compileBody(
    Type.Object(
      {
        email: Type.String({ format: "email", maxLength: 20 }),
        password: Type.String({ minLength: 8 }),
        kind: Type.Enum(["a", "b"]),
        deep: Type.Object({ n: Type.Integer({ maximum: 5 }) }),
      },
      { additionalProperties: false },
    ),
  );
  const secret = "hunter2";
  const sent = {
    email: `${secret}!`,
    password: secret,
    kind: secret,
    deep: { n: 7 },
    extra: secret,
  };
  assert.deepEqual(
    faultsOf(() => readBody(sent)),
    {
      "/body/email": "format",
      "/body/password": "min_length",
      "/body/kind": "enum",
      "/body/deep/n": "maximum",
      "/body/extra": "unknown",
    },
  );
  assert.deepEqual(
    faultsOf(() => readBody({})),
    {
      "/body/email": "required",
      "/body/password": "required",
      "/body/kind": "required",
      "/body/deep": "required",
    },
  );
  try {
    readBody(sent);
    assert.fail("it was accepted");
  } catch (error) {
    const { message, errors, detail, note } = error as AppError;
    assert.ok(!JSON.stringify([message, errors, detail, note]).includes(secret));
  }
});

test("a request with many faults names twenty", () => {
  const query = Array.from({ length: 30 }, (_, n) => `key${n}=1`).join("&");
  assert.equal(Object.keys(faultsOf(() => compileQuery(undefined)(query))).length, 20);
});
