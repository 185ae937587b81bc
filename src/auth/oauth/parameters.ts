import type { FormBody } from "../../http/form.ts";
import { oauthError, type OAuthError } from "./oauth-error.ts";

/** Parameters of a request to `/oauth/*`, each at most once. */
export type Parameters = Readonly<Record<string, string>>;

/** RFC 6749 §3.2: none may come twice, and one without a value is as good as absent. */
export function readParameters(form: FormBody): Parameters | OAuthError {
  const parameters: Record<string, string> = Object.create(null);
  for (const [name, value] of form) {
    if (name in parameters) return oauthError("invalid_request");
    if (value !== "") parameters[name] = value;
  }
  return parameters;
}
