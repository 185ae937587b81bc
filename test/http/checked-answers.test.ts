import assert from "node:assert/strict";
import { test } from "node:test";
import { toOpenApi } from "../../src/http/openapi.ts";
import { json, noContent, text, type Reply } from "../../src/http/reply.ts";
import { defineRoute, PUBLIC, type ResponseDoc, type Route } from "../../src/http/route.ts";
import { closed, Type } from "../../src/http/schema.ts";
import { platformErrors } from "../../src/platform/errors.ts";
import { startPipeline } from "./fixture.ts";

const schema = closed({ name: Type.String({ maxLength: 3 }), at: Type.Optional(Type.Integer()) });

function routeOf(path: string, doc: Record<number, ResponseDoc>, handler: () => Reply): Route {
  const rest = { summary: "A thing", tag: "things", access: PUBLIC, responses: doc, handler };
  return defineRoute({ method: "GET", path, ...rest });
}

const thing = { 200: { description: "A thing", schema } };
const page = { 200: { description: "A page", contentType: "text/html", jsonSchema: schema } };
const routes = [
  routeOf("/good", thing, () => json(200, { name: "é🍚x", at: 1 })),
  routeOf("/long", thing, () => json(200, { name: "long" })),
  routeOf("/untyped", thing, () => json(200, { name: 7 })),
  routeOf("/missing", thing, () => json(200, {})),
  routeOf("/extra", thing, () => json(200, { name: "x", secret: "y" })),
  routeOf("/null", thing, () => json(200, { name: "x", at: NaN })),
  routeOf("/bytes", thing, () => text(200, Buffer.from('{"name":"long"}'), "application/json")),
  routeOf("/other-status", thing, () => json(201, { name: "x" })),
  routeOf("/other-type", thing, () => text(200, "x", "text/plain")),
  routeOf("/empty", thing, () => noContent()),
  routeOf("/failure", thing, () => {
    throw platformErrors.failure("version_conflict");
  }),
  routeOf("/unavailable", thing, () => {
    throw platformErrors.failure("unavailable");
  }),
  routeOf("/bare", { 204: { description: "Nothing" } }, () => noContent()),
  routeOf("/full", { 204: { description: "Nothing" } }, () => json(204, {})),
  routeOf("/page", page, () => text(200, "<p>", "text/html; charset=utf-8")),
  routeOf("/page-as-json", page, () => json(200, { name: "x" })),
  routeOf("/page-as-text", page, () => text(200, "x", "text/plain")),
];
const statuses = async (environment: "test" | "production" | "development") => {
  const { ask, lines } = startPipeline({ routes, config: { environment } });
  const asked = routes.map(async ({ path }) => [path, (await ask("GET", path)).status] as const);
  return { found: Object.fromEntries(await Promise.all(asked)), lines };
};

test("in tests an answer that is not as the document says is an error of ours", async () => {
  const { found, lines } = await statuses("test");
  assert.deepEqual(found, {
    "/good": 200,
    "/long": 500,
    "/untyped": 500,
    "/missing": 500,
    "/extra": 500,
    "/null": 500,
    "/bytes": 500,
    "/other-status": 500,
    "/other-type": 500,
    "/empty": 500,
    "/failure": 500,
    "/unavailable": 503,
    "/bare": 204,
    "/full": 500,
    "/page": 200,
    "/page-as-json": 200,
    "/page-as-text": 500,
  });
  const { error } = lines.find(({ route }) => route === "GET /untyped")!;
  assert.equal(error.message, "GET /untyped, the answer 200: /name must be string");
});

for (const environment of ["development", "production"] as const) {
  test(`in ${environment} every answer goes out as it is`, async () => {
    const { found } = await statuses(environment);
    assert.equal(found["/untyped"], 200);
    assert.equal(found["/other-status"], 201);
    assert.equal(found["/failure"], 409);
  });
}

test("a route that is not in the document, and a path without one, are answered as ever", async () => {
  const hidden = { ...routeOf("/hidden", {}, () => json(200, 1)), hidden: true };
  const { ask } = startPipeline({ routes: [hidden], config: { environment: "test" } });
  assert.equal((await ask("GET", "/hidden")).status, 200);
  assert.equal((await ask("GET", "/nowhere")).status, 404);
  assert.equal((await ask("POST", "/hidden")).status, 405);
});

test("the document names both media types of an answer", () => {
  const document: any = toOpenApi(routes, { version: "1", issuer: "x" });
  const { content } = document.paths["/page"].get.responses["200"];
  assert.deepEqual(Object.keys(content), ["text/html", "application/json"]);
  assert.deepEqual(content["application/json"].schema, schema);
});
