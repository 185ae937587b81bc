import assert from "node:assert/strict";
import { test } from "node:test";
import { createForeignIssuer } from "../../src/auth/issuers/foreign.ts";
import type { ForeignKeys } from "../../src/auth/issuers/foreign-keys.ts";
import { toPublicJwk, toVerificationKey } from "../../src/auth/keys/material.ts";
import type { VerificationKey } from "../../src/auth/token/verify.ts";
import { DEFAULT_TENANT_ID } from "../../src/platform/ids.ts";
import { oidcIssuer, type OidcIssuerSettings } from "../../src/platform/issuer-settings.ts";
import { admissionLimits } from "../../src/platform/limits.ts";
import { verifyInline } from "../../src/auth/verify-pool.ts";
import { createRig } from "./authenticate-rig.ts";
import { goodHeader, makeKey, NOW, signToken, type TestKey } from "./token/token-factory.ts";

const ISSUER = "https://idp.example";
const known = makeKey("ES256", "known");
const fresh = makeKey("ES256", "fresh");
const grants = { userId: "u1", tenantId: DEFAULT_TENANT_ID, roles: {}, permissions: {} };

let serial = 0;
function tokenBy(key: TestKey, claims: Record<string, unknown> = {}, kid = key.kid): string {
  const header = { ...goodHeader(key), kid };
  const jti = `t${serial++}`;
  const times = { iat: NOW - 10, exp: NOW + 1_000 };
  return signToken(key, header, { iss: ISSUER, sub: "ada", aud: "api", jti, ...times, ...claims });
}

const importKey = ({ jwk, alg }: TestKey) => toVerificationKey(toPublicJwk(jwk, alg));

/** The admission with keys that a test gives and takes; everything behind the port is real. */
function openRig(settings: Partial<OidcIssuerSettings> = {}) {
  const held = new Map<string, VerificationKey>([["known", importKey(known)]]);
  const state = { isUsable: true, wanted: [] as string[], answer: () => Promise.resolve() };
  const keys: ForeignKeys = {
    find: (_issuer, kid, alg) => (held.get(kid)?.alg === alg ? held.get(kid) : undefined),
    isUsable: () => state.isUsable,
    want(_issuer, kid) {
      state.wanted.push(kid);
      return state.answer();
    },
  };
  const provisioned: unknown[] = [];
  const foreign = createForeignIssuer(
    oidcIssuer({ issuer: ISSUER, audiences: ["api"], algorithms: ["ES256"], ...settings }),
    keys,
  );
  const rig = createRig({
    foreign,
    async provision(caller) {
      provisioned.push(caller);
      rig.rows.grants = grants;
      return true;
    },
  });
  rig.rows.grants = grants;
  return { ...rig, held, state, provisioned };
}

test("a token under a known key is admitted, and nobody is asked for keys", async () => {
  const rig = openRig();
  assert.equal(await rig.ask(tokenBy(known)), "ok");
  assert.deepEqual(rig.state.wanted, []);
});

test("while no key set counts nobody is let in or refused", async () => {
  const rig = openRig();
  rig.state.isUsable = false;
  assert.equal(await rig.ask(tokenBy(known)), "unavailable");
  assert.equal(rig.counts.verified, 0);
});

test("the first token under a new key waits for the key set, and then is verified", async () => {
  const rig = openRig();
  let loaded!: () => void;
  rig.state.answer = () => new Promise((resolve) => (loaded = resolve));
  const token = tokenBy(fresh);
  const asked = [rig.ask(token), rig.ask(token)];
  assert.deepEqual(rig.state.wanted, ["fresh"], "one flight, one question");
  rig.held.set("fresh", importKey(fresh));
  loaded();
  assert.deepEqual(await Promise.all(asked), ["ok", "ok"]);
  assert.equal(rig.counts.verified, 1);
  // The name is trusted, the signature is somebody else's.
  assert.equal(await rig.ask(tokenBy(known, {}, "fresh")), "token_invalid");
});

test("a key that does not come up is refused like every other bad token", async () => {
  const rig = openRig();
  assert.equal(await rig.ask(tokenBy(fresh)), "token_invalid");
  rig.state.answer = () => undefined as never;
  assert.equal(await rig.ask(tokenBy(fresh)), "token_invalid");
  assert.equal(rig.counts.verified, 0);
});

test("only a token that is good but for its key is worth a question", async () => {
  const rig = openRig();
  for (const claims of [
    { aud: "other" },
    { exp: NOW - 1 },
    { sub: undefined },
    { cnf: {} },
    { iss: "https://evil.example" },
  ]) {
    assert.equal(await rig.ask(tokenBy(fresh, claims)), "token_invalid", JSON.stringify(claims));
  }
  assert.deepEqual(rig.state.wanted, []);
});

test("a network that invents key names is soon not waited for, and others still are", async () => {
  const rig = openRig();
  const inventor = "198.51.100.7";
  const max = admissionLimits.badSignaturesMax;
  for (let n = 0; n < max + 20; n++) {
    assert.equal(await rig.ask(tokenBy(fresh, {}, `invented-${n}`), inventor), "token_invalid");
  }
  assert.equal(rig.state.wanted.length, max);
  // Its good tokens count as before, and it may verify: it sent no bad signature.
  assert.equal(await rig.ask(tokenBy(known), inventor), "ok");
  rig.held.set("fresh", importKey(fresh));
  assert.equal(await rig.ask(tokenBy(fresh), inventor), "ok");
  await rig.ask(tokenBy(fresh, {}, "another"), "203.0.113.9");
  assert.equal(rig.state.wanted.length, max + 1);
});

test("a key that is withdrawn while its token is verified leaves nothing behind", async () => {
  const rig = openRig();
  const token = tokenBy(known);
  rig.faults.verify = (task) => {
    rig.held.delete("known");
    rig.generations.bump({ kind: "issuer", issuer: ISSUER });
    return verifyInline(task);
  };
  await rig.ask(token);
  rig.faults.verify = verifyInline;
  assert.equal(await rig.ask(token), "token_invalid");
});

test("somebody whom IAM does not know is made a user where the settings say so, else not", async () => {
  const deny = openRig();
  deny.rows.grants = undefined;
  assert.equal(await deny.ask(tokenBy(known)), "principal_unknown");
  assert.deepEqual(deny.provisioned, []);
  const create = openRig({ provision: "create" });
  create.rows.grants = undefined;
  assert.equal(await create.ask(tokenBy(known)), "ok");
  const caller = { issuer: ISSUER, subject: "ada", tenantId: DEFAULT_TENANT_ID };
  assert.deepEqual(create.provisioned, [caller]);
  // Nobody is made of a token that was taken back.
  create.rows.grants = undefined;
  create.rows.isTokenRevoked = true;
  assert.equal(await create.ask(tokenBy(known)), "token_invalid");
  assert.equal(create.provisioned.length, 1);
});

test("a principal of a foreign issuer has its groups and no session of ours", async () => {
  const rig = openRig();
  const token = tokenBy(known, { groups: ["chefs"], sid: "their-session", client_id: "ada" });
  const principal = await rig.authenticate(token);
  assert.ok(!("rejected" in principal));
  assert.deepEqual(principal.groups, ["chefs"]);
  assert.equal(principal.sessionId, undefined);
  assert.equal(principal.accountId, undefined);
  assert.equal(principal.kind, "machine", "who got a token for itself");
  assert.ok(Object.isFrozen(principal.groups));
});

test("a lost look-up is no refusal, and costs no user", async () => {
  const rig = openRig({ provision: "create" });
  rig.rows.failure = new Error("away");
  assert.equal(await rig.ask(tokenBy(known)), "unavailable");
  assert.deepEqual(rig.provisioned, []);
});
