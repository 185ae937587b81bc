import { aliasOf } from "../../journeys/hostile-families.ts";
import { APP, AUDIENCE, IDP, jwksOf, kinds, POOL, stray, type Kind } from "./three-issuers.ts";
import {
  encode,
  hmacToken,
  NOW,
  OWN,
  signEncoded,
  signToken,
  type TestKey,
} from "./token-factory.ts";

/** Ways to break a token, and `good`. */
export const FAMILIES = [
  "good",
  "header",
  "key name",
  "other's key",
  "times",
  "audience",
  "client",
  "use",
  "groups",
  "party",
  "names",
  "kind of token",
  "duplicates",
  "JSON",
  "base64",
  "signature",
  "characters",
  "splices",
] as const;
export type Family = (typeof FAMILIES)[number];

export interface Forged {
  readonly family: Family;
  readonly kind: string;
  readonly token: string;
  /** Every rule holds, so refusing it would be a fault. */
  readonly isGood: boolean;
}

type Changes = Readonly<Record<string, unknown>>;

const GOOD: readonly Changes[] = [
  {},
  { extra: { deep: [1, { a: null }] } },
  { name: "Zoë €\u{1f600}" },
  { nbf: NOW - 5 },
  { nbf: NOW + 4 },
  { iat: NOW + 4 },
  { exp: NOW + 100.5 },
  { exp: NOW + 1 },
  { constructor: "x", toString: 1 },
  { auth_time: NOW - 5_000 },
  { scope: "" },
  { amr: ["pwd", "otp"] },
];
const TEXTS = [undefined, null, "", 1, true, [], {}, ["a"], "a\0b", "a\r\nb", "x".repeat(300), "x"];
const TIMES = [
  undefined,
  null,
  "1800000100",
  0,
  -1,
  true,
  [],
  {},
  2 ** 53 + 2,
  NOW * 1_000,
  NOW - 20,
].concat([NOW, NOW + 3, NOW + 6, NOW + 90_000, NOW + 0.5] as never[]);
const HEADERS: readonly Changes[] = [
  ...["JWT", "at+jwt", "id+jwt", "logout+jwt", "dpop+jwt", "AT+JWT", "", 1, null].map((typ) => ({
    typ,
  })),
  ...["none", "HS256", "RS384", "PS256", "rs256", "ES256", "EdDSA", "RS256", "", null, 1].map(
    (alg) => ({
      alg,
    }),
  ),
  { crit: ["exp"] },
  { crit: [] },
  { crit: ["b64"], b64: true },
  { b64: false, crit: ["b64"] },
  { jku: "https://attacker.example/jwks" },
  { jwk: stray.jwk },
  { x5u: "https://attacker.example" },
  { x5c: ["MIIB"] },
  { x5t: "AAAA" },
  { zip: "DEF" },
  { cty: "JWT" },
  { enc: "A256GCM" },
  { extra: true },
];
const KIDS = [
  undefined,
  null,
  "",
  1,
  [],
  {},
  "unknown",
  "__proto__",
  "constructor",
  "*",
  stray.kid,
];
const AUDIENCES = [
  undefined,
  null,
  "",
  1,
  [],
  {},
  ["x"],
  "x",
  [AUDIENCE],
  [AUDIENCE, 1],
  { 0: AUDIENCE },
].concat([
  AUDIENCE.toUpperCase(),
  `${AUDIENCE}/`,
  `${AUDIENCE} x`,
  APP,
  [APP],
  ["x", APP],
  OWN,
  [[OWN]],
] as never[]);
const CLIENTS = [...TEXTS, APP, [APP], "second", APP.toUpperCase(), "web", "mobile", "other"];
const USES = [undefined, null, "", 1, "access", "id", "ACCESS", "refresh", ["access"], ["id"]];
const GROUPS = [
  null,
  "chefs",
  { 0: "chefs", length: 1 },
  [1],
  [""],
  [["a"]],
  [],
  ["a"],
  ["constructor"],
].concat([Array.from({ length: 201 }, (_, n) => `g${n}`)] as never[]);
const ISSUERS = [
  OWN,
  POOL,
  IDP,
  "local",
  "",
  null,
  1,
  undefined,
  [OWN],
  `${POOL}/`,
  POOL.toUpperCase(),
].concat([
  POOL.replace("Abc123", "Abc124"),
  POOL.replace("cognito", "issuer-cognito"),
  `${IDP}/`,
] as never[]);
const OTHERS: readonly Changes[] = [
  { act: { sub: "admin" } },
  { act: null },
  { cnf: { jkt: "AAAA" } },
  { events: { "http://schemas.openid.net/event/backchannel-logout": {} } },
  { may_act: { sub: "x" } },
  { nonce: "n" },
];
const PRINTABLE = Array.from({ length: 95 }, (_, at) => String.fromCharCode(0x20 + at));

/** Makes token after token, each round of another family; the same numbers, the same tokens. */
export function createForgery(below: (n: number) => number): (round: number) => Forged {
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!;
  const headerOf = ({ key, header }: Kind) => ({ alg: key.alg, kid: key.kid, ...header });
  const good = (kind: Kind) => signToken(kind.key, headerOf(kind), kind.claims);
  // Signing a new one for each round would be most of the work.
  const pool = kinds.flatMap((kind) =>
    Array.from({ length: 5 }, () => ({ kind, token: good(kind) })),
  );
  const known = (kind: Kind) => pick(pool.filter((one) => one.kind === kind)).token;
  const withClaims = (kind: Kind, changes: Changes, key = kind.key) =>
    signToken(key, headerOf(kind), { ...kind.claims, ...changes });
  const withHeader = (kind: Kind, changes: Changes, key = kind.key) =>
    signToken(key, { ...headerOf(kind), ...changes }, kind.claims);
  const allKeys: readonly TestKey[] = [...Object.values(jwksOf).flat(), stray];
  const claim = (names: readonly string[], values: readonly unknown[]) => (kind: Kind) =>
    withClaims(kind, { [pick(names)]: pick(values) });
  const withText = (kind: Kind, payload: string | Uint8Array) =>
    signToken(kind.key, headerOf(kind), payload);

  const makers: Readonly<Record<Family, (kind: Kind) => string>> = {
    good: (kind) => withClaims(kind, pick(GOOD)),
    header: (kind) => (below(4) === 0 ? keyedWithPublic(kind) : withHeader(kind, pick(HEADERS))),
    "key name": (kind) => withHeader(kind, { kid: pick(KIDS) }),
    "other's key": (kind) => {
      const key = pick(allKeys);
      const kid = pick([key.kid, kind.key.kid]);
      const alg = pick([key.alg, kind.key.alg]);
      return withHeader(
        { ...kind, claims: { ...kind.claims, iss: pick([OWN, POOL, IDP]) } },
        { kid, alg },
        key,
      );
    },
    times: claim(["exp", "iat", "nbf", "auth_time"], TIMES),
    audience: claim(["aud"], AUDIENCES),
    client: claim(["client_id", "azp"], CLIENTS),
    use: claim(["token_use"], USES),
    groups: claim(["cognito:groups", "groups"], GROUPS),
    party: (kind) =>
      below(2) === 0
        ? withClaims(kind, { iss: pick(ISSUERS) })
        : withClaims(kind, { sub: pick(TEXTS) }),
    names: claim(["jti", "sid", "tid", "did", "origin_jti", "scope", "amr"], TEXTS),
    "kind of token": (kind) => withClaims(kind, pick(OTHERS)),
    duplicates: (kind) => {
      const name = pick(Object.keys(kind.claims));
      const value = pick([kind.claims[name], "x", 9_999_999_999]);
      const spelled = pick([name, `\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}`]);
      return withText(
        kind,
        `{"${spelled}":${JSON.stringify(value)},${JSON.stringify(kind.claims).slice(1)}`,
      );
    },
    JSON: (kind) => {
      const json = JSON.stringify(kind.claims);
      const broken = [
        `${json}x`,
        `\u{feff}${json}`,
        json.replace("{", '{"__proto__":{"a":1},'),
        "[]",
        "null",
      ];
      const bad = Buffer.concat([
        Buffer.from('{"x":"'),
        Buffer.from([0xc0, 0xaf]),
        Buffer.from(`",${json.slice(1)}`),
      ]);
      const lone = json.replace("{", '{"x":"\\ud800",');
      const deep = json.replace("{", `{"x":${"[".repeat(200)}${"]".repeat(200)},`);
      return withText(kind, pick([...broken, bad, lone, deep, json]));
    },
    base64: (kind) => {
      const parts = known(kind).split(".");
      const at = below(3);
      const part = parts[at]!;
      const others = [
        aliasOf(part),
        `${part}=`,
        part.replaceAll("-", "+").replaceAll("_", "/"),
        `${part}\n`,
      ];
      if (at < 2) {
        // Signed as it is written.
        parts[at] = pick(others);
        return signEncoded(kind.key, parts[0]!, parts[1]!);
      }
      parts[at] = pick(others);
      return parts.join(".");
    },
    signature: (kind) => {
      const [header, payload, signature] = known(kind).split(".") as [string, string, string];
      const bytes = Buffer.from(signature, "base64url");
      const flipped = Buffer.from(bytes);
      flipped[below(flipped.length)]! ^= 1 << below(8);
      const changed = [flipped, bytes.subarray(1), Buffer.concat([bytes, Buffer.alloc(1)])];
      return `${header}.${payload}.${encode(pick([...changed, Buffer.alloc(bytes.length)]))}`;
    },
    characters: (kind) => {
      const token = known(kind);
      const at = below(token.length);
      return token.slice(0, at) + pick(["", pick(PRINTABLE)]) + token.slice(at + below(2));
    },
    splices: () => {
      const [one, two] = [pick(pool).token, pick(pool).token];
      const [a, b] = [one.split("."), two.split(".")];
      const at = below(one.length);
      return pick([
        one.slice(0, at) + two.slice(at),
        a.map((part, index) => (below(2) === 0 ? b[index]! : part)).join("."),
      ]);
    },
  };

  const keyedWithPublic = (kind: Kind) => {
    const pem = kind.key.publicKey.export({ format: "pem", type: "spki" }) as string;
    const secret = pick([pem, pem.trimEnd(), JSON.stringify(kind.key.jwk), "", "secret"]);
    return hmacToken(secret, { ...headerOf(kind), alg: pick(["HS256", "none"]) }, kind.claims);
  };

  return (round) => {
    const family = FAMILIES[round % FAMILIES.length]!;
    const kind = pick(kinds);
    return { family, kind: kind.name, token: makers[family](kind), isGood: family === "good" };
  };
}
