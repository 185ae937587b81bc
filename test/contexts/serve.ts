import { createInvalidate } from "../../src/auth/revocation/invalidation-log.ts";
import { createClientOnboarding } from "../../src/contexts/client-onboarding/index.ts";
import { createIam } from "../../src/contexts/iam/index.ts";
import {
  createProductsCatalog,
  findProductTexts,
  findShoppingProducts,
  readProductMarks,
} from "../../src/contexts/products-catalog/index.ts";
import { createRecipesCatalog } from "../../src/contexts/recipes-catalog/index.ts";
import { httpErrors } from "../../src/http/errors.ts";
import type { Principal } from "../../src/http/principal.ts";
import type { Route } from "../../src/http/route.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { Database } from "../../src/platform/postgres.ts";
import { principalOf, startServer } from "../http/fixture.ts";
import { silentLog } from "../support/log.ts";
import { CONFIG, SEALER } from "./client-onboarding/support.ts";
import type { World } from "./world.ts";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body?: object | undefined;
}

/** The routes of all four contexts on a free port. Whoever asks manages the users of his world. */
export async function serveContexts(database: Database) {
  const people = new Map<string, Principal>();
  const routes = contextRoutes(database);
  const server = await startServer({
    routes,
    config: { accessLog: false, bodyBytesMax: 1_048_576 },
    authenticate: (token) => people.get(token) ?? httpErrors.rejection("authentication_required"),
  });
  return {
    routes,
    close: () => server.close(),
    /** The body of a good answer. @throws for any other */
    async ask({ userId, tenantId }: World, { method, path, body }: Asked): Promise<any> {
      const permissions = {
        iam: ["manage_users", "manage_roles"],
        recipes_catalog: ["access_basic_features"],
        client_onboarding: ["configure_typeform_webhooks"],
      };
      people.set(userId, { ...principalOf(userId, permissions), tenantId });
      const response = await fetch(server.url + path, {
        method,
        headers: {
          authorization: `Bearer ${userId}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return JSON.parse(text);
    },
  };
}

function contextRoutes(database: Database): Route[] {
  const common = { database, clock: systemClock };
  const products = createProductsCatalog({ ...common, log: silentLog });
  const onboarding = createClientOnboarding({
    ...common,
    config: CONFIG(),
    sealer: SEALER,
    recordKeyChange: async () => {},
  });
  const recipes = createRecipesCatalog({
    ...common,
    similarProducts: products.similarProducts,
    findFormResponse: onboarding.findFormResponse,
    products: { findProductTexts, readProductMarks },
    shopping: {
      findShoppingProducts,
      readProductMarks,
      drawDocument: async () => new Uint8Array(),
    },
  });
  const iam = createIam({
    ...common,
    invalidate: createInvalidate({ generations: { bump() {} } }),
    record: async () => {},
    ownIssuer: "http://brigade.test",
  });
  return [...products.routes, ...recipes.routes, ...onboarding.routes, ...iam.routes];
}

/** A path of a route with the ids of a world in it. */
export function fillPath(path: string, world: World): string {
  return path.replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => {
    const id = name === "id" ? world.idOf(path) : world.ids[name];
    if (id === undefined) throw new Error(`nothing is known for ${name} of ${path}`);
    return id;
  });
}
