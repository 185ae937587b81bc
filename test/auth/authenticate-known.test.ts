import assert from "node:assert/strict";
import { test } from "node:test";
import { createRig, freshToken, LEASE_MS, settle } from "./authenticate-rig.ts";

const SESSION = { kind: "session", id: "01890000-0000-7000-8000-000000000003" } as const;

type Rig = ReturnType<typeof createRig>;

const LOOKUPS = ["first_level", "claims_only", "miss"] as const;
const lookups = (rig: Rig) =>
  Object.fromEntries(
    LOOKUPS.map((result) => [result, rig.metric("brigade_auth_cache_lookups_total", { result })]),
  );

/** As the pipeline asks: by memory first, then in earnest. */
function knownOrAuthenticated(rig: Rig, token: string) {
  return rig.known(token) ?? rig.authenticate(token);
}

test("memory alone knows whom authenticate let in, by the same value", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(rig.known(token), undefined);
  const principal = await rig.authenticate(token);
  assert.equal(rig.known(token), principal);
  assert.equal(rig.counts.sessions, 1);
});

test("memory alone does not know a revoked caller, nor anybody without the lease", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(await rig.ask(token), "ok");
  rig.clock.advanceMs(LEASE_MS);
  assert.equal(rig.known(token), undefined);
  assert.equal(rig.metric("brigade_auth_lease_out_total"), 1);
  rig.renew();
  assert.ok(rig.known(token));
  rig.generations.bump(SESSION);
  assert.equal(rig.known(token), undefined);
});

test("a request looks once: a miss, claims alone, and a hit count as one each", async () => {
  const rig = createRig();
  const token = freshToken();
  await knownOrAuthenticated(rig, token);
  assert.deepEqual(lookups(rig), { first_level: 0, claims_only: 0, miss: 1 });
  await knownOrAuthenticated(rig, token);
  assert.deepEqual(lookups(rig), { first_level: 1, claims_only: 0, miss: 1 });
  rig.generations.bump(SESSION);
  await knownOrAuthenticated(rig, token);
  assert.deepEqual(lookups(rig), { first_level: 1, claims_only: 1, miss: 1 });
  assert.equal(rig.counts.verified, 1);
  rig.clock.advanceMs(LEASE_MS);
  await knownOrAuthenticated(rig, token);
  assert.deepEqual(lookups(rig), { first_level: 2, claims_only: 1, miss: 1 });
  assert.equal(rig.metric("brigade_auth_lease_out_total"), 1);
});

test("what was missed of one token says nothing of another", async () => {
  const rig = createRig();
  const [one, two] = [freshToken(), freshToken()];
  assert.equal(await rig.ask(one), "ok");
  assert.equal(rig.known(two), undefined);
  const principal = rig.authenticate(one);
  assert.ok(!(principal instanceof Promise), "the hit is found");
  assert.equal(rig.counts.verified, 1);
});

test("what was missed counts for one call", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(rig.known(token), undefined);
  assert.deepEqual(await Promise.all([rig.ask(token), rig.ask(token)]), ["ok", "ok"]);
  assert.deepEqual(lookups(rig), { first_level: 0, claims_only: 0, miss: 2 });
});

test("a revocation between the two questions of a request is not undone", async () => {
  const rig = createRig();
  const token = freshToken();
  assert.equal(await rig.ask(token), "ok");
  rig.generations.bump({ kind: "roles" });
  assert.equal(rig.known(token), undefined);
  // Another thread: the row is gone, its word is bumped, and then this request goes on.
  rig.rows.session = undefined;
  rig.generations.bump(SESSION);
  assert.equal(await rig.ask(token), "token_invalid");
  // The other way round: read before it was gone, the answer is kept from those who come after.
  const other = createRig();
  assert.equal(await other.ask(token), "ok");
  other.generations.bump({ kind: "roles" });
  const release = other.hold();
  assert.equal(other.known(token), undefined);
  other.generations.bump(SESSION);
  const early = other.ask(token);
  await settle();
  other.rows.session = undefined;
  release();
  await early;
  assert.equal(await other.ask(token), "token_invalid");
});

test("what was missed is forgotten with the turn", async () => {
  // A caller that was refused for its rate never comes to authenticate; later somebody else asks
  // about its token.
  const rig = createRig();
  const token = freshToken();
  assert.equal(await rig.ask(token), "ok");
  rig.generations.bump({ kind: "roles" });
  assert.equal(rig.known(token), undefined);
  await settle();
  rig.generations.bump({ kind: "issuer", issuer: "https://brigade.example" });
  rig.faults.verify = () => false;
  assert.equal(await rig.ask(token), "token_invalid", "its key is withdrawn by now");
});
