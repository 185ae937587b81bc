import type { TSchema } from "typebox";
import { CONTEXTS } from "../../http/principal.ts";
import { closed, instant, Type, uuid as id } from "../../http/schema.ts";
import { apiKeyLimits as limits, rateCellLimits } from "../../platform/limits.ts";

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const name = Type.String({ minLength: 1, maxLength: limits.nameMaxCharacters });
const scopes = Type.Array(Type.Enum(["read", "write"] as const), {
  minItems: 1,
  maxItems: 2,
  description: "`read`: routes that only read; `write`: all others.",
});

const permissionNames = Type.Array(
  Type.String({ minLength: 1, maxLength: limits.permissionMaxCharacters }),
  { maxItems: limits.permissionsMaxCount },
);
const permissions = closed(
  Object.fromEntries(
    CONTEXTS.map((context) => [context, Type.Optional(permissionNames)]),
  ) as Record<(typeof CONTEXTS)[number], ReturnType<typeof Type.Optional<typeof permissionNames>>>,
  { description: "By context; each must be held by the caller." },
);

const rateLimit = closed(
  {
    requests: Type.Integer({ minimum: 1, maximum: limits.rateMaxCount }),
    seconds: Type.Integer({ minimum: 1, maximum: rateCellLimits.windowSecondsMax }),
  },
  { description: "Under the common limit of the owner, which counts too." },
);

const quota = {
  requests: Type.Integer({ minimum: 1, maximum: limits.quotaMaxCount }),
  period: Type.Enum(["day", "month"] as const, { description: "Calendar day or month, UTC." }),
};

export const apiKeyParams = closed({ api_key_id: id });

export const apiKeyBody = closed({
  name,
  scopes: Type.Optional(scopes),
  permissions: Type.Optional(permissions),
  expires_in_seconds: Type.Optional(
    Type.Integer({
      minimum: limits.lifeMinSeconds,
      maximum: limits.lifeMaxSeconds,
      description: `Default: ${limits.lifeDefaultSeconds}.`,
    }),
  ),
  rate_limit: Type.Optional(rateLimit),
  quota: Type.Optional(closed(quota)),
});

export const rotateBody = closed({
  overlap_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.overlapMaxSeconds })),
});

export const apiKeyView = closed({
  id,
  name,
  prefix: Type.String({ description: "How the text of the key begins." }),
  status: Type.Enum(["active", "expired", "revoked"] as const),
  scopes,
  permissions,
  rate_limit: nullable(rateLimit),
  quota: nullable(closed({ ...quota, used: Type.Integer({ minimum: 0 }) })),
  created_at: instant,
  expires_at: instant,
  rotated_at: nullable(instant),
  previous_secret_expires_at: nullable(instant),
  revoked_at: nullable(instant),
  last_used_at: nullable(instant),
  last_network: nullable(Type.String()),
});

export const apiKeysAnswer = closed({ api_keys: Type.Array(apiKeyView) });

export const madeKeyAnswer = closed({
  api_key: apiKeyView,
  key: Type.String({ description: "Shown this once." }),
});
