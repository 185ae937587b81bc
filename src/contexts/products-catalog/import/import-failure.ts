import type { AppError } from "../../../platform/errors.ts";
import { productErrors } from "../errors.ts";

/** An import that cannot go on at all; one bad row is no reason for that. */
export function importFailure(detail: string, cause?: unknown): AppError {
  return productErrors.failure("import_failed", { detail, cause });
}
