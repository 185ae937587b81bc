import type { Principal } from "../http/principal.ts";
import type { Access } from "../http/route.ts";

/**
 * Who administers accounts, sessions, tokens and clients of its own tenant: people, and programs
 * that were given the permission.
 */
export const ADMINS: Access = Object.freeze({
  kind: "permission",
  context: "iam",
  permission: "manage_users",
  kinds: ["user", "api_key", "machine"],
} as const);

/** The actor of the audit log. */
export const actorOf = (principal: Principal): string => principal.userId;
