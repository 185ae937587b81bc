import assert from "node:assert/strict";
import { test } from "node:test";
import { Type } from "typebox";
import { json, noContent, text, type Reply } from "../../src/http/reply.ts";
import { AUTHENTICATED, defineRoute, needs, PUBLIC } from "../../src/http/route.ts";
import { platformErrors } from "../../src/platform/errors.ts";
import { requestScope } from "../../src/platform/log.ts";
import { answerOf, rawRequest, startPipeline } from "./fixture.ts";

const common = { summary: "s", tag: "t", responses: {} } as const;
const routes = [
  defineRoute({
    ...common,
    method: "GET",
    path: "/open",
    access: PUBLIC,
    handler: () => json(200, { ok: true }),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/me",
    access: AUTHENTICATED,
    direct: true,
    handler: ({ principal }) => json(200, { user_id: principal.userId }),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/support",
    access: needs("iam", "access_support"),
    handler: () => noContent(),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/machines",
    access: { kind: "authenticated", kinds: ["machine"] },
    handler: () => noContent(),
  }),
  defineRoute({
    ...common,
    method: "PATCH",
    path: "/things/{thing_id}",
    aliases: [{ method: "PUT", path: "/thing/{thing_id}" }],
    access: AUTHENTICATED,
    params: Type.Object({ thing_id: Type.String({ format: "uuid" }) }),
    body: Type.Object({ name: Type.String() }, { additionalProperties: false }),
    bodyBytesMax: 100,
    handler: async ({ params, body }) => json(200, { id: params.thing_id, name: body.name }),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/throws",
    access: PUBLIC,
    handler: () => {
      throw new Error("SELECT secret FROM users");
    },
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/rejects",
    access: PUBLIC,
    handler: () =>
      Promise.reject(
        platformErrors.failure("version_conflict", { note: "row 7", detail: "Read it again." }),
      ),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/away",
    access: PUBLIC,
    handler: async () => {
      throw platformErrors.failure("unavailable", { headers: { "Retry-After": "7" } });
    },
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/injects",
    access: PUBLIC,
    handler: ({ header }) =>
      json(200, {}, { "x-echo": header === undefined ? "" : "a\r\nx-injected: 1" }),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/cyclic",
    access: PUBLIC,
    handler: () => {
      const body: Record<string, unknown> = {};
      body["self"] = body;
      return json(200, body);
    },
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/hangs",
    access: PUBLIC,
    deadlineMs: 20,
    handler: ({ signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(new Error("late"))),
      ),
  }),
  defineRoute({
    ...common,
    method: "GET",
    path: "/scope",
    access: PUBLIC,
    handler: async ({ id, traceparent }) => {
      await Promise.resolve();
      return json(200, { scope: requestScope.getStore()?.requestId, id, traceparent });
    },
  }),
];
const { ask, lines, pipeline } = startPipeline({ routes });
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const ID = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

test("a problem has every member of the one error body, in one order", async () => {
  const { status, headers, json: body } = await ask("GET", "/nowhere?");
  assert.equal(status, 404);
  assert.equal(headers["content-type"], "application/problem+json");
  assert.deepEqual(Object.keys(body), [
    "type",
    "title",
    "status",
    "detail",
    "instance",
    "error_code",
    "request_id",
    "timestamp",
  ]);
  assert.equal(body.error_code, "not_found");
  assert.equal(body.instance, "/nowhere");
  assert.equal(body.request_id, headers["x-request-id"]);
  assert.ok(Math.abs(Date.parse(body.timestamp) - Date.now()) < 60_000);
});

test("nobody gets in without a token that is good", async () => {
  for (const headers of [
    {},
    { authorization: "" },
    { authorization: "Bearer" },
    { authorization: "Basic dXNlcjpwdw==" },
    { authorization: "user-ann" },
  ]) {
    const { status, headers: answered, json: body } = await ask("GET", "/me", { headers });
    assert.equal(status, 401);
    assert.equal(body.error_code, "authentication_required");
    assert.equal(answered["www-authenticate"], "Bearer");
  }
  const expired = await ask("GET", "/me", bearer("expired"));
  assert.equal(expired.json.error_code, "token_expired");
  assert.equal(expired.headers["www-authenticate"], 'Bearer error="invalid_token"');
});

test("the scheme is read in any case", async () => {
  for (const scheme of ["Bearer", "bearer", "BEARER"]) {
    const { json: body } = await ask("GET", "/me", {
      headers: { authorization: `${scheme} user-ann` },
    });
    assert.deepEqual(body, { user_id: "ann" });
  }
});

test("every refused token gets the same bytes but for time, instance and request id", async () => {
  const shapes = new Set<string>();
  for (const token of ["a", "b.c.d", "x".repeat(20_000), "user", " user-ann", "..", "\u00e9"]) {
    const { status, headers, json: body } = await ask("GET", "/me", bearer(token));
    const { instance, request_id: id, timestamp, ...rest } = body;
    assert.ok(instance && id && timestamp);
    delete headers["x-request-id"];
    shapes.add(JSON.stringify([status, headers, rest]));
  }
  assert.equal(shapes.size, 1);
  assert.match([...shapes][0]!, /401.*invalid_token.*token_invalid/);
});

test("a caller without the permission, or of another kind, is refused", async () => {
  assert.equal(
    (await ask("GET", "/support", bearer("user-ann"))).json.error_code,
    "permission_denied",
  );
  assert.equal((await ask("GET", "/support", bearer("user-ann"))).status, 403);
  assert.equal((await ask("GET", "/support", bearer("admin-eve"))).status, 204);
  assert.equal((await ask("GET", "/machines", bearer("admin-eve"))).status, 403);
  assert.equal((await ask("GET", "/support", bearer("slow-ann"))).status, 403);
});

test("HEAD is GET without the body, OPTIONS is never asked who it is", async () => {
  const head = await pipeline.run(rawRequest("HEAD", "/me", bearer("user-ann")));
  assert.deepEqual([head.status, head.headOnly, head.body], [200, true, '{"user_id":"ann"}']);
  assert.equal((await ask("HEAD", "/me")).status, 401);
  const options = await ask("OPTIONS", "/things/x");
  assert.deepEqual(
    [options.status, options.headers["allow"], options.text],
    [204, "OPTIONS, PATCH", ""],
  );
});

test("a known path with another method names those it knows", async () => {
  const { status, headers, json: body } = await ask("DELETE", "/me/");
  assert.deepEqual(
    [status, headers["allow"], body.error_code],
    [405, "GET, HEAD, OPTIONS", "method_not_allowed"],
  );
});

test("both slash forms and the alias lead to one handler", async () => {
  const more = { ...bearer("user-ann"), body: '{"name":"n"}' };
  for (const [method, path] of [
    ["PATCH", "/things/"],
    ["PATCH", "/things/"],
    ["PUT", "/thing/"],
  ] as const) {
    for (const end of ["", "/"]) {
      const { status, json: body } = await ask(
        method,
        `${path}${ID.replaceAll("-", "").toUpperCase()}${end}`,
        more,
      );
      assert.deepEqual([status, body], [200, { id: ID, name: "n" }], `${method} ${path}${end}`);
    }
  }
});

test("bodies: malformed 400, wrong type 415, too large 413, against the schema 422", async () => {
  const patch = (body: string, headers: Record<string, string> = {}) =>
    ask("PATCH", `/things/${ID}`, {
      headers: { authorization: "Bearer user-ann", ...headers },
      body,
    });
  const codes = {
    malformed: await patch("{"),
    twice: await patch('{"name":"a","name":"b"}'),
    type: await patch("{}", { "content-type": "text/plain" }),
    large: await patch(JSON.stringify({ name: "x".repeat(100) })),
    schema: await patch('{"name":7,"admin":true}'),
    none: await ask("PATCH", `/things/${ID}`, {
      headers: { authorization: "Bearer user-ann", "content-type": "application/json" },
    }),
  };
  assert.deepEqual(
    Object.values(codes).map(({ status, json: body }) => [status, body.error_code]),
    [
      [400, "malformed_request"],
      [400, "malformed_request"],
      [415, "unsupported_media_type"],
      [413, "payload_too_large"],
      [422, "validation_failed"],
      [400, "malformed_request"],
    ],
  );
  assert.deepEqual(codes.schema.json.errors.map((fault: any) => fault.path).sort(), [
    "/body/admin",
    "/body/name",
  ]);
});

test("who may not call is told so before a body is looked at", async () => {
  const { status } = await ask("PATCH", "/things/nonsense?x=1", {
    body: "{",
    headers: { "content-type": "x/y" },
  });
  assert.equal(status, 401);
});

test("an error nobody foresaw is a bare 500, its reason is in the log", async () => {
  const { status, text, json: body } = await ask("GET", "/throws");
  assert.equal(status, 500);
  assert.equal(body.error_code, "internal");
  assert.ok(!/SELECT|secret|\.ts|at /.test(text), text);
  const line = lines.find(({ error, request_id }) => request_id === body.request_id && error);
  assert.match(line?.["error"].message, /SELECT secret/);
  assert.equal(line?.["level"], "error");
});

test("a failure keeps its status, code and detail, and its note to itself", async () => {
  const { status, text, json: body } = await ask("GET", "/rejects");
  assert.deepEqual(
    [status, body.error_code, body.detail],
    [409, "version_conflict", "Read it again."],
  );
  assert.ok(!text.includes("row 7"));
});

test("a 503 says when to come back", async () => {
  assert.equal((await ask("GET", "/away")).headers["retry-after"], "7");
  assert.equal((await ask("GET", "/hangs")).headers["retry-after"], "1");
});

test("a header that would split the answer, and a body that is no JSON, are our fault: 500", async () => {
  for (const path of ["/injects", "/cyclic"]) {
    const wire = await pipeline.run(rawRequest("GET", path));
    assert.equal(wire.status, 500);
    assert.ok(!wire.head.includes("x-injected"));
  }
});

test("a text made for one answer is not kept by what its handler returned; any other is", async () => {
  const shared = text(200, "shared", "text/plain");
  const made = [text(200, "first", "text/plain"), text(200, "second", "text/plain")];
  const passing: Reply[] = made.map((reply) => ({ ...reply, once: true }));
  const route = (path: string, handler: () => Promise<Reply>) =>
    defineRoute({ ...common, method: "GET", path, access: PUBLIC, handler });
  let next = 0;
  const answers = startPipeline({
    routes: [route("/shared", async () => shared), route("/passing", async () => passing[next++]!)],
  });
  const bodies = [];
  for (const path of ["/shared", "/shared", "/passing", "/passing"]) {
    bodies.push((await answers.ask("GET", path)).text);
  }
  assert.deepEqual(bodies, ["shared", "shared", "first", "second"]);
  assert.equal(shared.raw, "shared");
  assert.deepEqual(
    passing.map(({ raw }) => raw),
    ["", ""],
  );
});

test("a handler past its deadline is answered for, and told", async () => {
  const { status, json: body } = await ask("GET", "/hangs");
  assert.deepEqual([status, body.error_code], [503, "unavailable"]);
  assert.equal(pipeline.inFlight(), 0);
});

test("a body that does not come in time is a 408", async () => {
  const slow = startPipeline({
    routes: [
      defineRoute({
        ...common,
        method: "POST",
        path: "/p",
        access: PUBLIC,
        deadlineMs: 20,
        body: Type.Object({}),
        handler: () => noContent(),
      }),
    ],
  });
  const { status, json: body } = await slow.ask("POST", "/p", { body: new Promise(() => {}) });
  assert.deepEqual([status, body.error_code], [408, "request_timeout"]);
});

test("when the client goes, the handler is told and nothing stays behind", async () => {
  const raw = rawRequest("GET", "/hangs");
  const wire = pipeline.run(raw);
  assert.equal(pipeline.inFlight(), 1);
  raw.onAbort!();
  await wire;
  assert.equal(pipeline.inFlight(), 0);
});

test("the caller's ids come back, ours are made when they are not fit", async () => {
  const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const given = await ask("GET", "/scope", {
    headers: { "x-request-id": "my-1", "x-correlation-id": "c-2", traceparent: trace },
  });
  assert.deepEqual(
    [given.headers["x-request-id"], given.headers["x-correlation-id"]],
    ["my-1", "c-2"],
  );
  assert.match(given.headers["traceparent"]!, /^00-4bf92f3577b34da6a3ce929d0e0e4736-/);
  assert.equal(given.json.traceparent, given.headers["traceparent"]);
  assert.deepEqual([given.json.id, given.json.scope], ["my-1", "my-1"]);
  const correlated = await ask("GET", "/scope", { headers: { "x-correlation-id": "c-2" } });
  assert.equal(correlated.headers["x-request-id"], "c-2");
  const forged = await ask("GET", "/scope", { headers: { "x-request-id": 'a"b' } });
  assert.match(forged.headers["x-request-id"]!, /^[0-9a-f-]{36}$/);
});

test("hosts that are not served are refused, but health answers to any name", async () => {
  const hosted = startPipeline({
    config: { allowedHosts: ["api.example"] },
    routes: [
      ...routes,
      defineRoute({
        ...common,
        tag: "health",
        method: "GET",
        path: "/health",
        access: PUBLIC,
        handler: () => noContent(),
      }),
    ],
  });
  const codeAt = async (method: string, path: string, host: string) => {
    const answer = await hosted.ask(method, path, { headers: { host } });
    return answer.json?.error_code ?? answer.status;
  };
  assert.equal(await codeAt("GET", "/open", "evil.example"), "host_invalid");
  assert.equal(await codeAt("OPTIONS", "/open", "evil.example"), "host_invalid");
  assert.equal(await codeAt("GET", "/nowhere", "evil.example"), "host_invalid");
  assert.equal(await codeAt("GET", "/open", "api.example:8000"), 200);
  assert.equal(await codeAt("GET", "/health", "evil.example"), 204);
});

test("a target that breaks the rules is a problem, not a route", async () => {
  for (const target of [
    "/a\\b",
    "/things/%2e%2e",
    `/${"a".repeat(3_000)}`,
    "/open?a=\\",
    "/things/%00",
    "/open?q=%",
  ]) {
    const { status } = await ask("GET", target);
    assert.ok(status === 400 || status === 414, `${target.slice(0, 20)} ${status}`);
  }
});

test("a request scope is entered only where something is awaited in it", async () => {
  let inside: unknown = "unset";
  const direct = startPipeline({
    routes: [
      defineRoute({
        ...common,
        method: "GET",
        path: "/d",
        access: PUBLIC,
        direct: true,
        handler: ({ log }) => {
          inside = requestScope.getStore();
          log.info("hello");
          return noContent();
        },
      }),
    ],
  });
  const answer = await direct.ask("GET", "/d", { headers: { "x-request-id": "rid" } });
  assert.equal(answer.status, 204);
  assert.equal(inside, undefined);
  assert.equal(direct.lines.find(({ message }) => message === "hello")?.["request_id"], "rid");
});

test("a synchronous answer makes no promise", () => {
  const wire = pipeline.run(rawRequest("GET", "/me", bearer("user-ann")));
  assert.ok(!(wire instanceof Promise));
});

test("an answer to a script carries what its origin may read", async () => {
  const allowed = await ask("GET", "/open", { headers: { origin: "http://localhost:3000" } });
  assert.equal(allowed.headers["access-control-allow-origin"], "http://localhost:3000");
  assert.equal(allowed.headers["vary"], "origin");
  const failed = await ask("GET", "/me", { headers: { origin: "http://localhost:3000" } });
  assert.equal(failed.headers["access-control-allow-origin"], "http://localhost:3000");
  const foreign = await answerOf(
    pipeline.run(rawRequest("GET", "/open", { headers: { origin: "http://evil.example" } })),
  );
  assert.equal(foreign.headers["access-control-allow-origin"], undefined);
});

test("what is frozen is serialised once, what is not each time", async () => {
  let count = 0;
  const counting = { toJSON: () => (count += 1) };
  const frozen = Object.freeze({ status: 200, body: { counting }, headers: { "x-a": "1" } });
  const loose = { counting };
  const kept = startPipeline({
    routes: [
      defineRoute({
        ...common,
        method: "GET",
        path: "/frozen",
        access: PUBLIC,
        handler: () => frozen,
      }),
      defineRoute({
        ...common,
        method: "GET",
        path: "/loose",
        access: PUBLIC,
        handler: () => json(200, loose),
      }),
    ],
  });
  const texts = [];
  for (const path of ["/frozen", "/frozen", "/loose", "/loose"]) {
    texts.push((await kept.ask("GET", path)).text);
  }
  assert.deepEqual(texts, ['{"counting":1}', '{"counting":1}', '{"counting":2}', '{"counting":3}']);
  assert.equal((await kept.ask("GET", "/frozen")).headers["x-a"], "1");
});
