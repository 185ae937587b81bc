import type { Route } from "../../http/route.ts";
import { createRoleRoutes, type RoleRouteDeps } from "./role-routes.ts";
import { createUserRoutes, type UserRouteDeps } from "./user-routes.ts";

/** Everything the iam context serves, under `/v1/users` and `/v1/roles`. */
export function createIamRoutes(deps: UserRouteDeps & RoleRouteDeps): Route[] {
  return [...createUserRoutes(deps), ...createRoleRoutes(deps)];
}
