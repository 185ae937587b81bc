import type { Principal } from "../../http/principal.ts";
import { systemClock, type Clock } from "../../platform/clock.ts";

/** Names per context: `{ recipes_catalog: ["user"] }`. */
type NamesByContext = Readonly<Partial<Record<string, readonly string[]>>>;

export interface UserContextFields {
  /** What contexts store as `user_id`; of a token alone its subject. */
  readonly userId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly email: string | undefined;
  /** Information: what its holder may do is said by roles and permissions. */
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  readonly roles: NamesByContext;
  readonly permissions: NamesByContext;
  readonly expiresAt: Date;
}

/** Who is calling, for the code behind the authentication. Frozen. */
export class UserContext implements UserContextFields {
  readonly userId: string;
  readonly issuer: string;
  readonly subject: string;
  readonly email: string | undefined;
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  readonly roles: NamesByContext;
  readonly permissions: NamesByContext;
  readonly expiresAt: Date;
  readonly #clock: Clock;

  constructor(fields: UserContextFields, clock: Clock = systemClock) {
    this.userId = fields.userId;
    this.issuer = fields.issuer;
    this.subject = fields.subject;
    this.email = fields.email;
    this.groups = fields.groups;
    this.scopes = fields.scopes;
    this.roles = fields.roles;
    this.permissions = fields.permissions;
    this.expiresAt = fields.expiresAt;
    this.#clock = clock;
    Object.freeze(this);
  }

  get isExpired(): boolean {
    return this.#clock.nowMs() >= this.expiresAt.getTime();
  }

  rolesIn(context: string): readonly string[] {
    return namesIn(this.roles, context);
  }

  permissionsIn(context: string): readonly string[] {
    return namesIn(this.permissions, context);
  }

  hasRole(context: string, role: string): boolean {
    return this.rolesIn(context).includes(role);
  }

  hasAnyRole(context: string, roles: readonly string[]): boolean {
    return roles.some((role) => this.hasRole(context, role));
  }

  hasPermission(context: string, permission: string): boolean {
    return this.permissionsIn(context).includes(permission);
  }

  hasScope(scope: string): boolean {
    return this.scopes.includes(scope);
  }

  isInGroup(group: string): boolean {
    return this.groups.includes(group);
  }
}

/** The caller of a route, with roles and permissions as IAM knows them. */
export function userContextOf(principal: Principal, clock?: Clock): UserContext {
  const { userId, issuer, subject, email, groups, roles, permissions, scope, expiresAt } =
    principal;
  return new UserContext(
    {
      userId,
      issuer,
      subject,
      email,
      groups: groups ?? [],
      scopes: scope?.split(" ") ?? [],
      roles,
      permissions,
      expiresAt: new Date(expiresAt * 1000),
    },
    clock,
  );
}

function namesIn(names: NamesByContext, context: string): readonly string[] {
  return (Object.hasOwn(names, context) ? names[context] : undefined) ?? [];
}
