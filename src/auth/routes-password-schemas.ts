import { closed, Type } from "../http/schema.ts";
import { accountLimits, generatorLimits, passwordLimits } from "../platform/limits.ts";

export const passwordText = Type.String({
  minLength: 1,
  maxLength: passwordLimits.maxCharacters,
  description: `At most ${passwordLimits.maxCodePoints} characters, taken as they are.`,
});

export const policyAnswer = Type.Object({
  profile: Type.Enum(["standard", "strict", "nist"]),
  min_length: Type.Integer({ description: "In characters (code points, after NFC)." }),
  max_length: Type.Integer(),
  max_bytes: Type.Union([Type.Integer(), Type.Null()], {
    description: "Where `PASSWORD_HASH=bcrypt`: of the UTF-8 text.",
  }),
  requires_all_kinds: Type.Boolean({
    description: "Lower and upper case letters, digits and other characters, some of each.",
  }),
  min_score: Type.Integer({ minimum: 0, maximum: 4 }),
  breach_check: Type.Enum(["offline", "hibp"]),
  history_count: Type.Integer({ description: "Former passwords that may not come back." }),
  expiry_days: Type.Integer({ description: "0: passwords do not expire." }),
  reminder_days: Type.Integer(),
});

export const strengthBody = closed({
  password: passwordText,
  email: Type.Optional(Type.String({ maxLength: accountLimits.emailMaxCharacters })),
  username: Type.Optional(Type.String({ maxLength: accountLimits.usernameMaxCharacters })),
  name: Type.Optional(Type.String({ maxLength: accountLimits.nameMaxCharacters })),
});

export const strengthAnswer = Type.Object({
  score: Type.Integer({
    minimum: 0,
    maximum: 4,
    description: "0: guessed at once; 4: not guessed by anybody's computer.",
  }),
  acceptable: Type.Boolean(),
  unmet: Type.Array(Type.Object({ code: Type.String(), message: Type.String() }), {
    description: "The requirements of the policy that it does not meet.",
  }),
});

export const generateBody = closed({
  length: Type.Optional(
    Type.Integer({
      minimum: generatorLimits.minCharacters,
      maximum: generatorLimits.maxCharacters,
      description: `Default ${generatorLimits.usualCharacters}.`,
    }),
  ),
  complexity: Type.Optional(
    Type.Enum(["simple", "full"], {
      description: "`simple`: letters and digits; `full`: other characters as well (default).",
    }),
  ),
});

export const changeBody = closed({
  current_password: passwordText,
  new_password: passwordText,
  end_current_session: Type.Optional(
    Type.Boolean({ description: "The present session ends as well; default false." }),
  ),
});

export const changeAnswer = Type.Object({
  message: Type.String(),
  sessions_ended: Type.Integer(),
  access_token: Type.Optional(Type.String()),
  refresh_token: Type.Optional(
    Type.String({ description: "In place of the one before, which is void." }),
  ),
  token_type: Type.Optional(Type.Literal("Bearer")),
  expires_in: Type.Optional(Type.Integer()),
  refresh_expires_in: Type.Optional(Type.Integer()),
});

export const askResetBody = closed({
  email: Type.String({ minLength: 1, maxLength: accountLimits.emailMaxCharacters }),
});

export const confirmResetBody = closed({
  // Wide enough for any text in its place, which is told the same as a wrong token.
  token: Type.String({ minLength: 1, maxLength: 512 }),
  new_password: passwordText,
});

export const generateAnswer = Type.Object({ password: Type.String() });
