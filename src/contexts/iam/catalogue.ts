import type { ContextName } from "../../http/principal.ts";

/** What can be permitted at all, per context. A role holds only permissions of its own context. */
export const PERMISSIONS = Object.freeze({
  iam: [
    "manage_users",
    "manage_roles",
    "view_audit_log",
    "access_developer_tools",
    "access_support",
    "access_basic_features",
  ],
  products_catalog: [
    "manage_users",
    "manage_products",
    "view_audit_log",
    "access_developer_tools",
    "access_support",
    "access_basic_features",
  ],
  recipes_catalog: [
    "manage_users",
    "manage_recipes",
    "manage_meals",
    "manage_menus",
    "manage_clients",
    "view_audit_log",
    "access_developer_tools",
    "access_support",
    "access_basic_features",
  ],
  client_onboarding: [
    "manage_onboarding_forms",
    "view_onboarding_responses",
    "configure_typeform_webhooks",
    "access_client_data",
    "manage_field_mappings",
    "access_basic_features",
    "view_audit_log",
    "access_developer_tools",
    "access_support",
  ],
} as const satisfies Record<ContextName, readonly string[]>);

/** A new user holds this role in every context. */
export const DEFAULT_ROLE = "user";

/** Who holds this one in `iam` can give every other role; a tenant never loses its last holder. */
export const ADMINISTRATOR_ROLE = "administrator";

/** What that role permits: with all of it a caller may give every role. */
export const ADMINISTRATOR_PERMISSIONS = Object.freeze([
  "manage_users",
  "manage_roles",
  "view_audit_log",
] as const satisfies readonly (typeof PERMISSIONS.iam)[number][]);

/** Names that promise more than a role can hold; refused for roles made through the API. */
const RESERVED_ROLE_NAMES: readonly string[] = [
  "root",
  "system",
  "service",
  "daemon",
  "kernel",
  "superuser",
  "privilege",
  "elevated",
];

/** Lower-case letters, digits and underscores, 3 to 50 of them, and none of the reserved words. */
export function isRoleName(name: string): boolean {
  return /^[a-z0-9_]{3,50}$/.test(name) && !RESERVED_ROLE_NAMES.includes(name);
}

/** The names of `permissions` that the context does not know. */
export function foreignPermissions(
  context: ContextName,
  permissions: readonly string[],
): readonly string[] {
  const known: readonly string[] = PERMISSIONS[context];
  return permissions.filter((permission) => !known.includes(permission));
}
