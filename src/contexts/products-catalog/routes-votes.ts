import { httpErrors } from "../../http/errors.ts";
import { hasPermission } from "../../http/principal.ts";
import { json } from "../../http/reply.ts";
import { AUTHENTICATED, defineRoute, type Route } from "../../http/route.ts";
import { Type } from "../../http/schema.ts";
import { productLimits } from "../../platform/limits.ts";
import { TAG } from "./routes.ts";
import { cleanText, validationFailure } from "../../http/rules.ts";
import { foodVotes, uuidText } from "./schemas.ts";
import { enveloped } from "../../http/schema-parts.ts";
import type { VoteStore } from "./store-votes.ts";
import { ACCEPTANCE_LINE_JSON } from "./votes.ts";

const HOUSE = { charactersMax: productLimits.houseCharactersMax };
const acceptanceLine: unknown = JSON.parse(ACCEPTANCE_LINE_JSON);

/** A house says whether a product is food. */
export function createVoteRoutes({ votes }: { readonly votes: VoteStore }): Route[] {
  return [
    defineRoute({
      method: "PUT",
      path: "/v1/products/{product_id}/votes",
      summary: "Vote for a house whether a product is food",
      description:
        "A house has one vote for each product; another vote moves it. The caller is the house itself, or holds manage_products.",
      tag: TAG,
      access: AUTHENTICATED,
      params: Type.Object({ product_id: uuidText }),
      body: Type.Object(
        {
          house_id: Type.String({ minLength: 1, maxLength: productLimits.houseCharactersMax }),
          is_food: Type.Boolean(),
        },
        { additionalProperties: false },
      ),
      bodyExample: { house_id: "house-42", is_food: true },
      responses: {
        200: {
          description: "The votes after this one",
          schema: enveloped(
            Type.Object({
              id: uuidText,
              is_food_votes: foodVotes,
              is_food_houses_choice: Type.Unsafe<boolean | null>({ type: ["boolean", "null"] }),
            }),
          ),
        },
        404: { description: "There is no such product" },
      },
      async handler({ params, body, principal }) {
        const houseId = readHouse(body.house_id);
        const isOwnHouse = houseId === principal.userId;
        if (!isOwnHouse && !hasPermission(principal, "products_catalog", "manage_products")) {
          throw httpErrors.failure("permission_denied");
        }
        const productId = params.product_id;
        const result = await votes.vote({ productId, houseId, isFood: body.is_food });
        return json(200, {
          data: {
            id: productId,
            is_food_votes: {
              acceptance_line: acceptanceLine,
              is_food_houses: result.isFoodHouses,
              is_not_food_houses: result.isNotFoodHouses,
            },
            is_food_houses_choice: result.choice,
          },
        });
      },
    }),
  ];
}

/** @throws AppError `validation_failed` */
function readHouse(text: string): string {
  const cleaned = cleanText(text, HOUSE);
  if ("text" in cleaned && cleaned.text !== null) return cleaned.text;
  const fault = "code" in cleaned ? cleaned : { code: "min_length", message: "must not be empty" };
  throw validationFailure([{ path: "/body/house_id", ...fault }]);
}
