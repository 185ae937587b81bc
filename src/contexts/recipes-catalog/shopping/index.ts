import type { Route } from "../../../http/route.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { Database } from "../../../platform/postgres.ts";
import type { BodyMemory } from "../json-body.ts";
import { createProductAnswers } from "../product-answers.ts";
import type { ShoppingPorts } from "./ports.ts";
import { createComputeRoutes } from "./routes-compute.ts";
import { createDocumentRoute } from "./routes-document.ts";
import { createListRoutes } from "./routes-lists.ts";
import { createShoppingListStore } from "./store-lists.ts";
import { createReadBasis } from "./store.ts";

export type { ShoppingPorts } from "./ports.ts";

export interface ShoppingOptions extends ShoppingPorts {
  readonly database: Database;
  readonly clock: Clock;
  readonly memory: BodyMemory;
}

/** Shopping lists: computed from menus, kept for clients, on paper. */
export function createShopping(options: ShoppingOptions): Route[] {
  const { database, clock, memory, findShoppingProducts, readProductMarks, drawDocument } = options;
  const readBasis = createReadBasis(findShoppingProducts);
  const lists = createShoppingListStore(database);
  return [
    ...createComputeRoutes(
      createProductAnswers("shopping list", database, readProductMarks, memory),
      readBasis,
    ),
    ...createListRoutes({ readBasis, memory, lists, clock }),
    createDocumentRoute({ lists, drawDocument }),
  ];
}
