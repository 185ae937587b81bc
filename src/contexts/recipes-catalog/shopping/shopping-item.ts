/** One line of a shopping list, in the words of the wire. */
export interface ShoppingItem {
  /** Null: nobody knows a product for it, or the product is gone. */
  readonly product_id: string | null;
  readonly shopping_name: string;
  readonly unit: string;
  readonly quantity: number;
  readonly meals_names: readonly string[];
  readonly store_department_name: string | null;
  readonly recommended_brands_and_products: string | null;
  readonly substitutes: string | null;
}

/** What a list can be ordered by. The second is the original's spelling of the first. */
export const ITEM_ORDERS = [
  "store_department_name",
  "store_departament_name",
  "shopping_name",
  "unit",
  "quantity",
  "meals_names",
  "recommended_brands_and_products",
  "substitutes",
] as const;
export type ItemOrder = (typeof ITEM_ORDERS)[number];

export const USUAL_ORDER: ItemOrder = "store_department_name";

// Names stand as in a Portuguese dictionary, whatever the language of the server.
const collator = new Intl.Collator("pt-BR", { numeric: true });

/** A total order of texts: those that a dictionary takes for equal are told apart by their codes. */
export function compareText(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : Number(a > b));
}

function compareOrNull(a: string | null, b: string | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compareText(a, b);
}

type Compare<T> = (a: T, b: T) => number;
type Sortable = Omit<ShoppingItem, "product_id"> & { readonly product_id?: string | null };

const textOf =
  (field: "store_department_name" | "recommended_brands_and_products" | "substitutes") =>
  (a: Sortable, b: Sortable) =>
    compareOrNull(a[field], b[field]);
const byDepartment = textOf("store_department_name");
const byName: Compare<Sortable> = (a, b) => compareText(a.shopping_name, b.shopping_name);
const byUnit: Compare<Sortable> = (a, b) => compareText(a.unit, b.unit);
const byQuantity: Compare<Sortable> = (a, b) => a.quantity - b.quantity;
const byMeals: Compare<Sortable> = (a, b) =>
  compareOrNull(a.meals_names.join("\n") || null, b.meals_names.join("\n") || null);
const byProduct: Compare<Sortable> = (a, b) =>
  compareOrNull(a.product_id ?? null, b.product_id ?? null);

const FIRST: Readonly<Record<ItemOrder, Compare<Sortable>>> = {
  store_department_name: byDepartment,
  store_departament_name: byDepartment,
  shopping_name: byName,
  unit: byUnit,
  quantity: byQuantity,
  meals_names: byMeals,
  recommended_brands_and_products: textOf("recommended_brands_and_products"),
  substitutes: textOf("substitutes"),
};
const USUAL = [
  ...[byDepartment, byName, byUnit, byProduct, byQuantity, byMeals],
  ...[textOf("recommended_brands_and_products"), textOf("substitutes")],
];

/**
 * Ascending by one attribute, null last; what is equal there by department, name, unit and product,
 * so that the same items always stand in the same order.
 */
export function sortItems<T extends Sortable>(items: readonly T[], orderBy: ItemOrder): T[] {
  return items.toSorted(comparisonOf(orderBy));
}

/** What `sortItems` compares two items by. */
export function comparisonOf(orderBy: ItemOrder): Compare<Sortable> {
  const comparisons = [FIRST[orderBy], ...USUAL];
  return (a, b) => {
    for (const compare of comparisons) {
      const result = compare(a, b);
      if (result !== 0) return result;
    }
    return 0;
  };
}

/** Sorted and each once. */
export function uniqueNames(names: Iterable<string>): string[] {
  return [...new Set(names)].toSorted(compareText);
}
