import { Compile } from "typebox/schema";
import { Type } from "../../../http/schema.ts";
import { AppError } from "../../../platform/errors.ts";
import { productLimits } from "../../../platform/limits.ts";
import type { Kind } from "../classification.ts";
import type { NewProduct } from "../columns.ts";
import { toNewProduct, type NewProductBody } from "../product-input.ts";
import { importedProduct } from "../schemas.ts";

/** One row of a file: a product as it is described there, or why it is none. */
export type ImportRow =
  | { readonly line: number; readonly described: unknown }
  | { readonly line: number; readonly fault: string };

const className = Type.Optional(
  Type.Unsafe<string | null>({
    type: ["string", "null"],
    maxLength: productLimits.shortTextCharactersMax,
  }),
);

/** A product as a file describes it: classifications by name in place of their ids. */
const describedProduct = Type.Object(
  {
    source: className,
    brand: className,
    category: className,
    parent_category: className,
    food_group: className,
    process_type: className,
    ...importedProduct,
  },
  { additionalProperties: false },
);
const compile = () => Compile(describedProduct);
let compiled: ReturnType<typeof compile> | undefined;
/** Compiled at its first use: every start would wait for what only an import needs. */
const validator = () => (compiled ??= compile());

/** Column of the product, key of the description, kind: what a name stands for. */
const REFERENCES = [
  ["source_id", "source", "sources"],
  ["brand_id", "brand", "brands"],
  ["category_id", "category", "categories"],
  ["parent_category_id", "parent_category", "parent-categories"],
  ["food_group_id", "food_group", "food-groups"],
  ["process_type_id", "process_type", "process-types"],
] as const;

/** The id of a classification by its name; it is made when it is not there. */
export type IdOfName = (kind: Kind, name: string) => Promise<string>;

/**
 * A described product ready to be stored, with the key by which a later import finds it again:
 * its barcode, else its name, inside its source.
 * @returns the reason when the description breaks a rule
 */
export async function toImportedProduct(
  described: unknown,
  defaultSource: string,
  idOfName: IdOfName,
): Promise<NewProduct | string> {
  if (!validator().Check(described)) return schemaReason(described);
  const { source, brand, category, parent_category, food_group, process_type, ...rest } = described;
  const names = { source, brand, category, parent_category, food_group, process_type };
  let product: NewProduct;
  try {
    // Ids come later, so that a bad row makes no classification.
    const body = { ...rest, nutri_facts: rest.nutri_facts ?? {}, source_id: "" };
    product = toNewProduct(body as NewProductBody, "");
  } catch (error) {
    if (error instanceof AppError && error.errors !== undefined) return reasonOf(error.errors);
    throw error;
  }
  const { columns } = product;
  if (rest.is_food !== undefined) columns.is_food = rest.is_food;
  if (rest.nutri_facts === undefined) product = { columns, nutriFacts: null };
  for (const [column, key, kind] of REFERENCES) {
    const name = names[key]?.trim() || (key === "source" ? defaultSource : "");
    if (name !== "") columns[column] = await idOfName(kind, name);
  }
  const { barcode, name } = columns;
  columns.import_key = barcode === null ? `name:${name}` : `barcode:${barcode}`;
  return product;
}

function schemaReason(described: unknown): string {
  const [, found] = validator().Errors(described);
  const errors = found.filter((error) => error.keyword !== "boolean");
  return reasonOf(
    errors.map(({ instancePath, params, message }) => {
      const { additionalProperties: unknown, requiredProperties: missing } = params as Names;
      if (unknown !== undefined) return fault(instancePath, unknown, "is not known here");
      if (missing !== undefined) return fault(instancePath, missing, "is missing");
      return { path: instancePath, message };
    }),
  );
}

interface Names {
  readonly additionalProperties?: readonly string[];
  readonly requiredProperties?: readonly string[];
}

function fault(path: string, names: readonly string[], message: string) {
  return { path: `${path}/${names.join(", ")}`, message };
}

function reasonOf(faults: readonly { readonly path: string; readonly message: string }[]): string {
  return faults
    .slice(0, 3)
    .map(({ path, message }) => `${path.slice(1, 100)} ${message}`.trim())
    .join("; ");
}
