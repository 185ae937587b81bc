import assert from "node:assert/strict";
import { test } from "node:test";
import { createIssuerRegistry } from "../../../src/auth/issuers/registry.ts";
import { makeIssuer, makeKey, OWN } from "../token/token-factory.ts";

const key = makeKey("EdDSA", "ed-1");
const own = makeIssuer([key]);
const other = makeIssuer([key], "https://other.example");

test("an issuer is found by its exact name and by nothing else", () => {
  const registry = createIssuerRegistry([own, other]);
  assert.equal(registry.find(OWN), own);
  assert.equal(registry.find("https://other.example"), other);
  for (const name of [
    `${OWN}/`,
    OWN.toUpperCase(),
    "",
    undefined,
    null,
    1,
    [OWN],
    { toString: () => OWN },
  ]) {
    assert.equal(registry.find(name), undefined);
  }
  assert.deepEqual(registry.all(), [own, other]);
});

test("two issuers of one name stop the start", () => {
  assert.throws(() => createIssuerRegistry([own, makeIssuer([key])]), /one name/);
});
