import assert from "node:assert/strict";
import { test } from "node:test";
import { createRouter } from "../../src/http/router.ts";

const router = createRouter([
  { method: "GET", path: "/v1/products", target: "list" },
  { method: "POST", path: "/v1/products", target: "create" },
  { method: "GET", path: "/v1/products/sources", target: "sources" },
  { method: "GET", path: "/v1/products/{id}", target: "one" },
  { method: "DELETE", path: "/v1/products/{id}", target: "remove" },
  { method: "PUT", path: "/v1/{kind}/{id}/votes", target: "votes" },
  { method: "GET", path: "/", target: "root" },
]);

test("a fixed path is found with and without its trailing slash", () => {
  assert.equal(router.fixed("/v1/products")?.targets.GET, "list");
  assert.equal(router.fixed("/v1/products/")?.targets.POST, "create");
  assert.equal(router.fixed("/")?.targets.GET, "root");
  assert.equal(router.fixed("/v1/products//"), undefined);
});

test("a fixed segment goes before a parameter, also for a method it does not know", () => {
  assert.equal(router.match("/v1/products/sources")?.place.targets.GET, "sources");
  assert.equal(router.match("/v1/products/sources")?.place.targets.DELETE, undefined);
  assert.deepEqual(router.match("/v1/products/7")?.values, ["7"]);
});

test("a branch that leads nowhere is left again, and its values with it", () => {
  const match = router.match("/v1/products/7/votes/");
  assert.equal(match?.place.targets.PUT, "votes");
  assert.deepEqual(match?.values, ["products", "7"]);
});

test("empty segments and unknown paths match nothing", () => {
  for (const path of ["/v1//7", "/v1/products/7/", "/v2", "/v1/products/7/x", "//"]) {
    const expected = path === "/v1/products/7/" ? "one" : undefined;
    assert.equal(router.match(path)?.place.targets.GET, expected, path);
  }
});

test("Allow lists the methods of the place, with HEAD beside GET and OPTIONS always", () => {
  assert.equal(router.match("/v1/products/7")?.place.allow, "DELETE, GET, HEAD, OPTIONS");
  assert.equal(router.match("/v1/x/7/votes")?.place.allow, "OPTIONS, PUT");
});

test("two routes on one method and path do not start", () => {
  const twice = [
    { method: "GET", path: "/a/{x}", target: 1 },
    { method: "GET", path: "/a/{y}", target: 2 },
  ] as const;
  assert.throws(() => createRouter(twice), /two routes claim GET/);
  assert.throws(
    () => createRouter([{ method: "GET", path: "a", target: 1 }]),
    /begin with a slash/,
  );
  assert.throws(() => createRouter([{ method: "GET", path: "/a b", target: 1 }]), /cannot match/);
});
