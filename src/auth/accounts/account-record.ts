import { Compile } from "typebox/schema";
import { Type } from "../../http/schema.ts";
import { DEFAULT_TENANT_ID, normaliseUuid } from "../../platform/ids.ts";
import { canonicalHash, readHash } from "../password/read-hash.ts";
import { normaliseEmail, readName, readUsername } from "./identifiers.ts";

/** An account as a file carries it from one server to another. */
export interface AccountRecord {
  readonly id: string | undefined;
  readonly tenantId: string;
  readonly email: string;
  readonly username: string | undefined;
  readonly name: string | undefined;
  readonly emailVerified: boolean;
  readonly active: boolean;
  readonly language: string | undefined;
  readonly createdAt: string | undefined;
  /** Undefined: no password yet; it is set by a reset. */
  readonly passwordHash: string | undefined;
  readonly mustChange: boolean;
  /** As `context:name`. */
  readonly roles: readonly string[];
}

/** Fields of a line of JSON, and columns of a CSV file. */
export const RECORD_FIELDS = [
  "id",
  "tenant_id",
  "email",
  "username",
  "name",
  "email_verified",
  "active",
  "language",
  "created_at",
  "password_hash",
  "must_change_password",
  "roles",
] as const;

const text = Type.Optional(Type.Unsafe<string | null>({ type: ["string", "null"] }));
const flag = Type.Optional(Type.Unsafe<boolean | null>({ type: ["boolean", "null"] }));
const described = Type.Object(
  {
    id: text,
    tenant_id: text,
    email: Type.String(),
    username: text,
    name: text,
    email_verified: flag,
    active: flag,
    language: text,
    created_at: text,
    password_hash: text,
    must_change_password: flag,
    roles: Type.Optional(Type.Array(Type.String(), { maxItems: 64 })),
  },
  { additionalProperties: false },
);
const compile = () => Compile(described);
let compiled: ReturnType<typeof compile> | undefined;
/** Compiled at its first use: every start would wait for what only an import needs. */
const validator = () => (compiled ??= compile());

const INSTANT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d))?$/;

/** @returns the reason when the description breaks a rule; it never quotes the hash */
export function readRecord(value: unknown): AccountRecord | string {
  if (!validator().Check(value)) return shapeFault(value);
  const { email, username, name, id, tenant_id: tenantId, created_at: createdAt } = value;
  const { password_hash: hash } = value;
  const record = {
    id: isEmpty(id) ? undefined : normaliseUuid(id),
    tenantId: isEmpty(tenantId) ? DEFAULT_TENANT_ID : normaliseUuid(tenantId),
    email: normaliseEmail(email),
    username: isEmpty(username) ? undefined : readUsername(username),
    name: isEmpty(name) ? undefined : readName(name),
    createdAt: isEmpty(createdAt) ? undefined : createdAt,
    language: isEmpty(value.language) ? undefined : value.language,
    emailVerified: value.email_verified ?? false,
    active: value.active ?? true,
    passwordHash: isEmpty(hash) ? undefined : canonicalHash(hash),
    mustChange: value.must_change_password ?? false,
    roles: value.roles ?? [],
  };
  if (record.email === undefined) return "email is no e-mail address";
  if (!isEmpty(id) && record.id === undefined) return "id is no UUID";
  if (record.tenantId === undefined) return "tenant_id is no UUID";
  if (!isEmpty(username) && record.username === undefined) return "username cannot be used";
  if (!isEmpty(name) && record.name === undefined) return "name cannot be used";
  if (!isEmpty(createdAt) && !isInstant(createdAt)) return "created_at is no time";
  if (record.language !== undefined && !/^[A-Za-z-]{2,16}$/.test(record.language)) {
    return "language is no language tag";
  }
  const read = record.passwordHash === undefined ? undefined : readHash(record.passwordHash);
  if (read !== undefined && "fault" in read) return `password_hash: ${read.fault}`;
  return record as AccountRecord;
}

/** What an export writes; an import of it makes the same account. */
export function toRecordJson(record: AccountRecord): Record<string, unknown> {
  return {
    id: record.id,
    tenant_id: record.tenantId,
    email: record.email,
    username: record.username ?? null,
    name: record.name ?? null,
    email_verified: record.emailVerified,
    active: record.active,
    language: record.language ?? null,
    created_at: record.createdAt,
    ...(record.passwordHash === undefined ? {} : { password_hash: record.passwordHash }),
    must_change_password: record.mustChange,
    roles: record.roles,
  };
}

/** A row of a CSV file as the description that a line of JSON holds; empty cells are not given. */
export function describeCells(
  columns: readonly string[],
  cells: readonly string[],
): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [index, column] of columns.entries()) {
    const cell = cells[index]!.trim();
    if (cell === "") continue;
    if (column === "roles") value[column] = cell.split(/\s+/);
    else if (/^(?:email_verified|active|must_change_password)$/.test(column)) {
      value[column] = cell === "true" ? true : cell === "false" ? false : cell;
    } else value[column] = cell;
  }
  return value;
}

function isEmpty(value: string | null | undefined): value is "" | null | undefined {
  return value === undefined || value === null || value === "";
}

function isInstant(value: string): boolean {
  return INSTANT.test(value) && Number.isFinite(Date.parse(value));
}

function shapeFault(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "is no object";
  const strange = Object.keys(value).find((key) => !RECORD_FIELDS.some((field) => field === key));
  if (strange !== undefined) return `${strange.slice(0, 64)} is not known here`;
  if (!("email" in value)) return "email is missing";
  const [, faults] = validator().Errors(value);
  const [first] = faults;
  return `${first?.instancePath.slice(1, 64) ?? "it"} has the wrong type`;
}
