import {
  aliasOf,
  issuerVariants,
  NAMES,
  NO_TIMES,
  numbered,
  withClaims,
} from "./hostile-families.ts";
import type { ClaimFamily, HostileToken } from "./hostile-families.ts";
import { makeKey, signToken, type TestKey } from "../auth/token/token-factory.ts";

/*
 * Which row of the negative cases is tried on foreign issuers, and where:
 *
 *   1–20, 32–93   `hostileForms`, with the keys of each issuer in turn
 *   21–24         there; 24 also with a key of another algorithm in the very set (below)
 *   25–31         keys that are refused when they are loaded: auth/issuers/key-set*.test.ts
 *   35, 36, 42    no connection to an address of a token: hostile-foreign.test.ts counts them
 *   49, 50, 127   hostile-foreign.test.ts, unknown and withdrawn keys
 *   53–55, 103    `crossIssuer`, below
 *   56            hostile-foreign.test.ts, one subject at three issuers
 *   94–102, 104–107, 114   `claimSets`, below, each by the rules of its issuer
 *   108–111       `claimSets` of the pool
 *   112           `types`, below; without `typ` or with `JWT` foreign tokens are good
 *   113, 115      our own tokens alone: hostile-tokens.test.ts
 *   116–119       before any issuer is known: hostile-tokens.test.ts
 *   120–123, 126  hostile-foreign.test.ts, cached tokens; 124, 125, 128 auth/authenticate*.test.ts, auth/cache
 */

/** An issuer that the server trusts, with a token that it would accept. */
export interface ForeignParty {
  readonly name: string;
  readonly kind: "cognito" | "oidc";
  readonly key: TestKey;
  readonly claims: Readonly<Record<string, unknown>>;
}

const headerOf = ({ alg, kid }: TestKey) => ({ alg, kid });

/** Rows 94 to 114 as they are for somebody else's tokens. */
export function foreignClaims({ name, kind, key, claims }: ForeignParty): HostileToken[] {
  const iss = claims["iss"] as string;
  const iat = claims["iat"] as number;
  const wrong = NAMES.filter((value) => value !== undefined);
  const families: readonly ClaimFamily[] = [
    [94, "exp", [undefined, 0, -1, ...NO_TIMES, 2 ** 53 + 2, (iat + 600) * 1_000, iat + 86_401]],
    [98, "nbf", [iat + 3_000, "1", null, {}]],
    [99, "iat", [undefined, ...NO_TIMES, 0, iat + 3_000]],
    [100, "iss", issuerVariants(iss)],
    [105, "sub", NAMES],
    [106, "jti", [...wrong, "x".repeat(5_000)]],
    [107, "scope", [{}, ["openid"], null, 1]],
    [107, "amr", ["pwd", {}, null, [1], [["pwd"]]]],
    [107, "auth_time", [...NO_TIMES, iat + 3_000, iat * 1_000]],
    [110, "client_id", wrong],
    [114, "cnf", [{ jkt: "AAAA" }, {}, null, "x"]],
    [123, "sid", wrong],
    [0, "act", [{ sub: "somebody" }, {}, null, "somebody"]],
    [0, "events", [{ "http://schemas.openid.net/event/backchannel-logout": {} }, null]],
    ...(kind === "cognito" ? ofCognito(claims) : ofOidc(claims)),
  ];
  const endless = JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', '"exp":1e400');
  const tokens = [
    ...withClaims(key, headerOf(key), claims, families),
    [97, "exp without end", signToken(key, headerOf(key), endless)] as const,
    ...types(key, claims),
  ];
  return tokens.map(([row, what, token]) => [row, `${name}: ${what}`, token]);
}

function ofCognito({ client_id: client, aud }: ForeignParty["claims"]): ClaimFamily[] {
  return [
    [109, "token_use", [undefined, "", "ACCESS", "refresh", null, 1, ["access"], {}]],
    // Here access tokens are due.
    [108, "token_use", ["id"]],
    [
      110,
      "client_id",
      [undefined, "other", String(client).toUpperCase(), [client], `${client} `, aud],
    ],
    [111, "cognito:groups", ["chefs", { 0: "chefs", length: 1 }, null, [1], [["chefs"]], [""]]],
    [104, "aud", [1, {}, null, [1], [[client]]]],
    [123, "origin_jti", NAMES.filter((value) => value !== undefined)],
  ];
}

function ofOidc({ aud: audience }: ForeignParty["claims"]): ClaimFamily[] {
  const aud = audience as string;
  const values = [
    undefined,
    "https://wrong.example",
    aud.toUpperCase(),
    `${aud}/x`,
    aud.slice(0, -1),
  ];
  const odd = [["x"], [], [1, 2], [[aud]], { 0: aud }, null, 1, "", "*", `${aud} x`, [aud, 1]];
  return [
    [104, "aud", [...values, ...odd]],
    [110, "azp", [...NAMES.filter((value) => value !== undefined), "other"]],
    [111, "groups", ["chefs", { 0: "chefs", length: 1 }, null, [1], [["chefs"]], [""]]],
  ];
}

const TYPES = [
  "rt+jwt",
  "logout+jwt",
  "dpop+jwt",
  "id+jwt",
  "secevent+jwt",
  "mfa+jwt",
  "reset+jwt",
];

function types(key: TestKey, claims: object): HostileToken[] {
  const more = ["token-introspection+jwt", " ", "jwt ", ["JWT"], null, 1, {}];
  const tokens = [...TYPES, ...more].map((typ) =>
    signToken(key, { ...headerOf(key), typ }, claims),
  );
  return numbered(112, "typ", tokens);
}

/** Each issuer's words under every other one's key and key name: rows 53 to 55, 103. */
export function crossIssuer(parties: readonly ForeignParty[], typ: string): HostileToken[] {
  return parties.flatMap((of) =>
    parties
      .filter((by) => by !== of)
      .flatMap((by): HostileToken[] => {
        const shared = { ...by.key, kid: of.key.kid };
        const { claims } = of;
        const what = `${of.name} signed by ${by.name}`;
        const header = (kid: string, alg: string = by.key.alg) => ({ alg, kid, typ });
        return [
          [53, `${what}, its own kid`, signToken(by.key, header(by.key.kid), claims)],
          [54, `${what}, the other's kid`, signToken(shared, header(of.key.kid), claims)],
          [
            54,
            `${what}, the other's alg`,
            signToken(shared, header(of.key.kid, of.key.alg), claims),
          ],
          [55, `${what}, in the other's name`, signToken(of.key, header(of.key.kid), by.claims)],
        ];
      }),
  );
}

/** Neighbours of a good token that only a lenient decoder takes for it. */
export function neighboursOf(token: string): string[] {
  const [header, payload, signature] = token.split(".") as [string, string, string];
  const flipped = Buffer.from(signature, "base64url");
  flipped[flipped.length >> 1]! ^= 1;
  const others = [flipped.toString("base64url"), aliasOf(signature), `${signature}=`];
  return others.map((other) => `${header}.${payload}.${other}`);
}

/** A key of the same name, of nobody. */
export const impostorOf = ({ alg, kid }: TestKey): TestKey => makeKey(alg, kid);
