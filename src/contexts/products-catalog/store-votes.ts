import { platformErrors } from "../../platform/errors.ts";
import type { Database, Transaction } from "../../platform/postgres.ts";
import { sql } from "../../platform/sql.ts";
import { housesChoice } from "./votes.ts";

export interface Vote {
  readonly productId: string;
  readonly houseId: string;
  readonly isFood: boolean;
}

export interface VoteResult {
  readonly isFoodHouses: readonly string[];
  readonly isNotFoodHouses: readonly string[];
  readonly choice: boolean | null;
}

/** Votes of houses about whether a product is food. One vote of a house for each product. */
export function createVoteStore(database: Database) {
  return {
    /**
     * Records a vote, moves it, or leaves it, and what the houses choose with it. The product is
     * locked first, so of two votes at the same moment the second counts the first.
     * @throws AppError `not_found`
     */
    vote({ productId, houseId, isFood }: Vote): Promise<VoteResult> {
      return database.withTransaction(async (tx) => {
        const before = await lockChoice(tx, productId);
        await tx.query(sql`
          insert into products_catalog.houses_is_food_registry as r (product_id, house_id, is_food)
          values (${productId}, ${houseId}, ${isFood})
          on conflict (product_id, house_id) do update set is_food = excluded.is_food
           where r.is_food <> excluded.is_food`);
        const houses = await readHouses(tx, productId);
        const choice = housesChoice(houses.isFoodHouses.length, houses.isNotFoodHouses.length);
        if (choice !== before) {
          await tx.query(sql`
            update products_catalog.products set is_food_houses_choice = ${choice}
             where id = ${productId}`);
        }
        return { ...houses, choice };
      });
    },
  };
}

export type VoteStore = ReturnType<typeof createVoteStore>;

async function lockChoice(tx: Transaction, productId: string): Promise<boolean | null> {
  const { rows } = await tx.query<{ choice: boolean | null }>(sql`
    select is_food_houses_choice as choice from products_catalog.products
     where id = ${productId} and not discarded for no key update`);
  if (rows[0] === undefined) throw platformErrors.failure("not_found");
  return rows[0].choice;
}

async function readHouses(tx: Transaction, productId: string) {
  const { rows } = await tx.query<{ house_id: string; is_food: boolean }>(sql`
    select house_id, is_food from products_catalog.houses_is_food_registry
     where product_id = ${productId} order by house_id`);
  const of = (isFood: boolean) =>
    rows.filter((row) => row.is_food === isFood).map((row) => row.house_id);
  return { isFoodHouses: of(true), isNotFoodHouses: of(false) };
}
