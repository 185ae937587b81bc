import type { Static } from "typebox";
import { readInstant, validationFailure } from "../../../http/rules.ts";
import { nullable, nullableText } from "../../../http/schema-parts.ts";
import { closed, Type, uuid } from "../../../http/schema.ts";
import {
  DOCUMENT_LANGUAGES,
  type DocumentLanguage,
} from "../../../platform/documents/document-words.ts";
import type {
  ShoppingLine,
  ShoppingListDocument,
} from "../../../platform/documents/shopping-list-document.ts";
import { shoppingLimits as limits } from "../../../platform/limits.ts";
import {
  ITEM_ORDERS,
  sortItems,
  USUAL_ORDER,
  type ItemOrder,
  type ShoppingItem,
} from "./shopping-item.ts";
import type { SavedList } from "./store-lists.ts";

const department = Type.Optional(nullableText(limits.departmentCharactersMax));
const note = Type.Optional(nullableText(limits.noteCharactersMax));

const line = closed({
  shopping_name: Type.String({ minLength: 1, maxLength: limits.nameCharactersMax }),
  unit: Type.String({ maxLength: limits.documentUnitCharactersMax }),
  quantity: Type.Number({ minimum: 0, maximum: limits.documentQuantityMax }),
  meals_names: Type.Optional(
    Type.Unsafe<string[] | null>({
      type: ["array", "null"],
      items: { type: "string", maxLength: limits.nameCharactersMax },
      maxItems: limits.documentMealsMax,
    }),
  ),
  store_department_name: department,
  store_departament_name: department,
  recommended_brands_and_products: note,
  substitutes: note,
  checked: Type.Optional(Type.Boolean()),
  // What a computed or a kept list says beside.
  id: Type.Optional(uuid),
  product_id: Type.Optional(nullable<string>("string", { format: "uuid" })),
});

/** Either a list in words, or the name of one that is kept. */
export const documentBody = closed({
  shopping_items: Type.Optional(Type.Array(line, { maxItems: limits.documentLinesMax })),
  order_by: Type.Optional(
    Type.Unsafe<ItemOrder | null>({
      enum: [...ITEM_ORDERS, null],
      default: USUAL_ORDER,
    }),
  ),
  created_at: Type.Optional(nullable<string>("string", { maxLength: 40 })),
  shopping_list_id: Type.Optional(uuid),
});
export type DocumentBody = Static<typeof documentBody>;

export const documentQuery = closed({
  lang: Type.Optional(Type.Enum([...DOCUMENT_LANGUAGES], { default: "pt-BR" })),
});

/**
 * The document of a list in words.
 * @throws AppError `validation_failed` unless there is one
 */
export function documentOfBody(body: DocumentBody, language: DocumentLanguage) {
  if (body.shopping_items === undefined) {
    throw refusal("/body/shopping_items", "required", "or shopping_list_id must be given");
  }
  const sorted = sortItems(body.shopping_items.map(withNulls), body.order_by ?? USUAL_ORDER);
  const lines = sorted.map((item) => toLine(item, item.checked));
  return { language, createdAt: readCreatedAt(body.created_at), lines };
}

/**
 * Refuses what would contradict a kept list.
 * @throws AppError `validation_failed`
 */
export function assertNamesListOnly(body: DocumentBody): void {
  const others = ["shopping_items", "order_by", "created_at"] as const;
  const given = others.find((name) => body[name] !== undefined && body[name] !== null);
  if (given === undefined) return;
  throw refusal(`/body/${given}`, "contradiction", "must be left out beside shopping_list_id");
}

/** The document of a kept list, in its order. */
export function documentOfList(list: SavedList, language: DocumentLanguage): ShoppingListDocument {
  const lines = list.items.map(({ item, checked }) => toLine(item, checked));
  return { language, createdAt: list.created_at.toISOString(), lines };
}

function withNulls(sent: Static<typeof line>) {
  return {
    shopping_name: sent.shopping_name,
    unit: sent.unit,
    quantity: sent.quantity,
    meals_names: sent.meals_names ?? [],
    store_department_name: sent.store_department_name ?? sent.store_departament_name ?? null,
    recommended_brands_and_products: sent.recommended_brands_and_products ?? null,
    substitutes: sent.substitutes ?? null,
    checked: sent.checked ?? false,
  };
}

function toLine(item: Omit<ShoppingItem, "product_id">, isChecked: boolean): ShoppingLine {
  return {
    name: item.shopping_name,
    quantity: item.quantity,
    unit: item.unit,
    department: item.store_department_name,
    meals: item.meals_names,
    brands: item.recommended_brands_and_products,
    substitutes: item.substitutes,
    isChecked,
  };
}

function readCreatedAt(text: string | null | undefined): string | null {
  if (text === undefined || text === null) return null;
  const found = readInstant(text);
  if (found === undefined) {
    throw refusal("/body/created_at", "format", "must be an ISO 8601 date");
  }
  return found.toISOString();
}

function refusal(path: string, code: string, message: string) {
  return validationFailure([{ path, code, message }]);
}
