import { defineErrors } from "../platform/errors.ts";

/** Refusals of the authentication system. The public text never says more than the code. */
export const authErrors = defineErrors({
  link_invalid: { status: 400, title: "The link was used, is too old, or never was one" },
  authentication_required: { status: 401, title: "Authentication is required" },
  token_invalid: { status: 401, title: "The access token is not valid" },
  token_expired: { status: 401, title: "The access token expired" },
  credentials_invalid: { status: 401, title: "The credentials are not valid" },
  mfa_required: { status: 401, title: "A second factor is required" },
  mfa_challenge_invalid: { status: 401, title: "The login has to be started again" },
  mfa_code_invalid: { status: 401, title: "The second factor is not valid" },
  step_up_required: { status: 401, title: "A fresh authentication is required" },
  password_expired: { status: 403, title: "The password has to be changed first" },
  refresh_token_invalid: { status: 401, title: "The refresh token is not valid" },
  device_mismatch: { status: 401, title: "The session belongs to another device" },
  permission_denied: { status: 403, title: "The caller lacks a required permission" },
  principal_unknown: { status: 403, title: "The caller is not known here" },
  account_disabled: { status: 403, title: "The account is disabled" },
  account_locked: { status: 403, title: "The account is locked for now" },
  quota_exceeded: { status: 429, title: "The quota of the API key is used up for now" },
  network_blocked: { status: 403, title: "Nobody may log in from this network" },
  login_refused: { status: 403, title: "This login is too unusual to be let in" },
  account_exists: { status: 409, title: "An account with these identifiers exists" },
});
