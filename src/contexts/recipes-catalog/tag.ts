import { httpErrors } from "../../http/errors.ts";
import { cleanText, validationFailure } from "../../http/rules.ts";
import { closed, Type, uuid } from "../../http/schema.ts";
import type { FieldFault } from "../../platform/errors.ts";
import { tagLimits } from "../../platform/limits.ts";

/** What can be tagged. It is also the type of the tags. */
export const TAG_PARENTS = ["recipe", "meal", "menu", "client"] as const;
export type TagParent = (typeof TAG_PARENTS)[number];

export interface Tag {
  readonly key: string;
  readonly value: string;
}

const keyText = Type.String({ minLength: 1, maxLength: tagLimits.keyCharactersMax });
const valueText = Type.String({ minLength: 1, maxLength: tagLimits.valueCharactersMax });

/** A tag as a parent's body has it. Author and type follow from the parent. */
const tagInput = closed({
  key: keyText,
  value: valueText,
  author_id: Type.Optional(uuid),
  type: Type.Optional(Type.String({ maxLength: 50 })),
});
export const tagInputs = Type.Array(tagInput, { maxItems: tagLimits.tagsOfParentMax });

export interface TagInput extends Tag {
  readonly author_id?: string;
  readonly type?: string;
}

export const tagView = Type.Object({
  key: Type.String(),
  value: Type.String(),
  author_id: uuid,
  type: Type.Enum([...TAG_PARENTS]),
});

/**
 * The tags that a body gives to a parent, each once.
 * @throws AppError `permission_denied` when one names another author than the parent's;
 *   `validation_failed` when a text or a type breaks a rule
 */
export function readTags(
  inputs: readonly TagInput[],
  parent: TagParent,
  authorId: string,
  path = "/body/tags",
): Tag[] {
  const faults: FieldFault[] = [];
  const tags = new Map<string, Tag>();
  for (const [index, input] of inputs.entries()) {
    if (input.author_id !== undefined && input.author_id !== authorId) {
      throw httpErrors.failure("permission_denied", {
        detail: "A tag belongs to the author of what it is on",
      });
    }
    if (input.type !== undefined && input.type !== parent) {
      const message = `must be "${parent}" or left out`;
      faults.push({ path: `${path}/${index}/type`, code: "contradiction", message });
    }
    const key = readText(input.key, tagLimits.keyCharactersMax, `${path}/${index}/key`, faults);
    const value = readText(
      input.value,
      tagLimits.valueCharactersMax,
      `${path}/${index}/value`,
      faults,
    );
    tags.set(JSON.stringify([key, value]), { key, value });
  }
  if (faults.length > 0) throw validationFailure(faults);
  return [...tags.values()];
}

function readText(text: string, charactersMax: number, path: string, faults: FieldFault[]): string {
  const cleaned = cleanText(text, { charactersMax });
  if ("code" in cleaned) faults.push({ path, ...cleaned });
  else if (cleaned.text === null) {
    faults.push({ path, code: "min_length", message: "must not be empty" });
  } else return cleaned.text;
  return "";
}
