import { foreignIssuerLimits } from "../../platform/limits.ts";
import type { TokenUse } from "../../platform/issuer-settings.ts";
import { isAudience, isAudienceForm, isName, type TextClaim } from "./claim-values.ts";
import type { TokenFaultCode } from "./fault.ts";
import type { JsonObject } from "./json.ts";

/** What the tokens of somebody else must say beside what ours must. */
export interface ForeignClaimRules {
  /** `typ` of the header in lower case, any of these; `""` stands for none (RFC 8725 §3.11). */
  readonly types: readonly string[];
  /** Cognito: a token is for one use, and its audience stands where that use has it. */
  readonly tokenUses: readonly TokenUse[] | undefined;
  /** Who may have asked for the token; empty: anybody. */
  readonly clientIds: readonly string[];
  readonly groupClaims: readonly string[];
  /** What all tokens of one sign-in have in common. */
  readonly sessionClaim: TextClaim;
}

/**
 * What makes a token of somebody else no token of a caller: one that tells of an event (RFC 8417, a
 * logout token of OpenID Connect Back-Channel Logout §2.4, whose `typ` is optional), and one in which
 * somebody acts as another, of whom we would know a name at best.
 */
function wrongForeignKind(claims: JsonObject): TokenFaultCode | undefined {
  if (claims["events"] !== undefined) return "typ";
  return claims["act"] === undefined ? undefined : "act";
}

/**
 * Who asked for the token: OpenID Connect Core §2 `azp`, RFC 9068 §2.2 `client_id`, two names of one
 * party. Amazon Cognito knows the second alone.
 */
export function clientOf(
  claims: JsonObject,
  foreign: Pick<ForeignClaimRules, "tokenUses"> | undefined,
): string | undefined {
  const { azp, client_id: clientId } = claims as { azp?: string; client_id?: string };
  if (foreign === undefined || foreign.tokenUses !== undefined) return clientId;
  return azp ?? clientId;
}

/** What is wrong with the parties of a token: for whom it is, and who asked for it. */
export function wrongForeignParty(
  claims: JsonObject,
  audiences: readonly string[],
  { tokenUses, clientIds }: ForeignClaimRules,
): TokenFaultCode | undefined {
  const kind = wrongForeignKind(claims);
  if (kind !== undefined) return kind;
  const { aud, azp, client_id: clientId } = claims as Record<string, unknown>;
  if (tokenUses === undefined) {
    if (!isAudience(aud, audiences)) return "aud";
    if (azp !== undefined && (!isName(azp) || azp !== (clientId ?? azp))) return "azp";
    if (clientIds.length === 0) return undefined;
    return clientIds.includes((azp ?? clientId) as string) ? undefined : "client_id";
  }
  // Amazon Cognito, "Verifying JSON web tokens": `client_id` of an access token, `aud` of an ID token.
  const use = claims["token_use"];
  if (!tokenUses.includes(use as TokenUse)) return "token_use";
  if (use === "id") return clientIds.includes(aud as string) ? undefined : "aud";
  // Nobody asks for whom it is, but what is written must be what an audience is (RFC 7519 §4.1.3).
  if (aud !== undefined && !isAudienceForm(aud)) return "aud";
  return clientIds.includes(clientId as string) ? undefined : "client_id";
}

/**
 * The groups that a token lists, in its order and each once; undefined: a claim is not what it
 * should be. A claim of a pool's own (`custom:roles`) is a text, with commas between the names.
 */
export function readGroups(
  claims: JsonObject,
  groupClaims: readonly string[],
): readonly string[] | undefined {
  const groups = new Set<string>();
  for (const name of groupClaims) {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
    if (value === undefined) continue;
    const listed = name.startsWith("custom:") ? splitText(value) : value;
    if (!Array.isArray(listed) || !listed.every(isName)) return undefined;
    for (const group of listed) groups.add(group);
  }
  return groups.size > foreignIssuerLimits.groupsMaxCount ? undefined : [...groups];
}

function splitText(value: unknown): unknown {
  if (typeof value !== "string") return undefined;
  const names = value.split(",", foreignIssuerLimits.groupsMaxCount + 1);
  return names.map((name) => name.trim()).filter((name) => name !== "");
}
