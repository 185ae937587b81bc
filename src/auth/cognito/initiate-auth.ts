import { createHmac } from "node:crypto";
import type { OutgoingReply } from "../../platform/breaker.ts";
import {
  answerInvalid,
  callIssuer,
  readObject,
  refused,
  throttled,
  unavailable,
} from "../outbound/call.ts";
import { isFault, withRetries, type CallFault, type RetryPorts } from "../outbound/retry.ts";
import { toTokenAnswer, type TokenAnswer } from "../outbound/token-endpoint.ts";
import type { JsonObject } from "../token/json.ts";

export interface CognitoClient {
  readonly id: string;
  readonly secret: string | undefined;
}

export interface RefreshRequest {
  readonly refreshToken: string;
  /** Whose it is: asked for by clients that have a secret. Of a user with an alias the `sub`. */
  readonly username: string | undefined;
}

/** What Cognito calls a refresh token that is over, taken back, of another client, or none at all. */
const REFUSALS = new Set([
  "NotAuthorizedException",
  "UserNotFoundException",
  "UserNotConfirmedException",
  "PasswordResetRequiredException",
  "InvalidParameterException",
  "RefreshTokenReuseException",
]);
const THROTTLES = new Set([
  "TooManyRequestsException",
  "LimitExceededException",
  "ThrottlingException",
]);
const FAILURES = new Set(["InternalErrorException", "InternalFailure", "ServiceUnavailable"]);

/** `InitiateAuth` with a refresh token: the API of a user pool, JSON 1.1, no AWS credentials. */
export async function initiateAuth(
  endpoint: string,
  client: CognitoClient,
  { refreshToken, username }: RefreshRequest,
  ports: RetryPorts,
): Promise<TokenAnswer> {
  const secretHash =
    client.secret === undefined
      ? {}
      : { SECRET_HASH: secretHashOf(client.secret, username ?? "", client.id) };
  const body = JSON.stringify({
    AuthFlow: "REFRESH_TOKEN_AUTH",
    ClientId: client.id,
    AuthParameters: { REFRESH_TOKEN: refreshToken, ...secretHash },
  });
  const headers = {
    "content-type": "application/x-amz-json-1.1",
    "x-amz-target": "AWSCognitoIdentityProviderService.InitiateAuth",
  };
  return withRetries(async (timeoutMs) => {
    const askedMs = ports.clock.nowMs();
    const reply = await callIssuer(
      `${endpoint}/`,
      { method: "POST", headers, body, timeoutMs },
      ports.clock,
    );
    return isFault(reply) ? reply : readReply(reply, askedMs);
  }, ports);
}

/** "Computing secret hash values" of the Cognito guide. */
export function secretHashOf(secret: string, username: string, clientId: string): string {
  return createHmac("sha256", secret).update(`${username}${clientId}`).digest("base64");
}

function readReply(reply: OutgoingReply, askedMs: number): TokenAnswer | CallFault {
  const answer = readObject(reply);
  if (reply.status !== 200) return toFault(reply, isFault(answer) ? {} : answer);
  if (isFault(answer)) return answer;
  // A challenge in place of tokens: the pool wants more than a refresh token.
  if (answer["ChallengeName"] !== undefined) return refused("challenge", "refresh_token_invalid");
  const result = (answer["AuthenticationResult"] ?? {}) as JsonObject;
  return toTokenAnswer({
    accessToken: result["AccessToken"],
    tokenType: result["TokenType"],
    expiresIn: result["ExpiresIn"],
    idToken: result["IdToken"],
    refreshToken: result["RefreshToken"],
    scope: undefined,
    askedMs,
  });
}

/** Cognito says with 400 what is 429 and 500 elsewhere; the name of the exception decides. */
function toFault(reply: OutgoingReply, answer: JsonObject): CallFault {
  const said = answer["__type"] ?? reply.headers.get("x-amzn-errortype");
  const name =
    typeof said === "string" ? /(?:^|#)([A-Za-z]{1,64})(?:$|:)/.exec(said)?.[1] : undefined;
  if (name === undefined) return answerInvalid(`status ${reply.status}`);
  if (REFUSALS.has(name)) return refused(name, "refresh_token_invalid");
  if (THROTTLES.has(name)) return throttled();
  return FAILURES.has(name) ? unavailable({}) : answerInvalid(name);
}
