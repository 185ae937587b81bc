import type { Clock } from "../../platform/clock.ts";
import { outboundLimits as limits } from "../../platform/limits.ts";
import { ConfigurationError } from "../providers/failures.ts";
import { answerInvalid, callIssuer, readObject, refused } from "./call.ts";
import { toEndpoint } from "./endpoint.ts";
import { isFault, withRetries, type RetryPorts } from "./retry.ts";

/**
 * Where an issuer answers for tokens, by what it says of itself (OpenID Connect Discovery 1.0 §4).
 * Asked once a day; one flight.
 */
export function createTokenEndpointOf(
  issuer: string,
  allowHttp: boolean,
  ports: RetryPorts,
): () => Promise<string> {
  const url = toEndpoint(
    `${issuer.replace(/\/+$/, "")}/.well-known/openid-configuration`,
    "issuer",
    allowHttp,
  );
  let known: { readonly endpoint: string; readonly untilMs: number } | undefined;
  let flight: Promise<string> | undefined;
  const find = async () => {
    const said = await withRetries((timeoutMs) => discover(url, timeoutMs, ports.clock), ports);
    // §4.3: a document of another issuer is somebody's attempt to be shown our secret.
    if (said.issuer !== issuer) throw answerInvalid("issuer").error;
    if (typeof said.endpoint !== "string") throw answerInvalid("token_endpoint").error;
    const endpoint = checked(said.endpoint, allowHttp);
    known = { endpoint, untilMs: ports.clock.monotonicMs() + limits.metadataKeptMs };
    return endpoint;
  };
  return async () => {
    if (known !== undefined && ports.clock.monotonicMs() < known.untilMs) return known.endpoint;
    flight ??= find().finally(() => (flight = undefined));
    return flight;
  };
}

async function discover(url: string, timeoutMs: number, clock: Clock) {
  const reply = await callIssuer(
    url,
    { timeoutMs, headers: { accept: "application/json" } },
    clock,
  );
  if (!isFault(reply) && reply.status !== 200) {
    return refused(`discovery status ${reply.status}`, "issuer_refused");
  }
  const document = readObject(reply);
  if (isFault(document)) return document;
  return { issuer: document["issuer"], endpoint: document["token_endpoint"] };
}

function checked(endpoint: string, allowHttp: boolean): string {
  try {
    return toEndpoint(endpoint, "token_endpoint", allowHttp);
  } catch (error) {
    if (error instanceof ConfigurationError) throw answerInvalid("token_endpoint").error;
    throw error;
  }
}
