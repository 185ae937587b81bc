import type { Route } from "../../http/route.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/log.ts";
import { prepareName } from "../../platform/name-preparation.ts";
import type { Database } from "../../platform/postgres.ts";
import { createProductRoutes } from "./routes.ts";
import { createClassificationRoutes } from "./routes-classifications.ts";
import { createSimilarRoutes } from "./routes-similar.ts";
import { createVoteRoutes } from "./routes-votes.ts";
import { createClassificationStore } from "./store-classifications.ts";
import { createSimilarNames } from "./store-similar.ts";
import { createVoteStore } from "./store-votes.ts";
import { createProductAnswers } from "./product-answers.ts";
import { createProductStore } from "./store.ts";
import { createProductWriter } from "./store-write.ts";

export { importProducts } from "./import/import-products.ts";
export { loadDemoCatalogue } from "./demo-catalogue.ts";
export { seedProducts } from "./seed.ts";
export { readProductMarks } from "./product-texts.ts";
export { findProductTexts } from "./store.ts";
export { findShoppingProducts } from "./store-shopping.ts";

export interface ProductsCatalogOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The products_catalog context: products, their classifications, house votes, similar names. */
export function createProductsCatalog({ database, clock }: ProductsCatalogOptions): {
  routes: Route[];
  /** Ids of the products with the names most like one, best first. */
  similarProducts(name: string, count: number): Promise<string[]>;
} {
  const answers = createProductAnswers(database);
  const store = createProductStore(database, answers);
  const writer = createProductWriter(database);
  const similarNames = createSimilarNames(database);
  return {
    async similarProducts(name, count) {
      const ranked = await similarNames.search(prepareName(name), count);
      return ranked.map(({ id }) => id);
    },
    routes: [
      ...createProductRoutes({ store, writer, clock }),
      ...createSimilarRoutes({ database, answers, similarNames }),
      ...createClassificationRoutes({
        classifications: createClassificationStore(database),
        clock,
      }),
      ...createVoteRoutes({ votes: createVoteStore(database) }),
    ],
  };
}
