import { CONTEXTS, type ContextName, type Principal } from "../../http/principal.ts";

type Permissions = Principal["permissions"];

/** RFC 6749 §3.3: words with a blank between each two. Ours are `context:permission`. */
export const SCOPE_PATTERN = `^(${CONTEXTS.join("|")}):[a-z0-9_]{1,64}$`;
const WORD = new RegExp(SCOPE_PATTERN);

/** The words of a scope, each once; undefined when one of them is none of ours. */
export function readScope(text: string): string[] | undefined {
  const words = [...new Set(text.split(" ").filter((word) => word !== ""))];
  return words.every((word) => WORD.test(word)) ? words : undefined;
}

/** What both the roles and the scope allow. No scope allows nothing. */
export function scopedPermissions(granted: Permissions, scope: string | undefined): Permissions {
  const allowed: Partial<Record<ContextName, string[]>> = {};
  for (const word of readScope(scope ?? "") ?? []) {
    const [context, permission] = word.split(":") as [ContextName, string];
    if (granted[context]?.includes(permission) === true) (allowed[context] ??= []).push(permission);
  }
  return allowed;
}
