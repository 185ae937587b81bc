import { issueMachineToken, issueUserTokens } from "./tokens.ts";
import { revokeToken } from "./actions-sessions.ts";
import type { Directory } from "./directory.ts";
import type { AppClient, Pool } from "./pool.ts";
import { isSameSecret } from "./secrets.ts";
import { OAuthError, ServiceError } from "./service-error.ts";

/** What was posted, and the `Authorization` header beside it. */
export interface FormRequest {
  readonly form: URLSearchParams;
  readonly authorization: string | undefined;
}

interface AtClient {
  readonly pool: Pool;
  readonly client: AppClient;
}

/** `POST /oauth2/token` (RFC 6749 §4.4 and §6). Throws `OAuthError`. */
export async function grantToken(request: FormRequest, directory: Directory): Promise<object> {
  assertOnce(request.form);
  const grantType = request.form.get("grant_type");
  if (grantType === null) throw new OAuthError("invalid_request");
  if (grantType !== "client_credentials" && grantType !== "refresh_token") {
    throw new OAuthError("unsupported_grant_type");
  }
  const at = authenticateClient(request, directory);
  return grantType === "client_credentials"
    ? await grantToClient(at, request.form)
    : await grantByRefreshToken(at, request.form);
}

/** `POST /oauth2/revoke` (RFC 7009). */
export function revokeByForm(request: FormRequest, directory: Directory): object {
  assertOnce(request.form);
  const { pool, client } = authenticateClient(request, directory);
  const token = request.form.get("token");
  if (token === null) throw new OAuthError("invalid_request");
  if (!revokeToken(pool, client, token)) throw new OAuthError("unsupported_token_type");
  return {};
}

async function grantToClient({ pool, client }: AtClient, form: URLSearchParams): Promise<object> {
  if (client.secret === undefined) throw new OAuthError("unauthorized_client");
  const asked =
    form
      .get("scope")
      ?.split(" ")
      .filter((scope) => scope !== "") ?? [];
  if (!asked.every((scope) => pool.scopes.includes(scope))) throw new OAuthError("invalid_scope");
  const scopes = asked.length === 0 ? pool.scopes : [...new Set(asked)];
  return {
    access_token: await issueMachineToken(pool, client, scopes),
    expires_in: pool.lives.accessSeconds,
    token_type: "Bearer",
  };
}

async function grantByRefreshToken(
  { pool, client }: AtClient,
  form: URLSearchParams,
): Promise<object> {
  const refreshToken = form.get("refresh_token");
  if (refreshToken === null) throw new OAuthError("invalid_request");
  const grant = findGrant(pool, client, refreshToken);
  const { accessToken, idToken } = await issueUserTokens(pool, grant);
  return {
    id_token: idToken,
    access_token: accessToken,
    expires_in: pool.lives.accessSeconds,
    token_type: "Bearer",
  };
}

function findGrant(pool: Pool, client: AppClient, refreshToken: string) {
  try {
    return pool.grants.useRefreshToken(refreshToken, client.id);
  } catch (error) {
    throw error instanceof ServiceError ? new OAuthError("invalid_grant") : error;
  }
}

/** `client_secret_basic`, `client_secret_post`, or the name alone of a client without a secret. */
function authenticateClient(request: FormRequest, directory: Directory): AtClient {
  const basic = readBasic(request.authorization);
  const posted = request.form.get("client_id");
  const id = basic?.id ?? posted;
  const isAmbiguous = basic !== undefined && posted !== null && posted !== basic.id;
  if (id === null || isAmbiguous) throw new OAuthError("invalid_request");
  const secret = basic?.secret ?? request.form.get("client_secret");
  const found = directory.findClient(id);
  const expected = found?.client.secret;
  const isKnown = isSameSecret(secret ?? "", expected ?? "");
  if (found === undefined || !isKnown) throw new OAuthError("invalid_client");
  return found;
}

/** RFC 6749 §2.3.1: both parts are form-encoded before they are joined. */
function readBasic(authorization: string | undefined): { id: string; secret: string } | undefined {
  const encoded = /^basic ([A-Za-z0-9+/]+=*)$/i.exec(authorization ?? "")?.[1];
  if (encoded === undefined) {
    if (authorization !== undefined) throw new OAuthError("invalid_client");
    return undefined;
  }
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  try {
    return {
      id: formDecode(text.slice(0, Math.max(0, colon))),
      secret: formDecode(text.slice(colon + 1)),
    };
  } catch {
    throw new OAuthError("invalid_client");
  }
}

const formDecode = (text: string) => decodeURIComponent(text.replaceAll("+", " "));

/** RFC 6749 §3.2: no parameter twice. */
function assertOnce(form: URLSearchParams): void {
  const names = [...form.keys()];
  if (new Set(names).size !== names.length) throw new OAuthError("invalid_request");
}
