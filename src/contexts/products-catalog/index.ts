import type { Route } from "../../http/route.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/log.ts";
import type { Database } from "../../platform/postgres.ts";
import { createProductRoutes } from "./routes.ts";
import { createClassificationRoutes } from "./routes-classifications.ts";
import { createSimilarRoutes } from "./routes-similar.ts";
import { createVoteRoutes } from "./routes-votes.ts";
import { createClassificationStore } from "./store-classifications.ts";
import { createSimilarNames } from "./store-similar.ts";
import { createVoteStore } from "./store-votes.ts";
import { createProductStore } from "./store.ts";
import { createProductWriter } from "./store-write.ts";

export { importProducts } from "./import/import-products.ts";
export { loadDemoCatalogue } from "./demo-catalogue.ts";
export { seedProducts } from "./seed.ts";

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
  return {
    routes: [
      ...createProductRoutes({ store, writer, clock }),
      ...createSimilarRoutes({ store, similarNames: createSimilarNames(database) }),
      ...createClassificationRoutes({
        classifications: createClassificationStore(database),
        clock,
      }),
      ...createVoteRoutes({ votes: createVoteStore(database) }),
    ],
  };
}
