/** The iam context: users, the role catalogue, and who holds which role. */
import type {
  DiscardUser,
  DocumentCache,
  FindIdentity,
  GiveAdministrator,
  Invalidate,
  LoadRoles,
  ProvisionForeignUser,
  ProvisionUser,
  RecordIamEvents,
} from "../../auth/index.ts";
import type { Route } from "../../http/route.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Database } from "../../platform/postgres.ts";
import { createBulkUsers, type BulkUsers } from "./bulk.ts";
import { createRoleStore, type RoleStore } from "./role-store.ts";
import { createIamRoutes } from "./routes.ts";
import { createIssuerNames, createLoadRoles, createProvisionUser } from "./store.ts";
import { createProvisionForeignUser, discardUser, giveAdministrator } from "./user-changes.ts";
import type { IssuerOfTenant } from "./user-routes.ts";
import { createUserStore, type UserStore } from "./user-store.ts";

export type { Role, RoleStore } from "./role-store.ts";
export { EVERY_TENANT, type User, type UserStore } from "./user-store.ts";

export interface IamOptions {
  readonly database: Database;
  readonly invalidate: Invalidate;
  readonly record: RecordIamEvents;
  readonly clock: Clock;
  /** `iss` of our own tokens; stored as a constant, so it may change. */
  readonly ownIssuer: string;
  /** Configured issuers besides our own, the default of `POST /v1/users` first. */
  readonly foreignIssuers?: readonly IssuerOfTenant[];
  /** Keeps the role catalogue; without it the catalogue is read with each user. */
  readonly documents?: DocumentCache;
}

export interface Iam {
  readonly routes: Route[];
  readonly loadRoles: LoadRoles;
  readonly provisionUser: ProvisionUser;
  readonly provisionForeignUser: ProvisionForeignUser;
  readonly findIdentity: FindIdentity;
  readonly discardUser: DiscardUser;
  readonly giveAdministrator: GiveAdministrator;
  /** The same operations for the command line. */
  readonly users: UserStore;
  readonly bulk: BulkUsers;
  readonly roles: RoleStore;
}

export function createIam(options: IamOptions): Iam {
  const { database, clock, ownIssuer, foreignIssuers = [] } = options;
  const issuerNames = createIssuerNames(ownIssuer);
  const users = createUserStore(database, options, issuerNames);
  const roles = createRoleStore(database, options);
  return Object.freeze({
    routes: createIamRoutes({ users, roles, clock, ownIssuer, foreignIssuers }),
    loadRoles: createLoadRoles(database, issuerNames, options.documents),
    provisionUser: createProvisionUser(issuerNames),
    provisionForeignUser: createProvisionForeignUser(issuerNames),
    async findIdentity(userId: string, tenantId: string) {
      const user = await users.find(userId, tenantId);
      return user && { issuer: user.issuer, subject: user.subject };
    },
    discardUser,
    giveAdministrator,
    users,
    bulk: createBulkUsers(database, issuerNames, ownIssuer),
    roles,
  });
}
