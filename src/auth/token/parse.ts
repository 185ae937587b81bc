import { tokenLimits } from "../../platform/limits.ts";
import { decodeBase64url, isBase64url } from "./base64url.ts";
import { isTokenFault, tokenFault, type TokenFault } from "./fault.ts";
import { parseJsonObject, type JsonObject } from "./json.ts";

/** What we read of a JOSE header. `alg` is a claim about the key, checked against our own setting. */
export interface JoseHeader {
  readonly alg: string;
  readonly kid: string;
  readonly typ: string | undefined;
}

/** A well-formed JWS in compact form (RFC 7515 §7.1). Nothing of it is verified. */
export interface ParsedJws {
  readonly header: JoseHeader;
  readonly payload: Buffer;
  /** Header and payload as they stand in the text (RFC 7515 §5.2): what was signed. */
  readonly signingInput: string;
  /** Canonical base64url of the signature. */
  readonly signature: string;
}

/** A JWS with a claims set in it, not verified either. */
export interface ParsedToken extends Omit<ParsedJws, "payload"> {
  readonly payload: JsonObject;
}

/**
 * Header members that change how a token is processed or bring keys along. None of them is
 * understood here, so a token that has one is refused (RFC 8725 §3.10, RFC 7515 §4.1.11). `x5t` is
 * only another name of a key; it is not read, and allowed because large issuers send it.
 */
const REFUSED_MEMBERS = ["crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "cty", "enc"] as const;

/** Headers repeat from token to token: the text of a header is read once. */
const knownHeaders = new Map<string, JoseHeader>();

/**
 * Takes a JWT apart, strictly, without looking at any key: at most 16 KiB, exactly two dots,
 * canonical base64url in every part, strict JSON in header and payload. Never throws.
 */
export function parseToken(text: string): ParsedToken | TokenFault {
  const jws = parseJws(text);
  if (isTokenFault(jws)) return jws;
  const payload = parseJsonObject(jws.payload);
  if (isTokenFault(payload)) return payload;
  const { header, signingInput, signature } = jws;
  return { header, payload, signingInput, signature };
}

/** The same for any payload: what `parseToken` does before it reads the claims set. */
export function parseJws(text: string): ParsedJws | TokenFault {
  if (text.length > tokenLimits.textBytesMax) return tokenFault("length");
  // indexOf and not split: a text of dots must not make an array (CVE-2025-30204).
  const first = text.indexOf(".");
  const second = text.indexOf(".", first + 1);
  if (first <= 0 || second === -1 || second === text.length - 1) return tokenFault("shape");
  if (text.indexOf(".", second + 1) !== -1) return tokenFault("shape");

  const signature = text.slice(second + 1);
  if (!isBase64url(signature)) return tokenFault("base64url");
  const header = readHeader(text.slice(0, first));
  if (isTokenFault(header)) return header;
  const payload = decodeBase64url(text.slice(first + 1, second));
  if (payload === undefined) return tokenFault("base64url");
  return { header, payload, signingInput: text.slice(0, second), signature };
}

function readHeader(part: string): JoseHeader | TokenFault {
  const known = knownHeaders.get(part);
  if (known !== undefined) return known;
  const bytes = decodeBase64url(part);
  if (bytes === undefined) return tokenFault("base64url");
  const members = parseJsonObject(bytes);
  if (isTokenFault(members)) return members;
  const header = toHeader(members);
  if (!isTokenFault(header) && part.length <= tokenLimits.knownHeaderBytesMax) {
    if (knownHeaders.size >= tokenLimits.knownHeadersMax) knownHeaders.clear();
    // A copy: the part is a slice that would keep the whole token in memory.
    knownHeaders.set(bytes.toString("base64url"), header);
  }
  return header;
}

function toHeader(members: JsonObject): JoseHeader | TokenFault {
  for (const name of REFUSED_MEMBERS) {
    if (Object.hasOwn(members, name)) return tokenFault("header_refused");
  }
  const { alg, kid, typ } = members as { alg?: unknown; kid?: unknown; typ?: unknown };
  if (typeof alg !== "string" || alg === "") return tokenFault("alg");
  if (typeof kid !== "string" || kid === "") return tokenFault("kid");
  if (Buffer.byteLength(kid) > tokenLimits.kidBytesMax) return tokenFault("kid");
  if (typ !== undefined && typeof typ !== "string") return tokenFault("typ");
  return Object.freeze({ alg, kid, typ });
}
