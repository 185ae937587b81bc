import { closed, Type, uuid } from "../../http/schema.ts";
import { nullable, nullableText } from "../../http/schema-parts.ts";
import { mealLimits as limits } from "../../platform/limits.ts";

const points = Type.Integer({ minimum: 0, maximum: 5 });

/** Who rates what follows from the token and the path; a body may repeat it. */
export const ratingInput = closed({
  user_id: Type.Optional(uuid),
  recipe_id: Type.Optional(uuid),
  taste: points,
  convenience: points,
  comment: Type.Optional(nullableText(limits.textCharactersMax)),
});

export const ratingView = Type.Object({
  user_id: uuid,
  recipe_id: uuid,
  taste: points,
  convenience: points,
  comment: nullable<string>("string"),
});

/** What one user thinks of one recipe. */
export interface Rating {
  readonly userId: string;
  readonly taste: number;
  readonly convenience: number;
  readonly comment: string | null;
}
