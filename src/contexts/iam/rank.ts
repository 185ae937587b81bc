import { httpErrors } from "../../http/errors.ts";
import { CONTEXTS, type ContextName, type Principal } from "../../http/principal.ts";
import type { AnyRequest } from "../../http/request.ts";
import { ADMINISTRATOR_PERMISSIONS } from "./catalogue.ts";

type Permissions = Principal["permissions"];

/** Who changes something, for the audit log and for what may be given away. */
export interface By {
  /** A user id, or `cli`. */
  readonly actor: string;
  /** What the caller may do. Undefined: the operator, who stands above everybody. */
  readonly permissions?: Permissions;
  readonly request?: AnyRequest;
}

/** For changes that nobody asked for in particular. */
export const THE_PROGRAM: By = Object.freeze({ actor: "system" });

/** The caller of a request. */
export function byOf(request: AnyRequest & { readonly principal: Principal }): By {
  const { userId: actor, permissions } = request.principal;
  return { actor, permissions, request };
}

/** An administrator of iam could give himself whatever he lacks, so he lacks nothing. */
function hasAll({ permissions }: By): boolean {
  if (permissions === undefined) return true;
  return ADMINISTRATOR_PERMISSIONS.every((name) => permissions.iam?.includes(name));
}

/**
 * Nobody gives, or takes, what he may not do himself. Throws `permission_denied`.
 */
export function assertMayGive(by: By, context: ContextName, permissions: readonly string[]): void {
  if (hasAll(by)) return;
  if (permissions.every((name) => by.permissions?.[context]?.includes(name))) return;
  throw httpErrors.failure("permission_denied", {
    detail: "The role has permissions that the caller lacks",
  });
}

/** Nobody sends away who may do what he may not. Throws `permission_denied`. */
export function assertAbove(by: By, held: Permissions): void {
  if (hasAll(by)) return;
  const isAbove = CONTEXTS.every((context) =>
    (held[context] ?? []).every((name) => by.permissions?.[context]?.includes(name)),
  );
  if (isAbove) return;
  throw httpErrors.failure("permission_denied", {
    detail: "The user has permissions that the caller lacks",
  });
}
