import { createHash } from "node:crypto";
import type { Config } from "../platform/config.ts";
import { text, type Reply } from "../http/reply.ts";
import { defineRoute, PUBLIC, type Route } from "../http/route.ts";
import type { AnyRequest } from "../http/request.ts";
import type { JwkSet, KeyRing } from "./keys/key-ring.ts";

export interface DiscoveryOptions {
  readonly config: Pick<Config, "publicUrl" | "jwksMaxAgeSeconds">;
  readonly keyRing: Pick<KeyRing, "jwks" | "alg">;
}

interface Document {
  readonly body: string;
  readonly etag: string;
}

const JWKS_PATH = "/.well-known/jwks.json";
const CONFIGURATION_PATH = "/.well-known/openid-configuration";

/** Where other services find the keys that verify our tokens (RFC 7517 §5, RFC 8414). */
export function createDiscoveryRoutes({ config, keyRing }: DiscoveryOptions): Route[] {
  const cacheControl = `public, max-age=${config.jwksMaxAgeSeconds}`;
  const keySet = lastOf((jwks: JwkSet) => toDocument(jwks));
  const configuration = lastOf((alg: string) => toDocument(describe(config.publicUrl, alg)));
  return [
    defineRoute({
      method: "GET",
      path: JWKS_PATH,
      summary: "The public keys that verify our access tokens, as a JWK Set",
      tag: "auth",
      access: PUBLIC,
      responses: { 200: { description: "JWK Set", contentType: "application/jwk-set+json" } },
      handler: (request) =>
        cached(request, keySet(keyRing.jwks()), "application/jwk-set+json", cacheControl),
    }),
    defineRoute({
      method: "GET",
      path: CONFIGURATION_PATH,
      summary: "What we are as an issuer: name, keys, algorithm",
      tag: "auth",
      access: PUBLIC,
      responses: { 200: { description: "Issuer metadata", contentType: "application/json" } },
      handler: (request) =>
        cached(request, configuration(keyRing.alg), "application/json", cacheControl),
    }),
  ];
}

/** Only what is there. We offer no authorization endpoint, so no response types. */
function describe(publicUrl: string, alg: string): object {
  const base = publicUrl.replace(/\/+$/, "");
  const methods = ["client_secret_basic", "client_secret_post"];
  return {
    issuer: publicUrl,
    jwks_uri: `${base}${JWKS_PATH}`,
    token_endpoint: `${base}/oauth/token`,
    token_endpoint_auth_methods_supported: methods,
    introspection_endpoint: `${base}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: methods,
    revocation_endpoint: `${base}/oauth/revoke`,
    revocation_endpoint_auth_methods_supported: methods,
    response_types_supported: [],
    grant_types_supported: ["client_credentials", "refresh_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [alg],
  };
}

function cached(
  request: Pick<AnyRequest, "header">,
  { body, etag }: Document,
  contentType: string,
  cacheControl: string,
): Reply {
  const headers = { etag, "cache-control": cacheControl };
  if (matches(request.header("if-none-match"), etag)) return { status: 304, headers };
  return text(200, body, contentType, headers);
}

/** RFC 9110 §13.1.2: a list of tags or `*`; the comparison is weak. */
function matches(condition: string | undefined, etag: string): boolean {
  if (condition === undefined) return false;
  if (condition.trim() === "*") return true;
  return condition.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

function toDocument(value: object): Document {
  const body = JSON.stringify(value);
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  return { body, etag };
}

/** Remembers the last answer: the ring gives the same value until its keys change. */
function lastOf<In, Out>(compute: (value: In) => Out): (value: In) => Out {
  let last: { value: In; result: Out } | undefined;
  return (value) => {
    if (last?.value !== value) last = { value, result: compute(value) };
    return last.result;
  };
}
