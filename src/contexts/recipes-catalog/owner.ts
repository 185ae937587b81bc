import { httpErrors } from "../../http/errors.ts";
import { hasPermission, type Principal } from "../../http/principal.ts";
import { validationFailure } from "../../http/rules.ts";
import { platformErrors } from "../../platform/errors.ts";

/** What the catalogue can permit beside the owner's own rights. */
export type Managing = "manage_recipes" | "manage_meals" | "manage_menus" | "manage_clients";

/** Who asks, as far as ownership is concerned. */
export interface Caller {
  readonly userId: string;
  readonly tenantId: string;
  /** He may act on what others of his tenant own. */
  readonly isManager: boolean;
}

/** The caller of a request; any one of the permissions makes a manager. */
export function callerOf(principal: Principal, ...permissions: readonly Managing[]): Caller {
  const { userId, tenantId } = principal;
  const isManager = permissions.some((name) => hasPermission(principal, "recipes_catalog", name));
  return { userId, tenantId, isManager };
}

export interface Owned {
  readonly tenant_id: string;
  readonly author_id: string;
}

/**
 * The row, when the caller may act on it.
 * @throws AppError `not_found` when there is none or another tenant has it; `permission_denied`
 *   when another user of the tenant has it and the caller manages nothing
 */
export function owned<T extends Owned>(row: T | undefined, caller: Caller): T {
  if (row === undefined || row.tenant_id !== caller.tenantId) {
    throw platformErrors.failure("not_found");
  }
  if (row.author_id !== caller.userId && !caller.isManager) {
    throw httpErrors.failure("permission_denied", { detail: "It belongs to somebody else" });
  }
  return row;
}

/**
 * Ids come from the path and the token. A body may repeat them, as a resource that was read does.
 * @throws AppError `validation_failed`, one fault for each that says something else
 */
export function assertSameIds(body: object, known: Readonly<Record<string, string | null>>): void {
  const given = body as Readonly<Record<string, unknown>>;
  const faults = Object.entries(known)
    .filter(([name, id]) => given[name] !== undefined && given[name] !== id)
    .map(([name]) => ({
      path: `/body/${name}`,
      code: "contradiction",
      message: "must be left out, or be what the address and the owner say",
    }));
  if (faults.length > 0) throw validationFailure(faults);
}
