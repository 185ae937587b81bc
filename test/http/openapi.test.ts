import assert from "node:assert/strict";
import { test } from "node:test";
import { Type } from "typebox";
import { toOpenApi } from "../../src/http/openapi.ts";
import { noContent } from "../../src/http/reply.ts";
import { defineRoute, needs, PUBLIC } from "../../src/http/route.ts";

const Body = Type.Object({ name: Type.String({ maxLength: 5 }) }, { additionalProperties: false });
const document: any = JSON.parse(
  JSON.stringify(
    toOpenApi(
      [
        defineRoute({
          method: "PATCH",
          path: "/v1/things/{id}",
          aliases: [{ method: "PUT", path: "/things/{id}" }],
          summary: "Change a thing",
          description: "All of it.",
          tag: "things",
          access: needs("iam", "manage_things"),
          params: Type.Object({ id: Type.String({ format: "uuid", description: "Its id" }) }),
          query: Type.Object({ full: Type.Optional(Type.Boolean()), at: Type.Integer() }),
          body: Body,
          bodyExample: { name: "x" },
          responses: {
            200: { description: "Changed", schema: Body, example: { name: "x" } },
            409: { description: "Somebody else was faster" },
          },
          handler: () => noContent(),
        }),
        defineRoute({
          method: "GET",
          path: "/open",
          summary: "Open",
          tag: "open",
          access: PUBLIC,
          direct: true,
          responses: { 204: { description: "Nothing" } },
          handler: () => noContent(),
        }),
        defineRoute({
          method: "GET",
          path: "/hidden",
          hidden: true,
          summary: "Hidden",
          tag: "x",
          access: PUBLIC,
          responses: {},
          handler: () => noContent(),
        }),
      ],
      { version: "1.2.3", issuer: "https://a" },
    ),
  ),
);
const operation = document.paths["/v1/things/{id}"].patch;

test("the document names itself, its tags and how to prove who calls", () => {
  assert.equal(document.openapi, "3.1.0");
  assert.equal(document.info.version, "1.2.3");
  assert.deepEqual(document.tags, [{ name: "things" }, { name: "open" }]);
  assert.equal(document.components.securitySchemes.bearerAuth.scheme, "bearer");
  assert.deepEqual(Object.keys(document.paths), ["/v1/things/{id}", "/open"]);
});

test("schemas are those that validate", () => {
  assert.deepEqual(operation.requestBody.content["application/json"], {
    schema: {
      type: "object",
      required: ["name"],
      properties: { name: { type: "string", maxLength: 5 } },
      additionalProperties: false,
    },
    example: { name: "x" },
  });
  assert.deepEqual(
    operation.parameters.map((one: any) => [one.name, one.in, one.required]),
    [
      ["id", "path", true],
      ["full", "query", false],
      ["at", "query", true],
    ],
  );
  assert.equal(operation.parameters[0].description, "Its id");
});

test("protected routes say so, and what they need", () => {
  assert.deepEqual(operation.security, [{ bearerAuth: [] }, { apiKey: [] }]);
  assert.deepEqual(operation["x-callers"], ["user", "api_key"]);
  assert.equal(operation["x-key-scope"], "write");
  assert.equal(operation["x-permission"], "iam:manage_things");
  assert.deepEqual(operation["x-aliases"], ["PUT /things/{id}"]);
  assert.deepEqual(document.paths["/open"].get.security, []);
});

test("every failure is a problem", () => {
  assert.deepEqual(Object.keys(operation.responses).sort(), [
    "200",
    "400",
    "401",
    "403",
    "404",
    "408",
    "409",
    "413",
    "415",
    "422",
    "429",
    "500",
    "503",
  ]);
  assert.deepEqual(operation.responses["409"].content["application/problem+json"].schema, {
    $ref: "#/components/schemas/Problem",
  });
  assert.deepEqual(operation.responses["200"].content["application/json"].example, { name: "x" });
  assert.deepEqual(document.paths["/open"].get.responses["204"], { description: "Nothing" });
});

test("every reference leads somewhere, every operation has its own id", () => {
  const text = JSON.stringify(document);
  for (const [, path] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const target = path!.split("/").reduce((node: any, key) => node?.[key], document);
    assert.ok(target, path);
  }
  const ids = [...text.matchAll(/"operationId":"([^"]+)"/g)].map((match) => match[1]);
  assert.equal(new Set(ids).size, ids.length);
});
