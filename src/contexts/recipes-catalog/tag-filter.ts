import { validationFailure } from "../../http/rules.ts";
import { Type } from "../../http/schema.ts";
import { tagLimits } from "../../platform/limits.ts";

/** Alternative values of one key. A filter is a list of these, all of which must hold. */
export interface TagGroup {
  readonly key: string;
  readonly values: readonly string[];
}
export type TagFilter = readonly TagGroup[];

/** The key of a word that stands alone. */
const GLOBAL = "global";

const filterText = (description: string) =>
  Type.Optional(Type.String({ description, maxLength: tagLimits.filterCharactersMax }));

/** To be spread into the schema of a query. */
export const tagQuery = {
  tags: filterText(
    "`key:v1|v2,key2:v3`: one of the values for each key, all keys; a word without a key stands for `global:word`. Only your own tags count",
  ),
  tags_not_exists: filterText("The same, and what matches is left out"),
};

/**
 * Reads `key:v1|v2,key2:v3`. A key that comes twice has the values of both.
 * @throws AppError `validation_failed` when a key or a value is empty
 */
export function readTagFilter(text: string, path: string): TagFilter {
  const groups = new Map<string, Set<string>>();
  for (const part of text.split(",")) {
    const colon = part.indexOf(":");
    const key = colon < 0 ? GLOBAL : part.slice(0, colon).trim();
    const values = part
      .slice(colon + 1)
      .split("|")
      .map((value) => value.trim());
    if (key === "" || values.includes("")) {
      const message = "must be key:value, key:value|value or a word, separated by commas";
      throw validationFailure([{ path, code: "format", message }]);
    }
    groups.set(key, new Set([...(groups.get(key) ?? []), ...values]));
  }
  return [...groups].map(([key, values]) => ({ key, values: [...values] }));
}

/** The filters of a query that has `tagQuery`. */
export function readTagQuery(query: {
  readonly tags?: string;
  readonly tags_not_exists?: string;
}): { readonly tags?: TagFilter; readonly tagsNotExists?: TagFilter } {
  const { tags, tags_not_exists: absent } = query;
  return {
    ...(tags === undefined ? {} : { tags: readTagFilter(tags, "/query/tags") }),
    ...(absent === undefined
      ? {}
      : { tagsNotExists: readTagFilter(absent, "/query/tags_not_exists") }),
  };
}
