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
  amr: 0,
  authTime: 0,
  expiresAt: 0,
  scope: 0,
  roles: 0,
  permissions: 0,
} satisfies Record<keyof Principal, 0>) as (keyof Principal)[];

/** What two threads tell each other about a token: arrays that msgpack can say. */
export function toPayload(claims: Claims, principal: Principal): unknown {
  return [toValues(claims, CLAIM_FIELDS), toValues(principal, PRINCIPAL_FIELDS)];
}

/** The claims and the principal of `toPayload`, deeply frozen. */
export function fromPayload(payload: unknown): { claims: Claims; principal: Principal } {
  const [claims, principal] = payload as [unknown[], unknown[]];
  return {
    claims: deepFreeze(fromValues<Claims>(claims, CLAIM_FIELDS)),
    principal: deepFreeze(fromValues<Principal>(principal, PRINCIPAL_FIELDS)),
  };
}

/** Freezes plain data all the way down; one value serves every request of its token. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}

// Undefined is the only value that stands for "none" here, so null is free to say it.
function toValues<T extends object>(from: T, fields: readonly (keyof T)[]): unknown[] {
  return fields.map((field) => from[field] ?? null);
}

function fromValues<T>(values: readonly unknown[], fields: readonly (keyof T)[]): T {
  return Object.fromEntries(fields.map((field, at) => [field, values[at] ?? undefined])) as T;
}
