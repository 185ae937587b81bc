import type { AnyRequest } from "../../http/request.ts";
import type { Counter, Metrics } from "../../platform/metrics.ts";
import type { Clock } from "../../platform/clock.ts";
import { normaliseUuid } from "../../platform/ids.ts";
import { clientLimits } from "../../platform/limits.ts";
import type { Database } from "../../platform/postgres.ts";
import { placeOf } from "../audit/place.ts";
import { recordEvent } from "../audit/store.ts";
import type { DocumentCache } from "../index.ts";
import type { BlockOf } from "../network/blocks.ts";
import { callerOf } from "../routes-replies.ts";
import { networkOf } from "../throttle/network.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { oauthError, tooMany, type OAuthError } from "./oauth-error.ts";
import type { Parameters } from "./parameters.ts";
import { isSecretOf } from "./secret.ts";
import { findClient, type Client } from "./store.ts";

export interface ClientAuthOptions {
  readonly database: Pick<Database, "read" | "query">;
  readonly documents: DocumentCache;
  readonly blockOf: BlockOf;
  readonly throttle: Pick<Throttle, "tryTake" | "giveBack">;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Who is asking, by `client_secret_basic` or `client_secret_post` (RFC 6749 §2.3.1). */
export type AuthenticateClient = (
  request: AnyRequest,
  parameters: Parameters,
) => Promise<Client | OAuthError>;

interface Credentials {
  readonly id: string;
  readonly secret: string;
  readonly isBasic: boolean;
}

const BUDGETS = ["clientNetwork", "clientIdentifier"] as const;

/**
 * Guesses cost a unit of two budgets before anything is compared: the network's, and that of the
 * client from this network, so that strangers cannot lock a client out. A client that was right
 * from a network pays nothing there until it is wrong: introspection is asked all day.
 */
export function createAuthenticateClient(options: ClientAuthOptions): AuthenticateClient {
  const { database, documents, blockOf, throttle, metrics, clock } = options;
  const outcomes = createOutcomes(metrics);
  const clients = documents.open<Client | null>({
    name: "oauth_clients",
    dependsOn: [{ kind: "clients" }],
    load: async (id) => (await findClient(database, id)) ?? null,
  });
  const trusted = new Set<string>();

  function trust(pair: string): void {
    if (trusted.size >= clientLimits.trustedMaxCount) trusted.clear();
    trusted.add(pair);
  }

  return async (request, parameters) => {
    const credentials = readCredentials(request.header("authorization"), parameters);
    if (credentials === undefined) return refusal(false);
    // Asked for everybody: a client that is remembered takes no unit of any budget.
    if ((await blockOf(request.address)) !== undefined) {
      outcomes.blocked.add();
      return oauthError("access_denied");
    }
    const { id, secret, isBasic } = credentials;
    const pair = `${id} ${networkOf(request.address)}`;
    const keys = { clientNetwork: request.address, clientIdentifier: pair };
    const take = () => throttle.tryTake(BUDGETS.map((kind) => [kind, keys[kind]] as const));
    const wasTrusted = trusted.has(pair);
    const refused = wasTrusted ? undefined : await take();
    if (refused !== undefined) {
      outcomes.throttled.add();
      return tooMany(refused.retryAfterSeconds);
    }
    const isId = normaliseUuid(id) === id;
    const client = (isId ? await clients.get(id) : undefined) ?? undefined;
    if (isSecretOf(client, secret, clock.nowMs()) && isUsable(client)) {
      outcomes.success.add();
      if (!wasTrusted)
        await Promise.all(BUDGETS.map((kind) => throttle.giveBack(kind, keys[kind])));
      trust(pair);
      return client!;
    }
    outcomes.failure.add();
    // What was spared is charged now.
    if (wasTrusted) await take();
    trusted.delete(pair);
    if (client !== undefined) await recordFailure(database, client, request);
    return refusal(isBasic);
  };
}

const isUsable = (client: Client | undefined): boolean => client?.active === true;

/** RFC 6749 §5.2: who came with a header is told with a header. */
function refusal(isBasic: boolean): OAuthError {
  return oauthError("invalid_client", isBasic ? { "www-authenticate": 'Basic realm="oauth"' } : {});
}

/** Both ways at once are none: RFC 6749 §2.3 allows one. */
function readCredentials(
  authorization: string | undefined,
  { client_id: postId, client_secret: postSecret }: Parameters,
): Credentials | undefined {
  const [, encoded] = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(authorization ?? "") ?? [];
  if (encoded === undefined) {
    if (authorization !== undefined || postId === undefined || postSecret === undefined) {
      return undefined;
    }
    return { id: postId, secret: postSecret, isBasic: false };
  }
  if (postSecret !== undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon === -1) return undefined;
  try {
    // Both parts are form-encoded before they are joined.
    const [id, secret] = [text.slice(0, colon), text.slice(colon + 1)].map((part) =>
      decodeURIComponent(part.replaceAll("+", " ")),
    ) as [string, string];
    return postId === undefined || postId === id ? { id, secret, isBasic: true } : undefined;
  } catch {
    return undefined;
  }
}

/** Bounded by the budgets: an attempt that they refuse writes nothing. */
function recordFailure(
  database: Pick<Database, "query">,
  { id, tenantId, active }: Client,
  request: AnyRequest,
): Promise<void> {
  return recordEvent(database, {
    action: "client.failure",
    subject: id,
    tenantId,
    reason: active ? "secret" : "disabled",
    ...placeOf(callerOf(request)),
  });
}

function createOutcomes(metrics: Metrics) {
  const counter = (outcome: string): Counter =>
    metrics.counter("brigade_oauth_client_authentications_total", "Clients that showed a secret", {
      outcome,
    });
  return {
    success: counter("success"),
    failure: counter("failure"),
    throttled: counter("throttled"),
    blocked: counter("blocked"),
  };
}
