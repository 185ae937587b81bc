import { clientLimits as limits } from "../platform/limits.ts";
import { httpErrors } from "./errors.ts";

/** Names and values in the order they came; a name may come twice. */
export type FormBody = readonly (readonly [name: string, value: string])[];

const FORM_TYPE = /^application\/x-www-form-urlencoded[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

export function isFormType(contentType: string | undefined): boolean {
  return contentType !== undefined && FORM_TYPE.test(contentType);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Stricter than `URLSearchParams`, which replaces what it cannot decode. */
export function parseForm(bytes: Uint8Array): FormBody {
  try {
    const text = utf8.decode(bytes);
    const pairs = text.split("&").filter((pair) => pair !== "");
    if (pairs.length > limits.formParametersMaxCount) throw new RangeError("too many parameters");
    return pairs.map((pair) => {
      const at = pair.indexOf("=");
      const name = at === -1 ? pair : pair.slice(0, at);
      return [decode(name), at === -1 ? "" : decode(pair.slice(at + 1))] as const;
    });
  } catch {
    throw httpErrors.failure("malformed_request", { detail: "The body is no valid form" });
  }
}

function decode(text: string): string {
  const decoded = decodeURIComponent(text.replaceAll("+", " "));
  // No database takes it, and no parameter needs it.
  if (decoded.includes("\0")) throw new RangeError("NUL");
  return decoded;
}
