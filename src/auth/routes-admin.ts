import type { TProperties } from "typebox";
import type { Principal } from "../http/principal.ts";
import type { Access } from "../http/route.ts";
import { Type } from "../http/schema.ts";

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

export const uuid = Type.String({ format: "uuid" });
export const instant = Type.String({ format: "date-time" });
export const optionalText = Type.Union([Type.String(), Type.Null()]);

export const closed = <P extends TProperties>(properties: P, options: object = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options });

/** The actor of the audit log. */
export const actorOf = (principal: Principal): string => principal.userId;
