import { pageQuery, pagination } from "../../http/paging.ts";
import { CONTEXTS } from "../../http/principal.ts";
import { nullable } from "../../http/schema-parts.ts";
import { closed, instant, Type, uuid } from "../../http/schema.ts";
import { iamLimits } from "../../platform/limits.ts";
import { PERMISSIONS } from "./catalogue.ts";
import { USER_SORTS } from "./user-store.ts";

const roleName = Type.String({ pattern: "^[a-z0-9_]{3,50}$", examples: ["meal_manager"] });
/** `IAM` is the same context as `iam`. */
const context = Type.Enum([...CONTEXTS, "IAM"]);
const permissions = Type.Array(Type.String({ pattern: "^[a-z0-9_]{1,64}$" }), {
  maxItems: iamLimits.rolePermissionsMaxCount,
  uniqueItems: true,
});
const expiresAt = nullable<string>("string", {
  format: "date-time",
  description: "When the role ends by itself; null or absent: not at all",
});
const version = Type.Integer({ minimum: 1, maximum: 2_147_483_647 });

export const userParams = closed({ user_id: uuid });
export const heldRoleParams = closed({ user_id: uuid, context, name: roleName });
export const roleParams = closed({ context, name: roleName });

export const userCreateBody = closed({
  user_id: Type.String({
    minLength: 1,
    maxLength: iamLimits.subjectMaxCharacters,
    pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
    description: "`sub` of the identity at its issuer; of our own accounts their id",
  }),
  issuer: Type.Optional(Type.String({ minLength: 1, maxLength: iamLimits.issuerMaxCharacters })),
});

export const userListQuery = closed({
  ...pageQuery,
  sort: Type.Optional(Type.Enum([...USER_SORTS])),
  issuer: Type.Optional(Type.String({ minLength: 1, maxLength: iamLimits.issuerMaxCharacters })),
  subject: Type.Optional(Type.String({ minLength: 1, maxLength: iamLimits.subjectMaxCharacters })),
  role_context: Type.Optional(context),
  role_name: Type.Optional(roleName),
  discarded: Type.Optional(Type.Boolean()),
});

export const roleAssignBody = closed({
  user_id: Type.Optional(uuid),
  role: closed({ name: roleName, context, permissions: Type.Optional(permissions) }),
  expires_at: Type.Optional(expiresAt),
  version: Type.Optional(version),
});

export const roleListQuery = closed({ ...pageQuery, context: Type.Optional(context) });
export const roleCreateBody = closed({ context, name: roleName, permissions });
export const roleChangeBody = closed({ permissions, version: Type.Optional(version) });
export const bulkAssignBody = closed({
  user_ids: Type.Array(uuid, { minItems: 1, maxItems: iamLimits.bulkUsersMaxCount }),
  expires_at: Type.Optional(expiresAt),
});

const heldRoleView = Type.Object({
  context: Type.Enum([...CONTEXTS]),
  name: Type.String(),
  permissions: Type.Array(Type.String()),
  expires_at: expiresAt,
});
const userView = Type.Object({
  id: uuid,
  issuer: Type.String(),
  subject: Type.String(),
  roles: Type.Array(heldRoleView),
  created_at: instant,
  updated_at: instant,
  version,
  discarded: Type.Boolean(),
});
const roleView = Type.Object({
  context: Type.Enum([...CONTEXTS]),
  name: Type.String(),
  permissions: Type.Array(Type.String()),
  built_in: Type.Boolean(),
  version,
  created_at: instant,
  updated_at: instant,
});
export const userAnswer = Type.Object({ data: userView });
export const userListAnswer = Type.Object({ data: Type.Array(userView), pagination });
export const roleAnswer = Type.Object({ data: roleView });
export const roleListAnswer = Type.Object({ data: Type.Array(roleView), pagination });
export const changeAnswer = Type.Object({
  data: Type.Object({ message: Type.String(), id: uuid, version }),
});
export const bulkAnswer = Type.Object({
  data: Type.Object({
    assigned: Type.Array(uuid),
    unchanged: Type.Array(uuid),
    unknown: Type.Array(uuid),
  }),
});

/** For the docs: what each context knows. */
export const permissionsDescription = Object.entries(PERMISSIONS)
  .map(([name, known]) => `${name}: ${known.join(", ")}`)
  .join("; ");
