import { newId } from "../../platform/ids.ts";
import { systemClock } from "../../platform/clock.ts";
import { mealLimits } from "../../platform/limits.ts";
import { prepareName } from "../../platform/name-preparation.ts";
import type { Database } from "../../platform/postgres.ts";
import { WEEKDAYS } from "./meal.ts";
import type { SimilarProducts } from "./meal-query.ts";
import { EMPTY_RECIPE } from "./recipe.ts";
import { countSeeded, insertClients, insertSeededMeals, type SeededMeal } from "./store-seed.ts";

/** Foods with kcal, protein, carbohydrate and fat of 100 g. */
const FOODS: readonly (readonly [string, number, number, number, number])[] = [
  ["Arroz integral cozido", 124, 2.6, 25.8, 1],
  ["Feijão carioca cozido", 76, 4.8, 13.6, 0.5],
  ["Lentilha cozida", 93, 6.3, 16.3, 0.5],
  ["Frango peito grelhado", 159, 32, 0, 2.5],
  ["Salmão grelhado", 229, 26, 0, 14],
  ["Ovo de galinha cozido", 146, 13.3, 0.6, 9.5],
  ["Batata doce cozida", 77, 0.6, 18.4, 0.1],
  ["Brócolis cozido", 25, 2.1, 4.4, 0.5],
  ["Abóbora cozida", 48, 1.4, 10.8, 0.7],
  ["Tomate salada", 21, 0.8, 5.1, 0],
  ["Couve refogada", 90, 1.7, 8.7, 6.6],
  ["Banana prata", 98, 1.3, 26, 0.1],
  ["Mamão papaia", 40, 0.5, 10.4, 0.1],
  ["Aveia flocos", 394, 13.9, 66.6, 8.5],
  ["Iogurte natural", 51, 4.1, 1.9, 3],
  ["Queijo minas frescal", 264, 17.4, 3.2, 20.2],
];
const WAYS = ["com alho", "ao forno", "da casa", "simples", "com ervas", "de panela", "leve"];
const MEALS = ["café da manhã", "almoço", "lanche", "jantar"];
const NAMES = [
  "Ana",
  "Bruno",
  "Carla",
  "Davi",
  "Elisa",
  "Fábio",
  "Helena",
  "Igor",
  "Júlia",
  "Luís",
];
const SURNAMES = ["Álvares", "Barros", "Castro", "Dias", "Farias", "Gomes", "Lima", "Moraes"];
const RECIPES_OF_MEAL = 2;

export interface KitchenSeed {
  readonly tenantId: string;
  readonly authorId: string;
  /** How many there are to be. */
  readonly recipes: number;
  readonly clients: number;
}

/**
 * Fills the catalogue of one author with clients, a menu for each, and meals of recipes of real
 * foods in its weeks. Seeding again adds only what is missing.
 * @returns how many clients and recipes were added
 */
export async function seedRecipes(
  database: Database,
  similarProducts: SimilarProducts,
  seed: KitchenSeed,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<number> {
  const { tenantId, authorId } = seed;
  const before = await countSeeded(database, authorId);
  const clients = Array.from(
    { length: Math.max(0, seed.clients - before.clients) },
    (_, index) => ({
      client_id: newId(),
      menu_id: newId(),
      name: `${NAMES[index % 10]} ${SURNAMES[Math.floor(index / 10) % 8]} ${index + 1}`,
      sex: index % 2 === 0 ? "feminino" : "masculino",
    }),
  );
  await insertClients(database, { tenantId, authorId }, clients);
  const { menuIds } = await countSeeded(database, authorId);
  const foods = await Promise.all(
    FOODS.map(async (facts) => ({ facts, id: (await similarProducts(facts[0], 1))[0] ?? null })),
  );
  const total = Math.max(0, seed.recipes - before.recipes);
  for (let done = 0; done < total;) {
    const meals: SeededMeal[] = [];
    while (done < total && meals.length < mealLimits.seedBatchCount) {
      const index = Math.floor((before.recipes + done) / RECIPES_OF_MEAL);
      const count = Math.min(RECIPES_OF_MEAL, total - done);
      meals.push(seededMeal(index, count, menuIds, foods));
      done += count;
    }
    await insertSeededMeals(database, { tenantId, authorId }, meals, new Date(systemClock.nowMs()));
    onProgress(done, total);
  }
  return total + clients.length;
}

type Food = { readonly facts: (typeof FOODS)[number]; readonly id: string | null };

function seededMeal(
  index: number,
  count: number,
  menuIds: readonly string[],
  foods: readonly Food[],
): SeededMeal {
  const menu = menuIds.length === 0 ? null : menuIds[index % menuIds.length]!;
  // The menu's own meals, one after the other through the days of its weeks.
  const turn = menuIds.length === 0 ? 0 : Math.floor(index / menuIds.length);
  const type = MEALS[turn % MEALS.length]!;
  const day = Math.floor(turn / MEALS.length);
  const week = Math.floor(day / WEEKDAYS.length) + 1;
  const recipes = Array.from({ length: count }, (_, at) => seededRecipe(index * 2 + at, foods));
  const isPlaced = menu !== null && week <= 10;
  return {
    id: newId(),
    name: `${type[0]!.toUpperCase()}${type.slice(1)}: ${recipes[0]!.name}`,
    prepared_name: prepareName(recipes[0]!.name),
    menu_id: menu,
    place: isPlaced
      ? { week, weekday: WEEKDAYS[day % WEEKDAYS.length]!, meal_type: type, hour: null }
      : undefined,
    recipes,
  };
}

function seededRecipe(index: number, foods: readonly Food[]) {
  const main = foods[index % foods.length]!;
  const side = foods[(index * 7 + 3) % foods.length]!;
  const [grams, sideGrams] = [80 + (index % 9) * 15, 40 + (index % 7) * 10];
  const amount = (at: 1 | 2 | 3 | 4) =>
    Math.round(main.facts[at] * grams + side.facts[at] * sideGrams) / 100;
  const line = (food: Food, quantity: number, position: number) => ({
    name: food.facts[0],
    quantity,
    unit: "g" as const,
    position,
    full_text: null,
    product_id: food.id,
  });
  return {
    ...EMPTY_RECIPE,
    id: newId(),
    name: `${main.facts[0]} ${WAYS[Math.floor(index / foods.length) % WAYS.length]}`,
    instructions: "Pese os ingredientes.\nCozinhe, junte e sirva.",
    total_time: 10 + (index % 8) * 5,
    privacy: index % 10 === 0 ? ("public" as const) : ("private" as const),
    weight_in_grams: grams + sideGrams,
    nutri_facts: {
      calories: { value: amount(1), unit: "kcal" as const },
      protein: { value: amount(2), unit: "g" as const },
      carbohydrate: { value: amount(3), unit: "g" as const },
      total_fat: { value: amount(4), unit: "g" as const },
    },
    ingredients: [line(main, grams, 0), line(side, sideGrams, 1)],
  };
}
