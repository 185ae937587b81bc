import { pageQuery, pagination } from "../../http/paging.ts";
import { closed, instant, Type, uuid } from "../../http/schema.ts";
import { accountLimits as limits } from "../../platform/limits.ts";
import type { ManagedAccount } from "./store-admin.ts";

const nullableText = Type.Union([Type.String(), Type.Null()]);
const nullableInstant = Type.Union([instant, Type.Null()]);
const email = Type.String({ minLength: 3, maxLength: limits.emailMaxCharacters });
const username = Type.String({
  minLength: limits.usernameMinCharacters,
  maxLength: limits.usernameMaxCharacters,
});
const name = Type.String({ minLength: 1, maxLength: limits.nameMaxCharacters });
const prefix = Type.Optional(Type.String({ minLength: 1, maxLength: limits.emailMaxCharacters }));
export const reason = Type.String({ minLength: 1, maxLength: limits.reasonMaxCharacters });
const status = Type.Enum(["active", "invited", "deactivated", "banned"]);
const language = Type.Enum(["en", "pt-BR"]);

export const accountParams = closed({ account_id: uuid });

export const inviteBody = closed({
  email,
  username: Type.Optional(username),
  name: Type.Optional(name),
  language: Type.Optional(language),
});

export const searchQuery = closed({
  ...pageQuery,
  email: prefix,
  username: prefix,
  name: prefix,
  status: Type.Optional(status),
});

export const updateBody = closed({
  username: Type.Optional(Type.Union([username, Type.Null()])),
  name: Type.Optional(Type.Union([name, Type.Null()])),
  email: Type.Optional(email),
  version: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
});

export const banBody = closed({
  reason,
  until: Type.Optional(
    Type.String({
      format: "date-time",
      description: "When it ends by itself; never when left out.",
    }),
  ),
});
export const reasonBody = closed({ reason: Type.Optional(reason) });
export const impersonateBody = closed({ reason });

const managed = closed({
  id: uuid,
  email: Type.String(),
  username: nullableText,
  name: nullableText,
  email_verified: Type.Boolean(),
  status,
  disabled_reason: nullableText,
  disabled_until: nullableInstant,
  language: Type.String(),
  created_at: instant,
  updated_at: instant,
  last_login: nullableInstant,
  version: Type.Integer(),
});
export const accountAnswer = closed({ data: managed });
export const accountListAnswer = closed({ data: Type.Array(managed), pagination });
export const madeAnswer = closed({
  data: closed({ message: Type.String(), id: uuid, version: Type.Integer() }),
});
export const impersonationAnswer = closed({
  data: closed({
    access_token: Type.String(),
    token_type: Type.Literal("Bearer"),
    expires_in: Type.Integer(),
    session_id: uuid,
    act: closed({ sub: Type.String() }),
  }),
});

export function toManagedView(managed: ManagedAccount) {
  const { account } = managed;
  return {
    id: account.id,
    email: account.email,
    username: account.username ?? null,
    name: account.name ?? null,
    email_verified: account.emailVerified,
    status: managed.status,
    disabled_reason: managed.disabledReason ?? null,
    disabled_until: managed.disabledUntil?.toISOString() ?? null,
    language: account.language,
    created_at: account.createdAt.toISOString(),
    updated_at: account.updatedAt.toISOString(),
    last_login: account.lastLogin?.toISOString() ?? null,
    version: account.version,
  };
}
