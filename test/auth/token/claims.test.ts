import assert from "node:assert/strict";
import { test } from "node:test";
import { validateClaims, type Claims } from "../../../src/auth/token/claims.ts";
import { isTokenFault } from "../../../src/auth/token/fault.ts";
import {
  createJudge,
  goodClaims,
  goodHeader,
  makeIssuer,
  makeKey,
  NOW,
  OWN,
  signToken,
} from "./token-factory.ts";

const key = makeKey("EdDSA", "ed-1");
const issuer = makeIssuer([key]);
const judge = createJudge(issuer);
const signed = (payload: unknown) => signToken(key, goodHeader(key), payload);
const judged = (changes: Record<string, unknown>) => judge(signed({ ...goodClaims(), ...changes }));
/** Claims with a number that `JSON.stringify` cannot write. */
const judgedText = (name: string, number: string) => {
  const { [name]: _, ...rest } = goodClaims();
  return judge(signed(`{"${name}":${number},${JSON.stringify(rest).slice(1)}`));
};
const TYPES = ["1800001000", null, true, [], {}, "2027-01-15T08:00:00Z", ""];

type Case = readonly [number, string, readonly unknown[], string];

const ISSUERS = [
  `${OWN}/`,
  "https://BRIGADE.example",
  "http://brigade.example",
  `${OWN}:443`,
  "https://a@brigade.example",
  `${OWN}.attacker.example`,
  `x${OWN}`,
  ` ${OWN}`,
  `${OWN}\0`,
  "https://brigаde.example",
  "https://brigade%2Eexample",
  "https://unlisted.example",
  "",
  "brigade.example",
];
const AUDIENCES = [
  undefined,
  "https://wrong.example",
  OWN.toUpperCase(),
  `${OWN}/x`,
  OWN.slice(0, -1),
  ["https://wrong.example"],
  [],
  [1, 2],
  [[OWN]],
  { 0: OWN },
  null,
  1,
  "",
  "*",
  `${OWN} https://a.example`,
  [OWN, 1],
];
const NAMES = [undefined, "", 1, [], {}, null, "x".repeat(300), "a\0b", "a\r\nb", "\u0085"];

const cases: Record<string, Case[]> = {
  exp: [
    [94, "missing", [undefined], "exp"],
    [95, "zero or negative", [0, -1, -1e9], "exp"],
    [95, "past", [NOW - 1, NOW, NOW - 0.5, NOW + 0.5], "expired"],
    [96, "of a wrong type", TYPES, "exp"],
    [97, "above 2^53", [2 ** 53 + 2, 1e300], "exp"],
    [97, "in milliseconds", [(NOW + 600) * 1000], "lifetime"],
    [97, "more than an hour after iat", [NOW - 10 + 3_601], "lifetime"],
  ],
  nbf: [[98, "in the future or of a wrong type", [NOW + 6, "1", null, {}], "nbf"]],
  iat: [
    [99, "missing or of a wrong type", [undefined, ...TYPES, 0], "iat"],
    [99, "in the future", [NOW + 6, NOW + 600], "iat"],
    [99, "an hour and more ago", [NOW - 1_811], "lifetime"],
  ],
  iss: [
    [100, "missing", [undefined], "issuer"],
    [101, "a variant", ISSUERS, "issuer"],
    [102, "of a wrong type", [[OWN], { iss: OWN }, null, 1], "issuer"],
  ],
  aud: [[104, "missing, wrong or of a wrong type", AUDIENCES, "aud"]],
  sub: [[105, "missing, wrong or of a wrong type", NAMES, "sub"]],
  jti: [[106, "missing, wrong or of a wrong type", [...NAMES, "x".repeat(5_000)], "jti"]],
  client_id: [[110, "missing, wrong or of a wrong type", NAMES, "client_id"]],
  sid: [[94, "missing, wrong or of a wrong type", NAMES, "sid"]],
  tid: [[94, "missing, wrong or of a wrong type", NAMES, "tid"]],
  did: [[94, "wrong or of a wrong type", NAMES.slice(1), "did"]],
  scope: [[107, "of a wrong type", [{}, ["openid"], null, 1], "scope"]],
  amr: [[107, "of a wrong type", ["pwd", {}, null, [1], [["pwd"]]], "amr"]],
  auth_time: [[107, "of a wrong type", TYPES, "auth_time"]],
  cnf: [[114, "a token bound to a key", [{ jkt: "AAAA" }, {}, null, "x"], "cnf"]],
};

for (const [name, rows] of Object.entries(cases)) {
  for (const [row, what, values, fault] of rows) {
    test(`${row}: ${name} ${what} is refused as ${fault}`, () => {
      for (const value of values)
        assert.equal(judged({ [name]: value }), fault, JSON.stringify(value));
    });
  }
}

test("97: a number without end is refused", () => {
  assert.equal(judgedText("exp", "1e400"), "exp");
  assert.equal(judgedText("iat", "-1e400"), "iat");
});

test("the claims of a good token come out under their own names", () => {
  const claims = judged({ aud: ["https://else.example", OWN], did: "device", exp: NOW + 100.9 });
  assert.deepEqual(claims, {
    issuer: OWN,
    subject: "01890000-0000-7000-8000-000000000001",
    audiences: ["https://else.example", OWN],
    expiresAt: NOW + 100,
    issuedAt: NOW - 10,
    tokenId: "01890000-0000-7000-8000-000000000002",
    clientId: "brigade",
    sessionId: "01890000-0000-7000-8000-000000000003",
    tenantId: "01890000-0000-7000-8000-000000000004",
    deviceId: "device",
    amr: ["pwd"],
    authTime: NOW - 10,
    scope: "openid",
  });
  assert.equal(issuer.tenantOf(claims as Claims), "01890000-0000-7000-8000-000000000004");
});

test("what is not required may be away", () => {
  const { amr, auth_time, scope, ...rest } = goodClaims();
  assert.ok(amr && auth_time && scope);
  const claims = judge(signed(rest)) as Claims;
  assert.deepEqual([claims.amr, claims.authTime, claims.scope], [[], NOW - 10, undefined]);
  assert.deepEqual(claims.audiences, [OWN]);
});

test("the borders of what is accepted", () => {
  const accepted: Record<string, unknown>[] = [
    { exp: NOW + 1 },
    { iat: NOW + 5, exp: NOW + 60 },
    { nbf: NOW + 5 },
    { exp: NOW - 10 + 3_600 },
    { sub: "x".repeat(255) },
    { sub: "ü €\u{1f600}" },
    { aud: [OWN, OWN] },
  ];
  for (const changes of accepted)
    assert.equal(typeof judged(changes), "object", JSON.stringify(changes));
});

test("expired is said only when everything else is good", () => {
  const old = { exp: NOW - 1, iat: NOW - 60 };
  assert.equal(judged(old), "expired");
  assert.equal(judged({ ...old, aud: "x" }), "aud");
  assert.equal(judged({ ...old, scope: 1 }), "scope");
  assert.equal(judged({ ...old, cnf: {} }), "cnf");
  assert.equal(judged({ ...old, jti: undefined }), "jti");
  const [header, payload] = signed({ ...goodClaims(), ...old }).split(".");
  assert.equal(judge(`${header}.${payload}.${"A".repeat(86)}`), "signature");
});

test("rules without a type accept any, and required claims are the issuer's", () => {
  const rules = { ...issuer.rules, typ: undefined, required: [] };
  const token = { header: { alg: "EdDSA", kid: "x", typ: undefined }, payload: goodClaims() };
  assert.ok(!isTokenFault(validateClaims(token, rules, NOW)));
  const { jti, client_id, sid, tid, ...rest } = goodClaims();
  assert.ok(jti && client_id && sid && tid);
  const claims = validateClaims({ ...token, payload: rest }, rules, NOW);
  assert.ok(!isTokenFault(claims) && claims.tokenId === undefined);
});

test("the same moment counts by the clock that is handed in", () => {
  const token = signed(goodClaims());
  assert.equal(typeof judge(token, NOW + 1_789), "object");
  assert.equal(judge(token, NOW + 1_790), "expired");
  assert.equal(judge(token, NOW - 16), "iat");
});

test("whoever acts as the subject is named, or the token is refused", () => {
  const named = judge(signed({ ...goodClaims(), act: { sub: "somebody" } })) as Claims;
  assert.equal(named.actor, "somebody");
  for (const act of [null, {}, { sub: "" }, { sub: 1 }, "somebody", []]) {
    assert.equal(judge(signed({ ...goodClaims(), act })), "act");
  }
});
