import { json, JSON_TEXT, type Reply } from "../../http/reply.ts";
import { AUTHENTICATED, defineRoute, needs, type Route } from "../../http/route.ts";
import { Type } from "../../http/schema.ts";
import type { Clock } from "../../platform/clock.ts";
import { platformErrors } from "../../platform/errors.ts";
import { newId } from "../../platform/ids.ts";
import type { NewProduct } from "./columns.ts";
import { toNewProduct, withChanges } from "./product-input.ts";
import { productQuery, toPage, toProductFilter } from "./product-query.ts";
import { expectedVersion } from "../../http/rules.ts";
import { newProductBody, product, productChangesBody, uuidText, written } from "./schemas.ts";
import { enveloped, listed } from "../../http/schema-parts.ts";
import type { JsonBody } from "./product-answers.ts";
import type { ProductStore } from "./store.ts";
import type { ProductWriter } from "./store-write.ts";

export interface ProductRouteOptions {
  readonly store: ProductStore;
  readonly writer: ProductWriter;
  readonly clock: Clock;
}

export const TAG = "products_catalog";
export const MANAGE_PRODUCTS = needs("products_catalog", "manage_products");
/** Where a DELETE may name the version it means, beside `If-Match`. */
export const versionQuery = Type.Object(
  { version: Type.Optional(Type.Integer({ minimum: 1 })) },
  { additionalProperties: false },
);
const ID = Type.Object({ product_id: uuidText });

export const EXAMPLE_PRODUCT = {
  source_id: "00000000-0000-7000-8000-000000000001",
  name: "Feijão carioca cozido",
  nutri_facts: { calories: 76, protein: 4.8, sodium: { value: 0.002, unit: "g" } },
  barcode: "7891234567895",
};

/** Searching, reading and writing products. */
export function createProductRoutes(options: ProductRouteOptions): Route[] {
  return [searchRoute(options), ...readRoutes(options), ...writeRoutes(options)];
}

function searchRoute({ store }: ProductRouteOptions): Route {
  return defineRoute({
    method: "GET",
    path: "/v1/products/search",
    summary: "List products that match all filters",
    description:
      "Products of the source `auto` that the houses have not decided about are left out unless a source is named.",
    tag: TAG,
    access: AUTHENTICATED,
    query: productQuery,
    responses: { 200: { description: "A page of products", schema: listed(product) } },
    async handler({ query }) {
      const page = toPage(query);
      const filter = toProductFilter(query);
      return productsReply(await store.list(filter, query.sort ?? "-created_at", page));
    },
  });
}

function readRoutes({ store }: ProductRouteOptions): Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/v1/products/{product_id}",
      summary: "Read one product",
      tag: TAG,
      access: AUTHENTICATED,
      params: ID,
      responses: {
        200: { description: "The product", schema: enveloped(product) },
        404: { description: "There is no such product" },
      },
      async handler({ params }) {
        const product = await store.find(params.product_id);
        if (product === undefined) throw platformErrors.failure("not_found");
        return {
          status: 200,
          headers: { ...JSON_TEXT, etag: `"${product.version}"` },
          raw: `{"data":${product.text}}`,
          once: true,
        };
      },
    }),
  ];
}

function writeRoutes({ writer, clock }: ProductRouteOptions): Route[] {
  const now = () => new Date(clock.nowMs());
  return [
    defineRoute({
      method: "POST",
      path: "/v1/products",
      summary: "Add a food product",
      tag: TAG,
      access: MANAGE_PRODUCTS,
      body: newProductBody,
      bodyExample: EXAMPLE_PRODUCT,
      responses: {
        201: { description: "The product was made", schema: written },
        409: { description: "The source has a product with this barcode" },
      },
      async handler({ body }) {
        const made = await writer.insert(newId(clock), toNewProduct(body), now());
        return writtenReply(201, "Product created successfully", made);
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/v1/products/{product_id}",
      summary: "Change a product",
      description:
        "Absent fields stay, null empties one; nutrients and score parts are merged one by one. " +
        "`version` in the body or `If-Match` refuses to overwrite a version not seen.",
      tag: TAG,
      access: MANAGE_PRODUCTS,
      params: ID,
      body: productChangesBody,
      bodyExample: { shopping_name: "Feijão carioca", version: 1 },
      responses: {
        200: { description: "The product was changed", schema: written },
        404: { description: "There is no such product" },
        409: { description: "Another version, or a barcode that is taken" },
      },
      async handler(request) {
        const { params, body } = request;
        const seen = expectedVersion(request.header("if-match"), body.version);
        const change = (stored: NewProduct) => withChanges(stored, body);
        const changed = await writer.change(params.product_id, seen, change, now());
        return writtenReply(200, "Product updated successfully", changed);
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/v1/products/{product_id}",
      summary: "Discard a product",
      tag: TAG,
      access: MANAGE_PRODUCTS,
      params: ID,
      query: versionQuery,
      responses: {
        200: { description: "The product was discarded", schema: written },
        404: { description: "There is no such product" },
        409: { description: "Another version" },
      },
      async handler(request) {
        const seen = expectedVersion(request.header("if-match"), request.query.version);
        const discarded = await writer.discard(request.params.product_id, seen, now());
        return writtenReply(200, "Product deleted successfully", discarded);
      },
    }),
  ];
}

/** A list of products, whose body is kept for others too. */
export function productsReply(body: JsonBody): Reply {
  return { status: 200, headers: JSON_TEXT, raw: body };
}

/** The id and the version of what was written. */
export function writtenReply(
  status: number,
  message: string,
  { id, version }: { readonly id: string; readonly version: number },
): Reply {
  return json(status, { data: { message, id, version } }, { etag: `"${version}"` });
}
