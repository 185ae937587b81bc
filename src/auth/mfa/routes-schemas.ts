import type { TProperties } from "typebox";
import { closed, instant, Type, uuid as id } from "../../http/schema.ts";
import { mfaLimits as limits, passwordLimits } from "../../platform/limits.ts";
import { deviceInfo } from "../routes-schemas.ts";

const code = Type.String({ minLength: 6, maxLength: 64, description: "Six digits." });
const base64 = Type.String({ minLength: 1, maxLength: 8_192 });
const passkeyName = Type.String({ minLength: 1, maxLength: limits.passkeyNameMaxCharacters });
const challengeToken = Type.String({ minLength: 1, maxLength: 128 });
const orNull = <T extends ReturnType<typeof Type.String>>(schema: T) =>
  Type.Union([schema, Type.Null()]);

/** `AuthenticationResponseJSON` and `RegistrationResponseJSON` of WebAuthn Level 3 §5.1. */
const credential = <P extends TProperties>(response: P) =>
  Type.Object({
    id: base64,
    rawId: base64,
    type: Type.Literal("public-key"),
    response: Type.Object({ clientDataJSON: base64, ...response }),
    authenticatorAttachment: Type.Optional(Type.String({ maxLength: 32 })),
    clientExtensionResults: Type.Object({}, { maxProperties: 16 }),
  });
export const assertion = credential({
  authenticatorData: base64,
  signature: base64,
  userHandle: Type.Optional(base64),
});
export const attestation = credential({
  attestationObject: Type.String({ minLength: 1, maxLength: 65_536 }),
  transports: Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 8 })),
});

const codeAnswer = closed({
  method: Type.Union([Type.Literal("totp"), Type.Literal("recovery_code")]),
  code,
});
const passkeyAnswer = closed({ method: Type.Literal("passkey"), assertion });

export const codeBody = closed({ code });
export const challengeBody = closed({
  challenge_token: challengeToken,
  device_info: Type.Optional(deviceInfo),
});
const completion = {
  challenge_token: challengeToken,
  device_info: Type.Optional(deviceInfo),
  remember_device: Type.Optional(
    Type.Boolean({ description: "The device needs no second factor for a while." }),
  ),
};
export const completeBody = Type.Union([
  closed({ ...completion, ...codeAnswer.properties }),
  closed({ ...completion, ...passkeyAnswer.properties }),
]);
export const stepUpBody = Type.Union([
  closed({
    method: Type.Literal("password"),
    password: Type.String({ minLength: 1, maxLength: passwordLimits.maxCharacters }),
  }),
  codeAnswer,
  passkeyAnswer,
]);
export const passkeyLoginBody = closed({
  assertion,
  device_info: Type.Optional(deviceInfo),
  remember_me: Type.Optional(Type.Boolean()),
});
export const passkeyBody = closed({ name: passkeyName, attestation });
export const passkeyNameBody = closed({ name: passkeyName });
export const passkeyParams = closed({ passkey_id: id });
export const trustedDeviceParams = closed({ device_id: id });
export const accountParams = closed({ account_id: id });

const passkey = closed({
  id,
  name: Type.String(),
  synced: Type.Boolean({ description: "Copied to the owner's other devices." }),
  created_at: instant,
  last_used_at: orNull(instant),
});
export const passkeyAnswerSchema = passkey;
export const passkeysAnswer = closed({ passkeys: Type.Array(passkey) });
/** Of the browser's own form. */
export const webauthnOptions = Type.Object({ challenge: Type.String() });

export const totpAnswer = closed({
  secret: Type.String({ description: "Base32, to be typed into an app." }),
  uri: Type.String({ description: "`otpauth://totp/…`" }),
  qr_svg: Type.String(),
});
export const recoveryCodes = Type.Array(Type.String(), {
  description: "Shown once; each is good once.",
});
export const recoveryCodesAnswer = closed({ recovery_codes: recoveryCodes });
export const recoveryCountAnswer = closed({ left: Type.Integer() });
export const factorAddedAnswer = closed({
  message: Type.String(),
  recovery_codes: Type.Optional(recoveryCodes),
});
export const statusAnswer = closed({
  mode: Type.Enum(["off", "optional", "required"]),
  totp: Type.Union([closed({ confirmed_at: instant }), Type.Null()]),
  passkeys: Type.Array(passkey),
  recovery_codes_left: Type.Integer(),
});
export const trustedDevicesAnswer = closed({
  trusted_devices: Type.Array(
    closed({
      id,
      device: orNull(Type.String()),
      network: orNull(Type.String()),
      created_at: instant,
      expires_at: instant,
    }),
  ),
});
export const stepUpAnswer = closed({
  access_token: Type.String(),
  token_type: Type.Literal("Bearer"),
  expires_in: Type.Integer({ description: "Seconds." }),
});
