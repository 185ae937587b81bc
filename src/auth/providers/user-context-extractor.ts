import { CONTEXTS, type ContextName } from "../../http/principal.ts";
import { systemClock, type Clock } from "../../platform/clock.ts";
import type { AuthZTokenClaims } from "./claims.ts";
import { ConfigurationError } from "./failures.ts";
import type { AuthZProvider } from "./provider.ts";
import { UserContext } from "./user-context.ts";
import { verifyAuthorizationHeader } from "./authorization-header.ts";

export interface UserContextExtractorOptions {
  /**
   * Roles that a group of the token stands for, as `context:role`. A group that is not here stands
   * for nothing: users of a pool may be able to write their own attributes.
   */
  readonly rolesOfGroup?: Readonly<Record<string, readonly string[]>>;
  readonly permissionsOfRole?: Readonly<Record<string, readonly string[]>>;
  /** A claim beside the groups, a text with commas or a list. */
  readonly rolesClaim?: string;
  readonly clock?: Clock;
}

/** Makes a user context of verified claims, when there is no IAM to ask. */
export class UserContextExtractor {
  readonly #roles: ReadonlyMap<string, readonly string[]>;
  readonly #permissions: ReadonlyMap<string, readonly string[]>;
  readonly #rolesClaim: string;
  readonly #clock: Clock;

  constructor(options: UserContextExtractorOptions = {}) {
    const { rolesOfGroup = {}, permissionsOfRole = {}, clock = systemClock } = options;
    // Maps: a group may be called `__proto__`.
    this.#roles = new Map(Object.entries(rolesOfGroup));
    this.#permissions = new Map(Object.entries(permissionsOfRole));
    this.#rolesClaim = options.rolesClaim ?? "custom:roles";
    this.#clock = clock;
    for (const role of [...this.#roles.values()].flat()) splitRole(role);
    for (const role of this.#permissions.keys()) splitRole(role);
  }

  fromClaims(claims: AuthZTokenClaims): UserContext {
    const { payload } = claims;
    const groups = [...new Set([...claims.groups, ...namesOf(payload[this.#rolesClaim])])];
    const roles = [...new Set(groups.flatMap((group) => this.#roles.get(group) ?? []))];
    const permissions = roles.flatMap((role) =>
      (this.#permissions.get(role) ?? []).map((name) => `${splitRole(role)[0]}:${name}`),
    );
    const { scope } = payload;
    return new UserContext(
      {
        userId: claims.sub,
        issuer: claims.iss,
        subject: claims.sub,
        email: claims.email,
        groups: Object.freeze(groups),
        scopes: Object.freeze(typeof scope === "string" ? scope.split(" ") : []),
        roles: byContext(roles),
        permissions: byContext(permissions),
        expiresAt: new Date(claims.exp * 1000),
      },
      this.#clock,
    );
  }

  /** Throws what the provider throws. */
  async fromToken(provider: AuthZProvider, token: string): Promise<UserContext> {
    return this.fromClaims(await provider.verify(token));
  }

  /** Throws as `verifyAuthorizationHeader` does. */
  async fromHeader(provider: AuthZProvider, header: string | undefined): Promise<UserContext> {
    return this.fromClaims(await verifyAuthorizationHeader(provider, header));
  }
}

/** Who is calling, as one context sees it: with its own roles and permissions, and no others. */
export interface ContextUser {
  readonly context: ContextName;
  readonly user: UserContext;
  readonly userId: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  hasRole(role: string): boolean;
  hasAnyRole(roles: readonly string[]): boolean;
  hasPermission(permission: string): boolean;
}

const viewFor =
  (context: ContextName) =>
  (user: UserContext): ContextUser =>
    Object.freeze({
      context,
      user,
      userId: user.userId,
      roles: user.rolesIn(context),
      permissions: user.permissionsIn(context),
      hasRole: (role: string) => user.hasRole(context, role),
      hasAnyRole: (roles: readonly string[]) => user.hasAnyRole(context, roles),
      hasPermission: (permission: string) => user.hasPermission(context, permission),
    });

export const productsCatalogUser = viewFor("products_catalog");
export const recipesCatalogUser = viewFor("recipes_catalog");
export const clientOnboardingUser = viewFor("client_onboarding");
export const iamUser = viewFor("iam");

function byContext(names: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const found: Record<string, string[]> = {};
  for (const [context, name] of names.map(splitRole)) (found[context] ??= []).push(name);
  for (const list of Object.values(found)) Object.freeze(list);
  return Object.freeze(found);
}

function splitRole(text: string): readonly [ContextName, string] {
  const [context, name] = text.split(":", 2);
  if (!CONTEXTS.includes(context as ContextName) || name === undefined || name === "") {
    throw new ConfigurationError(`a role must be like recipes_catalog:user`);
  }
  return [context as ContextName, name];
}

function namesOf(value: unknown): readonly string[] {
  const listed = typeof value === "string" ? value.split(",") : Array.isArray(value) ? value : [];
  return listed
    .filter((name): name is string => typeof name === "string")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
