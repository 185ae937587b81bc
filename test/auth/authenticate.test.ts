import assert from "node:assert/strict";
import { test } from "node:test";
import { tokenLabel } from "../../src/auth/token/digest.ts";
import { createRig, FOREIGN, foreignToken, freshToken, settle } from "./authenticate-rig.ts";

test("a token we know is answered with the same frozen value, and nobody is asked", async () => {
  const rig = createRig();
  const token = freshToken();
  const first = rig.authenticate(token);
  assert.ok(first instanceof Promise, "a cold token has to wait");
  const principal = await first;
  assert.ok(!("rejected" in principal));
  assert.equal(principal.email, "ada@test.example");
  assert.deepEqual(principal.permissions, { iam: ["read_self"] });
  const asked = { ...rig.counts };
  const again = rig.authenticate(token);
  assert.equal(again, principal, "a value, the same one");
  assert.deepEqual(rig.counts, asked);
  assert.throws(() => ((principal as { tenantId: string }).tenantId = "x"), TypeError);
  assert.throws(() => (principal.permissions.iam as string[]).push("all"), TypeError);
  assert.throws(() => (principal.amr as string[]).push("mfa"), TypeError);
});

test("the look-ups leave together, and only for a good signature", async () => {
  const rig = createRig();
  let verified: (isGood: boolean) => void = () => {};
  rig.faults.verify = () => new Promise((resolve) => (verified = resolve));
  const release = rig.hold();
  const outcome = rig.authenticate(freshToken());
  await settle();
  assert.deepEqual([rig.counts.sessions, rig.counts.roles], [0, 0]);
  verified(true);
  await settle();
  assert.deepEqual([rig.counts.sessions, rig.counts.roles], [1, 1], "neither waits for the other");
  release();
  assert.ok("userId" in (await outcome));
});

test("a revocation while a token is admitted keeps the old answer out of the cache", async () => {
  // The stale fill: the database was read before the commit, the cache is filled after the bump.
  const rig = createRig();
  const keys = [
    { kind: "session", id: "01890000-0000-7000-8000-000000000003" },
    {
      kind: "identity",
      issuer: "https://brigade.example",
      subject: "01890000-0000-7000-8000-000000000001",
    },
    { kind: "roles" },
    { kind: "global" },
  ] as const;
  for (const invalidated of keys) {
    rig.rows.session = { ...rig.rows.session!, sessionId: "01890000-0000-7000-8000-000000000003" };
    const live = rig.rows.session;
    const token = freshToken();
    const release = rig.hold();
    const early = rig.ask(token);
    await settle();
    rig.rows.session = undefined;
    rig.generations.bump(invalidated);
    const late = rig.ask(token);
    await settle();
    release();
    assert.equal(await early, "ok", "came before the revocation");
    assert.equal(await late, "token_invalid", "came after it, and joined the flight");
    assert.equal(await rig.ask(token), "token_invalid");
    rig.rows.session = live;
  }
});

test("a revocation while the signature is checked is seen, too", async () => {
  const rig = createRig();
  let verified: (isGood: boolean) => void = () => {};
  rig.faults.verify = () => new Promise((resolve) => (verified = resolve));
  const token = freshToken();
  const early = rig.authenticate(token);
  await settle();
  // An issuer's key is withdrawn: the verdict that is on its way is worth nothing to others.
  rig.generations.bump({ kind: "issuer", issuer: "https://brigade.example" });
  verified(true);
  assert.ok("userId" in (await early));
  rig.faults.verify = () => false;
  assert.equal(await rig.ask(token), "token_invalid", "verified anew");
});

test("one flight a token: many requests, one signature check, one look-up", async () => {
  const rig = createRig();
  const tokens = Array.from({ length: 10 }, () => freshToken());
  const release = rig.hold();
  const requests = Array.from({ length: 200 }, (_, i) => rig.ask(tokens[i % 10]!));
  await settle();
  release();
  for (const outcome of await Promise.all(requests)) assert.equal(outcome, "ok");
  assert.deepEqual(rig.counts, { verified: 10, sessions: 10, roles: 10, revokedTokens: 0 });
  assert.equal(rig.metric("brigade_auth_flights_joined_total"), 190);
});

test("a role change is looked up again, the signature is not checked again", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(await rig.ask(token), "ok");
  rig.rows.grants = { ...rig.rows.grants!, permissions: { iam: ["manage_users"] } };
  rig.generations.bump({ kind: "roles" });
  const principal = await rig.authenticate(token);
  assert.ok("userId" in principal);
  assert.deepEqual(principal.permissions, { iam: ["manage_users"] });
  assert.equal(rig.counts.verified, 1);
  assert.equal(rig.counts.roles, 2);
  assert.equal(rig.authenticate(token), principal, "cached again");
});

test("a refused token loses its entry: the next look at it starts from nothing", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(await rig.ask(token), "ok");
  rig.rows.session = undefined;
  rig.generations.bump({ kind: "session", id: "01890000-0000-7000-8000-000000000003" });
  assert.equal(await rig.ask(token), "token_invalid");
  assert.equal(rig.counts.verified, 1);
  assert.equal(await rig.ask(token), "token_invalid");
  assert.equal(rig.counts.verified, 2);
});

test("a withdrawn issuer key drops the signature verdict", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(await rig.ask(token), "ok");
  rig.generations.bump({ kind: "issuer", issuer: "https://brigade.example" });
  assert.equal(await rig.ask(token), "ok");
  assert.equal(rig.counts.verified, 2);
});

test("a foreign key that is withdrawn while its token is admitted leaves nothing in the cache", async () => {
  for (const step of ["verify", "look-up"] as const) {
    const rig = createRig();
    const token = foreignToken({ jti: `withdrawn-${step}` });
    const release = rig.hold();
    let verifiedBefore: () => void = () => {};
    if (step === "verify") {
      const { verify } = rig.faults;
      const gate = new Promise<void>((resolve) => (verifiedBefore = resolve));
      rig.faults.verify = async (task) => {
        await gate;
        return verify(task);
      };
    }
    const first = rig.ask(token);
    await settle();
    rig.generations.bump({ kind: "issuer", issuer: FOREIGN });
    verifiedBefore();
    release();
    await first;
    const { verified } = rig.counts;
    await rig.ask(token);
    assert.equal(rig.counts.verified, verified + 1, `${step}: its signature is checked again`);
  }
});

test("an entry ends with its token and with AUTH_CACHE_TTL", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(await rig.ask(token), "ok");
  rig.clock.advanceMs(301_000);
  rig.renew();
  assert.equal(await rig.ask(token), "ok");
  assert.equal(rig.counts.verified, 2, "past the TTL");
  rig.clock.advanceMs(1_500_000);
  rig.renew();
  assert.equal(await rig.ask(token), "token_expired");
});

test("a foreign token needs no session of ours, but its id may be revoked", async () => {
  const rig = createRig();
  rig.rows.session = undefined;
  const token = foreignToken();
  const principal = await rig.authenticate(token);
  assert.ok("userId" in principal);
  assert.equal(principal.issuer, "https://idp.example");
  assert.equal(principal.accountId, undefined);
  assert.deepEqual([rig.counts.sessions, rig.counts.revokedTokens], [0, 1]);
  rig.rows.isTokenRevoked = true;
  rig.generations.bump({ kind: "token", id: principal.tokenId! });
  assert.equal(await rig.ask(token), "token_invalid");
});

test("admissions are logged with a digest, and no part of a token is", async () => {
  const rig = createRig();
  const token = freshToken();
  await rig.ask(token);
  await rig.ask(`${token.slice(0, -4)}AAAA`);
  const admitted = rig.lines.find((line) => line["event"] === "token_admitted");
  assert.equal(admitted?.["token_digest"], tokenLabel(token));
  const refused = rig.lines.find((line) => line["event"] === "token_refused");
  assert.equal(refused?.["error_code"], "token_invalid");
  assert.equal(refused?.["reason"], "signature");
  for (const part of token.split(".")) {
    for (const text of rig.texts) assert.ok(!text.includes(part.slice(0, 24)));
  }
});

test("a role that ends keeps nobody in memory past its end", async () => {
  const rig = createRig();
  const token = freshToken();
  const grants = rig.rows.grants!;
  rig.rows.grants = { ...grants, until: rig.clock.nowSeconds() + 3 };
  assert.equal(await rig.ask(token), "ok");
  rig.clock.advanceMs(2_000);
  assert.equal(await rig.ask(token), "ok");
  assert.equal(rig.counts.roles, 1, "until then it is in memory");
  rig.rows.grants = { ...grants, permissions: {} };
  rig.clock.advanceMs(1_000);
  assert.equal(rig.known(token), undefined);
  const principal = await rig.authenticate(token);
  assert.deepEqual("permissions" in principal && principal.permissions, {});
  assert.equal(rig.counts.roles, 2);
});
