import { fetchLimited } from "../../platform/breaker.ts";
import type { ForeignIssuerSettings } from "../../platform/issuer-settings.ts";
import { keySetLimits as limits } from "../../platform/limits.ts";
import { importKeySet, KeyFault, PRIVATE_MEMBERS } from "../keys/material.ts";
import { isShipped } from "./shipped-keys.ts";
import { isTokenFault } from "../token/fault.ts";
import { parseJsonObject, type JsonObject } from "../token/json.ts";
import type { VerificationKey } from "../token/verify.ts";

/**
 * Why a key set was not taken: no answer (in time, in size, without a redirect), another status
 * than 200, no JSON object, a discovery document that is not this issuer's, a set that is refused.
 */
export type KeySetFaultCode = "unreachable" | "status" | "malformed" | "discovery" | "refused";

/** A fetch that brought no keys. What was good before stays good. */
export class KeySetFault extends Error {
  readonly code: KeySetFaultCode;
  /** Names of keys whose private half was published: nobody's keys any more. */
  readonly exposedKids: readonly string[];

  constructor(code: KeySetFaultCode, message: string, exposedKids: readonly string[] = []) {
    super(message);
    this.name = "KeySetFault";
    this.code = code;
    this.exposedKids = exposedKids;
  }
}

export type KeySourceSettings = Pick<ForeignIssuerSettings, "issuer" | "jwksUri" | "algorithms">;

/** The usable keys of one answer of an issuer. */
export interface PublishedKeys {
  readonly jwksUri: string;
  readonly keys: ReadonlyMap<string, VerificationKey>;
  /** One sentence for each key that is bad in itself. */
  readonly leftOut: readonly string[];
}

export interface KeySource {
  /**
   * Asks the issuer; `isThorough`: its discovery too, if that names the key set. Rejects with
   * `KeySetFault`.
   */
  read(isThorough: boolean): Promise<PublishedKeys>;
}

/** Where the keys of one issuer are published. */
export function createKeySource(settings: KeySourceSettings): KeySource {
  const { issuer, jwksUri, algorithms } = settings;
  let discovered: string | undefined;
  return {
    async read(isThorough) {
      const signal = AbortSignal.timeout(limits.fetchMs);
      const known = jwksUri ?? (isThorough ? undefined : discovered);
      // What was discovered counts until something fails.
      discovered = undefined;
      const uri = known ?? (await discover(issuer, signal));
      const published = await publishedKeys(await getDocument(uri, signal), uri, algorithms);
      if (jwksUri === undefined) discovered = uri;
      return published;
    },
  };
}

/**
 * The keys of a JWK Set. A key that is bad in itself is left out (RFC 7517 §5); a set that cannot
 * be told apart, or leaves nothing, is refused as a whole. Rejects with `KeySetFault`.
 */
export async function publishedKeys(
  set: unknown,
  jwksUri: string,
  algorithms: KeySourceSettings["algorithms"],
): Promise<PublishedKeys> {
  const leftOut: string[] = [];
  const refuse = (reason: string) => new KeySetFault("refused", reason, exposedKids(set));
  try {
    const imported = await importKeySet(set, algorithms, (fault, kid) => {
      leftOut.push(`${fault.message} (kid ${JSON.stringify(kid)?.slice(0, 130)})`);
    });
    const keys = jwksUri.startsWith("http:") ? imported : withoutShipped(imported, leftOut);
    if (keys.size === 0) throw refuse(["no key can be used", ...leftOut].join("; "));
    return { jwksUri, keys, leftOut };
  } catch (error) {
    throw error instanceof KeyFault ? refuse(error.message) : error;
  }
}

function withoutShipped(
  keys: ReadonlyMap<string, VerificationKey>,
  leftOut: string[],
): ReadonlyMap<string, VerificationKey> {
  const shipped = [...keys.values()].filter(isShipped);
  leftOut.push(...shipped.map(({ kid }) => `the private key of ${kid} is in a public package`));
  return new Map([...keys].filter(([, key]) => !shipped.includes(key)));
}

async function discover(issuer: string, signal: AbortSignal): Promise<string> {
  const base = issuer.endsWith("/") ? issuer.slice(0, -1) : issuer;
  return keyAddressOf(
    await getDocument(`${base}/.well-known/openid-configuration`, signal),
    issuer,
  );
}

/**
 * OpenID Connect Discovery 1.0 §4: the document must be of the issuer that was asked. Throws
 * `KeySetFault`.
 */
export function keyAddressOf(document: JsonObject, issuer: string): string {
  if (document["issuer"] !== issuer) {
    throw new KeySetFault("discovery", "discovery answers as another issuer");
  }
  const uri = document["jwks_uri"];
  if (typeof uri !== "string" || !isKeyAddress(uri, issuer)) {
    throw new KeySetFault("discovery", "discovery names no address for keys that may be asked");
  }
  return uri;
}

/** In clear text only for an issuer that is itself in clear text, which production does not have. */
function isKeyAddress(uri: string, issuer: string): boolean {
  if (!URL.canParse(uri)) return false;
  const { protocol, username, password } = new URL(uri);
  const isSecure = protocol === "https:" || (protocol === "http:" && issuer.startsWith("http:"));
  return isSecure && username === "" && password === "";
}

async function getDocument(url: string, signal: AbortSignal): Promise<JsonObject> {
  const { status, body } = await ask(url, signal);
  if (status !== 200) throw new KeySetFault("status", `status ${status}`);
  const document = parseJsonObject(Buffer.from(body));
  if (isTokenFault(document)) throw new KeySetFault("malformed", "the answer is no JSON object");
  return document;
}

async function ask(url: string, signal: AbortSignal) {
  try {
    return await fetchLimited(url, {
      headers: { accept: "application/jwk-set+json, application/json" },
      timeoutMs: limits.fetchMs,
      bytesMax: limits.documentBytesMax,
      // No token decides what is said to the issuer, nor how often it is asked.
      isAnonymous: true,
      isPaced: true,
      signal,
    });
  } catch (error) {
    throw new KeySetFault("unreachable", reasonOf(error));
  }
}

/** What fetch says of an address it cannot reach is two causes deep. */
function reasonOf(error: unknown): string {
  let reason = error;
  while (reason instanceof Error && reason.cause !== undefined) reason = reason.cause;
  return reason instanceof Error ? reason.message : "no answer";
}

function exposedKids(set: unknown): string[] {
  const keys = (set as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) return [];
  return (keys as { kid?: unknown }[]).flatMap((jwk) => {
    if (typeof jwk !== "object" || jwk === null || typeof jwk.kid !== "string") return [];
    return PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name)) ? [jwk.kid] : [];
  });
}
