import { CONTEXTS } from "../http/principal.ts";
import { closed, instant, optionalText, Type, uuid as id } from "../http/schema.ts";
import {
  accountLimits,
  passwordLimits,
  sessionLimits,
  tokenLimits,
  verificationLimits,
} from "../platform/limits.ts";
import { SESSION_FLAGS } from "./session/changes.ts";
import { RISK_REASONS } from "./session/session-risk.ts";

const nullable = <T extends ReturnType<typeof Type.String>>(schema: T) =>
  Type.Union([schema, Type.Null()]);

const email = Type.String({
  minLength: 3,
  maxLength: accountLimits.emailMaxCharacters,
  description: "Stored in lower case; compared without regard to case.",
});
const username = Type.String({
  minLength: accountLimits.usernameMinCharacters,
  maxLength: accountLimits.usernameMaxCharacters,
  description: "Letters, digits, dots, dashes, underscores; compared without regard to case.",
});
const name = Type.String({ minLength: 1, maxLength: accountLimits.nameMaxCharacters });
const password = Type.String({
  minLength: 1,
  maxLength: passwordLimits.maxCharacters,
  description: `At most ${passwordLimits.maxCodePoints} characters, taken as they are.`,
});
// Wide enough for an access token in the wrong place, which is told the same as any other text.
const refreshToken = Type.String({ minLength: 1, maxLength: tokenLimits.textBytesMax });

export const deviceInfo = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        maxLength: sessionLimits.deviceNameMaxCharacters,
        description: "Shown in the list of sessions.",
      }),
    ),
    platform: Type.Optional(Type.String({ maxLength: sessionLimits.deviceNameMaxCharacters })),
    secret: Type.Optional(
      Type.String({
        minLength: sessionLimits.deviceSecretMinCharacters,
        maxLength: sessionLimits.deviceSecretMaxCharacters,
        description:
          "Made and kept by the device. A session opened with it is refreshed only with it.",
      }),
    ),
  },
  {
    additionalProperties: Type.Union([
      Type.String({ maxLength: sessionLimits.deviceFieldMaxCharacters }),
      Type.Number(),
      Type.Boolean(),
      Type.Null(),
    ]),
    maxProperties: sessionLimits.deviceFieldsMax,
    description: "What the caller says of its device; other fields are not kept.",
  },
);

export const registerBody = closed({
  email,
  password,
  username: Type.Optional(username),
  name: Type.Optional(name),
});

export const loginBody = closed(
  {
    email: Type.Optional(
      Type.String({ minLength: 1, maxLength: accountLimits.emailMaxCharacters }),
    ),
    username: Type.Optional(
      Type.String({ minLength: 1, maxLength: accountLimits.emailMaxCharacters }),
    ),
    password,
    device_info: Type.Optional(deviceInfo),
    remember_me: Type.Optional(Type.Boolean({ description: "30 days in place of 7." })),
    trusted_device_token: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: sessionLimits.deviceSecretMaxCharacters,
        description: "Given when a device was remembered; spares it the second factor.",
      }),
    ),
  },
  { description: "Either `email` or `username`." },
);

export const refreshBody = closed({
  refresh_token: refreshToken,
  device_info: Type.Optional(deviceInfo),
});

export const logoutBody = closed({
  session_id: Type.Optional(
    Type.String({
      format: "uuid",
      description: "One of the caller's own; default the present one.",
    }),
  ),
  all_devices: Type.Optional(Type.Boolean({ description: "All sessions of the account." })),
  other_devices: Type.Optional(Type.Boolean({ description: "All sessions but the present one." })),
});

export const waitQuery = closed({
  wait: Type.Optional(
    Type.Literal("cluster", {
      description: "Answer only when no process can accept the ended sessions any more.",
    }),
  ),
});

export const sessionParams = closed({ session_id: id });

export const verifyBody = closed({
  token: Type.String({ minLength: 1, maxLength: tokenLimits.textBytesMax }),
  required_permissions: Type.Optional(
    Type.Array(
      Type.String({
        pattern: `^(${CONTEXTS.join("|")}):[a-z0-9_]{1,64}$`,
        description: "`context:permission`",
      }),
      { maxItems: verificationLimits.requiredPermissionsMaxCount },
    ),
  ),
});

/** As it was read; not looked at. */
const readInstant = Type.String({ maxLength: 40 });

export const profileBody = closed(
  {
    username: Type.Optional(nullable(username)),
    name: Type.Optional(nullable(name)),
    email: Type.Optional(email),
    version: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    id: Type.Optional(id),
    email_verified: Type.Optional(Type.Boolean()),
    created_at: Type.Optional(readInstant),
    last_login: Type.Optional(nullable(readInstant)),
  },
  {
    description:
      "A field left out stays as it is. The whole answer of GET may be sent back: what cannot be " +
      "changed here is ignored, except another `email`, which is refused.",
  },
);

const userProperties = {
  id,
  email: Type.String(),
  username: optionalText,
  name: optionalText,
  email_verified: Type.Boolean(),
  created_at: instant,
  last_login: nullable(instant),
};
const user = closed(userProperties);
export const profileAnswer = closed({ ...userProperties, version: Type.Integer() });

const sessionProperties = {
  id,
  created_at: instant,
  expires_at: instant,
  device: optionalText,
  network: optionalText,
  country: optionalText,
};

export const grantAnswer = closed({
  access_token: Type.String(),
  refresh_token: Type.String(),
  token_type: Type.Literal("Bearer"),
  expires_in: Type.Integer({ description: "Seconds." }),
  refresh_expires_in: Type.Integer({ description: "Seconds." }),
  user,
  session: closed(sessionProperties),
});

export const messageAnswer = closed({ message: Type.String() });
export const logoutAnswer = closed({ message: Type.String(), sessions_ended: Type.Integer() });

export const sessionEntryProperties = {
  ...sessionProperties,
  last_seen_at: instant,
  last_network: optionalText,
  last_country: optionalText,
  device_bound: Type.Boolean({ description: "Refreshed only with the secret of its device." }),
  flags: Type.Array(Type.Enum([...SESSION_FLAGS]), {
    description: "In what a refresh ever differed from the one before.",
  }),
  risk: closed(
    {
      flagged: Type.Boolean({
        description: "There is a reason other than `network_changed`: people change networks.",
      }),
      reasons: Type.Array(Type.Enum([...RISK_REASONS])),
    },
    {
      description:
        "What was unusual: signals of the login that opened the session, `device_mismatch` when " +
        "another device showed its refresh token, and the `flags` of its refreshes.",
    },
  ),
  trust: Type.Integer({
    minimum: 0,
    maximum: 100,
    description: "How much it looks like the session that was opened.",
  }),
  current: Type.Boolean(),
};

export const sessionsAnswer = closed({ sessions: Type.Array(closed(sessionEntryProperties)) });

const byContext = Type.Record(Type.String(), Type.Array(Type.String()));

export const verifyAnswer = Type.Union([
  closed({
    active: Type.Literal(true),
    claims: nullable(Type.Record(Type.String(), Type.Unknown()) as never),
    permissions: byContext,
    missing_permissions: Type.Array(Type.String()),
    user_context: Type.Record(Type.String(), Type.Unknown()),
  }),
  closed({ active: Type.Literal(false), error_code: Type.String() }),
]);

export const whoamiAnswer = closed({
  user_id: id,
  user_roles: byContext,
  is_authenticated: Type.Literal(true),
  user_object: closed({
    id,
    account_id: nullable(id),
    tenant_id: id,
    email: optionalText,
    username: optionalText,
    name: optionalText,
    email_verified: Type.Boolean(),
  }),
  token_info: closed({
    issuer: Type.String(),
    subject: Type.String(),
    session_id: nullable(id),
    kind: Type.Enum(["user", "machine", "api_key"]),
    actor: optionalText,
    amr: Type.Array(Type.String()),
    expires_at: instant,
  }),
});
