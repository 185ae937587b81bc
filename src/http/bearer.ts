import type { HeaderFields } from "./raw-request.ts";

/** Begins every API key, so that scanners of source code find a leaked one. */
export const API_KEY_PREFIX = "brg_";

/** A header that names a caller in two ways: it would depend on the reader who that is. */
export const AMBIGUOUS = Symbol("two credentials");

/**
 * What a request shows of its caller: a bearer token (RFC 6750 §2.1, scheme in any case, RFC 9110
 * §11.1), or an API key in `x-api-key`. Other schemes are no credentials here, and neither is
 * another token in the field for keys.
 */
export function presentedToken(fields: HeaderFields): string | typeof AMBIGUOUS | undefined {
  const token = bearerToken(fields.authorization);
  const { apiKey } = fields;
  if (apiKey === undefined) return token;
  if (token !== undefined) return AMBIGUOUS;
  return apiKey.startsWith(API_KEY_PREFIX) ? apiKey : undefined;
}

export function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length < 8) return undefined;
  const isBearer =
    authorization.startsWith("Bearer ") || authorization.slice(0, 7).toLowerCase() === "bearer ";
  return isBearer ? authorization.slice(7) : undefined;
}
