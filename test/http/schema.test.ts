import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Type as Typebox } from "typebox";
import { Check } from "typebox/schema";
import { Type } from "../../src/http/schema.ts";

/** The same schema, by whichever constructors. */
function described(of: typeof Type) {
  const name = of.String({ minLength: 1, description: "a name" });
  const properties = {
    name,
    nick: of.Optional(name),
    unit: of.Optional(of.Union([of.Literal("g"), of.Literal(7), of.Null()], { default: "g" })),
    isRaw: of.Literal(true),
    sort: of.Enum(["a", "-a"], { default: "a" }),
    labels: of.Record(of.String(), of.Array(of.Integer({ minimum: 1 }), { maxItems: 3 })),
    score: of.Optional(of.Unsafe<number | null>({ type: ["number", "null"] })),
    weight: of.Number({ exclusiveMinimum: 0 }),
    isOpen: of.Boolean({ description: "open" }),
    extra: of.Unknown(),
    more: of.Any({ description: "anything" }),
  };
  return {
    whole: of.Object(properties, { additionalProperties: false }),
    partial: of.Partial(of.Object(properties)),
    renewed: of.Object(of.Partial(of.Object({ name })).properties),
    spread: of.Object({ nick: { ...of.Optional(name) } }),
    none: of.Object({}),
  };
}

describe("schema constructors", () => {
  it("make the schemas of typebox, to the letter", () => {
    const ours: Record<string, unknown> = described(Type);
    const theirs: Record<string, unknown> = described(Typebox as unknown as typeof Type);
    for (const key of Object.keys(theirs)) {
      assert.equal(JSON.stringify(ours[key]), JSON.stringify(theirs[key]), key);
    }
  });

  it("leave the schema that is made optional as it was", () => {
    const name = Type.String();
    Type.Optional(name);
    const { required } = Type.Object({ name }) as { required?: string[] };
    assert.deepEqual(required, ["name"]);
  });

  it("make schemas that typebox checks", () => {
    const { whole } = described(Type);
    const good = {
      ...{ name: "x", isRaw: true, sort: "a", labels: { l: [1] }, weight: 1, isOpen: false },
      ...{ extra: 1, more: 2 },
    };
    assert.equal(Check(whole, good), true);
    assert.equal(Check(whole, { ...good, unit: "kg" }), false);
    assert.equal(Check(whole, { ...good, unknown: 1 }), false);
  });
});
