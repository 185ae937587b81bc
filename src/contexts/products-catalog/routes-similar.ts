import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { Type } from "../../http/schema.ts";
import { productLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { prepareName } from "../../platform/name-preparation.ts";
import { productsReply, TAG } from "./routes.ts";
import { product } from "./schemas.ts";
import { enveloped } from "../../http/schema-parts.ts";
import { readCatalogueRevision, type ProductAnswers } from "./product-answers.ts";
import type { SimilarNames } from "./store-similar.ts";

export interface SimilarRouteOptions {
  readonly database: Pick<Database, "read">;
  readonly answers: ProductAnswers;
  readonly similarNames: SimilarNames;
}

/** Finds products by a name that somebody typed. */
export function createSimilarRoutes(options: SimilarRouteOptions): Route[] {
  const { database, answers, similarNames } = options;
  return [
    defineRoute({
      method: "GET",
      path: "/v1/products/search/similar-names",
      summary: "Find the foods with the most similar names",
      description: `At most ${productLimits.similarNamesMax}, best first. Foods with a barcode are left out, and cooked ones unless the name says so.`,
      tag: TAG,
      access: AUTHENTICATED,
      query: Type.Object(
        { name: Type.String({ maxLength: productLimits.similarQueryCharactersMax }) },
        { additionalProperties: false },
      ),
      responses: {
        200: { description: "Products, best first", schema: enveloped(Type.Array(product)) },
      },
      async handler({ query }) {
        const name = prepareName(query.name);
        const body = await answers.of(`name ${name}`, async (isAskedAgain) => {
          const revision = isAskedAgain ? await readCatalogueRevision(database) : undefined;
          const ranked = await similarNames.search(name);
          return { revision, ids: ranked.map(({ id }) => id) };
        });
        return productsReply(body);
      },
    }),
  ];
}
