import assert from "node:assert/strict";
import { test } from "node:test";
import {
  normaliseEmail,
  readName,
  readUsername,
  toIdentifier,
} from "../../../src/auth/accounts/identifiers.ts";

test("an address is trimmed, composed and folded to lower case", () => {
  assert.equal(normaliseEmail("  Ana.Souza@Example.COM "), "ana.souza@example.com");
  assert.equal(normaliseEmail("cafe\u0301@example.com"), "caf\u00e9@example.com");
  assert.equal(normaliseEmail("\u212aelvin@example.com"), "kelvin@example.com");
});

test("what people use as an address is taken", () => {
  for (const email of [
    "walter@example.com",
    "o'hara@example.ie",
    "ana+menu@sub.example.com.br",
    "a@b.co",
    "user_name-1@xn--caf-dma.example",
    "joão@exemplo.com.br",
    "a@münchen.example",
  ]) {
    assert.equal(normaliseEmail(email), email, email);
  }
});

test("what is no address is refused", () => {
  for (const email of [
    "",
    "ana",
    "@example.com",
    "ana@",
    "ana@example",
    "ana@@example.com",
    "ana@exa mple.com",
    "ana @example.com",
    "ana@.example.com",
    "ana@example..com",
    "ana@example.c",
    "ana@-example.com",
    "ana@example.com.",
    "a,b@example.com",
    "<ana@example.com>",
    "ana\r\nbcc:x@example.com",
    "ana\u0000@example.com",
    `${"a".repeat(65)}@example.com`,
    `a@${"b".repeat(250)}.com`,
    "ana@example.com, bob@example.com",
  ]) {
    assert.equal(normaliseEmail(email), undefined, JSON.stringify(email));
  }
});

test("user names have 3 to 32 plain characters and never an @", () => {
  for (const good of ["ana", "Ana.Souza", "a-1", "x_y_z", "0".repeat(32)]) {
    assert.equal(readUsername(good), good);
  }
  assert.equal(readUsername(" ana "), "ana");
  for (const bad of ["an", "0".repeat(33), ".ana", "ana.", "a na", "ana@x", "aña", "a\nb", "аna"]) {
    assert.equal(readUsername(bad), undefined, JSON.stringify(bad));
  }
});

test("names are kept as written; control characters are not", () => {
  assert.equal(readName("  Ana  D'Ávila <3 "), "Ana  D'Ávila <3");
  for (const bad of ["", "   ", "a\u0000b", "a\nb", "a\u001bb", "x".repeat(121), "\ud800"]) {
    assert.equal(readName(bad), undefined, JSON.stringify(bad));
  }
  assert.equal(readName("🍚".repeat(120)), "🍚".repeat(120));
});

test("what is typed at login is an address if it has an @, else a user name", () => {
  assert.deepEqual(toIdentifier(" Ana@Example.com "), { email: "ana@example.com" });
  assert.deepEqual(toIdentifier("Ana"), { username: "ana" });
});

test("what is typed at a login is composed and folded as it was when it was stored", () => {
  for (const typed of ["cafe\u0301@Example.com", " caf\u00e9@example.com "]) {
    assert.deepEqual(toIdentifier(typed), { email: normaliseEmail("caf\u00e9@example.com") });
  }
});
