import { CONTEXTS, type ContextName, type Principal } from "../../http/principal.ts";
import { AppError, isRejection } from "../../platform/errors.ts";
import type { Authenticate } from "../index.ts";
import { parseToken } from "../token/parse.ts";

/** What another service is told about a token it was shown. */
export type Introspection =
  | {
      readonly active: true;
      /** The claims set of the token; null for one that has none, such as an API key. */
      readonly claims: Readonly<Record<string, unknown>> | null;
      readonly permissions: Principal["permissions"];
      readonly missing_permissions: readonly string[];
      readonly user_context: Readonly<Record<string, unknown>>;
    }
  | { readonly active: false; readonly error_code: string };

/**
 * Asks the same question as for a caller of our own. Permissions are `context:permission`. Throws
 * when no answer can be given just now: "not active" is said only of a token that is not.
 */
export async function introspect(
  authenticate: Authenticate,
  token: string,
  requiredPermissions: readonly string[],
): Promise<Introspection> {
  // Whoever asks has shown who it is; that its own callers send garbage is not its doing.
  const outcome = await authenticate(token, "");
  if (isRejection(outcome)) {
    const { code, status, title, note, headers } = outcome;
    if (status < 500 && status !== 429) return { active: false, error_code: code };
    throw new AppError(
      code,
      { status, title },
      { ...(note && { note }), ...(headers && { headers }) },
    );
  }
  return {
    active: true,
    claims: claimsOf(token),
    permissions: outcome.permissions,
    missing_permissions: requiredPermissions.filter((text) => !holds(outcome, text)),
    user_context: toUserContext(outcome),
  };
}

function claimsOf(token: string): Readonly<Record<string, unknown>> | null {
  const parsed = parseToken(token);
  return "payload" in parsed ? (parsed.payload as Readonly<Record<string, unknown>>) : null;
}

function holds(principal: Principal, text: string): boolean {
  const [context, permission] = text.split(":");
  return (
    CONTEXTS.includes(context as ContextName) &&
    (principal.permissions[context as ContextName]?.includes(permission!) ?? false)
  );
}

function toUserContext(principal: Principal): Readonly<Record<string, unknown>> {
  return {
    user_id: principal.userId,
    account_id: principal.accountId ?? null,
    tenant_id: principal.tenantId,
    issuer: principal.issuer,
    subject: principal.subject,
    kind: principal.kind,
    actor: principal.actor ?? null,
    session_id: principal.sessionId ?? null,
    email: principal.email ?? null,
    username: principal.username ?? null,
    name: principal.name ?? null,
    email_verified: principal.emailVerified,
    roles: principal.roles,
    amr: principal.amr,
    auth_time: principal.authTime,
    api_key: toKeyContext(principal),
  };
}

/** What the key's own limits are; null for other callers. */
function toKeyContext({ apiKey, scope }: Principal): Readonly<Record<string, unknown>> | null {
  if (apiKey === undefined) return null;
  const { id, rate, quota } = apiKey;
  return {
    id,
    scopes: scope?.split(" ") ?? [],
    rate_limit: rate ? { requests: rate.count, seconds: rate.seconds } : null,
    quota: quota ? { requests: quota.count, period: quota.period, used: quota.used } : null,
  };
}
