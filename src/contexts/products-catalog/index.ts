import type { Route } from "../../http/route.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/log.ts";
import type { Database } from "../../platform/postgres.ts";
import { createProductRoutes } from "./routes.ts";
import { createProductStore } from "./store.ts";
import { createProductWriter } from "./store-write.ts";

export interface ProductsCatalogOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The products_catalog context: products, their classifications, house votes, similar names. */
export function createProductsCatalog({ database, clock }: ProductsCatalogOptions): {
  routes: Route[];
} {
  const store = createProductStore(database);
  const writer = createProductWriter(database);
  return { routes: createProductRoutes({ store, writer, clock }) };
}
