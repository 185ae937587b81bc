import type { Static } from "typebox";
import { cleanText, validationFailure } from "../../http/rules.ts";
import type { FieldFault } from "../../platform/errors.ts";
import { menuLimits as limits } from "../../platform/limits.ts";
import type { Place } from "./meal.ts";
import type { menuChangesBody } from "./menu.ts";

/** A meal and where it is to stand. */
export interface PlacedMeal extends Place {
  readonly mealId: string;
}
type PlaceInput = NonNullable<Static<typeof menuChangesBody>["meals"]>[number];

/**
 * The complete new grid.
 * @throws AppError `validation_failed` when two meals are to stand in one place, or too many copies
 *   would be made
 */
export function readGrid(inputs: readonly PlaceInput[]): PlacedMeal[] {
  const faults: FieldFault[] = [];
  const taken = new Set<string>();
  const grid = inputs.map(({ meal_id: mealId, week, weekday, hour, meal_type: type }, index) => {
    const path = `/body/meals/${index}`;
    const cleaned = cleanText(type, { charactersMax: limits.mealTypeCharactersMax });
    const mealType = "text" in cleaned ? (cleaned.text ?? "") : "";
    if ("code" in cleaned) faults.push({ path: `${path}/meal_type`, ...cleaned });
    else if (mealType === "") {
      faults.push({ path: `${path}/meal_type`, code: "min_length", message: "must not be empty" });
    }
    const place = JSON.stringify([week, weekday, mealType]);
    if (taken.has(place)) {
      faults.push({ path, code: "repeated", message: "must be in a place of its own" });
    }
    taken.add(place);
    return { mealId, week, weekday, hour: hour ?? null, meal_type: mealType };
  });
  const copyCount = grid.length - new Set(grid.map(({ mealId }) => mealId)).size;
  if (copyCount > limits.copiesMax) {
    const message = `must not name meals again more than ${limits.copiesMax} times`;
    faults.push({ path: "/body/meals", code: "max_items", message });
  }
  if (faults.length > 0) throw validationFailure(faults);
  return grid;
}

/** @throws AppError `validation_failed` */
export function readDescription(given: string | null | undefined): string | null | undefined {
  if (given === undefined || given === null) return given;
  const rule = { charactersMax: limits.descriptionCharactersMax, hasLines: true };
  const cleaned = cleanText(given, rule);
  if ("text" in cleaned) return cleaned.text;
  throw validationFailure([{ path: "/body/description", ...cleaned }]);
}
