import type { Route } from "../../http/route.ts";
import type { Config } from "../../platform/config.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Database } from "../../platform/postgres.ts";
import type {
  Authenticate,
  DocumentCache,
  Invalidate,
  LoadRoles,
  ProvisionUser,
  WaitForCluster,
} from "../index.ts";
import type { KeyRing } from "../keys/key-ring.ts";
import type { BlockOf } from "../network/blocks.ts";
import { createAdminClientRoutes } from "../routes-admin-clients.ts";
import type { EndSessions } from "../session/end.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { createAuthenticateClient } from "./client-auth.ts";
import { createClients } from "./clients.ts";
import { createOAuthRoutes } from "./routes.ts";

export interface MachineRoutesOptions {
  readonly database: Database;
  readonly documents: DocumentCache;
  readonly blockOf: BlockOf;
  readonly throttle: Throttle;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly config: Config;
  readonly keyRing: KeyRing;
  readonly authenticate: Authenticate;
  readonly loadRoles: LoadRoles;
  readonly provisionUser: ProvisionUser;
  readonly invalidate: Invalidate;
  readonly endSessions: EndSessions;
  readonly waitForCluster: WaitForCluster;
  readonly ownIssuer: string;
}

/** `/oauth/*`, and where machine clients are registered. */
export function createMachineRoutes(options: MachineRoutesOptions): Route[] {
  const { database, waitForCluster } = options;
  return [
    ...createOAuthRoutes({ ...options, authenticateClient: createAuthenticateClient(options) }),
    ...createAdminClientRoutes({ database, waitForCluster, clients: createClients(options) }),
  ];
}
