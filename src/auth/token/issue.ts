import { createHmac, sign, type KeyObject } from "node:crypto";
import { algorithmKinds, type Algorithm } from "./algorithms.ts";

/** The private half of a key of ours, or the shared secret of HS256. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly keyObject: KeyObject;
}

/** Claims of our access tokens (RFC 9068 §2.2); names as on the wire, times in seconds. */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  /** Session and tenant. */
  readonly sid: string;
  readonly tid: string;
  /** First 16 bytes of the device secret's SHA-256, base64url. */
  readonly did?: string;
  readonly client_id: string;
  readonly amr: readonly string[];
  readonly auth_time: number;
  readonly scope?: string;
  /** Who acts, when that is not the subject (RFC 8693 §4.1). */
  readonly act?: { readonly sub: string };
}

/** RFC 9068 §2.1: what tells an access token of ours from every other JWT we may sign. */
export const ACCESS_TOKEN_TYPE = "at+jwt";

/**
 * Signs an access token. RSA costs a quarter of a millisecond and more, so it is done in libuv's
 * pool and gives a promise; the other algorithms are done before a thread could be woken.
 */
export function issueAccessToken(
  key: SigningKey,
  claims: AccessTokenClaims,
): string | Promise<string> {
  return issueToken(key, ACCESS_TOKEN_TYPE, claims);
}

/** Signs any claims set under an explicit type (RFC 8725 §3.11). */
export function issueToken(key: SigningKey, typ: string, claims: object): string | Promise<string> {
  const header = { alg: key.alg, typ, kid: key.kid };
  const signingInput = `${encode(header)}.${encode(claims)}`;
  const input = Buffer.from(signingInput, "latin1");
  const { kty, digest, options } = algorithmKinds[key.alg];
  if (kty === "oct") {
    return `${signingInput}.${createHmac("sha256", key.keyObject).update(input).digest("base64url")}`;
  }
  const signer = { key: key.keyObject, ...options };
  if (kty !== "RSA") return `${signingInput}.${sign(digest, input, signer).toString("base64url")}`;
  return new Promise((resolve, reject) => {
    sign(digest, input, signer, (error, signature) => {
      if (error) reject(error);
      else resolve(`${signingInput}.${signature.toString("base64url")}`);
    });
  });
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
