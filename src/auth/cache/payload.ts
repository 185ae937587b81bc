import type { Principal } from "../../http/principal.ts";
import type { Claims } from "../token/claims.ts";

/** Shared slots are small, so values go in without their names, in the order of these. */
const CLAIM_FIELDS = Object.keys({
  issuer: 0,
  subject: 0,
  audiences: 0,
  expiresAt: 0,
  issuedAt: 0,
  tokenId: 0,
  clientId: 0,
  sessionId: 0,
  tenantId: 0,
  deviceId: 0,
  amr: 0,
  authTime: 0,
  scope: 0,
  actor: 0,
  groups: 0,
} satisfies Record<keyof Claims, 0>) as (keyof Claims)[];

const PRINCIPAL_FIELDS = Object.keys({
  kind: 0,
  issuer: 0,
  subject: 0,
  userId: 0,
  accountId: 0,
  tenantId: 0,
  sessionId: 0,
  tokenId: 0,
  clientId: 0,
  email: 0,
  username: 0,
  name: 0,
  emailVerified: 0,
  hasFactor: 0,
  amr: 0,
  authTime: 0,
  expiresAt: 0,
  scope: 0,
  actor: 0,
  groups: 0,
  apiKey: 0,
  roles: 0,
  permissions: 0,
} satisfies Record<keyof Principal, 0>) as (keyof Principal)[];

/** A principal's field that says what the claims say, or what their subject is, is one byte. */
const AS_IN_CLAIMS = 0;
const CLAIMS_SUBJECT = 1;

/** Names per context, as places in a list of words: each name is sent once. */
type Grants = readonly (readonly number[])[];

/** What two threads tell each other about a token: arrays that msgpack can say. */
export function toPayload(claims: Claims, principal: Principal): unknown {
  const words: string[] = [];
  const placeOf = (word: string): number => {
    const place = words.indexOf(word);
    return place === -1 ? words.push(word) - 1 : place;
  };
  const toGrants = (granted: Principal["roles"]): Grants =>
    Object.entries(granted).map(([context, names]) => [context, ...names].map(placeOf));
  // Undefined is the only value that stands for "none" here, so null is free to say it.
  const said = CLAIM_FIELDS.map((field) => claims[field] ?? null);
  const rest = PRINCIPAL_FIELDS.map((field) => {
    if (field === "roles" || field === "permissions") return toGrants(principal[field]);
    const value = principal[field];
    if (field in claims && isSame(value, claims[field as keyof Claims])) return AS_IN_CLAIMS;
    return value === claims.subject ? CLAIMS_SUBJECT : [value ?? null];
  });
  return [said, rest, words];
}

/** The claims and the principal of `toPayload`, deeply frozen. */
export function fromPayload(payload: unknown): { claims: Claims; principal: Principal } {
  const [said, rest, words] = payload as [unknown[], unknown[], string[]];
  const claims = Object.fromEntries(
    CLAIM_FIELDS.map((field, at) => [field, said[at] ?? undefined]),
  ) as unknown as Claims;
  const fromGrants = (grants: Grants) =>
    Object.fromEntries(
      grants.map(([context, ...names]) => [words[context!]!, names.map((at) => words[at]!)]),
    );
  const valueOf = (field: keyof Principal, value: unknown): unknown => {
    if (field === "roles" || field === "permissions") return fromGrants(value as Grants);
    if (value === AS_IN_CLAIMS) return claims[field as keyof Claims];
    return value === CLAIMS_SUBJECT ? claims.subject : ((value as [unknown])[0] ?? undefined);
  };
  const principal = Object.fromEntries(
    PRINCIPAL_FIELDS.map((field, at) => [field, valueOf(field, rest[at])]),
  ) as unknown as Principal;
  return { claims: deepFreeze(claims), principal: deepFreeze(principal) };
}

/** Equal plain values, or lists of the same texts. */
function isSame(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other;
  return one.length === other.length && one.every((text, at) => text === other[at]);
}

/** Freezes plain data all the way down; one value serves every request of its token. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
