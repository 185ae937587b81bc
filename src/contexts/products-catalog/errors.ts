import { defineErrors } from "../../platform/errors.ts";

/** Refusals of the product catalogue. */
export const productErrors = defineErrors({
  barcode_taken: { status: 409, title: "The source already has a product with this barcode" },
  name_taken: { status: 409, title: "Another one of this kind has this name" },
  classification_in_use: { status: 409, title: "Products still use this entry" },
  import_failed: { status: 422, title: "The import cannot be done" },
  source_reserved: { status: 409, title: "The program itself needs this source" },
});
