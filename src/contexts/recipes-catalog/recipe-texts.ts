import { cleanText, cleanUrl, type TextRule } from "../../http/rules.ts";
import type { FieldFault } from "../../platform/errors.ts";

export interface FieldRule extends TextRule {
  /** Must not be empty. */
  readonly isRequired?: boolean;
}

type Texts<R> = { -readonly [K in keyof R]?: string | null };

/** The texts of a body that were sent, cleaned. What breaks a rule becomes a fault. */
export function readTexts<R extends Readonly<Record<string, FieldRule>>>(
  body: Readonly<Partial<Record<keyof R, string | null>>>,
  rules: R,
  pathPrefix: string,
  faults: FieldFault[],
): Texts<R> {
  const texts: Texts<R> = {};
  for (const [field, rule] of Object.entries(rules) as [keyof R & string, FieldRule][]) {
    const given = body[field];
    if (given === undefined) continue;
    const cleaned = given === null ? { text: null } : cleanText(given, rule);
    const path = `${pathPrefix}/${field}`;
    if ("code" in cleaned) faults.push({ path, ...cleaned });
    else if (cleaned.text === null && rule.isRequired === true) {
      faults.push({ path, code: "min_length", message: "must not be empty" });
    } else texts[field] = cleaned.text;
  }
  return texts;
}

/** The address of a picture: null when it is empty, undefined when none was sent. */
export function readImageUrl(
  given: string | null | undefined,
  pathPrefix: string,
  faults: FieldFault[],
): string | null | undefined {
  if (given === undefined) return undefined;
  if (given === null || given.trim() === "") return null;
  const url = cleanUrl(given);
  if (url === undefined) {
    const message = "must be an http or https address";
    faults.push({ path: `${pathPrefix}/image_url`, code: "format", message });
  }
  return url;
}
