import assert from "node:assert/strict";
import { test } from "node:test";
import { noContent } from "../../src/http/reply.ts";
import { AUTHENTICATED, defineRoute } from "../../src/http/route.ts";
import { startPipeline } from "./fixture.ts";

const routes = [
  defineRoute({
    method: "PUT",
    path: "/p",
    summary: "s",
    tag: "t",
    access: AUTHENTICATED,
    responses: {},
    handler: () => noContent(),
  }),
];
const preflight = (origin: string) => ({
  headers: { origin, "access-control-request-method": "PUT", host: "a" },
});

test("a preflight of an allowed origin is answered without asking who it is", async () => {
  const { ask } = startPipeline({ routes });
  const { status, headers } = await ask("OPTIONS", "/p", preflight("http://localhost:3000"));
  assert.equal(status, 204);
  assert.equal(headers["access-control-allow-origin"], "http://localhost:3000");
  assert.equal(headers["access-control-allow-methods"], "OPTIONS, PUT");
  assert.match(headers["access-control-allow-headers"]!, /authorization.*content-type.*if-match/);
  assert.equal(headers["access-control-max-age"], "600");
  assert.equal(headers["access-control-allow-credentials"], undefined);
});

test("another origin learns nothing from a preflight", async () => {
  const { ask } = startPipeline({ routes });
  for (const origin of [
    "http://localhost:3001",
    "null",
    "http://localhost:3000.evil.example",
    "",
  ]) {
    const { headers } = await ask("OPTIONS", "/p", preflight(origin));
    assert.equal(headers["access-control-allow-origin"], undefined, origin);
    assert.equal(headers["access-control-allow-methods"], undefined, origin);
  }
});

test("a star allows every origin and never credentials", async () => {
  const { ask } = startPipeline({ routes, config: { corsOrigins: ["*"] } });
  const { headers } = await ask("OPTIONS", "/p", preflight("http://any.example"));
  assert.equal(headers["access-control-allow-origin"], "*");
  assert.equal(headers["access-control-allow-credentials"], undefined);
});

test("without origins no answer varies by origin", async () => {
  const { ask } = startPipeline({ routes, config: { corsOrigins: [] } });
  const { headers } = await ask("OPTIONS", "/p", preflight("http://localhost:3000"));
  assert.equal(headers["vary"], undefined);
  assert.equal(headers["access-control-allow-origin"], undefined);
});
