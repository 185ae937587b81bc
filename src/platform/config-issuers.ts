import { readFileSync } from "node:fs";
import type { EnvironmentReader } from "./environment.ts";
import {
  cognitoIssuer,
  FOREIGN_ALGORITHMS,
  oidcIssuer,
  regionOfPool,
  TOKEN_USES,
  type CommonIssuerSettings,
  type ForeignIssuerSettings,
} from "./issuer-settings.ts";
import { Members } from "./json-members.ts";
import { foreignIssuerLimits as limits } from "./limits.ts";

/** Our pool at Cognito, for whatever asks it for tokens. */
export interface CognitoSettings {
  readonly userPoolId: string;
  readonly region: string | undefined;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  /** Host of the hosted UI and of `/oauth2/token`. */
  readonly domain: string | undefined;
  readonly endpoint: string | undefined;
  readonly defaultScope: string | undefined;
}

const POOL_ID = /^[\w-]{1,55}$/;
const REGION = /^[a-z]{2,3}(-[a-z]+)+-\d{1,2}$/;
const ROLE = /^(products_catalog|recipes_catalog|client_onboarding|iam):[a-z0-9_]{3,50}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Foreign issuers: the pool of `COGNITO_*` first, then those of `ISSUERS` or `ISSUERS_FILE`. */
export function readIssuers(
  reader: EnvironmentReader,
  inProduction: boolean,
  ours: { readonly publicUrl: string; readonly staleMs: number },
): { issuers: readonly ForeignIssuerSettings[]; cognito: CognitoSettings | undefined } {
  const cognito = readCognito(reader, inProduction);
  const first = cognito === undefined ? [] : [ofEnvironment(reader, cognito, ours.staleMs)];
  const issuers = [...first, ...readList(reader, inProduction, ours.staleMs)];
  const names = issuers.map(({ issuer }) => issuer);
  if (names.includes(ours.publicUrl)) reader.fault("ISSUERS names our own PUBLIC_URL");
  if (new Set(names).size < names.length) reader.fault("ISSUERS names an issuer twice");
  if (names.length > limits.issuersMaxCount) {
    reader.fault(`ISSUERS has more than ${limits.issuersMaxCount} issuers`);
  }
  return { issuers, cognito };
}

/** The pool of `COGNITO_*`, if one is named. */
export function readCognito(
  reader: EnvironmentReader,
  inProduction: boolean,
): CognitoSettings | undefined {
  const [userPoolId, clientId, region, clientSecret, domain, endpoint, defaultScope] = [
    "COGNITO_USER_POOL_ID",
    "COGNITO_CLIENT_ID",
    "COGNITO_REGION",
    "COGNITO_CLIENT_SECRET",
    "COGNITO_DOMAIN",
    "COGNITO_ENDPOINT",
    "COGNITO_DEFAULT_SCOPE",
  ].map((name) => reader.given(name));
  if (userPoolId === undefined) {
    const alone = [clientId, region, clientSecret, domain, endpoint, defaultScope];
    if (alone.some((value) => value !== undefined)) {
      reader.fault("COGNITO_USER_POOL_ID is missing beside the other COGNITO_ settings");
    }
    return undefined;
  }
  if (
    clientId === undefined ||
    !clientId.split(",").every((id) => /^[\w+]{1,128}$/.test(id.trim()))
  ) {
    reader.fault("COGNITO_CLIENT_ID must be an app client's id, or several, comma-separated");
  }
  if (!POOL_ID.test(userPoolId)) reader.fault("COGNITO_USER_POOL_ID is no pool's id");
  const regionFault = faultOfRegion(userPoolId, region, endpoint);
  if (regionFault !== undefined) reader.fault(`COGNITO_REGION ${regionFault}`);
  if (endpoint !== undefined && !isUrl(endpoint, inProduction)) {
    reader.fault(`COGNITO_ENDPOINT ${urlRule(inProduction)}`);
  }
  // A host alone, as Amazon shows it; a URL where a server speaks for Cognito.
  if (
    domain !== undefined &&
    !isUrl(domain.includes("://") ? domain : `https://${domain}`, inProduction)
  ) {
    reader.fault("COGNITO_DOMAIN must be a host name");
  }
  return {
    userPoolId,
    region,
    clientId: clientId ?? "",
    clientSecret,
    domain,
    endpoint,
    defaultScope,
  };
}

function faultOfRegion(
  userPoolId: string,
  region: string | undefined,
  endpoint: string | undefined,
): string | undefined {
  if (region !== undefined && !REGION.test(region)) return "is no region's name";
  const ofPool = regionOfPool(userPoolId);
  if (endpoint !== undefined) return undefined;
  if (region === undefined && ofPool === undefined) return "is missing";
  return region !== undefined && ofPool !== undefined && region !== ofPool
    ? "is not the region of the pool"
    : undefined;
}

function ofEnvironment(
  reader: EnvironmentReader,
  cognito: CognitoSettings,
  staleMs: number,
): ForeignIssuerSettings {
  const uses = reader.list("COGNITO_TOKEN_USE");
  const tokenUses = TOKEN_USES.filter((use) => uses.includes(use));
  if (tokenUses.length === 0 || tokenUses.length < uses.length) {
    reader.fault("COGNITO_TOKEN_USE must be access, id, or access,id");
  }
  return cognitoIssuer({
    userPoolId: cognito.userPoolId,
    region: cognito.region,
    endpoint: cognito.endpoint,
    clientIds: cognito.clientId.split(",").map((id) => id.trim()),
    tokenUses,
    provision: reader.choice("COGNITO_PROVISION", ["deny", "create"] as const),
    staleMs,
  });
}

function readList(
  reader: EnvironmentReader,
  inProduction: boolean,
  staleMs: number,
): ForeignIssuerSettings[] {
  const inline = reader.given("ISSUERS");
  const file = reader.given("ISSUERS_FILE");
  if (inline !== undefined && file !== undefined)
    reader.fault("ISSUERS and ISSUERS_FILE exclude each other");
  const name = inline === undefined ? "ISSUERS_FILE" : "ISSUERS";
  const text = inline ?? (file === undefined ? undefined : readText(file));
  if (text === undefined) {
    if (file !== undefined) reader.fault("ISSUERS_FILE cannot be read");
    return [];
  }
  const list = parse(text);
  if (!Array.isArray(list)) {
    reader.fault(`${name} must be a JSON array of issuers`);
    return [];
  }
  return list.flatMap((entry: unknown, at) => {
    const members = new Members(entry, `${name}[${at}]`, reader.fault);
    const issuer = readIssuer(members, inProduction, staleMs);
    members.refuseOthers();
    return issuer === undefined ? [] : [issuer];
  });
}

function readIssuer(
  members: Members,
  inProduction: boolean,
  staleMs: number,
): ForeignIssuerSettings | undefined {
  const kind = members.choice("type", ["cognito", "oidc"] as const);
  const shared = readCommon(members, inProduction, staleMs);
  const clientIds = members.texts("client_ids") ?? [];
  if (kind === undefined) return undefined;
  const isUsableUrl = (text: string) => isUrl(text, inProduction);
  if (kind === "oidc") {
    const issuer = members.text("issuer", isUsableUrl, urlRule(inProduction));
    const audiences = members.texts("audiences") ?? [];
    if (issuer === undefined) members.fault("issuer", "is required");
    if (audiences.length === 0) members.fault("audiences", "must name at least one");
    return oidcIssuer({ ...shared, issuer: issuer ?? "", audiences, clientIds });
  }
  const userPoolId = members.text("user_pool_id", (text) => POOL_ID.test(text), "is no pool's id");
  const region = members.text("region");
  const endpoint = members.text("endpoint", isUsableUrl, urlRule(inProduction));
  const tokenUses = members.choices("token_use", TOKEN_USES);
  if (userPoolId === undefined) members.fault("user_pool_id", "is required");
  if (clientIds.length === 0) members.fault("client_ids", "must name at least one");
  const regionFault = faultOfRegion(userPoolId ?? "", region, endpoint);
  if (regionFault !== undefined) members.fault("region", regionFault);
  return cognitoIssuer({
    ...shared,
    userPoolId: userPoolId ?? "",
    region,
    endpoint,
    clientIds,
    ...(tokenUses === undefined ? {} : { tokenUses }),
  });
}

function readCommon(
  members: Members,
  inProduction: boolean,
  staleMs: number,
): CommonIssuerSettings {
  const staleSeconds = members.number("stale_seconds", { min: 0.5, max: limits.staleMaxSeconds });
  const given = {
    jwksUri: members.text("jwks_uri", (text) => isUrl(text, inProduction), urlRule(inProduction)),
    types: members.texts("types", true)?.map((type) => type.toLowerCase()),
    algorithms: members.choices("algorithms", FOREIGN_ALGORITHMS),
    toleranceSeconds: members.number("tolerance_seconds", {
      min: 0,
      max: limits.toleranceMaxSeconds,
    }),
    lifetimeSecondsMax: members.number("lifetime_seconds_max", {
      min: 1,
      max: limits.lifetimeMaxSeconds,
    }),
    groupClaims: members.texts("group_claims"),
    roles: members.lists("roles", (role) => ROLE.test(role), "must be like recipes_catalog:user"),
    provision: members.choice("provision", ["deny", "create"] as const, "optional"),
    tenantId: members.text("tenant_id", (text) => UUID.test(text), "must be a tenant's id"),
    staleMs: staleSeconds === undefined ? staleMs : staleSeconds * 1000,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** https everywhere; http only where nothing is at stake. RFC 8414 §2: neither query nor fragment. */
function isUrl(text: string, inProduction: boolean): boolean {
  if (!URL.canParse(text) || text.length > limits.urlMaxCharacters) return false;
  const { protocol, search, hash, username, password } = new URL(text);
  const isPlain = search === "" && hash === "" && username === "" && password === "";
  return (
    isPlain &&
    !/[?#\s]/.test(text) &&
    (protocol === "https:" || (!inProduction && protocol === "http:"))
  );
}

const urlRule = (inProduction: boolean): string =>
  inProduction ? "must be an https URL without a query" : "must be a URL without a query";

function readText(path: string): string | undefined {
  try {
    const text = readFileSync(path, "utf8");
    return text.length > limits.fileMaxBytes ? undefined : text;
  } catch {
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
