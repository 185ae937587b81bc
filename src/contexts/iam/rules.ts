import { CONTEXTS, hasPermission, type ContextName, type Principal } from "../../http/principal.ts";
import type { AnyRequest } from "../../http/request.ts";
import { readInstant } from "../../http/rules.ts";
import { platformErrors, type AppError } from "../../platform/errors.ts";
import { foreignPermissions, isRoleName } from "./catalogue.ts";

function invalid(path: string, code: string, message: string): AppError {
  return platformErrors.failure("validation_failed", { errors: [{ path, code, message }] });
}

/** A user sees himself; who manages users or their roles sees everybody of the tenant. */
export function maySeeUser(principal: Principal, userId: string): boolean {
  return (
    principal.userId === userId ||
    hasPermission(principal, "iam", "manage_users") ||
    hasPermission(principal, "iam", "manage_roles")
  );
}

/** `IAM` and `iam` are one context. */
export function readContext(text: string): ContextName {
  const context = CONTEXTS.find((name) => name === (text === "IAM" ? "iam" : text));
  if (context === undefined) throw invalid("/path/context", "enum", "must be a known context");
  return context;
}

/** Throws `validation_failed` when a permission is not one of the role's own context. */
export function assertPermissionsOf(
  context: ContextName,
  permissions: readonly string[],
  path: string,
): void {
  const errors = foreignPermissions(context, permissions).map((permission) => ({
    path: `${path}/${permissions.indexOf(permission)}`,
    code: "enum",
    message: `must be a permission of ${context}`,
  }));
  if (errors.length > 0) throw platformErrors.failure("validation_failed", { errors });
}

/** Throws `validation_failed` for a name a new role may not have. */
export function assertRoleName(name: string): void {
  if (!isRoleName(name)) {
    throw invalid("/body/name", "reserved", "must be a name that is not reserved");
  }
}

/** When a role is to end; throws `validation_failed` for what is no time, or over. */
export function readEnd(text: string | null | undefined, nowMs: number): Date | undefined {
  if (text === undefined || text === null) return undefined;
  const end = readInstant(text);
  if (end === undefined) throw invalid("/body/expires_at", "format", "must be a date and time");
  if (end.getTime() <= nowMs) throw invalid("/body/expires_at", "minimum", "must be to come");
  return end;
}

/**
 * The version the caller has seen: `If-Match: "3"` or the body's `version`. Undefined: the caller
 * does not care.
 */
export function readVersion(
  request: Pick<AnyRequest, "header">,
  bodyVersion: number | undefined,
): number | undefined {
  const ifMatch = request.header("if-match");
  if (ifMatch === undefined || ifMatch === "*") return bodyVersion;
  const match = /^(?:W\/)?"?([1-9][0-9]{0,8})"?$/.exec(ifMatch);
  if (match === null) throw invalid("/headers/if-match", "pattern", "must be one version");
  const version = Number(match[1]);
  if (bodyVersion !== undefined && bodyVersion !== version) {
    throw invalid("/body/version", "mismatch", "must equal If-Match");
  }
  return version;
}
